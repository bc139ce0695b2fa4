"""Backends by name: what moves the bytes of a world, and what runs the collectives of its groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dist.collectives import Collectives
    from dist.control.membership import Membership
    from dist.rendezvous import Rendezvous
    from dist.transport.base import Transport

    Connect = Callable[[Rendezvous, Membership, float], Transport]
    MakeCollectives = Callable[[], Collectives]

DEFAULT = "gloo"


@dataclass(frozen=True)
class Backend:
    """A way to communicate.

    Attributes:
        connect: given what the rendezvous found, who watches over the ranks, and the seconds that this may take,
            returns the transport of this rank.
        make_collectives: returns what runs the collectives of one group; it may set itself up in the first call.
        init_method: how ranks find each other where the user does not say.
    """

    connect: Connect
    make_collectives: MakeCollectives
    init_method: str = "env://"


# Where the backends are: functions that return one, loaded when first asked for.
_BUILT_IN: dict[str, str] = {
    "gloo": "dist.shared_memory.backend:default_backend",
    "mpi": "dist.mpi.backend:backend",
    "nccl": "dist.nccl.backend:backend",
    "shm": "dist.shared_memory.backend:backend",
    "tcp": "dist.transport.backend:backend",
}
# What they need that may not be installed.
_NEEDED: dict[str, str] = {"mpi": "mpi4py", "nccl": "cupy"}
_REGISTERED: dict[str, Backend] = {}


def names() -> list[str]:
    """Return the names of all backends, installed or not."""
    return sorted(_BUILT_IN.keys() | _REGISTERED.keys())


def available() -> list[str]:
    """Return the names that `init_process_group` takes, of those backends whose packages are installed."""
    return [name for name in names() if name not in _NEEDED or find_spec(_NEEDED[name])]


def find(name: str | None) -> Backend:
    """Return a backend by name; None means the default one.

    Raises:
        ValueError: there is none of that name.
        ImportError: what it needs is not installed.
    """
    name = DEFAULT if name is None else name
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in _BUILT_IN:
        raise ValueError(f"init_process_group: backend {name!r} is not available: need one of {', '.join(available())}")
    module, _, function = _BUILT_IN[name].partition(":")
    backend: Backend = getattr(import_module(module), function)()
    return backend


def register(name: str, backend: Backend) -> None:
    """Make a backend known under a name of its own; see `dist.register_backend`."""
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(f"register_backend: name is {name!r}: need an identifier")
    if name in _BUILT_IN or name in _REGISTERED:
        raise ValueError(f"register_backend: there is a backend {name!r} already")
    _REGISTERED[name] = backend
