"""Recursive doubling and halving: partners at distances 1, 2, 4, ... add what they have. For exact operations only.

They add in the order of the distances, which for floats is another order than that of the ranks. Where the number of
ranks is no power of two, some ranks hand what they have to the next one, which stands in for them.

Source: Thakur, Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import PIECE_BYTES
from dist.channel import Channel
from dist.collectives import Rows
from dist.reduction import ReduceOp

Array = NDArray[Any]


def doubling_all_reduce(channel: Channel, array: Array, op: ReduceOp) -> None:
    """Reduce `array` over all ranks: partners at distances 1, 2, 4, ... exchange what they have, and both add it up.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result.
        op: what to compute; exact.
    """
    (received,) = scratch(1, len(array), array.dtype)

    def double(active: Sequence[int]) -> None:
        place, distance = active.index(channel.rank), 1
        while distance < len(active):
            partner = active[place ^ distance]
            channel.wait(channel.irecv(received, partner), channel.isend(array, partner))
            op.combine(array, received, out=array)
            distance *= 2

    _with_stand_ins(channel, array, received, op, double)


def halving_all_reduce(channel: Channel, array: Array, op: ReduceOp) -> None:
    """Reduce `array` over all ranks: a reduce-scatter by halving, then an all-gather on the same ways back.

    Known as Rabenseifner's algorithm. Args: as in `doubling_all_reduce`.
    """
    for part in segments(array, PIECE_BYTES):
        _halving_all_reduce(channel, part, op)


def _halving_all_reduce(channel: Channel, array: Array, op: ReduceOp) -> None:
    (received,) = scratch(1, len(array), array.dtype)

    def halve(active: Sequence[int]) -> None:
        bounds = [len(array) * i // len(active) for i in range(len(active) + 1)]
        ways = _halve(channel, active, array, received, bounds, op)
        for partner, kept, given in reversed(ways):
            channel.wait(channel.irecv(given, partner), channel.isend(kept, partner))

    _with_stand_ins(channel, array, received, op, halve)


def halving_reduce_scatter(channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
    """Fill `array` on rank k with the reduction of all ranks' `rows[k]`: halves of the rows go to ever closer partners.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, as long as `rows[k]` on rank k.
        rows: one contiguous array per rank, whose lengths may differ; left as they are.
        op: what to compute; exact.
    """
    count = max(1, -(-sum(row.nbytes for row in rows) // PIECE_BYTES))
    for part, pieces in zip(slices(array, count), zip(*[slices(row, count) for row in rows], strict=True), strict=True):
        _halving_reduce_scatter(channel, part, pieces, op)


def _halving_reduce_scatter(channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
    edges = list(accumulate((len(row) for row in rows), initial=0))
    whole, received = scratch(2, edges[-1], array.dtype)
    np.concatenate(rows, out=whole)
    parts = [whole[first:last] for first, last in pairwise(edges)]

    def halve(active: Sequence[int]) -> None:
        # Between one active rank and the one before, there is the row of the rank that it stands in for.
        bounds = [0] + [edges[peer + 1] for peer in active]
        _halve(channel, active, whole, received, bounds, op)

    _with_stand_ins(channel, whole, received, op, halve, parts)
    np.copyto(array, parts[channel.rank])


def stand_ins(size: int) -> list[int]:
    """Return the ranks that take part: a power of two of them. Each of the others has its stand-in right after it.

    >>> stand_ins(4), stand_ins(6), stand_ins(7)
    ([0, 1, 2, 3], [1, 3, 4, 5], [1, 3, 5, 6])
    """
    absent = size - (1 << (size.bit_length() - 1))
    return [rank for rank in range(size) if rank >= 2 * absent or rank % 2]


def _with_stand_ins(
    channel: Channel,
    array: Array,
    received: Array,
    op: ReduceOp,
    run: Callable[[Sequence[int]], None],
    parts: Rows | None = None,
) -> None:
    """Reduce `array` by `run(active)` among a power of two of the ranks, who take in the others' and give the result.

    `received` is memory for what comes in; `parts` are those of `array` that each rank needs, all of it unless given.
    """
    rank, active = channel.rank, stand_ins(channel.size)
    needed = parts or [array] * channel.size
    if rank not in active:
        channel.wait(channel.isend(array, rank + 1))
        channel.wait(channel.irecv(needed[rank], rank + 1))
        return
    has_ward = rank > 0 and rank - 1 not in active
    if has_ward:
        channel.wait(channel.irecv(received, rank - 1))
        op.combine(array, received, out=array)
    run(active)
    if has_ward:
        channel.wait(channel.isend(needed[rank - 1], rank - 1))


def _halve(
    channel: Channel, active: Sequence[int], array: Array, received: Array, bounds: Sequence[int], op: ReduceOp
) -> list[tuple[int, Array, Array]]:
    """Reduce-scatter `array` in place: the rank in place i of `active` reduces `array[bounds[i] : bounds[i + 1]]`.

    Returns, step by step, the partner, what this rank kept and what it gave away.
    """
    place = active.index(channel.rank)
    ways = []
    first, last = 0, len(active)
    while last - first > 1:
        middle = (first + last) // 2
        low, high = array[bounds[first] : bounds[middle]], array[bounds[middle] : bounds[last]]
        partner = active[place ^ (middle - first)]
        if place < middle:
            kept, given, last = low, high, middle
        else:
            kept, given, first = high, low, middle
        incoming = received[: len(kept)]
        channel.wait(channel.irecv(incoming, partner), channel.isend(given, partner))
        op.combine(kept, incoming, out=kept)
        ways.append((partner, kept, given))
    return ways
