"""Backends by name, and which of them there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from dist import backends

if TYPE_CHECKING:
    from dist.collectives import Collectives
    from dist.control.membership import Membership
    from dist.rendezvous import Rendezvous
    from dist.store import Store
    from dist.transport.base import Transport


class Backend(str):
    """The name of a backend that `init_process_group` takes, in small letters.

    Args:
        name: in small letters or capital ones.

    Raises:
        ValueError: there is none of that name.

    Example:
        >>> import dist
        >>> dist.Backend("GLOO") == dist.Backend.GLOO == "gloo"
        True
    """

    GLOO: ClassVar = "gloo"
    MPI: ClassVar = "mpi"
    NCCL: ClassVar = "nccl"
    SHM: ClassVar = "shm"
    TCP: ClassVar = "tcp"

    __slots__ = ()

    def __new__(cls, name: str) -> Backend:
        """Check the name."""
        known = backends.names()
        if not isinstance(name, str):
            raise TypeError(f"Backend: name is {name!r}: need a string")
        if name.lower() not in known:
            raise ValueError(f"Backend: name is {name!r}: need one of {', '.join(known)}")
        return super().__new__(cls, name.lower())


def is_backend_available(backend: str) -> bool:
    """Tell whether `init_process_group` takes a backend of this name, in small letters or capital ones."""
    return isinstance(backend, str) and backend.lower() in backends.available()


def is_gloo_available() -> bool:
    """Tell whether there is the backend "gloo": always."""
    return is_backend_available("gloo")


def is_mpi_available() -> bool:
    """Tell whether there is the backend "mpi"."""
    return is_backend_available("mpi")


def is_nccl_available() -> bool:
    """Tell whether there is the backend "nccl"."""
    return is_backend_available("nccl")


def register_backend(
    name: str,
    connect: Callable[[Store, int, int, float], Transport],
    make_collectives: Callable[[], Collectives] | None = None,
) -> None:
    """Make a backend of one's own known to `init_process_group`.

    Args:
        name: an identifier that is not taken.
        connect: given a store that all ranks share, the rank, the world size, and the seconds that this may take,
            returns a connected `dist.transport.base.Transport`; `dist.testing.check_transport` checks one.
        make_collectives: returns what runs the collectives of a group, a `dist.collectives.Collectives`; by default the
            algorithms over the transport. `dist.testing.check_collectives` checks them.
    """
    from dist.algorithms import MessageCollectives

    def connect_ranks(met: Rendezvous, _: Membership, seconds: float) -> Transport:
        return connect(met.store, met.rank, met.size, seconds)

    backends.register(name, backends.Backend(connect_ranks, make_collectives or MessageCollectives))


def get_default_backend_for_device(device: Any) -> str:
    """Return the name of the backend for tensors on a device: "nccl" for those of CUDA, else "gloo".

    Args:
        device: "cpu", "cuda:1" or the like, or what prints so.

    Raises:
        ValueError: there is no such kind of device.

    Example:
        >>> import dist
        >>> dist.get_default_backend_for_device("cuda:1"), dist.get_default_backend_for_device("cpu")
        ('nccl', 'gloo')
    """
    defaults = {"cpu": Backend.GLOO, "cuda": Backend.NCCL}
    kind = str(device).partition(":")[0]
    if kind not in defaults:
        raise ValueError(f"get_default_backend_for_device: device is {device!r}: need one of {', '.join(defaults)}")
    return str(defaults[kind])
