"""`ProcessGroup`: the ranks that communicate with each other, and everything that surrounds the algorithms.

Every collective goes the same way, in `ProcessGroup._submit`: it gets a number, a fingerprint, a deadline and an
entry in the flight record, runs in the calling thread or, asynchronously, on the group's communication thread, and
its failure becomes an error that names the rank at fault. All ranks of a group make the same calls in the same order.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

import numpy as np

from dist import algorithms
from dist.arguments import Array, Buffer, Tensor, buffer_list, check_reduction, group_ranks, integer
from dist.channel import Channel, bytes_of
from dist.communicator import Communicator
from dist.errors import DistError
from dist.failures import ControlPlane, Failures, again
from dist.fingerprint import NO_ROOT, Signature, fingerprint, tag_of
from dist.flight_record import Call, FlightRecord
from dist.reduction import ReduceOp
from dist.statistics import Statistics
from dist.timeouts import DEFAULT_TIMEOUT, timeout_seconds
from dist.transport.base import ANY_SOURCE, Transport
from dist.work import CollectiveWork, PointToPointWork

MAX_USER_TAG = 2**32 - 1

# Overflow gives infinity without a warning: turned into an exception, halfway, that would leave the others waiting.
_all_reduce = np.errstate(all="ignore")(algorithms.all_reduce)
_reduce = np.errstate(all="ignore")(algorithms.reduce)


class ProcessGroup:
    """Some ranks of the world, in ascending order, and the collectives among them.

    Roots and peers are global ranks, whatever the group. Tensors are NumPy arrays or objects whose `detach().numpy()`
    shares their memory; results are written in place. With `async_op=True` a collective returns a `Work` at once, and
    the tensors belong to it until its `wait()` returned; otherwise it returns None when it is done.

    All collectives raise `TypeError` or `ValueError` for a wrong argument, before anything is sent; `PeerError` when
    another rank failed; `CollectiveMismatch` when the ranks made different calls; `TransportTimeout` after `timeout`.
    The last three are final: every later call raises the same error.

    Args:
        transport: moves the bytes; its ranks are the global ranks.
        ranks: the members' global ranks, sorted; None means all.
        membership: knows who failed and why; None where nobody watches.
        timeout: seconds or timedelta that one collective may take.
        name: equal on all ranks and different for each group of a job.
        parent: the group whose connection this one shares.
    """

    def __init__(
        self,
        transport: Transport,
        ranks: Sequence[int] | None = None,
        membership: ControlPlane | None = None,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        name: str = "world",
        parent: ProcessGroup | None = None,
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

    @property
    def rank(self) -> int:
        """This process's rank in the group; -1 if it is not a member."""
        return self._rank

    @property
    def size(self) -> int:
        """Number of ranks in the group."""
        return len(self.ranks)

    def all_reduce(self, tensor: Tensor, op: ReduceOp | None = None, async_op: bool = False) -> CollectiveWork | None:
        """Combine the tensors of all ranks element by element, by default add them; every rank gets the same bits."""
        op = ReduceOp.SUM if op is None else op
        buffer = Buffer("all_reduce", tensor, written=True)
        check_reduction("all_reduce", op, buffer)

        def run(channel: Channel) -> None:
            _all_reduce(channel, buffer.flat, op)
            buffer.write_back()

        return self._submit("all_reduce", buffer, NO_ROOT, op._name_, run, async_op)

    def broadcast(self, tensor: Tensor, src: int, async_op: bool = False) -> CollectiveWork | None:
        """Copy the tensor of global rank `src` to all ranks."""
        root = self._group_rank("broadcast", "src", src)
        buffer = Buffer("broadcast", tensor, written=root != self._rank)

        def run(channel: Channel) -> None:
            algorithms.broadcast(channel, buffer.flat, root)
            if root != self._rank:
                buffer.write_back()

        return self._submit("broadcast", buffer, src, "", run, async_op)

    def reduce(
        self, tensor: Tensor, dst: int, op: ReduceOp | None = None, async_op: bool = False
    ) -> CollectiveWork | None:
        """Combine the tensors of all ranks as `all_reduce` does; only global rank `dst` gets the result."""
        op = ReduceOp.SUM if op is None else op
        root = self._group_rank("reduce", "dst", dst)
        buffer = Buffer("reduce", tensor, written=root == self._rank)
        check_reduction("reduce", op, buffer)

        def run(channel: Channel) -> None:
            _reduce(channel, buffer.flat, root, op)
            if root == self._rank:
                buffer.write_back()

        return self._submit("reduce", buffer, dst, op._name_, run, async_op)

    def all_gather(
        self, tensor_list: Sequence[Tensor], tensor: Tensor, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank of the group into that place of `tensor_list`, on all ranks."""
        buffer = Buffer("all_gather", tensor)
        outputs = buffer_list("all_gather", tensor_list, "tensor_list", self.size, buffer, written=True)

        def run(channel: Channel) -> None:
            rows = np.empty((self.size, buffer.flat.size), buffer.flat.dtype)
            algorithms.all_gather(channel, rows, buffer.flat)
            _distribute(rows, outputs)

        return self._submit("all_gather", buffer, NO_ROOT, "", run, async_op)

    def gather(
        self, tensor: Tensor, gather_list: Sequence[Tensor] | None = None, dst: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank into that place of `gather_list`, which only global rank `dst` passes."""
        root = self._group_rank("gather", "dst", dst)
        buffer = Buffer("gather", tensor)
        outputs = self._list_of_root("gather", gather_list, "gather_list", root, buffer, written=True)

        def run(channel: Channel) -> None:
            rows = np.empty((self.size, buffer.flat.size), buffer.flat.dtype) if root == self._rank else None
            algorithms.gather(channel, rows, buffer.flat, root)
            if rows is not None:
                _distribute(rows, outputs)

        return self._submit("gather", buffer, dst, "", run, async_op)

    def scatter(
        self, tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy each place of `scatter_list`, which only global rank `src` passes, into the tensor of that rank."""
        root = self._group_rank("scatter", "src", src)
        buffer = Buffer("scatter", tensor, written=True)
        inputs = self._list_of_root("scatter", scatter_list, "scatter_list", root, buffer, written=False)

        def run(channel: Channel) -> None:
            rows = np.stack([piece.flat for piece in inputs]) if root == self._rank else None
            algorithms.scatter(channel, buffer.flat, rows, root)
            buffer.write_back()

        return self._submit("scatter", buffer, src, "", run, async_op)

    def barrier(self, async_op: bool = False) -> CollectiveWork | None:
        """Block until every rank of the group has called this."""
        return self._submit("barrier", None, NO_ROOT, "", algorithms.barrier, async_op)

    def send(self, tensor: Tensor, dst: int, tag: int = 0) -> None:
        """Send to global rank `dst`; return when the tensor may be changed again."""
        self._send("send", tensor, dst, tag).wait()

    def isend(self, tensor: Tensor, dst: int, tag: int = 0) -> PointToPointWork:
        """Start to send to global rank `dst`."""
        return self._send("isend", tensor, dst, tag)

    def recv(self, tensor: Tensor, src: int | None = None, tag: int = 0) -> int:
        """Receive from global rank `src`, or from any rank, and return the sender's global rank."""
        return self._receive("recv", tensor, src, tag).source_rank()

    def irecv(self, tensor: Tensor, src: int | None = None, tag: int = 0) -> PointToPointWork:
        """Start to receive from global rank `src`, or from any rank."""
        return self._receive("irecv", tensor, src, tag)

    def new_group(self, ranks: Iterable[int] | None = None, timeout: float | timedelta | None = None) -> ProcessGroup:
        """Make a group of some global ranks; all ranks make the same groups in the same order, members or not."""
        members = group_ranks(ranks, self.ranks)
        self._check_usable("new_group")
        with self._order:
            self._groups_made += 1
            name = f"{self.name}/{self._groups_made}"
        return ProcessGroup(
            self._transport, members, timeout=self.timeout if timeout is None else timeout, name=name, parent=self
        )

    def close(self) -> None:
        """Finish what was started asynchronously, and end the communication thread. Idempotent."""
        with self._order:
            self._closed = True
            communicator, self._communicator = self._communicator, None
        if communicator is not None:
            communicator.close(self.timeout)

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
    ) -> CollectiveWork | None:
        """Number a collective, and run it now or queue it: where it is asynchronous, or must not overtake others."""
        self._check_usable(op)
        signature = Signature(op, buffer.dtype, buffer.flat.size, root, reduce_op) if buffer else Signature(op, "", 0)
        with self._order:
            number = self._submitted = self._submitted + 1
            call = Call(number, self.name, self.ranks, signature)
            self._note(call, buffer)
            work = None
            if async_op or self._finished != number - 1:
                work = CollectiveWork(self, call, run)
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
        mark = fingerprint(call.number, call.signature, self._identity)
        channel = Channel(self._transport, self.ranks, self._rank, self._tag, mark, time.monotonic() + self.timeout)
        try:
            run(channel)
        except DistError as error:
            raise self.failures.translate(call, error, self.timeout) from error
        except BaseException as error:
            self.failures.interrupted(call, error)
            raise
        else:
            call.state = "done"
        finally:
            call.ended = time.monotonic()
            self._finished = call.number

    def _send(self, op: str, tensor: Tensor, dst: int, tag: int) -> PointToPointWork:
        buffer = Buffer(op, tensor)
        peer = self._peer(op, "dst", dst)
        call, mark, channel = self._message(op, buffer, peer, tag)
        transfer = self._transport.isend(bytes_of(buffer.flat), peer, channel, mark)
        return PointToPointWork(self, call, transfer)

    def _receive(self, op: str, tensor: Tensor, src: int | None, tag: int) -> PointToPointWork:
        buffer = Buffer(op, tensor, written=True)
        peer = ANY_SOURCE if src is None else self._peer(op, "src", src)
        call, mark, channel = self._message(op, buffer, peer, tag)
        transfer = self._transport.irecv(bytes_of(buffer.flat), peer, channel, mark)
        return PointToPointWork(self, call, transfer, buffer)

    def _message(self, op: str, buffer: Buffer, peer: int, tag: int) -> tuple[Call, int, int]:
        """Record a point-to-point call; return its entry, and the fingerprint and tag that mark its message."""
        self._check_usable(op)
        if not 0 <= integer(op, "tag", tag) <= MAX_USER_TAG:
            raise ValueError(f"{op}: tag is {tag}: need 0 to {MAX_USER_TAG}")
        dtype, elements = buffer.dtype, buffer.flat.size
        call = Call(0, self.name, self.ranks, Signature(op, dtype, elements, peer))
        call.state = "running"
        self._note(call, buffer)
        # Sender and receiver agree on dtype and count; their calls are not numbered, for each pair has its own order.
        return (
            call,
            fingerprint(0, Signature("message", dtype, elements), self._identity),
            tag_of(self.name, f"messages {tag}"),
        )

    def _note(self, call: Call, buffer: Buffer | None) -> None:
        self.record.add(call)
        self.statistics.calls += 1
        self.statistics.bytes += buffer.flat.nbytes if buffer else 0

    def _check_usable(self, op: str) -> None:
        if self.failures.error is not None:
            raise again(self.failures.error)
        if self._rank < 0:
            raise ValueError(f"{op}: rank {self.global_rank} is not in group {self.name} of ranks {list(self.ranks)}")
        if self._closed:
            raise DistError(f"{op}: group {self.name} was destroyed")

    def _group_rank(self, op: str, name: str, rank: int) -> int:
        """Return the rank within the group of a global rank."""
        wanted = integer(op, name, rank)
        if wanted not in self.ranks:
            raise ValueError(f"{op}: {name}={wanted} is not in group {self.name}: need one of {_listing(self.ranks)}")
        return self.ranks.index(wanted)

    def _peer(self, op: str, name: str, rank: int) -> int:
        peer = self.ranks[self._group_rank(op, name, rank)]
        if peer == self.global_rank:
            raise ValueError(f"{op}: {name}={peer} is this rank itself: need another one")
        return peer

    def _list_of_root(
        self, op: str, tensors: Sequence[Tensor] | None, name: str, root: int, like: Buffer, written: bool
    ) -> list[Buffer]:
        """Check the list that only the root passes."""
        if root != self._rank:
            if tensors:
                raise ValueError(
                    f"{op}: {name} is given on rank {self.global_rank}: only rank {self.ranks[root]} passes it"
                )
            return []
        if tensors is None:
            raise ValueError(
                f"{op}: {name} is missing: rank {self.global_rank} needs one tensor per rank, {self.size} in all"
            )
        return buffer_list(op, tensors, name, self.size, like, written)


def _distribute(rows: Array, outputs: Sequence[Buffer]) -> None:
    """Copy each row of a gathered array to the tensor that it is meant for."""
    for row, output in zip(rows, outputs, strict=True):
        output.flat[:] = row
        output.write_back()


def _listing(ranks: Sequence[int]) -> str:
    """Write ranks briefly: "0 to 7" or "0, 2, 5"."""
    if len(ranks) > 2 and ranks[-1] - ranks[0] == len(ranks) - 1:
        return f"{ranks[0]} to {ranks[-1]}"
    return ", ".join(map(str, ranks))
