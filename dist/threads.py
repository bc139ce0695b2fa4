"""Threads, and what they wait for each other with: the system's, or in a simulation those of its scheduler."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Protocol


class Lock(Protocol):
    """The part of `threading.Lock` that is used here."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, and tell whether that succeeded within `timeout` seconds; -1 means any time."""
        ...

    def release(self) -> None:
        """Give the lock back, from any thread."""
        ...


class Queue(Protocol):
    """The part of `queue.SimpleQueue` that is used here."""

    def put(self, item: Any) -> None:
        """Append an item."""
        ...

    def get(self) -> Any:
        """Wait for the first item, and take it."""
        ...


class Threads(Protocol):
    """Makes threads, and what they wait for each other with."""

    def lock(self) -> Lock:
        """Return a lock that nobody holds."""
        ...

    def queue(self) -> Queue:
        """Return an empty queue."""
        ...

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        """Return a daemon thread that runs `run`."""
        ...

    def pause(self) -> None:
        """Let other threads run, where only one runs at a time: for loops that ask again and again."""
        ...

    def sleep(self, seconds: float) -> None:
        """Do nothing for some time, so that the others get ahead."""
        ...


class SystemThreads:
    """Threads that run as the system lets them; implements `Threads`."""

    def lock(self) -> Lock:
        """See `Threads.lock`."""
        return threading.Lock()

    def queue(self) -> Queue:
        """See `Threads.queue`."""
        return SimpleQueue()

    def start(self, run: Callable[[], None], name: str) -> threading.Thread:
        """See `Threads.start`."""
        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def pause(self) -> None:
        """See `Threads.pause`."""

    def sleep(self, seconds: float) -> None:
        """See `Threads.sleep`."""
        time.sleep(seconds)


_SYSTEM: Final = SystemThreads()


def current_threads() -> Threads:
    """Return what the calling thread makes threads and locks with.

    >>> type(current_threads()).__name__
    'SystemThreads'
    """
    found: Threads = getattr(threading.current_thread(), "scheduler", _SYSTEM)
    return found
