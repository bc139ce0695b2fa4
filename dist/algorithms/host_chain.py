"""A reduction that goes from host to host in the order of the ranks, with all ranks of a host at work on slices."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.hosts import Hosts
from dist.channel import Channel
from dist.collectives import Collectives
from dist.reduction import ReduceOp
from dist.transport.base import Work

Array = NDArray[Any]

WORKS_AT_A_TIME: Final = 16


class HostChain:
    """One rank's part in reducing slices along the hosts, whose ranks follow each other.

    A slice is reduced by one rank of each host, its worker there: worker i of a host gets slice i from all ranks of its
    host, adds them to the partial result that worker i of the host before has sent, and sends that on. There are as
    many workers on a host as the smallest host has ranks.

    Attributes:
        workers: how many slices are reduced at a time.
        lag: after how many further reductions the result of one is back here, where all take equally long.
    """

    def __init__(self, channel: Channel, hosts: Hosts, local: Collectives, op: ReduceOp, dtype: np.dtype[Any]) -> None:
        self._channel = channel
        self._hosts = hosts
        self._local = local
        self._op = op
        self._dtype = dtype
        self._host, self._index = hosts.place(channel.rank)
        self._size = len(hosts.ranks[self._host])
        self.workers = min(map(len, hosts.ranks))
        self.lag = 2 * (hosts.count - 1 - self._host)
        self._works: deque[Work] = deque()

    def keep(self, work: Work) -> None:
        """Take care of a transfer that was started; a few may be under way, so that memory for them is bounded."""
        self._works.append(work)
        if len(self._works) > WORKS_AT_A_TIME:
            self._channel.wait(self._works.popleft())

    def finish(self) -> None:
        """Wait for all transfers that are under way."""
        self._channel.wait(*self._works)

    def worker(self, index: int) -> int:
        """Return the rank that ends up with the result of slice `index`."""
        return self._hosts.ranks[-1][index]

    def reduce(self, slices: Sequence[Array]) -> Array | None:
        """Take part in reducing one slice per worker; return the result on the worker of the last host, else None."""
        idle = self._size - self.workers
        nothing = np.empty(0, self._dtype)
        own = len(slices[self._index]) if self._index < self.workers else 0
        parts = [np.empty(own, self._dtype) for _ in range(self._size)]
        self._local.all_to_all(self._hosts.next_local(self._channel), parts, [*slices, *[nothing] * idle])
        if self._index >= self.workers:
            return None
        partial = self._add(parts)
        following = self._peer(+1)
        if following is not None:
            self.keep(self._channel.isend(partial, following))
            return None
        result = np.empty(own, self._dtype)
        self._op.finish(partial, self._channel.size, out=result)
        return result

    def send_back(self, result: Array) -> None:
        """Start to send the result of this worker's slice to the host before."""
        before = self._peer(-1)
        if before is not None:
            self.keep(self._channel.isend(result, before))

    def return_result(self, result: Array | None, slices: Sequence[Array]) -> None:
        """Bring the results back to all ranks of all hosts, into `slices`, which are those that were reduced.

        The last host has `result`, and has called `send_back` with it.
        """
        nothing = np.empty(0, self._dtype)
        own = nothing if result is None else result
        following = self._peer(+1) if self._index < self.workers else None
        if following is not None:
            own = np.empty_like(slices[self._index])
            self._channel.wait(self._channel.irecv(own, following))
            self.send_back(own)
        idle = self._size - self.workers
        self._local.all_gather(self._hosts.next_local(self._channel), [*slices, *[nothing] * idle], own)

    def _add(self, parts: Sequence[Array]) -> Array:
        """Return the partial result of the hosts up to this one."""
        partial = parts[0].astype(self._op.accumulator(self._dtype), copy=False)
        before = self._peer(-1)
        if before is not None:
            left = np.empty(len(partial), partial.dtype)
            self._channel.wait(self._channel.irecv(left, before))
            self._op.combine(left, parts[0], out=left)
            partial = left
        for part in parts[1:]:
            self._op.combine(partial, part, out=partial)
        return partial

    def _peer(self, step: int) -> int | None:
        """Return the worker for the same slice on the next host, or the one before; None where there is none."""
        host = self._host + step
        return self._hosts.ranks[host][self._index] if 0 <= host < self._hosts.count else None
