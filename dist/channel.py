"""A channel: one collective call's way to its peers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.transport.base import Transport, Work


# Not frozen: one is made for every call, and that would take four times as long.
@dataclass(slots=True, eq=False)
class Channel:
    """What an algorithm needs for one call: the peers by group rank, and how the call's messages are marked.

    Messages between two ranks over one channel arrive in the order in which they were sent.

    Attributes:
        transport: moves the bytes.
        ranks: the transport's rank of each rank of the group.
        rank: this end's rank in the group.
        tag: keeps the group's messages apart from those of other groups.
        fingerprint: says which call of which operation this is; equal on all ranks.
        deadline: when the call as a whole must be over, in seconds of `time.monotonic()`.

    >>> from dist.transport.inproc import make_inproc_world
    >>> (transport,) = make_inproc_world(1)
    >>> channel = Channel(transport, ranks=(0,), rank=0, tag=1, fingerprint=7, deadline=time.monotonic() + 5)
    >>> received = np.empty(2)
    >>> channel.wait(channel.isend(np.array([1.0, 2.0]), 0), channel.irecv(received, 0))
    >>> received
    array([1., 2.])
    """

    transport: Transport
    ranks: tuple[int, ...]
    rank: int
    tag: int
    fingerprint: int
    deadline: float

    @property
    def size(self) -> int:
        """Number of ranks in the group."""
        return len(self.ranks)

    def isend(self, array: NDArray[Any], peer: int) -> Work:
        """Start sending a contiguous array to group rank `peer`; do not change it before `wait` returned."""
        return self.transport.isend(bytes_of(array), self.ranks[peer], self.tag, self.fingerprint)

    def irecv(self, array: NDArray[Any], peer: int) -> Work:
        """Start receiving into a contiguous array from group rank `peer`, which sends as many bytes."""
        return self.transport.irecv(bytes_of(array), self.ranks[peer], self.tag, self.fingerprint)

    def wait(self, *works: Work) -> None:
        """Wait for transfers, no longer than the call's deadline allows; raises what `Work.wait` raises."""
        for work in works:
            work.wait(max(0.0, self.deadline - time.monotonic()))


def bytes_of(array: NDArray[Any]) -> memoryview:
    """Return the memory of a contiguous array as bytes, without a copy.

    Raises:
        ValueError: the array is not contiguous in C order.
    """
    if not array.flags.c_contiguous:
        raise ValueError(f"channel: array of shape {array.shape} and strides {array.strides}: need a contiguous one")
    return array.reshape(-1).view(np.uint8).data
