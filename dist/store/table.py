"""The server's keys and values, and the requests that wait for keys to be set."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from dist.store.request import TIMEOUT, Request

SHOWN_KEYS = 10


@dataclass(eq=False)
class Waiter:
    """A request that goes on when all keys that are missing have been set."""

    request: Request
    missing: set[str]
    started: float
    deadline: float
    returns_value: bool


class Table:
    """Keys and values; every operation answers its request at once, except those that wait."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._waiters: dict[str, set[Waiter]] = {}

    def set(self, request: Request) -> None:
        """Arguments: key, value."""
        key, value = request.arguments
        self._write(key.decode(), value)
        request.answer()

    def add(self, request: Request) -> None:
        """Arguments: key, amount in decimal digits."""
        key, amount = request.arguments[0].decode(), int(request.arguments[1])
        try:
            total = int(self._values.get(key, b"0")) + amount
        except ValueError:
            request.fail(f"the value of {key!r} is not an integer")
            return
        self._write(key, b"%d" % total)
        request.answer(b"%d" % total)

    def delete(self, request: Request) -> None:
        """Arguments: key."""
        (key,) = request.arguments
        request.answer(b"1" if self._values.pop(key.decode(), None) is not None else b"0")

    def compare_set(self, request: Request) -> None:
        """Arguments: key, expected value, desired value."""
        name, expected, desired = request.arguments
        key = name.decode()
        if self._values.get(key, b"") == expected:
            self._write(key, desired)
        request.answer(self._values.get(key, expected))

    def check(self, request: Request) -> None:
        """Arguments: keys."""
        request.answer(b"1" if all(key.decode() in self._values for key in request.arguments) else b"0")

    def list_keys(self, request: Request) -> None:
        """No arguments."""
        request.answer(*(key.encode() for key in self._values))

    def get(self, request: Request) -> None:
        """Arguments: seconds, key."""
        self._wait(request, returns_value=True)

    def wait(self, request: Request) -> None:
        """Arguments: seconds, keys."""
        self._wait(request, returns_value=False)

    def forget(self, prefix: str) -> None:
        """Remove all keys that begin with `prefix`."""
        for key in [key for key in self._values if key.startswith(prefix)]:
            del self._values[key]

    def expire(self, now: float) -> float:
        """Fail the requests whose time is over; return the seconds until the next one's is."""
        waiting = {waiter for waiters in self._waiters.values() for waiter in waiters}
        for waiter in [waiter for waiter in waiting if waiter.deadline <= now]:
            self._give_up(waiter, now)
            waiting.discard(waiter)
        return min((waiter.deadline - now for waiter in waiting), default=math.inf)

    def _wait(self, request: Request, returns_value: bool) -> None:
        timeout, *keys = request.arguments
        now = time.monotonic()
        missing = {key.decode() for key in keys} - self._values.keys()
        waiter = Waiter(request, missing, now, now + float(timeout), returns_value)
        for key in missing:
            self._waiters.setdefault(key, set()).add(waiter)
        if not missing:
            self._go_on(waiter)

    def _write(self, key: str, value: bytes) -> None:
        self._values[key] = value
        for waiter in self._waiters.pop(key, ()):
            waiter.missing.discard(key)
            if not waiter.missing:
                self._go_on(waiter)

    def _go_on(self, waiter: Waiter) -> None:
        keys = waiter.request.arguments[1:] if waiter.returns_value else []
        waiter.request.answer(*(self._values[key.decode()] for key in keys))

    def _give_up(self, waiter: Waiter, now: float) -> None:
        for key in waiter.missing:
            self._waiters[key].discard(waiter)
            if not self._waiters[key]:
                del self._waiters[key]
        names = sorted(waiter.missing)
        shown = ", ".join(map(repr, names[:SHOWN_KEYS])) + (", ..." if len(names) > SHOWN_KEYS else "")
        seconds = waiter.deadline - waiter.started
        waiter.request.fail(f"nobody set {shown} within {seconds:g} s", TIMEOUT)
