"""A thread per process that tells the other ranks what this one does, and looks around when a call takes long.

Most mismatches show in the first message of the wrong call. Some do not, because each rank waits for another one and
nobody sends: two ranks that `reduce` to each other, for example. Comparing what the ranks say they do finds those.
"""

from __future__ import annotations

import threading
import time

from dist.failures import Failures
from dist.flight_record import Call, FlightRecord

INTERVAL = 0.25  # seconds
LONG = 1.0  # seconds


class Watchdog:
    """Runs until `close`."""

    def __init__(self, failures: Failures, record: FlightRecord) -> None:
        self._failures = failures
        self._record = record
        self._published: tuple[Call, str] | None = None
        self._next_look = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dist watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Idempotent."""
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL) and self._failures.error is None:
            self._tick()

    def _tick(self) -> None:
        call = self._record.last()
        if call is None:
            return
        if self._published != (call, call.state):
            self._published = call, call.state
            self._failures.publish()
        now = time.monotonic()
        if call.state in ("running", "queued") and now - call.started > LONG and now > self._next_look:
            self._next_look = now + LONG
            self._failures.look_around()
