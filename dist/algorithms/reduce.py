"""Reduce to one rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.segments import segments
from dist.channel import Channel
from dist.reduction import ReduceOp


def linear_reduce(channel: Channel, array: NDArray[Any], root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks, in rank order, on group rank `root`: everybody sends it everything.

    A tree would need fewer steps, but would add in an order that depends on the root.

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
