"""Bruck's algorithms: what n ranks have for each other moves in ceil(log2 n) steps, for any n.

Source: Bruck, Ho, Kipnis, Upfal, Weathersby, "Efficient algorithms for all-to-all communications in multiport
message-passing systems", 1997. They suit small arrays, whose time is that of the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.channel import Channel
from dist.collectives import Rows
from dist.reduction import ReduceOp

Array = NDArray[Any]


def bruck_all_gather(channel: Channel, rows: Rows, array: Array) -> None:
    """Copy the array of every rank to all ranks: in each step a rank doubles what it has. Args: as for the direct one.

    In step i every rank sends the first 2**i rows that it has, its own and those that follow, 2**i places to the left.
    """
    for row, part in zip(rows, _gathered(channel, [len(row) for row in rows], array), strict=True):
        np.copyto(row, part)


def bruck_all_reduce(channel: Channel, array: Array, op: ReduceOp) -> None:
    """Reduce `array` over all ranks: gathers everything everywhere, as above, and everybody reduces it all.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result.
        op: what to compute.
    """
    op.reduce(_gathered(channel, [len(array)] * channel.size, array), out=array)


def bruck_all_to_all(channel: Channel, received: Rows, sent: Rows) -> None:
    """Fill `received[k]` on rank r with `sent[r]` of rank k: rows travel together, by the powers of two of their way.

    A row that has to go d places to the right goes in those steps i for which bit i of d is set, after a message that
    says how long the rows are. Args: as in `pairwise_all_to_all`.
    """
    rank, size = channel.rank, channel.size
    rows = [sent[(rank + d) % size] for d in range(size)]  # rows[d] is one that goes d places, or has gone some of them
    for distance in _distances(size):
        moving = [d for d in range(size) if d & distance]
        leaving, coming = (rank + distance) % size, (rank - distance) % size
        lengths = np.empty(len(moving), np.int64)
        counts = np.array([len(rows[d]) for d in moving], np.int64)
        channel.wait(channel.irecv(lengths, coming), channel.isend(counts, leaving))
        arrived = np.empty(lengths.sum(), sent[rank].dtype)
        whole = np.concatenate([rows[d] for d in moving])
        channel.wait(channel.irecv(arrived, coming), channel.isend(whole, leaving))
        for d, row in zip(moving, np.split(arrived, np.cumsum(lengths)[:-1]), strict=True):
            rows[d] = row
    for d, row in enumerate(rows):
        np.copyto(received[(rank - d) % size], row)


def _gathered(channel: Channel, lengths: list[int], array: Array) -> list[Array]:
    """Return the arrays of all ranks, in rank order, in memory that lasts until the next call."""
    rank, size = channel.rank, channel.size
    bounds = list(accumulate(lengths[rank:] + lengths[:rank], initial=0))  # this rank's own first
    (memory,) = scratch(1, bounds[-1], array.dtype)
    memory[: len(array)] = array
    for distance in _distances(size):
        count = min(distance, size - distance)
        channel.wait(
            channel.irecv(memory[bounds[distance] : bounds[distance + count]], (rank + distance) % size),
            channel.isend(memory[: bounds[count]], (rank - distance) % size),
        )
    parts = [memory[start:stop] for start, stop in pairwise(bounds)]
    return parts[size - rank :] + parts[: size - rank]


def _distances(size: int) -> Iterator[int]:
    return (1 << i for i in range((size - 1).bit_length()))
