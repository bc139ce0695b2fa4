"""What a caller holds of an operation that was started: `wait()` and `is_completed()`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from dist.errors import DistError, TransportTimeout
from dist.failures import again
from dist.threads import current_threads
from dist.timeouts import timeout_seconds

if TYPE_CHECKING:
    from dist.arguments import Buffer, Tensor
    from dist.channel import Channel
    from dist.flight_record import Call
    from dist.process_group.core import Core
    from dist.transport.base import Work as Transfer

_SOON: Final = 1e-3  # seconds: a timeout must not be zero


class Work(Protocol):
    """An operation that was started; the buffers belong to it until `wait` returned."""

    def wait(self, timeout: float | timedelta | None = None) -> bool:
        """Block until the operation is over and return True.

        Args:
            timeout: seconds or timedelta from this call; None means the group's timeout.

        Raises:
            TransportTimeout: it is not over yet. With a `timeout` of one's own it goes on, and can be waited for again.
            PeerError: another rank failed.
            CollectiveMismatch: the ranks made different calls.
        """
        ...

    def is_completed(self) -> bool:
        """Tell, without blocking, whether `wait` would return or raise at once."""
        ...

    def result(self) -> list[Any]:
        """Wait, and return the tensors that the operation wrote into."""
        ...


class CollectiveWork:
    """A collective that the group's communication thread runs; implements `Work`."""

    __slots__ = ("_done", "_error", "_group", "_results", "_running", "call", "run")

    def __init__(self, group: Core, call: Call, run: Callable[[Channel], None], results: Sequence[Tensor] = ()) -> None:
        self._group = group
        self._results = results
        self._error: BaseException | None = None
        self._done = False
        self._running = current_threads().lock()  # held until the collective is over
        self._running.acquire()
        self.call = call
        self.run = run

    def finish(self, error: BaseException | None = None) -> None:
        """Wake whoever waits."""
        self._error = error
        self._done = True
        self._running.release()

    def is_completed(self) -> bool:
        """See `Work.is_completed`."""
        if not self._done:
            current_threads().pause()
        return self._done

    def wait(self, timeout: float | timedelta | None = None) -> bool:
        """See `Work.wait`."""
        op = self.call.signature.op
        allowed = self._group.patience() if timeout is None else timeout_seconds(op, timeout)
        started = time.monotonic()
        done = self._running.acquire(timeout=allowed)
        self._group.statistics.seconds += time.monotonic() - started
        if not done:
            raise _not_done(self.call, allowed)
        self._running.release()
        if self._error is not None:
            raise again(self._error)
        return True

    def result(self) -> list[Any]:
        """See `Work.result`."""
        self.wait()
        return list(self._results)


class CombinedWork:
    """Several operations as one; implements `Work`."""

    def __init__(self, works: Sequence[Work], results: Sequence[Any]) -> None:
        self._works = works
        self._results = results

    def is_completed(self) -> bool:
        """See `Work.is_completed`."""
        return all(work.is_completed() for work in self._works)

    def wait(self, timeout: float | timedelta | None = None) -> bool:
        """See `Work.wait`."""
        deadline = None if timeout is None else time.monotonic() + timeout_seconds("wait", timeout)
        for work in self._works:
            work.wait(None if deadline is None else max(_SOON, deadline - time.monotonic()))
        return True

    def result(self) -> list[Any]:
        """See `Work.result`."""
        self.wait()
        return list(self._results)


class PointToPointWork:
    """A message on its way; implements `Work`."""

    __slots__ = ("_buffer", "_call", "_group", "_peer", "_results", "_transfer")

    def __init__(
        self,
        group: Core,
        call: Call,
        transfer: Transfer,
        received: Buffer | None = None,
        results: Sequence[Tensor] = (),
    ) -> None:
        self._group = group
        self._results = results
        self._call = call
        self._transfer = transfer
        self._buffer = received
        self._peer: int | None = None

    def is_completed(self) -> bool:
        """See `Work.is_completed`."""
        return self._peer is not None or self._transfer.is_completed()

    def wait(self, timeout: float | timedelta | None = None) -> bool:
        """See `Work.wait`."""
        if self._peer is None:
            started = time.monotonic()
            try:
                self._peer = self._wait(timeout)
            finally:
                self._call.ended = time.monotonic()
                self._group.statistics.seconds += self._call.ended - started
            self._call.state = "done"
            if self._buffer is not None:
                self._buffer.write_back()
        return True

    def result(self) -> list[Any]:
        """See `Work.result`."""
        self.wait()
        return list(self._results)

    def source_rank(self) -> int:
        """Wait, and return the peer's global rank: for a receive from any rank, who sent."""
        self.wait()
        assert self._peer is not None
        return self._peer

    def _wait(self, timeout: float | timedelta | None) -> int:
        allowed = self._group.timeout if timeout is None else timeout_seconds(self._call.signature.op, timeout)
        try:
            return self._transfer.wait(allowed)
        except DistError as error:
            if timeout is not None and isinstance(error, TransportTimeout):
                raise _not_done(self._call, allowed) from None
            raise self._group.failures.translate(self._call, error, allowed) from error


def _not_done(call: Call, seconds: float) -> TransportTimeout:
    return TransportTimeout(f"{call}: not done after {seconds:g} s; it goes on, and can be waited for again")
