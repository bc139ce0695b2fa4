"""Process groups and collectives: `dist.init_process_group()`, `dist.all_reduce(tensor)` and the rest.

    import dist

    dist.init_process_group()
    dist.all_reduce(gradient)                    # in place, the same bits on every rank
    work = dist.all_reduce(other, async_op=True)
    work.wait()
    dist.destroy_process_group()

Tensors are NumPy arrays, or objects such as tensorlib's whose `detach().numpy()` shares their memory. Roots and peers
are global ranks, in every group. A rank that dies, stops or raises makes all others raise `PeerError`, which names
it.

The layers, each written once against the one below: public functions, `ProcessGroup`, algorithms, `Transport`,
rendezvous and store. `docs/architecture.md` draws them. Nothing heavy is loaded before `init_process_group`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from dist.errors import (
    CollectiveMismatch,
    DistError,
    PeerError,
    PeerLost,
    RendezvousError,
    TransportError,
    TransportTimeout,
)
from dist.statistics import Statistics
from dist.timeouts import DEFAULT_TIMEOUT
from dist.world import close_world, current_world, open_world, require_world, resolve

if TYPE_CHECKING:
    from dist.arguments import Tensor
    from dist.faults import FaultPlan
    from dist.process_group import ProcessGroup
    from dist.reduction import ReduceOp
    from dist.reduction import ReduceOp as reduce_op  # noqa: N813 - the older name
    from dist.work import Work

__all__ = [
    "CollectiveMismatch",
    "DistError",
    "PeerError",
    "PeerLost",
    "ReduceOp",
    "RendezvousError",
    "Statistics",
    "TransportError",
    "TransportTimeout",
    "all_gather",
    "all_gather_object",
    "all_reduce",
    "barrier",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "get_backend",
    "get_flight_record",
    "get_rank",
    "get_statistics",
    "get_world_size",
    "group",
    "init_process_group",
    "irecv",
    "is_available",
    "is_initialized",
    "isend",
    "new_group",
    "recv",
    "reduce",
    "reduce_op",
    "scatter",
    "send",
    "simulate",
]

ResultT = TypeVar("ResultT")


def __getattr__(name: str) -> Any:
    """Load `ReduceOp` when it is first asked for, because it loads NumPy."""
    if name not in ("ReduceOp", "reduce_op"):
        raise AttributeError(f"module 'dist' has no attribute {name!r}")
    from dist.reduction import ReduceOp

    globals().update(ReduceOp=ReduceOp, reduce_op=ReduceOp)
    return ReduceOp


class _Groups:
    """The namespace `dist.group`."""

    @property
    def WORLD(self) -> ProcessGroup | None:  # noqa: N802 - the name that scripts use
        """The default group; None before `init_process_group`, which also stands for it as an argument."""
        world = current_world()
        return world.group if world else None


group = _Groups()


def is_available() -> bool:
    """Tell whether this package can be used on this platform: always."""
    return True


def is_initialized() -> bool:
    """Tell whether `init_process_group` was called, and `destroy_process_group` not yet."""
    return current_world() is not None


def init_process_group(
    backend: str | None = None,
    init_method: str = "env://",
    world_size: int = -1,
    rank: int = -1,
    group_name: str = "",
    timeout: float | timedelta = DEFAULT_TIMEOUT,
) -> None:
    """Find the other ranks and connect to them; every process of the job calls this before anything else.

    Args:
        backend: "gloo" (also None), "tcp", or a name that `register_backend` made known.
        init_method: "env://" reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which `tlrun` sets;
            "tcp://host:port" is the address of rank 0, or a multicast address such as "tcp://239.255.1.1:23456" or
            "tcp://[ff15::1]:23456"; "file:///path" names a file, which need not exist, in a directory that all
            processes see; "mpi://" is for processes that mpirun or srun started.
        world_size: number of processes; -1 takes it from the environment.
        rank: this process, from 0 to world_size - 1; -1 takes it from the environment, and where that does not say,
            "file://" and multicast addresses give each process a number.
        group_name: tells jobs apart that share an address or a file.
        timeout: seconds or timedelta; for finding each other, and for every collective by default.

    Raises:
        RendezvousError: the ranks did not all come; says which are missing.
        ValueError: the backend does not exist, or an argument is out of range.
        DistError: there is a process group already.
    """
    open_world(backend, init_method, world_size, rank, group_name, timeout)


def destroy_process_group(group: ProcessGroup | None = None) -> None:
    """Leave the world: finish what is under way, release threads and sockets. Done at exit where forgotten.

    Args:
        group: end this group alone, made by `new_group`; None means the world with all its groups.
    """
    world, found = require_world("destroy_process_group"), resolve(group, "destroy_process_group")
    if found is world.group:
        close_world()
    else:
        world.destroy_group(found)


def get_rank(group: ProcessGroup | None = None) -> int:
    """Return this process's rank in a group, by default in the world; -1 if it is not a member."""
    return resolve(group, "get_rank").rank


def get_world_size(group: ProcessGroup | None = None) -> int:
    """Return the number of processes in a group, by default in the world; -1 if this one is not a member."""
    found = resolve(group, "get_world_size")
    return found.size if found.rank >= 0 else -1


def get_backend(group: ProcessGroup | None = None) -> str:
    """Return what moves the bytes: "gloo" or another backend, or "inproc" in a simulated world."""
    resolve(group, "get_backend")
    return require_world("get_backend").backend


def get_statistics() -> Statistics:
    """Return how many calls were made, of how many bytes, and the seconds that they kept the caller waiting."""
    return replace(require_world("get_statistics").group.statistics)


