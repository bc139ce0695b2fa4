"""Arrays of several ranks as the one array that MPI wants, without a copy where they follow each other in memory."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

from dist.collectives import Array, Rows


def joined(rows: Rows) -> Array | None:
    """Return one array with the memory of all rows, or None where they do not follow each other.

    >>> whole = np.arange(6)
    >>> joined([whole[:2], whole[2:5], whole[5:]])
    array([0, 1, 2, 3, 4, 5])
    >>> joined([whole[:2], whole[4:]])
    """
    filled = [row for row in rows if row.size]
    if not filled:
        return rows[0]
    end = start = _address(filled[0])
    for row in filled:
        if _address(row) != end:
            return None
        end += row.nbytes
    return as_strided(filled[0], ((end - start) // filled[0].itemsize,), filled[0].strides)


def packed(rows: Rows) -> Array:
    """Return one array with the values of all rows."""
    whole = joined(rows)
    return np.concatenate(rows) if whole is None else whole


def room(rows: Rows) -> tuple[Array, bool]:
    """Return one array for the values of all rows, and whether it is their own memory."""
    whole = joined(rows)
    return (np.empty(sum(map(len, rows)), rows[0].dtype), False) if whole is None else (whole, True)


def unpack(whole: Array, rows: Rows) -> None:
    """Copy the parts of `whole` to the rows that it was the room for."""
    start = 0
    for row in rows:
        np.copyto(row, whole[start : start + len(row)])
        start += len(row)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
