"""Sums of large arrays at the speed of memory.

NumPy adds along contiguous memory with one vector register, pairwise in blocks of 128. `einsum` uses several registers,
and a compiled loop as many as there are. That is three times as fast, and as exact, since each place of a register adds
up few elements: a single long row is added up in blocks of 1,024, and so are all rows where the array is large. Which
elements are added first depends on the shape alone, so that bits reproduce.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from tensorlib.kernels.compiled import compiled

BLOCK = 1024
# Below, the calls take longer than the sum.
ENOUGH_ELEMENTS = 1 << 14
# Below, the compiled loop is no faster, and it has to be loaded once.
ENOUGH_FOR_THE_LOOP = 1 << 18


def sum_along(x: Any, axes: tuple[int, ...] | None, keepdims: bool) -> Any:
    """Return the sum of a floating point array along axes, or of all its elements, in its own type.

    Args:
        x: any array.
        axes: axes that are not negative; None for all.
        keepdims: keep the axes with length 1.

    Example:
        >>> from tensorlib.kernels.sums import sum_along
        >>> import numpy
        >>> sum_along(numpy.ones((2, 3)), (1,), False)
        array([3., 3.])
    """
    rows = _rows(x, axes)
    if rows is None and type(x) is numpy.ndarray:  # not `x.sum`, whose warnings do not say that they come from here
        add: Any = numpy.add
        return add.reduce(x, axis=axes, keepdims=keepdims)
    if rows is None:
        return x.sum(axis=axes, keepdims=keepdims)
    reduced = range(x.ndim) if axes is None else axes
    if keepdims:
        return row_sums(rows).reshape([1 if k in reduced else length for k, length in enumerate(x.shape)])
    return row_sums(rows).reshape([length for k, length in enumerate(x.shape) if k not in reduced])[()]


def _rows(x: Any, axes: tuple[int, ...] | None) -> Any:
    """Return the array as a matrix whose rows are to be added up; None where that is not its shape in memory."""
    if x.size < ENOUGH_ELEMENTS or type(x) is not numpy.ndarray or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return None
    if axes is None:
        return x.reshape(1, x.size)
    kept = x.ndim - len(axes)
    if sorted(axes) != list(range(kept, x.ndim)):
        return None
    return x.reshape(math.prod(x.shape[:kept]), -1)


def row_sums(rows: Any) -> Any:
    """Return the sum of each row of a matrix without gaps, in its own type."""
    if rows.size >= ENOUGH_FOR_THE_LOOP:
        sums = numpy.zeros(len(rows), rows.dtype)
        _row_sums_loop(rows, sums)
        return sums
    if len(rows) > 1 or rows.size < 2 * BLOCK:
        return numpy.einsum("ij->i", rows)
    whole = rows.size - rows.size % BLOCK
    blocks = numpy.einsum("ij->i", rows[0, :whole].reshape(-1, BLOCK))
    return (blocks.sum() + rows[0, whole:].sum()).reshape(1)


@compiled("void(Array({0}, 2, 'C', readonly=True), {0}[::1])", frozenset({"reassoc", "nsz"}))
def _row_sums_loop(rows: Any, sums: Any) -> None:
    for i in range(rows.shape[0]):
        zero = total = sums[i]
        for start in range(0, rows.shape[1], BLOCK):
            block = rows[i, start : start + BLOCK]
            part = zero
            for k in range(block.shape[0]):
                part += block[k]
            total += part
        sums[i] = total
