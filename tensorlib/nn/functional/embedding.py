"""Rows by their numbers."""

from __future__ import annotations

from tensorlib.errors import ArgumentError
from tensorlib.ops.indexing import index_select
from tensorlib.ops.selection import where
from tensorlib.tensor import Tensor


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Return the rows of `weight` that the numbers in `input` name.

    Args:
        input: integers of any shape (*).
        weight: (rows, size).
        padding_idx: a row that gets no gradient.

    Returns:
        A tensor of shape (*, size).

    Raises:
        IndexError: a number is out of range.
        ArgumentError: `padding_idx` is out of range.

    Example:
        >>> embedding(tensorlib.tensor([2, 0]), tensorlib.tensor([[0.0], [1.0], [2.0]]))
        tensor([[2.],
                [0.]])
    """
    rows = index_select(weight, 0, input.reshape(-1))
    if padding_idx is not None:
        count = weight.shape[0]
        if not -count <= padding_idx < count:
            raise ArgumentError(f"embedding: padding_idx {padding_idx} is out of range for {count} rows")
        padded = (input.reshape(-1, 1) == padding_idx % count).expand(rows.shape)
        rows = where(padded, rows.detach(), rows)
    result: Tensor = rows.reshape(*input.shape, weight.shape[1])
    return result
