"""Reduce to one rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import SliceReduction, piece_bytes
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work


def linear_reduce(channel: Channel, array: NDArray[Any], root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks, in rank order, on group rank `root`: everybody sends it everything.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result on the root.
        root: the group rank that gets the result.
        op: what to compute.
    """
    parts = segments(array)
    if channel.rank != root:
        channel.wait(*[channel.isend(part, root) for part in parts])
        return
    current = _RootSegment(channel, parts[0], op)
    for part in parts[1:]:
        following = _RootSegment(channel, part, op)
        current.reduce()
        current = following
    current.reduce()


class _RootSegment:
    """One segment of a reduce on its root, from its first transfers on."""

    def __init__(self, channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
        self._channel = channel
        self._array = array
        self._op = op
        self._parts = [array if k == channel.rank else np.empty_like(array) for k in range(channel.size)]
        self._receives = [channel.irecv(part, k) for k, part in enumerate(self._parts) if k != channel.rank]

    def reduce(self) -> None:
        """Put the result in place once everybody's part is here."""
        self._channel.wait(*self._receives)
        self._op.reduce(self._parts, out=self._array)


def pairwise_reduce(channel: Channel, array: NDArray[Any], root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks, in rank order, on `root`: rank k reduces slice k, and sends the root the result.

    All ranks add at the same time, and twice the array comes in at the root, not n - 1 times. Args: as in
    `linear_reduce`.
    """
    rank, is_root = channel.rank, channel.rank == root
    pieces = [slices(part, channel.size) for part in segments(array, piece_bytes(channel.size))]
    reduction = SliceReduction(channel, op, pieces, keep=not is_root)
    outs = [piece[rank] if is_root else np.empty_like(piece[rank]) for piece in pieces]
    results: list[Work] = []
    for index in reduction.reduced(outs):
        if is_root:
            # Into the memory of a slice that was sent; its sender had that slice when it made the result.
            results += [channel.irecv(pieces[index][peer], peer) for peer in reduction.others]
        else:
            results.append(channel.isend(outs[index], root))
    channel.wait(*reduction.sends, *results)
