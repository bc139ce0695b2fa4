"""All-reduce in three ways, which all give the same bits: every element is `((x0 + x1) + x2) + ...` in rank order."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import SEGMENT_BYTES, segments, slices
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work

# A rank keeps memory for two such pieces of an array.
PAIRWISE_BYTES: Final = 8 * SEGMENT_BYTES


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


def pairwise_all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks: rank k gets slice k from everybody, reduces it, and sends everybody the result.

    Works on one segment after the other, so that a segment is on its way while the one before is being reduced. Args:
    as in `exchange_all_reduce`.
    """
    pairwise = _Pairwise(channel, array, op)
    pairwise.start(0)
    for index in range(1, len(pairwise.parts)):
        pairwise.start(index)
        pairwise.reduce(index - 1)
    pairwise.reduce(len(pairwise.parts) - 1)
    channel.wait(*pairwise.works)


def _segment_bytes(size: int) -> int:
    """Return how much of an array a pairwise all-reduce works on at a time: a segment per rank, within reason."""
    return min(SEGMENT_BYTES * size, PAIRWISE_BYTES)


class _Pairwise:
    """The state of one rank in a pairwise all-reduce: two segments are under way at a time."""

    def __init__(self, channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
        self._channel = channel
        self._op = op
        self._others = [(channel.rank + i) % channel.size for i in range(1, channel.size)]
        self.parts = [slices(part, channel.size) for part in segments(array, _segment_bytes(channel.size))]
        longest = max(len(piece) for piece in self.parts[0])
        memory = scratch(2 * len(self._others), longest, array.dtype)
        self._scratch = [memory[: len(self._others)], memory[len(self._others) :]]
        self._received: list[list[NDArray[Any]]] = []
        self._receives: list[list[Work]] = []
        self.works: list[Work] = []

    def start(self, index: int) -> None:
        """Start to give every rank its slice of a segment, and to get this rank's slice from all."""
        pieces, rank = self.parts[index], self._channel.rank
        scratch = [memory[: len(pieces[rank])] for memory in self._scratch[index % 2]]
        self._receives.append(
            [self._channel.irecv(part, peer) for part, peer in zip(scratch, self._others, strict=True)]
        )
        self.works += [self._channel.isend(pieces[peer], peer) for peer in self._others]
        before = self._channel.size - rank - 1  # the others start with the next rank up
        self._received.append([*scratch[before:], pieces[rank], *scratch[:before]])

    def reduce(self, index: int) -> None:
        """Reduce this rank's slice of a segment, and start to exchange the results.

        A result comes into the memory of a slice that was sent; its sender had that slice when it made the result.
        """
        pieces, rank = self.parts[index], self._channel.rank
        self._channel.wait(*self._receives[index])
        self._op.reduce(self._received[index], out=pieces[rank])
        self.works += [self._channel.irecv(pieces[peer], peer) for peer in self._others]
        self.works += [self._channel.isend(pieces[rank], peer) for peer in self._others]


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
