"""From what a transport sees to what a user needs to know: who failed, and why.

One `Failures` serves all groups of a process. The first failure is final: it ends whatever this rank is blocked in,
and every later call raises it again.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from dist.comparison import (
    Difference,
    Published,
    first_difference,
    not_come,
    publish,
    read,
    unlike_messages,
    who_is_where,
)
from dist.debug import records
from dist.errors import CollectiveMismatch, DistError, LengthMismatch, PeerError, PeerLost, TransportTimeout
from dist.flight_record import Call, FlightRecord
from dist.forks import abandon_in_children
from dist.transport.base import Transport

# Found out by one rank, and to be raised by all, by the names under which they are told.
_TOLD: dict[str, Callable[[str, int | None], DistError]] = {
    "CollectiveMismatch": lambda text, rank: CollectiveMismatch(text),
    "PeerError": PeerError,
    "TransportTimeout": TransportTimeout,
}
# The ranks' words on their latest calls travel with heartbeats: after this long the difference must have shown itself.
_WITHIN = 3.0  # seconds
_ON_ITS_WAY = 0.3  # seconds
_POLL = 0.02  # seconds
_logger = logging.getLogger(__name__)
ErrorT = TypeVar("ErrorT", bound=BaseException)


class ControlPlane(Protocol):
    """What the groups of a process ask of the control plane; `dist.control.Membership` is one."""

    def subscribe(self, callback: Callable[[DistError], None]) -> None:
        """Have `callback` called once, from another thread, at the first failure."""
        ...

    def blame(self, lost_rank: int | None, within: float = 2.0) -> DistError:
        """Return why the connection to a rank is lost, waiting `within` seconds for the word of the control plane."""
        ...

    def report(self, message: str) -> None:
        """Tell all ranks that this one fails."""
        ...

    def publish_call(self, description: str) -> None:
        """Let all ranks know what this one is doing."""
        ...

    def everyone(self) -> dict[int, str]:
        """Return what each rank published last."""
        ...

    def announce(self, kind: str, payload: str = "") -> None:
        """Tell every rank, this one included, what has failed."""
        ...

    def listen(self, callback: Callable[[int, str, str], None]) -> None:
        """Have `callback(rank, kind, payload)` called, from another thread, with every announcement."""
        ...


def again(error: ErrorT) -> ErrorT:
    """Return a copy to raise: several threads and calls may raise one failure, each with its own traceback."""
    return copy.copy(error)


class Failures:
    """Knows the first failure of the job, and makes it everybody's.

    Args:
        transport: aborted at the first failure, so that whoever is blocked in it wakes up.
        control: knows what happened to other ranks; None where nobody watches.
        record: shown in part, and saved as a whole in the folder that the environment variable
            TENSORLIB_FLIGHT_RECORD names.

    Attributes:
        error: the first failure, or None.
        inject: called with the name of each operation before it begins, to make it fail; for tests, see `dist.faults`.
    """

    def __init__(self, transport: Transport, control: ControlPlane | None, record: FlightRecord) -> None:
        self.error: BaseException | None = None
        self._transport = transport
        self._control = control
        self._record = record
        self._lock = threading.Lock()
        self._settled = threading.Event()
        self._timed_out = False
        self.inject: Callable[[str], None] | None = None
        self._aborts: list[Callable[[str], None]] = []
        abandon_in_children(self)
        if control is not None:
            control.subscribe(self._settle)
            control.listen(self._on_announcement)

    def translate(self, call: Call, error: DistError, timeout: float) -> BaseException:
        """Return the error to raise in place of what the transport raised in `call`; from now on it is final."""
        call.state = "failed"
        if self.error is None:
            self._settle(self._explain(call, error, timeout), tell=True)
        assert self.error is not None
        return again(self.error)

    def interrupted(self, call: Call, error: BaseException) -> None:
        """A call was left half done, by Ctrl-C for example: what follows would not be in step with the other ranks."""
        call.state = "failed"
        text = f"{call} was interrupted by {type(error).__name__}: the process group cannot be used any more"
        self._settle(DistError(text), tell=True)

    def on_abort(self, abort: Callable[[str], None]) -> None:
        """Have `abort(reason)` called at the first failure, to end what waits elsewhere than in the transport."""
        with self._lock:
            self._aborts.append(abort)
            error = self.error
        if error is not None:
            abort(str(error))

    def off_abort(self, abort: Callable[[str], None]) -> None:
        """Forget about `abort`."""
        with self._lock:
            if abort in self._aborts:
                self._aborts.remove(abort)

    def look_around(self) -> None:
        """Compare what the ranks do, and fail if they do different things; to be called when a call takes long."""
        difference = first_difference(self._calls())
        if difference is not None:
            self._settle(CollectiveMismatch(str(difference)), tell=True)

    def publish(self) -> None:
        """Let the other ranks know the latest calls of this one."""
        if self._control is not None:
            self._control.publish_call(publish(self._record))

    def abandon(self) -> None:
        """See `Inherited.abandon`."""
        self.error = DistError("a forked process cannot use the process group of its parent")

    def _explain(self, call: Call, error: DistError, timeout: float) -> DistError:
        if isinstance(error, CollectiveMismatch | LengthMismatch):
            return CollectiveMismatch(self._find_difference(call) or f"{call} met a message of another call: {error}")
        if isinstance(error, PeerLost):
            return self._blame(error)
        if isinstance(error, TransportTimeout):
            self._timed_out = True
            return self._time_is_over(call, error, timeout)
        return error

    def _time_is_over(self, call: Call, error: TransportTimeout, timeout: float) -> TransportTimeout:
        calls = self._calls()
        absence = not_come(calls, call)
        who = f": {absence}" if absence else ""
        blamed = absence.ranks[0] if absence and len(absence.ranks) == 1 else error.rank
        where = who_is_where(calls)
        return TransportTimeout(f"{call}: not done after {timeout:g} s{who}; where the ranks are:\n{where}", blamed)

    def _blame(self, error: PeerLost) -> DistError:
        # Word of what happened is often on its way already: a rank that fails tells all, and then cuts its connections.
        if self._settled.wait(_ON_ITS_WAY if self._control else 0.0) and isinstance(self.error, DistError):
            return self.error
        return PeerError(str(error), error.rank) if self._control is None else self._control.blame(error.rank)

    def _find_difference(self, call: Call) -> str | None:
        """Wait until what the other ranks publish shows the difference."""
        self.publish()
        difference: Difference | None = None
        deadline = time.monotonic() + _WITHIN
        while time.monotonic() < deadline and self.error is None:
            calls = self._calls()
            difference = first_difference(calls) if call.number else unlike_messages(calls, self._transport.rank, call)
            if difference and (not call.number or difference.calls.keys() >= set(call.members)):
                break
            time.sleep(_POLL)
        return str(difference) if difference else None

    def _tell(self, error: BaseException) -> None:
        """Have all ranks learn what this one found out; without a control plane, that something failed must do."""
        if self._control is None:
            return
        with contextlib.suppress(DistError):
            kind = type(error).__name__
            if kind in _TOLD:
                self._control.announce(kind, json.dumps([str(error), getattr(error, "rank", None)]))
            else:
                self._control.report(f"gave up: {str(error).partition(chr(10))[0]}")

    def _on_announcement(self, rank: int, kind: str, payload: str) -> None:
        if kind in _TOLD:
            self._settle(_TOLD[kind](*json.loads(payload)))

    def _settle(self, error: BaseException, tell: bool = False) -> None:
        """Make `error` the failure, if it is the first, and end whatever waits; `tell` what only this rank knows."""
        with self._lock:
            # Who is about to say that time is over and where everybody is, says that: often all ranks do at once.
            if self.error is not None or (self._timed_out and not tell):
                return
            description = self._describe_record(error)  # before the error is known, and the threads go on
            self.error = error
            aborts = list(self._aborts)
        self._settled.set()
        if tell:
            self._tell(error)
        for abort in (self._transport.abort, *aborts):
            abort(str(error))
        self._save_record(description)

    def _describe_record(self, error: BaseException) -> str:
        """Return what to save of the flight record; nothing where nobody has asked for it."""
        if not os.environ.get(records.FOLDER_VARIABLE):
            return ""
        return records.describe(self._transport.rank, self._transport.size, error, self._record)

    def _save_record(self, text: str) -> None:
        folder = os.environ.get(records.FOLDER_VARIABLE)
        if not folder or not text:
            return
        try:
            records.write(Path(folder), self._transport.rank, text)
        except OSError as error:
            _logger.warning("flight record not saved: %s", error)

    def _calls(self) -> dict[int, list[Published]]:
        """Return the latest calls of every rank: this one's as they are, the others' as they were published."""
        published: dict[int, str] = {}
        if self._control is not None:
            with contextlib.suppress(DistError):
                published = self._control.everyone()
        published[self._transport.rank] = publish(self._record)
        return {rank: read(text) for rank, text in published.items()}
