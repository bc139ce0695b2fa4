"""Reduction slice by slice: what all-reduce, reduce and reduce-scatter share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import SEGMENT_BYTES, segments
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work

Array = NDArray[Any]
Slices = Sequence[Array | None]

# A rank keeps memory for two such pieces of an array.
PIECE_BYTES: Final = 8 * SEGMENT_BYTES


def piece_bytes(size: int) -> int:
    """Return how much of an array is worked on at a time: a segment per rank, within reason."""
    return min(SEGMENT_BYTES * size, PIECE_BYTES)


class SliceReduction:
    """Rank k gets slice k of a piece from everybody, and reduces it in rank order, one piece after the other.

    Two pieces are under way at a time, so that one comes in while the one before is being reduced.

    Args:
        channel: the call's channel.
        op: what to compute.
        pieces: `pieces[i][k]` is the slice of piece i that rank k reduces; None where it reduces nothing.
        keep: leave `pieces` as they are; else this rank's own slices may be used as scratch.

    Attributes:
        others: the other ranks, from the next one up on.
        sends: the transfers that were started, to be waited for at the end.
    """

    def __init__(self, channel: Channel, op: ReduceOp, pieces: Sequence[Slices], keep: bool) -> None:
        self._channel = channel
        self._op = op
        self._pieces = pieces
        self._copies_own = keep and channel.rank == 0  # a reduction uses its first part as scratch
        own = [part for part in (slices[channel.rank] for slices in pieces) if part is not None]
        memory = scratch(2 * channel.size, max(map(len, own)), own[0].dtype) if own else []
        self._memory = [memory[: channel.size], memory[channel.size :]]
        self._receives: list[list[Work]] = []
        self.others = [(channel.rank + i) % channel.size for i in range(1, channel.size)]
        self.sends: list[Work] = []

    def reduced(self, outs: Sequence[Array | None]) -> Iterator[int]:
        """Put this rank's slice of piece i, reduced, into `outs[i]`, and yield i, for one piece after the other."""
        self._start(0)
        for index, out in enumerate(outs):
            if index + 1 < len(self._pieces):
                self._start(index + 1)
            self._channel.wait(*self._receives[index])
            own = self._pieces[index][self._channel.rank]
            if own is not None and out is not None:
                self._op.reduce(self._parts(index, own), out=out)
            yield index

    def _parts(self, index: int, own: Array) -> list[Array]:
        """Return this rank's slice of a piece as all ranks have it, or will."""
        parts = [memory[: len(own)] for memory in self._memory[index % 2]]
        if not self._copies_own:
            parts[self._channel.rank] = own
        return parts

    def _start(self, index: int) -> None:
        slices, rank = self._pieces[index], self._channel.rank
        receives: list[Work] = []
        own = slices[rank]
        if own is not None:
            parts = self._parts(index, own)
            receives += [self._channel.irecv(parts[peer], peer) for peer in self.others]
            if self._copies_own:
                np.copyto(parts[rank], own)
        self._receives.append(receives)
        for peer in self.others:
            part = slices[peer]
            if part is not None:
                self.sends.append(self._channel.isend(part, peer))


def all_for(rank: int, array: Array, size: int) -> list[list[Array | None]]:
    """Return the pieces of an array of which one rank reduces everything."""
    return [[part if peer == rank else None for peer in range(size)] for part in segments(array)]
