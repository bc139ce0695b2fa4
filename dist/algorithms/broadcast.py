"""Broadcast: everybody gets the array of one rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import piece_bytes
from dist.algorithms.tree import binomial_tree
from dist.channel import Channel
from dist.transport.base import Work


def linear_broadcast(channel: Channel, array: NDArray[Any], root: int) -> None:
    """Copy `array` from `root` to all ranks: it sends it to each of them.

    One step, for small arrays among few ranks. Args: as in `tree_broadcast`.
    """
    others = [(root + i) % channel.size for i in range(1, channel.size)]
    _pass_on(channel, array, *((None, others) if channel.rank == root else (root, [])))


def tree_broadcast(channel: Channel, array: NDArray[Any], root: int) -> None:
    """Copy `array` from group rank `root` to all ranks, in segments that follow each other down a binomial tree.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the root's, except on the root.
        root: the group rank whose array everybody gets.
    """
    parent, children = binomial_tree(channel.rank, channel.size, root)
    _pass_on(channel, array, parent, children)


def chain_broadcast(channel: Channel, array: NDArray[Any], root: int) -> None:
    """Copy `array` from `root` to all ranks, in segments that follow each other from rank to rank.

    No rank sends more than once what it has: the best for large arrays among many. Args: as in `tree_broadcast`.
    """
    left, right = (channel.rank - 1) % channel.size, (channel.rank + 1) % channel.size
    _pass_on(channel, array, None if channel.rank == root else left, [] if right == root else [right])


def _pass_on(channel: Channel, array: NDArray[Any], parent: int | None, children: Sequence[int]) -> None:
    parts = segments(array)
    receives = [] if parent is None else [channel.irecv(part, parent) for part in parts]
    sends: list[Work] = []
    for i, part in enumerate(parts):
        channel.wait(*receives[i : i + 1])
        sends += [channel.isend(part, child) for child in children]
    channel.wait(*sends)


def scatter_broadcast(channel: Channel, array: NDArray[Any], root: int) -> None:
    """Copy `array` from `root` to all ranks: every other rank gets a slice, and passes it on to all the others.

    Two steps, and no rank sends more than the array. Source: van de Geijn's scatter and all-gather; here the root, who
    has everything, takes no part in the second. Args: as in `tree_broadcast`.
    """
    others = [rank for rank in range(channel.size) if rank != root]
    if not others:
        return
    pieces = [slices(part, len(others)) for part in segments(array, piece_bytes(channel.size))]
    sends: list[Work] = []
    if channel.rank == root:
        for piece in pieces:
            sends += [channel.isend(part, peer) for part, peer in zip(piece, others, strict=True)]
        channel.wait(*sends)
        return
    own = others.index(channel.rank)
    owners = [root if peer == channel.rank else peer for peer in others]  # who sends me each slice
    receives = [[channel.irecv(part, peer) for part, peer in zip(piece, owners, strict=True)] for piece in pieces]
    for piece, works in zip(pieces, receives, strict=True):
        channel.wait(works[own])
        sends += [channel.isend(piece[own], peer) for peer in others if peer != channel.rank]
    channel.wait(*sends, *[work for works in receives for work in works])
