"""Rows by their numbers."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.attach import require_tensor
from tensorlib.autograd.op import OPS
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.indexing import index_select
from tensorlib.ops.selection import where
from tensorlib.ops.sparse import rows_sparsely, scale_gradient
from tensorlib.tensor import Tensor, wrap


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of `weight` that the numbers in `input` name.

    Args:
        input: integers of any shape (*).
        weight: (rows, size).
        padding_idx: a row that gets no gradient.
        max_norm: rows that are named and whose norm is larger are first scaled to it, in place.
        norm_type: which norm is meant.
        scale_grad_by_freq: divide the gradient of each row by how often the row is named.
        sparse: make the gradient of `weight` a sparse tensor, which holds only the rows that are named.

    Returns:
        A tensor of shape (*, size).

    Raises:
        IndexError: a number is out of range.
        ArgumentError: `padding_idx` is out of range, or `scale_grad_by_freq` is asked for with `sparse`.
        ShapeError: `weight` is no matrix.
        TypeError: `input` does not hold integers.

    Example:
        >>> embedding(tensorlib.tensor([2, 0]), tensorlib.tensor([[0.0], [1.0], [2.0]]))
        tensor([[2.],
                [0.]])
    """
    padding = _checked_padding(input, weight, padding_idx)
    if sparse and scale_grad_by_freq:
        raise ArgumentError("embedding: scale_grad_by_freq does not go with sparse gradients")
    numbers: Tensor = input.reshape(-1)
    if max_norm is not None:
        renormalize_rows(weight, numbers, max_norm, norm_type)
    if sparse:
        rows = rows_sparsely(weight, index=numbers._array.astype("i8"), padding_idx=padding)
    else:
        rows = index_select(weight, 0, numbers)
        if padding is not None:
            rows = where((numbers == padding).reshape(-1, 1).expand(rows.shape), rows.detach(), rows)
        if scale_grad_by_freq:
            rows = scale_gradient(rows, factors=1 / _counts(numbers._array))
    result: Tensor = rows.reshape(*input.shape, weight.shape[1])
    return result


def _checked_padding(input: Any, weight: Any, padding_idx: int | None) -> int | None:
    """Check the arguments, and return the number of the padding row counted from the first."""
    require_tensor("embedding", input)
    require_tensor("embedding", weight)
    if weight.ndim != 2:
        raise ShapeError(f"embedding: weight must be a matrix, not of shape {tuple(weight.shape)}")
    if input.dtype.numpy.kind not in "iu":
        raise TypeError(f"embedding: input must hold integers, not {input.dtype}")
    count = int(weight.shape[0])
    if padding_idx is None:
        return None
    if not -count <= padding_idx < count:
        raise ArgumentError(f"embedding: padding_idx {padding_idx} is out of range for {count} rows")
    return padding_idx % count


def _counts(numbers: Any) -> Any:
    """Return for each number, in a column, how often it is there."""
    _, inverse, counts = array_module(numbers).unique(numbers, return_inverse=True, return_counts=True)
    return counts[inverse.reshape(-1)][:, None]


def renormalize_rows(weight: Tensor, numbers: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of a matrix that are named and whose norm is larger than `max_norm` to it, in place.

    Example:
        >>> weight = tensorlib.tensor([[3.0, 4.0], [3.0, 4.0]])
        >>> renormalize_rows(weight, tensorlib.tensor([1]), 1.0, 2.0)
        >>> weight
        tensor([[3.0000, 4.0000],
                [0.6000, 0.8000]])
    """
    array, named = weight._array, array_module(numbers._array).unique(numbers._array)
    if named.size and (int(named.min()) < 0 or int(named.max()) >= len(array)):
        return  # the look-up says so
    norms = OPS["norm"](wrap(array[named]), p=norm_type, dim=1, keepdim=True)._array
    array[named] *= (max_norm / (norms + 1e-7)).clip(max=1).astype(array.dtype)
    weight._bump_version()
