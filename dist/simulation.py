"""`simulate`: the ranks of a world as threads of one process, with real values and real failures."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from dist.arguments import integer
from dist.connect import make_world
from dist.control.uncaught import describe
from dist.errors import PeerError
from dist.faults import KINDS_OF_THREADS, FaultPlan
from dist.timeouts import timeout_seconds
from dist.transport.inproc import InprocTransport, make_inproc_world
from dist.world import enter_thread_world

ResultT = TypeVar("ResultT")
# A thread cannot be killed: one that is not busy communicating may outlive an aborted simulation.
_AFTER_ABORT = 1.0  # seconds


class _Switchboard:
    """The control plane of a simulated world: what one rank says, all hear."""

    def __init__(self, size: int) -> None:
        self.changed = threading.Condition()
        self.failure: PeerError | None = None
        self.left: set[int] = set()
        self.calls = dict.fromkeys(range(size), "")
        self.subscribers: list[Callable[[PeerError], None]] = []
        self.listeners: list[Callable[[int, str, str], None]] = []

    def fail(self, rank: int, message: str) -> None:
        """Make it known to all that a rank failed, if nothing failed before."""
        with self.changed:
            if self.failure is not None:
                return
            self.failure = PeerError(f"rank {rank} {message}", rank)
            self.changed.notify_all()
        for callback in self.subscribers:
            callback(self.failure)


class _SimulatedMembership:
    """One rank's view of the switchboard; implements `dist.failures.ControlPlane`."""

    def __init__(self, switchboard: _Switchboard, rank: int) -> None:
        self._switchboard = switchboard
        self._rank = rank

    def subscribe(self, callback: Callable[[PeerError], None]) -> None:
        """See `ControlPlane.subscribe`."""
        self._switchboard.subscribers.append(callback)

    def blame(self, lost_rank: int | None, within: float = 2.0) -> PeerError:
        """See `ControlPlane.blame`."""
        board = self._switchboard
        with board.changed:
            board.changed.wait_for(lambda: board.failure is not None or lost_rank in board.left, within)
        what = "finished" if lost_rank in board.left else "connection lost"
        return board.failure or PeerError(f"rank {lost_rank} {what}", lost_rank)

    def report(self, message: str) -> None:
        """See `ControlPlane.report`."""
        self._switchboard.fail(self._rank, message)

    def publish_call(self, description: str) -> None:
        """See `ControlPlane.publish_call`."""
        self._switchboard.calls[self._rank] = description

    def everyone(self) -> dict[int, str]:
        """See `ControlPlane.everyone`."""
        return dict(self._switchboard.calls)

    def announce(self, kind: str, payload: str = "") -> None:
        """See `ControlPlane.announce`."""
        for callback in self._switchboard.listeners:
            callback(self._rank, kind, payload)

    def listen(self, callback: Callable[[int, str, str], None]) -> None:
        """See `ControlPlane.listen`."""
        self._switchboard.listeners.append(callback)

    def leave(self) -> None:
        """Tell the others that nothing more is to be expected of this rank."""
        with self._switchboard.changed:
            self._switchboard.left.add(self._rank)
            self._switchboard.changed.notify_all()


class _Rank:
    """One simulated rank: its thread, and what came of it."""

    def __init__(
        self, transport: InprocTransport, board: _Switchboard, timeout: float, faults: FaultPlan | None
    ) -> None:
        self.rank = transport.rank
        self.result: Any = None
        self.error: BaseException | None = None
        self.failed_at = 0.0
        self._transport = transport
        self._membership = _SimulatedMembership(board, self.rank)
        self._world = make_world(transport, self._membership, timeout, "inproc", faults=faults)

    def start(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Run `fn` in a thread of its own."""
        self.thread = threading.Thread(target=self._run, args=(fn, args), name=f"rank {self.rank}", daemon=True)
        self.thread.start()

    def _run(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        enter_thread_world(self._world)
        try:
            self.result = fn(*args)
        except BaseException as error:  # handed to the caller of simulate
            self.error, self.failed_at = error, time.monotonic()
            self._membership.report(describe(error))
        finally:
            self._membership.leave()
            self._world.close()
            enter_thread_world(None)

    def stop(self, reason: str) -> None:
        """Make the rank's communication fail."""
        self._transport.abort(reason)

    def traceback(self) -> str:
        """Show where the thread is."""
        frame = sys._current_frames().get(self.thread.ident or 0)
        return f"rank {self.rank}:\n" + "".join(traceback.format_stack(frame))


def simulate(
    n: int,
    fn: Callable[..., ResultT],
    *args: Any,
    timeout: float | timedelta = 60.0,
    faults: FaultPlan | None = None,
) -> list[ResultT]:
    """Run `fn(*args)` on `n` ranks that are threads of this process, and return their results in rank order.

    In `fn`, `dist.get_rank()` and the collectives work as in a process of its own. Threads share everything else:
    module variables, the random state of NumPy, the working directory.

    Args:
        n: number of ranks.
        fn: what each rank runs.
        args: its arguments, the same for all ranks.
        timeout: seconds or timedelta.
        faults: what is to go wrong, see `dist.testing.FaultPlan`: threads can raise, exit, be late, lose connections.

    Raises:
        Exception: what the first rank that failed raised, with a note that names the rank.
        TimeoutError: some rank was not done after `timeout` seconds; shows where each is.

    Example:
        >>> import numpy as np
        >>> import dist
        >>> def total() -> float:
        ...     x = np.array([float(dist.get_rank())])
        ...     dist.all_reduce(x)
        ...     return float(x[0])
        >>> simulate(3, total)
        [3.0, 3.0, 3.0]
    """
    seconds = timeout_seconds("simulate", timeout)
    if integer("simulate", "n", n) < 1:
        raise ValueError(f"simulate: n is {n}: need at least 1 rank")
    if faults:
        faults.check("simulate", n, KINDS_OF_THREADS)
    board = _Switchboard(n)
    ranks = [_Rank(transport, board, seconds, faults) for transport in make_inproc_world(n)]
    for rank in ranks:
        rank.start(fn, args)
    try:
        _join(ranks, seconds)
    finally:
        for rank in ranks:
            rank.stop("the simulation was ended")
        for rank in ranks:
            rank.thread.join(_AFTER_ABORT)
    failed = [rank for rank in ranks if rank.error is not None]
    if failed:
        raise _cause(failed)
    return [rank.result for rank in ranks]


def _join(ranks: list[_Rank], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for rank in ranks:
        rank.thread.join(max(0.0, deadline - time.monotonic()))
    stuck = [rank for rank in ranks if rank.thread.is_alive()]
    if stuck:
        where = "\n".join(rank.traceback() for rank in stuck)
        raise TimeoutError(f"simulate: not done after {seconds:g} s:\n{where}")


def _cause(failed: list[_Rank]) -> BaseException:
    """Return the error that came first, and rather one that is not about another rank."""
    first = min(failed, key=lambda rank: (isinstance(rank.error, PeerError), rank.failed_at))
    assert first.error is not None
    first.error.add_note(f"(raised on rank {first.rank} of the simulated world)")
    return first.error
