"""`simulate`: the ranks of a world as threads of one process, with real values and real failures.

One rank runs at a time, until it waits for another one, and now and then until it sends; which is next is drawn from a
generator that begins with `seed`. So equal seeds give equal runs, with the same rank received from first where any may
send, and other seeds give other runs.

A rank that waits in another way, for a lock or in `time.sleep`, is noticed after some 20 ms; the others go on then, in
an order that is not determined. The same holds for threads that ranks start, and after a wait that ended by a timeout
of its own.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from dist.arguments import integer
from dist.comparison import first_difference, last_call
from dist.connect import make_world
from dist.control.uncaught import describe
from dist.errors import CollectiveMismatch, Deadlock, PeerError
from dist.faults import KINDS_OF_THREADS, FaultPlan
from dist.scheduler import Scheduler, Task
from dist.switchboard import SimulatedMembership, Switchboard
from dist.timeouts import timeout_seconds
from dist.transport.base import ANY_SOURCE
from dist.transport.inproc import InprocTransport, make_inproc_world
from dist.transport.transfer import Transfer
from dist.world import enter_thread_world

ResultT = TypeVar("ResultT")
# A thread cannot be killed: one that is not busy communicating may outlive an aborted simulation.
_AFTER_ABORT = 1.0  # seconds
_SHOWN_RANKS = 16


class _Rank:
    """One simulated rank: its thread, and what came of it."""

    def __init__(
        self, transport: InprocTransport, board: Switchboard, timeout: float, faults: FaultPlan | None
    ) -> None:
        self.rank = transport.rank
        self.result: Any = None
        self.error: BaseException | None = None
        self.failed_at = 0.0
        self.thread: Task | None = None
        self._transport = transport
        self._board = board
        self._membership = SimulatedMembership(board, self.rank)
        self._world = make_world(transport, self._membership, timeout, "inproc", watched=False, faults=faults)
        board.records[self.rank] = self._world.group.record

    def start(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Have `fn` run when it is the rank's turn."""
        self.thread = self._board.scheduler.start(lambda: self._run(fn, args), f"rank {self.rank}", self.rank)

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

    @property
    def done(self) -> bool:
        """Whether the thread has ended."""
        return self.thread is not None and self.thread.state == "finished"

    def stop(self, reason: str) -> None:
        """Make the rank's communication fail."""
        self._transport.abort(reason)

    def join(self) -> None:
        """Wait a moment for the thread to end."""
        if self.thread is not None:
            self.thread.join(_AFTER_ABORT)

    def traceback(self) -> str:
        """Show where the thread is."""
        frame = sys._current_frames().get((self.thread and self.thread.ident) or 0)
        return f"rank {self.rank}:\n" + "".join(traceback.format_stack(frame))


def simulate(
    n: int,
    fn: Callable[..., ResultT],
    *args: Any,
    timeout: float | timedelta = 60.0,
    seed: int = 0,
    faults: FaultPlan | None = None,
) -> list[ResultT]:
    """Run `fn(*args)` on `n` ranks that are threads of this process, and return their results in rank order.

    In `fn`, `dist.get_rank()` and the collectives work as in a process of its own. Threads share everything else:
    module variables, the random state of NumPy, the working directory. For random numbers of its own a rank may use
    `numpy.random.default_rng([seed, dist.get_rank()])`. Equal seeds give equal runs, as this module describes.

    Args:
        n: number of ranks; 512 need about 20 MB beside their data.
        fn: what each rank runs.
        args: its arguments, the same objects for all ranks.
        timeout: seconds or timedelta that the whole may take.
        seed: decides the order in which the ranks take turns.
        faults: what is to go wrong, see `dist.testing.FaultPlan`: threads can raise, exit, be late, lose connections.

    Raises:
        Exception: what the first rank that failed raised, with a note that names the rank.
        Deadlock: all ranks wait for each other; says who waits for whom.
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
    board = Switchboard(Scheduler(integer("simulate", "seed", seed)))
    ranks = [_Rank(transport, board, seconds, faults) for transport in make_inproc_world(n, board.scheduler)]
    _run_all(ranks, board, seconds, fn, args)
    failed = [rank for rank in ranks if rank.error is not None]
    if failed:
        raise _cause(failed)
    return [rank.result for rank in ranks]


def _run_all(
    ranks: Sequence[_Rank], board: Switchboard, seconds: float, fn: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    """Run `fn(*args)` on all ranks until it is over everywhere, and end what is left of them."""
    referee = _Referee(board, time.monotonic() + seconds)
    try:
        for rank in ranks:
            rank.start(fn, args)
        board.scheduler.run(referee.deadline, referee.on_quiet)
        _check_all_done(ranks, seconds)
    finally:
        for rank in ranks:
            rank.stop("the simulation was ended")
        board.scheduler.end()
        for rank in ranks:
            rank.join()


def _check_all_done(ranks: Sequence[_Rank], seconds: float) -> None:
    stuck = [rank for rank in ranks if not rank.done]
    if stuck:
        where = _first([rank.traceback() for rank in stuck[:_SHOWN_RANKS]], len(stuck))
        raise TimeoutError(f"simulate: not done after {seconds:g} s:\n{where}")


def _cause(failed: Iterable[_Rank]) -> BaseException:
    """Return the error that came first, and rather one that is not about another rank."""
    first = min(failed, key=lambda rank: (isinstance(rank.error, PeerError), rank.failed_at))
    assert first.error is not None
    first.error.add_note(f"(raised on rank {first.rank} of the simulated world)")
    return first.error


class _Referee:
    """Judges what it means that all ranks wait."""

    def __init__(self, board: Switchboard, deadline: float) -> None:
        self.deadline = deadline
        self._board = board
        self._bystanders = set(threading.enumerate())

    def on_quiet(self, waiting: list[Task]) -> None:
        """Fail if the ranks make different calls, or if no wait ends before the simulation does."""
        difference = first_difference(self._board.calls())
        if difference is not None:
            self._board.fail(CollectiveMismatch(str(difference)))
        elif all(task.waits_until >= self.deadline for task in waiting) and not self._helpers():
            self._board.fail(Deadlock(f"simulate: all ranks wait:\n{self._who_waits_for_whom(waiting)}"))

    def _helpers(self) -> list[threading.Thread]:
        """Return threads that the ranks started by themselves: they may still do what is waited for."""
        return [thread for thread in set(threading.enumerate()) - self._bystanders if not isinstance(thread, Task)]

    def _who_waits_for_whom(self, waiting: Iterable[Task]) -> str:
        transfers = {task.owner: task.waits_for for task in waiting if isinstance(task.waits_for, Transfer)}
        calls = self._board.calls()
        lines = [
            f"  rank {rank} {last_call(calls[rank])}, and waits for {_needed(transfer)}"
            for rank, transfer in sorted(transfers.items())
        ]
        return _first(lines[:_SHOWN_RANKS], len(lines))


def _needed(transfer: Transfer) -> str:
    peer = "any rank" if transfer.peer == ANY_SOURCE else f"rank {transfer.peer}"
    return f"{peer} to {'receive' if transfer.sending else 'send'}"


def _first(shown: Sequence[str], count: int) -> str:
    """Write the first ones of many."""
    more = count - len(shown)
    return "\n".join([*shown, f"  and {more} more"] if more else shown)
