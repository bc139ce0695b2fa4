"""Who moves the bytes: at any moment at most one thread serves the sockets of a transport.

A thread that waits for a transfer serves all sockets itself, because waking another thread costs more than a small
message. Further waiting threads stand by and take over when it is done. A background thread steps in only when
transfers have been under way for a while and nobody waits for any: for example while the owner of a large send
computes. It is started the first time that this can happen.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from dist.errors import DistError
from dist.timeouts import DEFAULT_TIMEOUT
from dist.transport.transfer import Transfer

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
GONE: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR

# A neighbour that runs on another core answers in less. One that shares this core gets it while we spin.
SPIN_SECONDS: Final = 20e-6
# How long transfers rest before the background thread takes them up.
GRACE_SECONDS: Final = 5e-3

# How often news in shared memory are looked for before the sockets are, and others on this core get their turn; and for
# how long before the thread sleeps, because to be woken takes as long as several small messages.
LOOKS: Final = 8
LOOK_SECONDS: Final = 100e-6
# However much is new in shared memory, the sockets are served as often: they tell of aborts and deaths.
SOCKETS_SECONDS: Final = 1e-3

Handler = Callable[[int], None]


class Polled(Protocol):
    """News that no socket tells of, as in shared memory; all methods but `abandon` are called with the lock held."""

    def poll(self) -> bool:
        """Handle what is new; tell whether anything was."""
        ...

    def fall_asleep(self) -> bool:
        """Have whoever makes news write to the engine's `wake_fd` from now on; False if there were some just now."""
        ...

    def wake_up(self) -> None:
        """There is no need for that any more."""
        ...

    def close(self) -> None:
        """Release what is held; there will be no more calls."""
        ...


