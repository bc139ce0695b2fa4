"""How a rank waits for a word in shared memory to change: eagerly at first, then ever more politely.

Another core answers within microseconds, and no system call is as quick. A rank that shares this core cannot answer
before we give it up. One that computes meanwhile is to be left alone: pauses are a fraction of what was waited already,
so that they never cost much of it.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Final

# Looking takes a third of a microsecond. More would be lost where two ranks happen to share a core, as they may at any
# time; and where they do not, to offer the core costs little.
SPINS: Final = 20
YIELD_SECONDS: Final = 500e-6
PAUSE_FRACTION: Final = 1 / 8
LONGEST_PAUSE: Final = 2e-3

# Through ctypes, because that lets other Python threads run meanwhile.
_yield: Final = ctypes.CDLL(None).sched_yield


def spins(ranks: int, cores: int) -> int:
    """Return how often to look before the core is offered to others: not at all where ranks share cores."""
    return SPINS if ranks <= cores else 0


def wait_until(changed: Callable[[], bool], spins: int, deadline: float) -> bool:
    """Return True once `changed()`, which may raise to end the waiting, or False at `deadline` (`time.monotonic`)."""
    for _ in range(spins):
        if changed():
            return True
    started = now = time.monotonic()
    while not changed():
        if now >= deadline:
            return False
        waited = now - started
        if waited < YIELD_SECONDS:
            _yield()
        else:
            time.sleep(min(waited * PAUSE_FRACTION, LONGEST_PAUSE, deadline - now))
        now = time.monotonic()
    return True


if os.uname().machine in ("x86_64", "i686", "AMD64"):  # a core's writes are seen in order there, and so are its reads

    def fence() -> None:
        """Let what was read and written before be done before what comes after."""

else:
    _locks: Final = (threading.Lock(), threading.Lock())

    def fence() -> None:
        """Let what was read and written before be done before what comes after.

        Leaving a lock orders what came before, entering another one what comes after, and the two keep their order.
        """
        for lock in _locks:
            with lock:
                pass
