"""The order in which processes see each other's memory change, and how one wakes another.

Who changes a number and then looks at what the other side has changed, or copies bytes and then counts them, needs the
processor to keep that order. x86 keeps all but the order of a write and a later read of something else; others keep
none. A `Fence` makes any of them keep it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from typing import Final

# Whether writes become visible in their order, and reads happen in theirs.
STRONGLY_ORDERED: Final = platform.machine() in ("x86_64", "AMD64", "i686")


class Fence:
    """Keeps the order of what is before and after; used by one thread at a time.

    Taking and giving back a lock twice does: what came before cannot move past the first release, what comes after
    not before the second acquisition, and these two keep their order.
    """

    def __init__(self) -> None:
        lock = threading.Lock()
        # Nobody else has the lock; without `with` it takes half the time, and small messages have little.
        self._enter, self._leave = lock.acquire, lock.release

    def order(self) -> None:
        """Let everything before this happen before everything after it."""
        self._enter(False)
        self._leave()
        if not STRONGLY_ORDERED:
            self._enter(False)
            self._leave()


class Doorbell:
    """Wakes a process that has said that it sleeps.

    Args:
        asleep: the word in shared memory in which it says so.
        fd: its eventfd; owned by the doorbell.
    """

    def __init__(self, asleep: memoryview, fd: int) -> None:
        self._asleep = asleep
        self._fd = fd
        self._order = Fence().order

    def ring(self) -> None:
        """Wake the process if it sleeps and does not know of what was written to shared memory so far."""
        self._order()
        if self._asleep[0]:
            self._asleep[0] = 0
            with contextlib.suppress(BlockingIOError):
                os.eventfd_write(self._fd, 1)

    def close(self) -> None:
        """Release what is held."""
        self._asleep.release()
        os.close(self._fd)
