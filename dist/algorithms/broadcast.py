"""Broadcast down a binomial tree."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dist.algorithms.segments import segments
from dist.channel import Channel
from dist.transport.base import Work


def tree_broadcast(channel: Channel, array: NDArray[Any], root: int) -> None:
    """Copy `array` from group rank `root` to all ranks, in segments that follow each other down a binomial tree.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the root's, except on the root.
        root: the group rank whose array everybody gets.
    """
    parent, children = binomial_tree(channel.rank, channel.size, root)
    parts = segments(array)
    receives = [] if parent is None else [channel.irecv(part, parent) for part in parts]
    sends: list[Work] = []
    for i, part in enumerate(parts):
        channel.wait(*receives[i : i + 1])
        sends += [channel.isend(part, child) for child in children]
    channel.wait(*sends)


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
