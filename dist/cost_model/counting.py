"""How much an algorithm does, found by running it: simulated ranks, real messages, and clocks that count.

Each rank has five clocks. One counts steps, one handled messages, one handled bytes, one reduced bytes, and one bytes
on links; each runs as if nothing else took time. A message carries the clocks of its sender, and who receives it
cannot be earlier than that.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from dist.channel import Channel
from dist.cost_model.costs import Load, Work
from dist.reduction import ReduceOp
from dist.scheduler import Scheduler
from dist.transport.base import Transport
from dist.transport.base import Work as Transfer
from dist.transport.inproc import make_inproc_world

Algorithm = Callable[[Channel, NDArray[Any], ReduceOp], None]

_TIMEOUT: Final = 60.0  # seconds


def count_work(algorithm: Algorithm, size: int, nbytes: int) -> Work:
    """Run an all_reduce of float32 among simulated ranks, and return how much it did.

    Args:
        algorithm: one of `dist.algorithms.choose.ALGORITHMS["all_reduce"]`, or any other like them.
        size: number of ranks, up to some hundreds; each has an array.
        nbytes: of each array.

    >>> from dist.algorithms.all_reduce import ring_all_reduce
    >>> count_work(ring_all_reduce, size=4, nbytes=1000).steps
    6
    """
    scheduler = Scheduler()
    post = _Post()
    ranks = [_CountingTransport(transport, post) for transport in make_inproc_world(size, scheduler)]
    deadline = time.monotonic() + _TIMEOUT

    def run(rank: _CountingTransport) -> None:
        channel = Channel(rank, tuple(range(size)), rank.rank, tag=1, fingerprint=1, deadline=deadline)
        algorithm(channel, np.zeros(nbytes // 4, np.float32), cast(ReduceOp, _CountingSum(rank.clocks)))

    tasks = [scheduler.start(lambda rank=rank: run(rank), f"rank {rank.rank}") for rank in ranks]  # type: ignore[misc]
    scheduler.run(deadline)
    for rank, task in zip(ranks, tasks, strict=True):
        rank.close()
        task.join(1.0)
    clocks = [rank.clocks for rank in ranks]
    return Work(
        steps=max(clock.steps for clock in clocks),
        path=Load(*(max(getattr(clock, name) for clock in clocks) for name in ("messages", "bytes", "reduced"))),
        total=Load(*(sum(values) for values in zip(*(clock.did for clock in clocks), strict=True))),
        link_bytes=max(clock.links for clock in clocks),
    )


@dataclass
class _Clocks:
    """The clocks of a rank, and what it did: messages, bytes, reduced bytes."""

    steps: int = 0
    messages: int = 0
    bytes: int = 0
    reduced: int = 0
    links: int = 0
    sending_until: int = 0  # when the link that goes out is free again
    receiving_since: int = 0  # since when the link that comes in has been busy without a break
    receiving_bytes: int = 0  # what has come since
    did: list[int] = field(default_factory=lambda: [0, 0, 0])

    def receive_from_link(self, begin: int, end: int, nbytes: int) -> None:
        """Set the clock of the links: what comes in shares one link, whatever the order in which it is waited for."""
        if begin > self.receiving_since + self.receiving_bytes:
            self.receiving_since, self.receiving_bytes = begin, 0
        self.receiving_since = min(self.receiving_since, begin)
        self.receiving_bytes += nbytes
        self.links = max(self.links, self.receiving_since + self.receiving_bytes, end)


@dataclass(frozen=True)
class _Postmark:
    """What a message says of the clocks of its sender."""

    steps: int
    messages: int
    reduced: int
    bytes_begin: int
    bytes_end: int
    link_begin: int
    link_end: int


class _Post:
    """The postmarks of all messages: by sender, receiver and tag, in order."""

    def __init__(self) -> None:
        self.marks: dict[tuple[int, int, int], list[_Postmark]] = defaultdict(list)
        self.asked: dict[tuple[int, int, int], int] = defaultdict(int)


class _CountingTransport:
    """Passes messages on, and sets the clocks; implements `Transport`."""

    def __init__(self, transport: Transport, post: _Post) -> None:
        self.rank, self.size = transport.rank, transport.size
        self.clocks = _Clocks()
        self._transport = transport
        self._post = post

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.isend`."""
        clocks, nbytes = self.clocks, len(buffer)
        begin = clocks.bytes
        clocks.messages += 1
        clocks.bytes += nbytes
        clocks.did[0] += 1
        clocks.did[1] += nbytes
        clocks.sending_until = max(clocks.links, clocks.sending_until) + nbytes
        mark = _Postmark(
            clocks.steps + 1, clocks.messages, clocks.reduced, begin, clocks.bytes, clocks.links, clocks.sending_until
        )
        self._post.marks[self.rank, peer, tag].append(mark)
        return self._transport.isend(buffer, peer, tag, fingerprint)

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.irecv`."""
        key = peer, self.rank, tag
        place = self._post.asked[key]
        self._post.asked[key] += 1
        transfer = self._transport.irecv(buffer, peer, tag, fingerprint)
        return _Receive(transfer, lambda: self._received(self._post.marks[key][place], len(buffer)))

    def abort(self, reason: str) -> None:
        """See `Transport.abort`."""
        self._transport.abort(reason)

    def close(self) -> None:
        """See `Transport.close`."""
        self._transport.close()

    def _received(self, mark: _Postmark, nbytes: int) -> None:
        clocks = self.clocks
        clocks.steps = max(clocks.steps, mark.steps)
        clocks.messages = max(clocks.messages, mark.messages) + 1
        clocks.reduced = max(clocks.reduced, mark.reduced)
        # Bytes are taken while they come: both ends are busy at the same time.
        clocks.bytes = max(max(clocks.bytes, mark.bytes_begin) + nbytes, mark.bytes_end)
        clocks.receive_from_link(mark.link_begin, mark.link_end, nbytes)
        clocks.did[0] += 1
        clocks.did[1] += nbytes


class _Receive:
    """A receive that sets the clocks when it is waited for; implements `dist.transport.base.Work`."""

    def __init__(self, transfer: Transfer, received: Callable[[], None]) -> None:
        self._transfer = transfer
        self._received = received
        self._counted = False

    def wait(self, timeout: float | None = None) -> int:
        """See `Work.wait`."""
        peer = self._transfer.wait(timeout)
        if not self._counted:
            self._counted = True
            self._received()
        return peer

    def is_completed(self) -> bool:
        """See `Work.is_completed`."""
        return self._transfer.is_completed()


class _CountingSum:
    """Does what `ReduceOp.SUM` does, and sets a rank's clocks."""

    def __init__(self, clocks: _Clocks) -> None:
        self._clocks = clocks

    def __getattr__(self, name: str) -> Any:
        return getattr(ReduceOp.SUM, name)

    def combine(self, left: NDArray[Any], right: NDArray[Any], out: NDArray[Any]) -> None:
        """See `ReduceOp.combine`."""
        self._count(out.nbytes)
        ReduceOp.SUM.combine(left, right, out)

    def reduce(self, parts: Sequence[NDArray[Any]], out: NDArray[Any]) -> None:
        """See `ReduceOp.reduce`."""
        self._count((len(parts) - 1) * out.nbytes)
        ReduceOp.SUM.reduce(parts, out)

    def _count(self, nbytes: int) -> None:
        self._clocks.reduced += nbytes
        self._clocks.did[2] += nbytes
