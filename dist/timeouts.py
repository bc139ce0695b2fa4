"""How long a wait may take: seconds or a timedelta, and never for ever."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

DEFAULT_TIMEOUT: Final = 300.0
"""Seconds that every wait takes at most, unless told otherwise."""


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
