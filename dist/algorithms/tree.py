"""Down and up a binomial tree: about log2 of the number of ranks in steps, one message per rank and direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import segments
from dist.channel import Channel
from dist.collectives import Rows
from dist.reduction import ReduceOp
from dist.transport.base import Work

Array = NDArray[Any]


def binomial_tree(rank: int, size: int, root: int) -> tuple[int | None, list[int]]:
    """Return the parent (None for the root) and the children of a rank, those with the largest subtrees first.

    Counted from the root, a rank's parent is what remains without its lowest set bit.

    >>> [binomial_tree(rank, 6, root=0) for rank in range(3)]
    [(None, [4, 2, 1]), (0, []), (0, [3])]
    """
    place = (rank - root) % size
    lowest = place & -place if place else size
    parent = None if place == 0 else (place - lowest + root) % size
    steps = [1 << i for i in reversed(range(size.bit_length())) if 1 << i < lowest and place + (1 << i) < size]
    return parent, [(place + step + root) % size for step in steps]


def tree_all_reduce(channel: Channel, array: Array, op: ReduceOp) -> None:
    """Reduce `array` over all ranks: their arrays go up a tree to rank 0, side by side, and the result comes down.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result.
        op: what to compute.
    """
    gathered = _gather_up(channel, array, root=0)
    if channel.rank == 0:
        op.reduce(np.split(gathered, channel.size), out=array)
    parent, children = binomial_tree(channel.rank, channel.size, root=0)
    if parent is not None:
        channel.wait(channel.irecv(array, parent))
    channel.wait(*[channel.isend(array, child) for child in children])


def tree_reduce(channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks on group rank `root`, in segments; each rank adds what its children have.

    Adds in an order that depends on the tree: for exact operations only. Args: as in `linear_reduce`.
    """
    parent, children = binomial_tree(channel.rank, channel.size, root)
    parts = segments(array)
    memory = scratch(2 * (len(children) + 1), len(parts[0]), array.dtype)
    turns = memory[: len(children) + 1], memory[len(children) + 1 :]
    sends: list[Work] = []
    for i, part in enumerate(parts):
        channel.wait(*sends[max(0, i - 2) : i - 1])  # its memory is used again
        partial, *received = (row[: len(part)] for row in turns[i % 2])
        receives = [channel.irecv(row, child) for row, child in zip(received, children, strict=True)]
        if parent is None:
            partial = part
        else:
            np.copyto(partial, part)
        for receive, row in zip(receives, received, strict=True):
            channel.wait(receive)
            op.combine(partial, row, out=partial)
        if parent is not None:
            sends.append(channel.isend(partial, parent))
    channel.wait(*sends)


def tree_gather(channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
    """Copy the array of every rank to `root`; each rank sends on what its whole subtree has, in one message.

    How long the arrays are goes before them in the same way. Args: as in `linear_gather`.
    """
    lengths = _gather_up(channel, np.array([len(array)]), root).tolist()
    gathered = _gather_up(channel, array, root, lengths)
    if rows is not None:
        for place, part in enumerate(np.split(gathered, np.cumsum(lengths)[:-1])):
            np.copyto(rows[(root + place) % channel.size], part)


def tree_scatter(channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
    """Copy `rows[k]` of `root` to the array of rank k; each rank gets what its whole subtree is to have.

    How long the arrays are goes before them in the same way. Args: as in `linear_scatter`.
    """
    size = channel.size
    ordered = [] if rows is None else [rows[(root + place) % size] for place in range(size)]
    ones = [1] * _reach(channel.rank, size, root)
    counts = [np.array([len(row)]) for row in ordered]
    lengths = _scatter_down(channel, counts, root, ones, np.dtype(np.int64)).tolist()
    np.copyto(array, _scatter_down(channel, ordered, root, lengths, array.dtype)[: len(array)])


def _gather_up(channel: Channel, array: Array, root: int, lengths: Sequence[int] | None = None) -> Array:
    """Return the arrays of this rank's subtree side by side, counted from the root, having sent them to its parent.

    `lengths` are those of the arrays, by default all equal.
    """
    rank, size = channel.rank, channel.size
    parent, children = binomial_tree(rank, size, root)
    bounds = list(accumulate(lengths or [len(array)] * _reach(rank, size, root), initial=0))
    (memory,) = scratch(1, bounds[-1], array.dtype)
    receives = [
        channel.irecv(memory[bounds[first] : bounds[last]], child)
        for child, first, last in _spans(channel, children, root)
    ]
    memory[: len(array)] = array
    channel.wait(*receives)
    if parent is not None:
        channel.wait(channel.isend(memory, parent))
    return memory


def _scatter_down(
    channel: Channel, rows: Sequence[Array], root: int, lengths: Sequence[int], dtype: np.dtype[Any]
) -> Array:
    """Return the arrays of this rank's subtree side by side, having sent the children theirs; the root has `rows`."""
    parent, children = binomial_tree(channel.rank, channel.size, root)
    bounds = list(accumulate(lengths, initial=0))
    (memory,) = scratch(1, bounds[-1], dtype)
    if parent is None:
        np.concatenate(rows, out=memory)
    else:
        channel.wait(channel.irecv(memory, parent))
    sends = [
        channel.isend(memory[bounds[first] : bounds[last]], child)
        for child, first, last in _spans(channel, children, root)
    ]
    channel.wait(*sends)
    return memory


def _spans(channel: Channel, children: Sequence[int], root: int) -> Iterator[tuple[int, int, int]]:
    """Yield each child, and where its subtree begins and ends in this rank's."""
    for child in children:
        first = (child - channel.rank) % channel.size
        yield child, first, first + _reach(child, channel.size, root)


def _reach(rank: int, size: int, root: int) -> int:
    """Return how many ranks the subtree of a rank holds; they are that rank and those that follow it.

    >>> [_reach(rank, 6, root=0) for rank in range(6)]
    [6, 1, 2, 1, 2, 1]
    """
    place = (rank - root) % size
    return min(place & -place if place else size, size - place)
