"""How ranks find each other: an init method's scheme says where, and `rendezvous` returns when all are there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dist.errors import RendezvousError, StoreError
from dist.rendezvous.address import from_environment, from_url
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.file import from_file
from dist.rendezvous.mpi import from_mpi
from dist.rendezvous.opened import from_store
from dist.store import Store
from dist.timeouts import DEFAULT_TIMEOUT

__all__ = ["SCHEMES", "Rendezvous", "Settings", "rendezvous"]

SCHEMES: dict[str, Callable[[Settings], Rendezvous]] = {
    "env": from_environment,
    "tcp": from_url,
    "file": from_file,
    "mpi": from_mpi,
}
"""What to call for an init method, by its scheme."""


def rendezvous(
    init_method: str | Store = "env://",
    rank: int = -1,
    world_size: int = -1,
    timeout: float = DEFAULT_TIMEOUT,
    group_name: str = "",
    patience: float = 3.0,
) -> Rendezvous:
    """Wait until all ranks of a group have called this, and return what is needed to talk to them.

    Args:
        init_method: `env://` (MASTER_ADDR and MASTER_PORT say where rank 0 is, or the launcher's store),
            `tcp://host:port` (of rank 0; an IPv6 address in brackets), `tcp://group:port` (a multicast address that
            all use), `file:///path` (of a file that all see), or `mpi://` (in processes that mpirun or srun started,
            with mpi4py; rank and world_size are MPI's); or a store that all ranks have opened.
        rank: this process's number; -1 means the environment variable RANK, and without it, for `file://` and at a
            multicast address and in a store, any number.
        world_size: the number of ranks; -1 means the environment variable WORLD_SIZE.
        timeout: seconds to wait for the others.
        group_name: ranks meet under the same name only.
        patience: seconds without a sign of life after which a rank counts as failed.

    Raises:
        RendezvousError: an argument or variable is missing or wrong, not all ranks came in time (says which), or they
            contradict each other.
        PeerError: the launcher says that a rank ended on its way here.
    """
    if isinstance(init_method, Store):
        settings = Settings(type(init_method).__name__, rank, world_size, timeout, group_name, patience)
        return _checked(settings, partial(from_store, init_method))
    if not isinstance(init_method, str):
        raise TypeError(f"init_process_group: {init_method!r} is no store: need one such as dist.TCPStore(...)")
    scheme, separator, _ = init_method.partition("://")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise RendezvousError(f"init_method must begin with one of {known}, got {init_method!r}")
    settings = Settings(init_method, rank, world_size, timeout, group_name, patience)
    return _checked(settings, SCHEMES[scheme])


def _checked(settings: Settings, meet: Callable[[Settings], Rendezvous]) -> Rendezvous:
    try:
        return meet(settings)
    except StoreError as error:
        raise RendezvousError(f"{settings.init_method}: {error}") from None
