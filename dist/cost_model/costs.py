"""From how much is done to how long it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Load:
    """What keeps processors busy.

    Attributes:
        messages: how many are handled: a message counts where it is sent and where it is received.
        bytes: how many of them are handled, counted likewise.
        reduced: bytes of results of adding two arrays.
    """

    messages: float = 0
    bytes: float = 0
    reduced: float = 0

    def __add__(self, other: Load) -> Load:
        """Return both."""
        return Load(self.messages + other.messages, self.bytes + other.bytes, self.reduced + other.reduced)

    def __mul__(self, factor: float) -> Load:
        """Return `factor` times as much."""
        return Load(self.messages * factor, self.bytes * factor, self.reduced * factor)


@dataclass(frozen=True)
class Work:
    """What one collective call does.

    Attributes:
        steps: messages in the longest chain of which none can leave before the one before it has arrived.
        path: for each kind of load, as much of it as must be done one after the other, by one rank or by several that
            wait for each other.
        total: what all ranks do together.
        link_bytes: bytes that must pass one after the other, where every rank has one link in each direction.
    """

    steps: int
    path: Load
    total: Load
    link_bytes: float


@dataclass(frozen=True)
class Costs:
    """What it takes on some machine, in seconds.

    Attributes:
        call: of a call on each rank, besides what it does.
        latency: from when a small message is sent until the other rank has it, each rank having a core of its own.
        shared_latency: the same where ranks share cores and must be woken in turn.
        message: to handle one more message at one end.
        byte: to handle a byte of a message at one end.
        reduced_byte: to compute a byte of a result.
        link_byte: of a link, per byte in one direction; 0 within a machine, where links are memory.
    """

    call: float
    latency: float
    shared_latency: float
    message: float
    byte: float
    reduced_byte: float
    link_byte: float = 0.0

    def with_link(self, latency: float, bandwidth: float) -> Costs:
        """Return the costs across a network that adds `latency` (s) and carries `bandwidth` (bytes/s) per rank.

        >>> Costs(2e-5, 2e-5, 5e-5, 1e-5, 2e-10, 3e-11).with_link(1e-5, 2.5e9).link_byte
        4e-10
        """
        return replace(
            self,
            latency=self.latency + latency,
            shared_latency=self.shared_latency + latency,
            link_byte=1 / bandwidth,
        )

    def time(self, work: Work, size: int, cores: int | None = None) -> float:
        """Return how long a call takes among `size` ranks, in seconds.

        It takes as long as the longest chain of what must be done one after the other, and not less than what all cores
        together need for everything.

        Args:
            work: what the call does.
            size: number of ranks.
            cores: how many the ranks share; None means a core for each.

        >>> costs = Costs(call=1, latency=10, shared_latency=50, message=2, byte=0.5, reduced_byte=0.25)
        >>> ping_pong = Work(steps=2, path=Load(4, 200), total=Load(4, 400), link_bytes=200)
        >>> costs.time(ping_pong, size=2), costs.time(ping_pong, size=2, cores=1)
        (121.0, 210.0)
        """
        shared = cores is not None and size > cores
        # The latency of a step is that of a message, with what both its ends do.
        more_messages = max(0.0, work.path.messages - 2 * work.steps)
        busy = self._busy(replace(work.path, messages=more_messages))
        path = work.steps * (self.shared_latency if shared else self.latency) + max(
            busy, work.link_bytes * self.link_byte
        )
        if cores is None or not shared:
            return self.call + path
        return self.call * size / cores + max(path, self._busy(work.total) / cores)

    def _busy(self, load: Load) -> float:
        return load.messages * self.message + load.bytes * self.byte + load.reduced * self.reduced_byte
