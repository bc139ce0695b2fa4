"""All-reduce in ways that all give the same bits: every element is `((x0 + x1) + x2) + ...` in rank order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import SliceReduction, piece_bytes
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work


def exchange_all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks in one step: everybody sends everything to everybody and reduces it all.

    The fastest way for small arrays, where the number of steps counts and not the number of bytes.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result.
        op: what to compute.
    """
    parts = scratch(channel.size, len(array), array.dtype)
    parts[channel.rank] = array
    others = [peer for peer in range(channel.size) if peer != channel.rank]
    receives = [channel.irecv(parts[peer], peer) for peer in others]
    sends = [channel.isend(array, peer) for peer in others]
    channel.wait(*receives, *sends)
    op.reduce(parts, out=array)


def star_all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks: everybody sends rank 0 everything, which sends everybody the result.

    Few messages, 2 (n-1) instead of the n (n-1) of an exchange: that counts where ranks share cores. Args: as in
    `exchange_all_reduce`.
    """
    if channel.rank:
        # The result comes into the memory that is being sent; who made it had all of that.
        channel.wait(channel.isend(array, 0), channel.irecv(array, 0))
        return
    others = range(1, channel.size)
    parts = scratch(channel.size, len(array), array.dtype)
    channel.wait(*[channel.irecv(parts[peer], peer) for peer in others])
    parts[0] = array
    op.reduce(parts, out=array)
    channel.wait(*[channel.isend(array, peer) for peer in others])


def pairwise_all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks: rank k gets slice k from everybody, reduces it, and sends everybody the result.

    Works on one piece of the array after the other, so that one is on its way while another is being reduced. Args: as
    in `exchange_all_reduce`.
    """
    pieces = [slices(part, channel.size) for part in segments(array, piece_bytes(channel.size))]
    reduction = SliceReduction(channel, op, pieces, keep=False)
    results: list[Work] = []
    for index in reduction.reduced(outs=[piece[channel.rank] for piece in pieces]):
        piece = pieces[index]
        # A result comes into the memory of a slice that was sent; its sender had that slice when it made the result.
        results += [channel.irecv(piece[peer], peer) for peer in reduction.others]
        results += [channel.isend(piece[channel.rank], peer) for peer in reduction.others]
    channel.wait(*reduction.sends, *results)


def ring_all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks along the ring: partial results go 0, 1, ..., n-1, results go n-1, 0, ..., n-2.

    Every rank talks to its two neighbours only, and the segments follow each other closely. A classic ring starts each
    slice at another rank and so adds in another order; this one keeps the order of the ranks. Args: as in
    `exchange_all_reduce`.
    """
    ring = _Ring(channel, array, op)
    # Messages between two neighbours need one order, equal on both sides: results follow this many segments behind, by
    # when the first of them has been all the way round.
    lag = channel.size
    for step in range(len(ring.parts) + lag):
        if step < len(ring.parts):
            ring.reduce(step)
        if step >= lag:
            ring.pass_on(step - lag)
    channel.wait(*ring.sends)


class _Ring:
    """The state of one rank in a ring all-reduce."""

    def __init__(self, channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
        self._channel = channel
        self._op = op
        self._first, self._last = 0, channel.size - 1
        self._left, self._right = (channel.rank - 1) % channel.size, (channel.rank + 1) % channel.size
        self._accumulator = op.accumulator(array.dtype)
        self.parts = segments(array)
        self.sends: list[Work] = []

    def reduce(self, index: int) -> None:
        """Add this rank's part to the partial result of the ranks on the left."""
        part = self.parts[index]
        partial = part.astype(self._accumulator, copy=False)
        if self._channel.rank != self._first:
            left = np.empty(len(part), self._accumulator)
            self._channel.wait(self._channel.irecv(left, self._left))
            self._op.combine(left, part, out=left)
            partial = left
        if self._channel.rank == self._last:
            # At once: the others wait for it before they send what comes much later.
            self._op.finish(partial, self._channel.size, out=part)
            partial = part
        if self._right != self._channel.rank:
            self.sends.append(self._channel.isend(partial, self._right))

    def pass_on(self, index: int) -> None:
        """Take the result from the left, unless it was made here, and hand it on as long as somebody misses it."""
        if self._channel.rank == self._last:
            return
        part = self.parts[index]
        self._channel.wait(self._channel.irecv(part, self._left))
        if self._right != self._last:
            self.sends.append(self._channel.isend(part, self._right))
