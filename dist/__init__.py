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

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from dist.errors import (
    CollectiveMismatch,
    Deadlock,
    DistBackendError,
    DistError,
    DistNetworkError,
    DistStoreError,
    PeerError,
    PeerLost,
    RendezvousError,
    StoreError,
    StoreTimeout,
    TransportError,
    TransportTimeout,
)
from dist.public.backends import (
    Backend,
    get_default_backend_for_device,
    is_backend_available,
    is_gloo_available,
    is_mpi_available,
    is_nccl_available,
    register_backend,
)
from dist.public.coalesced import all_gather_coalesced, all_reduce_coalesced, broadcast_coalesced, coalescing
from dist.public.collectives import (
    all_gather,
    all_gather_into_tensor,
    all_gather_single,
    all_reduce,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_single,
    reduce_scatter_tensor,
    scatter,
)
from dist.public.groups import (
    GroupMember,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    group,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    split_group,
)
from dist.public.objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
    trust_peers,
)
from dist.public.point_to_point import P2POp, batch_isend_irecv, irecv, isend, recv, send
from dist.statistics import Statistics
from dist.timeouts import DEFAULT_TIMEOUT, default_pg_timeout
from dist.world import close_world, current_world, open_world, require_world, resolve

if TYPE_CHECKING:
    from dist.device_mesh import DeviceMesh, init_device_mesh
    from dist.faults import FaultPlan
    from dist.process_group import ProcessGroup
    from dist.reduction import ReduceOp, supports_complex
    from dist.reduction import ReduceOp as reduce_op  # noqa: N813 - the older name
    from dist.store import FileStore, HashStore, PrefixStore, Store
    from dist.tcp_store import TCPStore
    from dist.work import Work

__all__ = [
    "Backend",
    "CollectiveMismatch",
    "Deadlock",
    "DeviceMesh",
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "FileStore",
    "GroupMember",
    "HashStore",
    "P2POp",
    "PeerError",
    "PeerLost",
    "PrefixStore",
    "ProcessGroup",
    "ReduceOp",
    "RendezvousError",
    "Statistics",
    "Store",
    "StoreError",
    "StoreTimeout",
    "TCPStore",
    "TransportError",
    "TransportTimeout",
    "Work",
    "all_gather",
    "all_gather_coalesced",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_gather_single",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_coalesced",
    "broadcast_object_list",
    "coalescing",
    "default_pg_timeout",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_default_backend_for_device",
    "get_flight_record",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_statistics",
    "get_world_size",
    "group",
    "init_device_mesh",
    "init_process_group",
    "irecv",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "isend",
    "monitored_barrier",
    "new_group",
    "new_subgroups",
    "new_subgroups_by_enumeration",
    "recv",
    "recv_object_list",
    "reduce",
    "reduce_op",
    "reduce_scatter",
    "reduce_scatter_single",
    "reduce_scatter_tensor",
    "register_backend",
    "scatter",
    "scatter_object_list",
    "send",
    "send_object_list",
    "simulate",
    "split_group",
    "supports_complex",
    "trust_peers",
]

ResultT = TypeVar("ResultT")


# Where to find what is loaded when it is first asked for, because it loads NumPy, ZeroMQ or tensorlib.
_LATER = {
    "DeviceMesh": "dist.device_mesh:DeviceMesh",
    "FileStore": "dist.store:FileStore",
    "HashStore": "dist.store:HashStore",
    "PrefixStore": "dist.store:PrefixStore",
    "ProcessGroup": "dist.process_group:ProcessGroup",
    "ReduceOp": "dist.reduction:ReduceOp",
    "Store": "dist.store:Store",
    "TCPStore": "dist.tcp_store:TCPStore",
    "Work": "dist.work:Work",
    "functional": "dist.functional",
    "init_device_mesh": "dist.device_mesh:init_device_mesh",
    "reduce_op": "dist.reduction:ReduceOp",
    "supports_complex": "dist.reduction:supports_complex",
}


def __getattr__(name: str) -> Any:
    """Load what is not loaded at first."""
    if name not in _LATER:
        raise AttributeError(f"module 'dist' has no attribute {name!r}")
    module, _, attribute = _LATER[name].partition(":")
    found = import_module(module)
    globals()[name] = getattr(found, attribute) if attribute else found
    return globals()[name]


def is_available() -> bool:
    """Tell whether this package can be used on this platform: always."""
    return True


def is_initialized() -> bool:
    """Tell whether `init_process_group` was called, and `destroy_process_group` not yet."""
    return current_world() is not None


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    world_size: int | None = -1,
    rank: int | None = -1,
    group_name: str = "",
    timeout: float | timedelta = DEFAULT_TIMEOUT,
    store: Store | None = None,
) -> None:
    """Find the other ranks and connect to them; every process of the job calls this before anything else.

    Args:
        backend: "gloo" (also None), "shm", "tcp", "mpi", "nccl", or a name that `register_backend` made known.
        init_method: "env://" reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which `tlrun` sets, or the variables
            of SLURM, MPI or Kubernetes; "tcp://host:port" is the address of rank 0, or a multicast address such as
            "tcp://239.255.1.1:23456" or "tcp://[ff15::1]:23456"; "file:///path" names a file, which need not exist,
            in a directory that all processes see; "mpi://" is for processes that mpirun or srun started. None means
            "mpi://" for the backend "mpi", "env://" for the others.
        world_size: number of processes; -1 or None takes it from the environment.
        rank: this process, from 0 to world_size - 1; -1 or None takes it from the environment, and where that does not
            say, "file://", multicast addresses and stores give each process a number.
        group_name: tells jobs apart that share an address, a file or a store.
        timeout: seconds or timedelta; for finding each other, and for every collective by default.
        store: where to meet instead of by an init_method: one that all processes have opened, such as
            `dist.TCPStore(...)`; it may be closed afterwards.

    Raises:
        RendezvousError: the ranks did not all come; says which are missing.
        ValueError: the backend does not exist, or an argument is out of range.
        DistError: there is a process group already.
    """
    open_world(backend, init_method, world_size, rank, group_name, timeout, store)


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


def simulate(
    n: int,
    fn: Callable[..., ResultT],
    *args: Any,
    timeout: float | timedelta = 60.0,
    seed: int = 0,
    faults: FaultPlan | None = None,
) -> list[ResultT]:
    """Run `fn(*args)` on `n` ranks that are threads of this process; see `dist.simulation.simulate`."""
    from dist.simulation import simulate as run

    return run(n, fn, *args, timeout=timeout, seed=seed, faults=faults)
