"""The control plane of a simulated world: what one rank says, all hear, and what each does, all can see."""

from __future__ import annotations

import json
from collections.abc import Callable

from dist.comparison import Published, latest
from dist.errors import DistError, PeerError
from dist.flight_record import FlightRecord
from dist.scheduler import Scheduler


class Switchboard:
    """What the ranks of a simulated world know of each other.

    Attributes:
        scheduler: what ranks wait with until they hear something.
        failure: the first one.
        left: the ranks of which nothing more is to be expected.
        records: of every rank.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.failure: DistError | None = None
        self.left: set[int] = set()
        self.records: dict[int, FlightRecord] = {}
        self.subscribers: list[Callable[[DistError], None]] = []
        self.listeners: list[Callable[[int, str, str], None]] = []

    def fail(self, error: DistError) -> None:
        """Make a failure known to all, if it is the first."""
        if self.failure is None:
            self.failure = error
            for callback in self.subscribers:
                callback(error)
            self.scheduler.wake(self)

    def calls(self) -> dict[int, list[Published]]:
        """Return the latest calls of every rank."""
        return {rank: latest(record) for rank, record in self.records.items()}


class SimulatedMembership:
    """One rank's view of the switchboard; implements `dist.failures.ControlPlane`."""

    def __init__(self, switchboard: Switchboard, rank: int) -> None:
        self._switchboard = switchboard
        self._rank = rank

    def subscribe(self, callback: Callable[[DistError], None]) -> None:
        """See `ControlPlane.subscribe`."""
        self._switchboard.subscribers.append(callback)

    def blame(self, lost_rank: int | None, within: float = 2.0) -> DistError:
        """See `ControlPlane.blame`."""
        board = self._switchboard
        board.scheduler.let_others_run()  # one of them may be about to say
        what = "finished" if lost_rank in board.left else "connection lost"
        return board.failure or PeerError(f"rank {lost_rank} {what}", lost_rank)

    def report(self, message: str) -> None:
        """See `ControlPlane.report`."""
        self._switchboard.fail(PeerError(f"rank {self._rank} {message}", self._rank))

    def publish_call(self, description: str) -> None:
        """See `ControlPlane.publish_call`; the ranks of one process see each other's calls as they are."""

    def everyone(self) -> dict[int, str]:
        """See `ControlPlane.everyone`; the others get as far as they can before."""
        self._switchboard.scheduler.let_others_run()
        return {rank: json.dumps(calls) for rank, calls in self._switchboard.calls().items()}

    def announce(self, kind: str, payload: str = "") -> None:
        """See `ControlPlane.announce`."""
        for callback in self._switchboard.listeners:
            callback(self._rank, kind, payload)

    def listen(self, callback: Callable[[int, str, str], None]) -> None:
        """See `ControlPlane.listen`."""
        self._switchboard.listeners.append(callback)

    def leave(self) -> None:
        """Tell the others that nothing more is to be expected of this rank."""
        self._switchboard.left.add(self._rank)
        self._switchboard.scheduler.wake(self._switchboard)