def get_flight_record() -> str:
    """Return the last 1,000 calls, a line each, oldest first: state, seconds, arguments, and the line that called."""
    return str(require_world("get_flight_record").group.record)


def new_group(ranks: Iterable[int] | None = None, timeout: float | timedelta | None = None) -> ProcessGroup:
    """Make a group of some global ranks, sorted; None means all.

    Every process of the world makes the same groups in the same order, also those that it is not a member of.
    """
    return require_world("new_group").new_group(ranks, timeout)


def all_reduce(
    tensor: Tensor, op: ReduceOp | None = None, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Combine the tensors of all ranks, element by element, in place; every rank gets the same bits.

    Elements are combined in rank order, ((x0 + x1) + x2) + ..., whatever the algorithm.

    Args:
        tensor: any shape and number type, equal on all ranks.
        op: a member of `ReduceOp`; None means SUM.
        group: None means all ranks.
        async_op: return a `Work` at once; the tensor may be used again after its `wait()`.

    Raises:
        TypeError, ValueError: a wrong argument; nothing was sent.
        PeerError: another rank failed.
        CollectiveMismatch: the ranks made different calls.
        TransportTimeout: not all ranks called this within the group's timeout; says who is where.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def rank_plus_one() -> list[float]:
        ...     x = np.full(2, dist.get_rank() + 1.0)
        ...     dist.all_reduce(x)
        ...     return x.tolist()
        >>> dist.simulate(2, rank_plus_one)
        [[3.0, 3.0], [3.0, 3.0]]
    """
    return resolve(group, "all_reduce").all_reduce(tensor, op, async_op)


def broadcast(tensor: Tensor, src: int, group: ProcessGroup | None = None, async_op: bool = False) -> Work | None:
    """Copy the tensor of global rank `src` into the tensors of all ranks; raises as `all_reduce` does."""
    return resolve(group, "broadcast").broadcast(tensor, src, async_op)


def reduce(
    tensor: Tensor, dst: int, op: ReduceOp | None = None, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Combine tensors as `all_reduce` does; only global rank `dst` gets the result, the others keep what they have."""
    return resolve(group, "reduce").reduce(tensor, dst, op, async_op)


def all_gather(
    tensor_list: Sequence[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Copy each rank's tensor into that place of every rank's `tensor_list`; raises as `all_reduce` does.

    Args:
        tensor_list: one tensor per rank of the group, each with the dtype and element count of `tensor`.
        tensor: what this rank contributes.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    return resolve(group, "all_gather").all_gather(tensor_list, tensor, async_op)


def gather(
    tensor: Tensor,
    gather_list: Sequence[Tensor] | None = None,
    dst: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Copy each rank's tensor into that place of `gather_list`, which only global rank `dst` passes."""
    return resolve(group, "gather").gather(tensor, gather_list, dst, async_op)


def scatter(
    tensor: Tensor,
    scatter_list: Sequence[Tensor] | None = None,
    src: int = 0,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Copy each place of `scatter_list`, which only global rank `src` passes, into the tensor of that rank."""
    return resolve(group, "scatter").scatter(tensor, scatter_list, src, async_op)


def barrier(group: ProcessGroup | None = None, async_op: bool = False) -> Work | None:
    """Block until every rank of the group has called this."""
    return resolve(group, "barrier").barrier(async_op)


def send(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> None:
    """Send a tensor to global rank `dst`, which calls `recv` with as many elements of the same dtype.

    Returns when the tensor may be changed again; large messages wait for the receiver.

    Args:
        tensor: what to send.
        dst: global rank of the receiver.
        group: None means all ranks; messages of different groups do not meet.
        tag: 0 to 2**32 - 1; messages match by sender and tag, in the order in which they were sent.
    """
    resolve(group, "send").send(tensor, dst, tag)


def recv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> int:
    """Receive into a tensor from global rank `src`, or from any rank, and return the sender's global rank."""
    return resolve(group, "recv").recv(tensor, src, tag)


def isend(tensor: Tensor, dst: int, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """Start to send a tensor, and do not wait; it may be changed after the `wait()` of what this returns."""
    return resolve(group, "isend").isend(tensor, dst, tag)


def irecv(tensor: Tensor, src: int | None = None, group: ProcessGroup | None = None, tag: int = 0) -> Work:
    """Start to receive into a tensor, and do not wait; it holds the message after the `wait()` of what this returns."""
    return resolve(group, "irecv").irecv(tensor, src, tag)


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Put each rank's object into that place of every rank's `object_list`.

    Objects travel pickled, and unpickling runs code that the sender chooses: the ranks of a job trust each other here.
    No other function of this package unpickles what came from another rank, except `broadcast_object_list`.
    """
    from dist.objects import all_gather_object as run

    run(resolve(group, "all_gather_object"), object_list, obj)


def broadcast_object_list(object_list: list[Any], src: int = 0, group: ProcessGroup | None = None) -> None:
    """Replace the objects in every rank's list by those of global rank `src`; pickled, see `all_gather_object`."""
    from dist.objects import broadcast_object_list as run

    run(resolve(group, "broadcast_object_list"), object_list, src)


def simulate(
    n: int,
    fn: Callable[..., ResultT],
    *args: Any,
    timeout: float | timedelta = 60.0,
    faults: FaultPlan | None = None,
) -> list[ResultT]:
    """Run `fn(*args)` on `n` ranks that are threads of this process; see `dist.simulation.simulate`."""
    from dist.simulation import simulate as run

    return run(n, fn, *args, timeout=timeout, faults=faults)
