"""What surrounds every call of a process group: number, fingerprint, deadline, record, and what its failure means.

Every collective goes the same way, in `Core._submit`: it gets a number, a fingerprint, a deadline and an entry in the
flight record, runs in the calling thread or, asynchronously, on the group's communication thread, and its failure
becomes an error that names the rank at fault. All ranks of a group make the same calls in the same order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from dist.algorithms import MessageCollectives
from dist.arguments import Buffer, Tensor, buffer_list, integer
from dist.channel import Channel
from dist.collectives import Collectives
from dist.communicator import Communicator
from dist.errors import DistError
from dist.failures import ControlPlane, Failures, again
from dist.fingerprint import fingerprint, signed, tag_of
from dist.flight_record import Call, FlightRecord
from dist.statistics import Statistics
from dist.timeouts import DEFAULT_TIMEOUT, timeout_seconds
from dist.transport.base import Transport
from dist.work import CollectiveWork


class Core:
    """The members of a group, and how a call of theirs is run; `ProcessGroup` has the calls.

    Args:
        transport: moves the bytes; its ranks are the global ranks.
        ranks: the members' global ranks, sorted; None means all.
        membership: knows who failed and why; None where nobody watches.
        timeout: seconds or timedelta that one collective may take.
        name: equal on all ranks and different for each group of a job.
        parent: the group whose connection this one shares.
        make_collectives: makes what runs the collectives of a group; by default, algorithms over the transport.
    """

    def __init__(
        self,
        transport: Transport,
        ranks: Sequence[int] | None = None,
        membership: ControlPlane | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        name: str = "world",
        parent: Core | None = None,
        make_collectives: Callable[[], Collectives] = MessageCollectives,
    ) -> None:
        self.ranks = tuple(range(transport.size)) if ranks is None else tuple(ranks)
        self.global_rank = transport.rank
        self.name = name
        self.timeout = timeout_seconds("ProcessGroup", timeout)
        self.statistics: Statistics = parent.statistics if parent else Statistics()
        self.record: FlightRecord = parent.record if parent else FlightRecord()
        self.failures: Failures = parent.failures if parent else Failures(transport, membership, self.record)
        self._transport = transport
        self._rank = self.ranks.index(transport.rank) if transport.rank in self.ranks else -1
        self._identity = f"{name} {self.ranks}"
        self._tag = tag_of(name, "collectives")
        self._order = threading.Lock()  # guards the next three
        self._submitted = 0
        self._finished = 0
        self._groups_made = 0
        self._running = threading.Lock()  # one collective at a time
        self._communicator: Communicator | None = None
        self._closed = False
        self._make_collectives = make_collectives
        self._collectives = make_collectives()
        self._buffer: type[Buffer] = getattr(self._collectives, "buffer_type", Buffer)
        self.failures.on_abort(self._collectives.abort)

    @property
    def rank(self) -> int:
        """This process's rank in the group; -1 if it is not a member."""
        return self._rank

    @property
    def size(self) -> int:
        """Number of ranks in the group."""
        return len(self.ranks)

    def close(self) -> None:
        """Finish what was started asynchronously, and end the communication thread. Idempotent."""
        with self._order:
            self._closed = True
            communicator, self._communicator = self._communicator, None
        if communicator is not None:
            communicator.close(self.timeout)
        self.failures.off_abort(self._collectives.abort)
        self._collectives.close()

    def patience(self) -> float:
        """Return the seconds in which all that is queued is over: each collective ends by its own deadline."""
        return (self._submitted - self._finished + 1) * (self.timeout + 5.0)

    def _submit(
        self,
        op: str,
        buffer: Buffer | None,
        root: int,
        reduce_op: str,
        run: Callable[[Channel], None],
        async_op: bool,
        results: Sequence[Tensor] = (),
        elements: int | tuple[int, ...] | None = None,
    ) -> CollectiveWork | None:
        """Number a collective, and run it now or queue it: where it is asynchronous, or must not overtake others.

        Args:
            op: its name.
            buffer: this rank's tensor; None where there is none.
            root: a global rank, or NO_ROOT.
            reduce_op: the name of the operator, or "".
            run: does it.
            async_op: return without waiting.
            results: what `Work.result` returns.
            elements: see `Signature`; by default the length of `buffer`.
        """
        self._begin(op)
        dtype, count = ("", 0) if buffer is None else (buffer.dtype, buffer.flat.size)
        signature, mark = signed(self._identity, op, dtype, count if elements is None else elements, root, reduce_op)
        with self._order:
            number = self._submitted + 1
            call = Call(number, self.name, self.ranks, signature, fingerprint(number, mark))
            self._submitted = number
            self._note(call, buffer)
            work = None
            if async_op or self._finished != number - 1:
                work = CollectiveWork(self, call, run, results)
                self._queue(work)
            else:
                self._running.acquire()
        if work is None:
            try:
                self._execute(call, run)
            finally:
                self._running.release()
                self.statistics.seconds += call.ended - call.started
        elif not async_op:
            work.wait()
            return None
        return work

    def _queue(self, work: CollectiveWork) -> None:
        if self._communicator is None:
            self._communicator = Communicator(self._execute_queued, f"collectives of group {self.name}")
        self._communicator.put(work)

    def _execute_queued(self, work: CollectiveWork) -> None:
        with self._running:
            if self.failures.error is not None:
                raise again(self.failures.error)
            self._execute(work.call, work.run)

    def _execute(self, call: Call, run: Callable[[Channel], None]) -> None:
        call.state = "running"
        started = time.monotonic()
        deadline = started + self.timeout
        channel = Channel(self._transport, self.ranks, self._rank, self._tag, call.fingerprint, deadline)
        try:
            run(channel)
        except DistError as error:
            raise self.failures.translate(call, error, channel.deadline - started) from error
        except BaseException as error:
            self.failures.interrupted(call, error)
            raise
        else:
            call.state = "done"
        finally:
            call.ended = time.monotonic()
            self._finished = call.number

    def _note(self, call: Call, buffer: Buffer | None) -> None:
        statistics = self.statistics
        self.record.add(call)
        statistics.calls += 1
        if buffer is not None:
            statistics.bytes += buffer.flat.nbytes

    def _begin(self, op: str) -> None:
        """Check that a call can be made, and let a test that wants to make it fail."""
        self._check_usable(op)
        if self.failures.inject is not None:
            self.failures.inject(op)

    def _check_usable(self, op: str) -> None:
        if self.failures.error is not None:
            raise again(self.failures.error)
        if self._rank < 0:
            raise ValueError(f"{op}: rank {self.global_rank} is not in group {self.name} of ranks {list(self.ranks)}")
        if self._closed:
            raise DistError(f"{op}: group {self.name} was destroyed")

    def _buffers(self, op: str, tensors: Sequence[Tensor], name: str, written: bool = False) -> list[Buffer]:
        """Check a list of one tensor per rank."""
        return buffer_list(self._buffer, op, tensors, name, self.size, written)

    def _group_rank(self, op: str, name: str, rank: int) -> int:
        """Return the rank within the group of a global rank."""
        wanted = integer(op, name, rank)
        if wanted not in self.ranks:
            raise ValueError(f"{op}: {name}={wanted} is not in group {self.name}: need one of {_listing(self.ranks)}")
        return self.ranks.index(wanted)


def _listing(ranks: Sequence[int]) -> str:
    """Write ranks briefly: "0 to 7" or "0, 2, 5"."""
    if len(ranks) > 2 and ranks[-1] - ranks[0] == len(ranks) - 1:
        return f"{ranks[0]} to {ranks[-1]}"
    return ", ".join(map(str, ranks))
