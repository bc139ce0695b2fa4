"""What a rank knows of the others: who failed and why, who left, who is where."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable

from dist import at_exit
from dist.errors import PeerError, StoreError
from dist.rendezvous import Rendezvous
from dist.store.client import STATUS_SECONDS
from dist.store.request import NO_RANK

FAREWELL_SECONDS = 2.0
# After a failure nobody has work to finish: the process that runs the store keeps it for no longer than this.
LINGER_AFTER_FAILURE_SECONDS = 5.0
# A launcher says how a rank's process ended a moment after the rank itself has left.
EXIT_REPORT_SECONDS = 0.5
REMEMBERED_ANNOUNCEMENTS = 100

Announcement = Callable[[int, str, str], None]


class Membership:
    """This rank's view of its group, kept current by the store's server.

    A rank fails when it says so (`report`), when the launcher says so, or when its process ends or falls silent. All
    ranks learn the same first failure, which then stays. A rank that leaves in order has not failed.

    Callbacks run in the control thread: they must be quick, and must not wait for anything said here.

    Args:
        rendezvous: what the rank got when the group had formed; its `patience` decides when a silent rank is failed.
    """

    def __init__(self, rendezvous: Rendezvous) -> None:
        self._rendezvous = rendezvous
        self._client = rendezvous.client
        self._changed = threading.Condition()
        self._failure: tuple[str, int | None] | None = None
        self._left: dict[int, str] = {}
        self._has_left = False
        self._subscribers: list[Callable[[PeerError], None]] = []
        self._listeners: list[Announcement] = []
        self._announced: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED_ANNOUNCEMENTS)
        at_exit.register(self._exit)
        self._client.on_event(self._on_event)

    def failure(self) -> PeerError | None:
        """Return the first failure known, a new exception each time; None while all is well."""
        return PeerError(*self._failure) if self._failure else None

    def departed(self) -> dict[int, str]:
        """Return how each rank that has left did so: "exited" or "left the group"."""
        return dict(self._left)

    def subscribe(self, callback: Callable[[PeerError], None]) -> None:
        """Have `callback` called once, at the first failure: from the control thread, or here if there was one."""
        with self._changed:
            failure = self.failure()
            if not failure:
                self._subscribers.append(callback)
        if failure:
            callback(failure)

    def listen(self, callback: Announcement) -> None:
        """Have `callback(rank, kind, payload)` called with every announcement so far and to come, this rank's too."""
        with self._changed:
            missed = list(self._announced)
            self._listeners.append(callback)
        for announcement in missed:
            callback(*announcement)

    def announce(self, kind: str, payload: str = "") -> None:
        """Tell every rank what has failed; all hear all announcements in the same order.

        Raises:
            StoreError: the store is gone.
        """
        self._client.request("announce", kind.encode(), payload.encode())

    def blame(self, lost_rank: int | None, within: float = 2.0) -> PeerError:
        """Say why the connection to `lost_rank` is gone, waiting at most `within` seconds for word of the cause.

        The cause may be another rank: the one lost may itself have ended because of it.
        """
        deadline = time.monotonic() + within
        with self._changed:
            self._changed.wait_for(lambda: self._failure or lost_rank in self._left, within)
            rest = min(EXIT_REPORT_SECONDS, max(0.0, deadline - time.monotonic()))
            self._changed.wait_for(lambda: self._failure, rest)
            return self.failure() or self._guess(lost_rank)

    def report(self, message: str) -> None:
        """Tell all ranks that this one fails; `message` stands behind its name: "raised ValueError: bad batch"."""
        self._rendezvous.linger = LINGER_AFTER_FAILURE_SECONDS
        with contextlib.suppress(StoreError):
            self._client.request("fail", message.encode(), timeout=FAREWELL_SECONDS)

    def publish_call(self, description: str) -> None:
        """Note what this rank is doing, for `everyone`; costs nothing, and is passed on twice a second."""
        self._client.status = description

    def everyone(self, within: float = 2.0) -> dict[int, str]:
        """Return what every rank is doing, waiting until all have said so since this call, or `within` is over.

        Returns:
            What each rank published last; "" for nothing. Empty if the store is gone.
        """
        started = time.monotonic()
        while True:
            time.sleep(min(STATUS_SECONDS, within))
            try:
                (answer,) = self._client.request("calls", timeout=FAREWELL_SECONDS)
            except StoreError:
                return {}
            said, elapsed = json.loads(answer), time.monotonic() - started
            if elapsed >= within or all(age < elapsed for _, age in said.values()):
                return {int(rank): call for rank, (call, _) in said.items()}

    def leave(self) -> None:
        """This rank is done. Not a failure, except for those that still wait for something from it. Idempotent."""
        self._leave("left the group")

    def _exit(self) -> None:
        self._leave("exited")

    def _leave(self, how: str) -> None:
        at_exit.unregister(self._exit)
        with self._changed:
            if self._has_left:
                return
            self._has_left = True
        with contextlib.suppress(StoreError):
            self._client.request("leave", how.encode(), timeout=FAREWELL_SECONDS)

    def _guess(self, lost_rank: int | None) -> PeerError:
        if lost_rank is None:
            return PeerError("a rank was lost, and nothing is known of the cause")
        cut_off = f"is cut off from {self._name(self._rendezvous.rank)}: connection lost"
        how = self._left.get(lost_rank, cut_off)
        return PeerError(f"{self._name(lost_rank)} {how}", lost_rank)

    def _name(self, rank: int) -> str:
        return self._rendezvous.members.get(rank, f"rank {rank}")

    def _on_event(self, kind: str, arguments: list[bytes]) -> None:
        if self._has_left:
            return
        if kind == "failed":
            number = int(arguments[0])
            self._fail(arguments[1].decode(), None if number == NO_RANK else number)
        elif kind == "gone":
            host, rank = self._rendezvous.store_host, self._rendezvous.store_host_rank
            self._fail(f"{host} runs the store, and {arguments[0].decode()}", rank)
        elif kind == "stopped":
            self._fail(f"{self._name(self._rendezvous.rank)}: {arguments[0].decode()}", self._rendezvous.rank)
        elif kind == "left":
            self._note_departure(int(arguments[0]), arguments[1].decode())
        elif kind == "announced":
            self._note_announcement(int(arguments[0]), arguments[1].decode(), arguments[2].decode())

    def _fail(self, message: str, rank: int | None) -> None:
        with self._changed:
            if self._failure:
                return
            self._failure = message, rank
            subscribers, self._subscribers = self._subscribers, []
            self._changed.notify_all()
        self._rendezvous.linger = LINGER_AFTER_FAILURE_SECONDS
        for subscriber in subscribers:
            subscriber(PeerError(message, rank))

    def _note_departure(self, rank: int, how: str) -> None:
        with self._changed:
            self._left[rank] = how
            self._changed.notify_all()

    def _note_announcement(self, *announcement: *tuple[int, str, str]) -> None:
        self._rendezvous.linger = LINGER_AFTER_FAILURE_SECONDS
        with self._changed:
            self._announced.append(announcement)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(*announcement)
