"""Reduction slice by slice: what pairwise all-reduce, reduce and reduce-scatter share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.scratch import scratch
from dist.algorithms.segments import SEGMENT_BYTES
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work

Array = NDArray[Any]

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
        pieces: `pieces[i][k]` is the slice of piece i that rank k reduces; may be empty.
        keep: leave `pieces` as they are; else this rank's own slices may be used as scratch.
    """

    def __init__(self, channel: Channel, op: ReduceOp, pieces: Sequence[Sequence[Array]], keep: bool) -> None:
        self._channel = channel
        self._op = op
        self._pieces = pieces
        self.others = [(channel.rank + i) % channel.size for i in range(1, channel.size)]
        self._copies_own = keep and channel.rank == 0  # a reduction uses its first part as scratch
        longest = max(len(slices[channel.rank]) for slices in pieces)
        memory = scratch(2 * channel.size, longest, pieces[0][0].dtype)
        self._memory = [memory[: channel.size], memory[channel.size :]]
        self._receives: list[list[Work]] = []
        self.sends: list[Work] = []

    def reduced(self, outs: Sequence[Array]) -> Iterator[int]:
        """Put this rank's slice of piece i, reduced, into `outs[i]`, and yield i, for one piece after the other."""
        self._start(0)
        for index, out in enumerate(outs):
            if index + 1 < len(self._pieces):
                self._start(index + 1)
            self._channel.wait(*self._receives[index])
            self._op.reduce(self._parts(index), out=out)
            yield index

    def _parts(self, index: int) -> list[Array]:
        """Return this rank's slice of a piece as all ranks have it."""
        own = self._pieces[index][self._channel.rank]
        parts = [memory[: len(own)] for memory in self._memory[index % 2]]
        if not self._copies_own:
            parts[self._channel.rank] = own
        return parts

    def _start(self, index: int) -> None:
        slices, rank = self._pieces[index], self._channel.rank
        parts = self._parts(index)
        self._receives.append([self._channel.irecv(parts[peer], peer) for peer in self.others])
        self.sends += [self._channel.isend(slices[peer], peer) for peer in self.others]
        if self._copies_own:
            np.copyto(parts[rank], slices[rank])