class ProgressEngine:
    """Serves sockets with whatever thread waits, under one lock; implements `Waiter`.

    Handlers run with `lock` held and must not block. All methods but `wait_for`, `make_progress` and `close` are called
    with `lock` held.

    Attributes:
        lock: guards the transport.
        wake_fd: an eventfd that wakes the thread that serves.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._changed = threading.Condition(self.lock)
        self._epoll = select.epoll()
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self.wake_fd, READ)
        self._handlers: dict[int, Handler] = {}
        self._polled: Polled | None = None
        self._patience = SPIN_SECONDS
        self._pending = 0  # transfers under way
        self._waiting = 0  # threads that wait for one, leading or standing by
        self._waits = 0  # how often a thread has begun to wait
        self._standing_by = 0
        self._leading = False
        self._selecting = False  # the leader is in epoll, without the lock
        self._closed = False
        self._released = False
        self._background: threading.Thread | None = None
        self._background_call = threading.Condition(self.lock)
        self._background_parked = False

    def poll_too(self, polled: Polled) -> None:
        """Serve this, too, beside the sockets; owned by the engine from now on."""
        self._polled = polled
        self._patience = LOOK_SECONDS

    def add(self, fd: int, handler: Handler) -> None:
        """Call `handler(events)` whenever `fd` has news: READ at first, and always GONE."""
        self._handlers[fd] = handler
        self._epoll.register(fd, READ | select.EPOLLRDHUP)

    def watch(self, fd: int, events: int) -> None:
        """Change what `fd` is watched for, beside GONE: READ, WRITE, both, or 0."""
        self._epoll.modify(fd, events | select.EPOLLRDHUP)

    def remove(self, fd: int) -> None:
        """Stop watching `fd`."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def start(self, large: bool) -> None:
        """Count a transfer that did not end at once; a large one needs progress even when nobody waits for it."""
        self._pending += 1
        if large:
            if self._background is None:
                self._background = threading.Thread(target=self._step_in, name="dist progress", daemon=True)
                self._background.start()
            elif self._background_parked:
                self._background_call.notify()

    def finish(self, transfer: Transfer, error: DistError | None = None) -> None:
        """End a transfer that was counted, and let the thread that waits for it know."""
        transfer.finish(error)
        self._pending -= 1
        if self._standing_by:
            self._changed.notify_all()
        if self._selecting:
            self._wake()

    def look_again(self) -> None:
        """Have the thread that serves look for news in shared memory that it may have passed over before."""
        if self._selecting:
            self._wake()

    def wait_for(self, transfer: Transfer, deadline: float) -> None:
        """See `Waiter.wait_for`."""
        with self.lock:
            self.wait_until(lambda: transfer.done, deadline)

    def make_progress(self) -> None:
        """See `Waiter.make_progress`."""
        with self.lock:
            if not self._leading and not self._closed:
                self._serve(0.0)

    def wait_until(self, stop: Callable[[], bool], deadline: float) -> None:
        """Return once `stop()`, or at `deadline` (seconds of `time.monotonic`); releases `lock` while it sleeps."""
        self._waiting += 1
        self._waits += 1
        try:
            while not stop() and (remaining := deadline - time.monotonic()) > 0:
                if self._leading:
                    self._stand_by(remaining)
                else:
                    self._lead(stop, deadline, self._patience)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Stop the background thread and release what is held; no transfer may be under way. Idempotent."""
        with self.lock:
            if self._closed:
                return
            self._closed = True
            self._background_call.notify()
            while self._leading:
                self._stand_by(1.0)
        if self._background is not None:
            self._background.join()
        self._release()

    def abandon(self) -> None:
        """See `Inherited.abandon`; a thread of the parent may have held the lock."""
        self._closed = True
        self.lock = threading.Lock()
        self._release()

    def _release(self) -> None:
        if self._released:  # the descriptors may be something else by now
            return
        self._released = True
        self._epoll.close()
        os.close(self.wake_fd)
        if self._polled is not None:
            self._polled.close()

    def _stand_by(self, timeout: float) -> None:
        """Let the leader go on; it may be the background thread, which makes room for one that waits."""
        if self._selecting:
            self._wake()
        self._standing_by += 1
        try:
            self._changed.wait(timeout)
        finally:
            self._standing_by -= 1

    def _lead(self, stop: Callable[[], bool], deadline: float, spin: float) -> None:
        """Serve the sockets until `stop()` or `deadline`."""
        self._leading = True
        try:
            served = time.monotonic()
            spin_until = served + spin
            while not stop() and (now := time.monotonic()) < deadline:
                spinning = now < spin_until
                if not (spinning and now < served + SOCKETS_SECONDS and self._look()):
                    served = now
                    if not self._serve(0.0 if spinning else deadline - now):
                        continue
                spin_until = time.monotonic() + spin
        finally:
            self._leading = False
            if self._standing_by:
                self._changed.notify_all()

    def _look(self) -> bool:
        """Look for news in shared memory for a moment, and handle it; tell whether there was any."""
        if self._polled is not None:
            for _ in range(LOOKS):
                if self._polled.poll():
                    return True
            self.lock.release()
            try:
                os.sched_yield()
            finally:
                self.lock.acquire()
        return False

    def _serve(self, timeout: float) -> bool:
        """Wait until there is news, and handle it; tell whether there was any."""
        if self._polled is None:
            return self._select(timeout)
        if timeout == 0.0:
            return self._polled.poll() or self._select(timeout)
        if not self._polled.fall_asleep():
            return True
        try:
            return self._select(timeout)
        finally:
            self._polled.wake_up()

    def _select(self, timeout: float) -> bool:
        """Wait until a socket has news, and handle it; tell whether there was any."""
        self._selecting = True
        self.lock.release()
        try:
            ready = self._epoll.poll(timeout)
            if not ready and timeout == 0.0:
                os.sched_yield()  # the neighbour that is to answer may share this core
        finally:
            self.lock.acquire()
            self._selecting = False
        for fd, events in ready:
            if fd == self.wake_fd:
                os.eventfd_read(fd)
            elif handler := self._handlers.get(fd):
                handler(events)
        return bool(ready)

    def _wake(self) -> None:
        os.eventfd_write(self.wake_fd, 1)

    def _step_in(self) -> None:
        """Run in the background thread: lead once nobody has waited for a while, until somebody does."""

        def needed() -> bool:
            return self._pending > 0 and self._waiting == 0 and not self._closed

        with self.lock:
            while not self._closed:
                waits = self._waits
                self._background_parked = self._pending == 0
                self._background_call.wait(None if self._background_parked else GRACE_SECONDS)
                if needed() and self._waits == waits and not self._leading:
                    self._lead(lambda: not needed(), time.monotonic() + DEFAULT_TIMEOUT, spin=0.0)
