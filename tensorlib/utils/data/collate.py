"""Putting samples together to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from tensorlib._xp import is_array
from tensorlib.creation import as_tensor
from tensorlib.errors import ShapeError
from tensorlib.ops.joining import stack
from tensorlib.tensor import Tensor, wrap


def default_collate(batch: Sequence[Any]) -> Any:
    """Return the samples of a batch as one: tensors and numbers stacked, within tuples, lists and dictionaries too.

    Args:
        batch: samples of one structure. NumPy arrays become tensors, floats a float64 tensor, strings stay a list.

    Raises:
        ShapeError: tensors that belong together have different shapes, or sequences different lengths.
        TypeError: there are values that cannot be stacked.

    Example:
        >>> default_collate([(tensorlib.tensor([1.0]), 0), (tensorlib.tensor([2.0]), 1)])
        [tensor([[1.],
                [2.]]), tensor([0, 1])]
    """
    first = batch[0]
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Tensor) or is_array(first):
        return _stacked(batch)
    if isinstance(first, (bool, int, float)):
        return wrap(numpy.asarray(batch, float if isinstance(first, float) else None))
    if isinstance(first, (Mapping, Sequence)):
        return _collated_structure(first, batch)
    raise TypeError(
        "default_collate: needs tensors, arrays, numbers, strings, dictionaries or sequences, "
        f"not {type(first).__name__}"
    )


def _stacked(batch: Sequence[Any]) -> Tensor:
    shapes = {tuple(sample.shape) for sample in batch}
    if len(shapes) > 1:
        raise ShapeError(f"default_collate: tensors of a batch need one shape, given are {sorted(shapes)}")
    stacked: Tensor = stack([sample if isinstance(sample, Tensor) else as_tensor(sample) for sample in batch])
    return stacked


def _collated_structure(first: Any, batch: Sequence[Any]) -> Any:
    if isinstance(first, Mapping):
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    lengths = {len(sample) for sample in batch}
    if len(lengths) > 1:
        raise ShapeError(f"default_collate: sequences of a batch need one length, given are {sorted(lengths)}")
    columns = [default_collate(column) for column in zip(*batch, strict=True)]
    return type(first)(*columns) if hasattr(first, "_fields") else columns


def default_convert(data: Any) -> Any:
    """Return a sample with its NumPy arrays as tensors, within tuples, lists and dictionaries too.

    Example:
        >>> import numpy
        >>> default_convert({"x": numpy.ones(2), "name": "a"})
        {'x': tensor([1., 1.], dtype=tensorlib.float64), 'name': 'a'}
    """
    if is_array(data) and data.dtype.kind in "biufVc":
        return as_tensor(data)
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, (tuple, list)):
        return [default_convert(value) for value in data]
    return data
