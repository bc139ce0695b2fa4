"""Indices as users give them, and what is done with them on arrays."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import is_array
from tensorlib.tensor import Tensor

Basic = tuple[Any, ...]
Advanced = tuple[Any, ...]


def split_index(name: str, index: Any, shape: tuple[int, ...]) -> tuple[Basic, Advanced | None]:
    """Split an index in the part that makes a view and the arrays that then select from it.

    Integers belong to the first part, as in PyTorch; NumPy would count them among the arrays, which moves dimensions.

    Args:
        name: the operation, for errors.
        index: what stands in the brackets.
        shape: of what is indexed.

    Returns:
        The basic index, complete with an ellipsis, so that the result is always an array; and the advanced index of the
        view that this makes, or None.

    Raises:
        IndexError: there are too many indices, or one has no meaning.
    """
    items = [_plain(name, item) for item in (index if isinstance(index, tuple) else (index,))]
    if not shape and items in ([0], [-1]):
        return (...,), None  # a 0-d tensor may be taken for one of a single element
    items = _without_ellipsis(name, items, shape)
    basic: list[Any] = []
    advanced: list[Any] = []
    for item in items:
        if not is_array(item):
            basic.append(item)
            advanced += [] if isinstance(item, int) else [slice(None)]
            continue
        basic += [slice(None)] * (item.ndim if item.dtype.kind == "b" else 1)
        advanced.append(item)
    while advanced and not is_array(advanced[-1]):
        advanced.pop()
    return (*basic, ...), tuple(advanced) or None


def _plain(name: str, item: Any) -> Any:
    """Return one index as an int, slice, None, ... or an array."""
    if isinstance(item, slice):
        if item.step is not None and item.step <= 0:
            raise ValueError(f"{name}: a slice needs a positive step, not {item.step}; use flip()")
        return slice(*[None if end is None else int(end) for end in (item.start, item.stop, item.step)])
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, bool):
        return numpy.asarray(item)
    if isinstance(item, int):
        return item
    return _plain_array(name, item)


def _plain_array(name: str, item: Any) -> Any:
    if isinstance(item, Tensor):
        array = item._array
    elif is_array(item):
        array = numpy.asarray(item) if isinstance(item, numpy.generic) else item
    elif isinstance(item, (list, range)):
        array = numpy.asarray([each.item() if isinstance(each, Tensor) and not each.ndim else each for each in item])
        if not array.size:
            array = array.astype(numpy.int64)
    else:
        raise IndexError(
            f"{name}: {type(item).__name__} is no index; needs integers, slices, None, ..., masks or tensors"
        )
    if array.dtype == numpy.uint8:
        array = array.astype(bool)
    if array.dtype.kind not in "biu":
        raise IndexError(f"{name}: tensors that index must be integers, bool or uint8, not {array.dtype}")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def _without_ellipsis(name: str, items: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Write out the ellipsis as full slices, and check that there are not more indices than dimensions."""
    used = sum(_dims_used(item) for item in items)
    if used > len(shape):
        raise IndexError(f"{name}: {used} indices for a tensor of {len(shape)} dimensions, of shape {tuple(shape)}")
    places = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(places) > 1:
        raise IndexError(f"{name}: an index may have one ..., not {len(places)}")
    for k in places:
        return items[:k] + [slice(None)] * (len(shape) - used) + items[k + 1 :]
    return items


def _dims_used(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return item.ndim if is_array(item) and item.dtype.kind == "b" else 1


def take_index(name: str, array: Any, basic: Basic, advanced: Advanced | None) -> Any:
    """Return the elements of an array at a split index.

    Raises:
        IndexError: an index is out of range, or masks and tensors do not fit.
    """
    try:
        part = array[basic]
        return part if advanced is None else part[advanced]
    except IndexError as error:
        raise IndexError(f"{name}: {error}; the tensor has shape {tuple(array.shape)}") from None


def add_at(xp: Any, target: Any, index: Advanced, values: Any) -> None:
    """Add values to an array at an advanced index; where elements are named several times all are added."""
    if all(not is_array(item) or item.dtype.kind == "b" for item in index):
        target[index] += values  # masks name each element once
    else:
        xp.add.at(target, index, values)
