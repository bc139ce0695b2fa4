"""Places of elements, as arrays: as coordinates (dimensions, count), and counted in row-major order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorlib._xp import array_module

Array = Any


def flat_places(coordinates: Array, lengths: Sequence[int]) -> Array:
    """Return coordinates as numbers in row-major order.

    Example:
        >>> import numpy
        >>> flat_places(numpy.array([[0, 1], [2, 0]]), (2, 3))
        array([2, 3])
    """
    flat = array_module(coordinates).zeros(coordinates.shape[1], "i8")
    for row, length in zip(coordinates, lengths, strict=True):
        flat = flat * length + row
    return flat


def coordinates_of(flat: Array, lengths: Sequence[int]) -> Array:
    """Return numbers in row-major order as coordinates: what `flat_places` made them from.

    Example:
        >>> import numpy
        >>> coordinates_of(numpy.array([2, 3]), (2, 3))
        array([[0, 1],
               [2, 0]])
    """
    rows = []
    for length in reversed(lengths):
        rows.append(flat % max(length, 1))
        flat = flat // max(length, 1)
    xp = array_module(flat)
    return xp.stack(rows[::-1]) if rows else xp.zeros((0, flat.size), "i8")


def pairs_of_equals(left: Array, right: Array) -> tuple[Array, Array]:
    """Return the positions of all pairs of equal numbers in two arrays, in the order of the left one.

    Example:
        >>> import numpy
        >>> pairs_of_equals(numpy.array([7, 5, 7]), numpy.array([5, 7, 9, 7]))
        (array([0, 0, 1, 2, 2]), array([1, 3, 0, 1, 3]))
    """
    xp = array_module(left, right)
    order = xp.argsort(right, kind="stable")
    ordered = right[order]
    starts = xp.searchsorted(ordered, left, side="left")
    counts = xp.searchsorted(ordered, left, side="right") - starts
    total = int(counts.sum())
    ends = counts.cumsum()
    pairs = xp.arange(total)
    first = xp.searchsorted(ends, pairs, side="right")
    return first, order[starts[first] + pairs - (ends - counts)[first]]
