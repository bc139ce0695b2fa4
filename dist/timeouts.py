"""How long a wait may take: seconds or a timedelta, and never for ever."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

DEFAULT_TIMEOUT: Final = 300.0
"""Seconds that every wait takes at most, unless told otherwise."""
default_pg_timeout: Final = timedelta(seconds=DEFAULT_TIMEOUT)
"""The same as a timedelta."""


def timeout_seconds(operation: str, timeout: float | timedelta) -> float:
    """Return a timeout in seconds.

    Raises:
        TypeError: it is neither a number nor a timedelta.
        ValueError: it is not positive and finite.

    >>> timeout_seconds("recv", timedelta(minutes=1))
    60.0
    """
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{operation}: timeout is a {type(timeout).__name__}: need seconds or a timedelta")
    if not 0 < seconds < math.inf:
        raise ValueError(f"{operation}: timeout is {timeout}: need a positive, finite number of seconds")
    return float(seconds)


def attempts(deadline: float, longest: float = 0.01, shortest: float = 0.0005) -> Iterator[None]:
    """Yield at once, and again and again after pauses, until the time is over; the last time is after that.

    Args:
        deadline: of `time.monotonic()`.
        longest: seconds; the pauses double until they are so long.
        shortest: seconds of the first pause.
    """
    pause = shortest
    while True:
        is_over = time.monotonic() >= deadline
        yield
        if is_over:
            return
        time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        pause = min(2 * pause, longest)
