"""What the environment says about a rank and its job."""

from __future__ import annotations

import os
import socket

from dist.errors import RendezvousError
from dist.rendezvous.schedulers import Start, find_start


def start(rank: int, world_size: int) -> Start | None:
    """Find out from a scheduler's variables how this process was started.

    None where nothing is to be found out, since the caller or RANK and WORLD_SIZE say it, or where there are none.

    Raises:
        RendezvousError: the variables are not complete, or contradict each other or what is given.
    """
    own, size = _given(rank, "RANK"), _given(world_size, "WORLD_SIZE")
    if own is not None and size is not None:
        return None
    in_kubernetes = os.environ.get("KUBERNETES_SERVICE_HOST") or os.environ.get("JOB_COMPLETION_INDEX")
    # The name with the domain is looked up, which can take a while.
    found = find_start(os.environ, socket.getfqdn() if in_kubernetes else socket.gethostname())
    if found and own not in (None, found.rank):
        raise RendezvousError(f"rank {own} is given, but {found}: give world_size or WORLD_SIZE too, or neither")
    if found and found.size and size not in (None, found.size):
        raise RendezvousError(f"world_size {size} is given, but {found}: give rank or RANK too, or neither")
    return found


def rank_and_size(rank: int, world_size: int, found: Start | None = None) -> tuple[int, int]:
    """Complete what the caller gave (-1: not given) from RANK, WORLD_SIZE and what `start` found, and check it.

    Raises:
        RendezvousError: a variable is missing or not an integer, or the rank is not in 0 .. world_size-1.
    """
    own, size = rank_if_given_and_size(rank, world_size, found)
    if own is None:
        own = found.rank if found else integer("RANK", "rank=")
        _check_rank(own, size)
    return own, size


def rank_if_given_and_size(rank: int, world_size: int, found: Start | None = None) -> tuple[int | None, int]:
    """Do as `rank_and_size` does, but return None for a rank that is given neither by the caller nor by RANK."""
    size = _given(world_size, "WORLD_SIZE")
    if size is None and found:
        size = found.size
        if size is None:
            raise RendezvousError(f"{found}, but not of how many: set WORLD_SIZE")
    size = integer("WORLD_SIZE", "world_size=") if size is None else size
    if size < 1:
        raise RendezvousError(f"world_size must be at least 1, got {size}")
    own = _given(rank, "RANK")
    if own is not None:
        _check_rank(own, size)
    return own, size


def _given(argument: int, variable: str) -> int | None:
    if argument != -1:
        return argument
    return integer(variable) if os.environ.get(variable) else None


def _check_rank(rank: int, size: int) -> None:
    if not 0 <= rank < size:
        raise RendezvousError(f"rank must be in 0 .. {size - 1} for world_size {size}, got {rank}")


def integer(name: str, argument: str = "") -> int:
    """Read an integer variable; `argument` names another way to give it."""
    text = os.environ.get(name)
    if not text:
        raise RendezvousError(
            f"the environment variable {name} is not set" + (f" (or pass {argument})" * bool(argument))
        )
    try:
        return int(text)
    except ValueError:
        raise RendezvousError(f"the environment variable {name} must be an integer, got {text!r}") from None


def address(rank: int, found: Start | None) -> str:
    """Read MASTER_ADDR, or take what `start` found; "" for rank 0, which needs none.

    Raises:
        RendezvousError: nothing says where rank 0 is.
    """
    host = os.environ.get("MASTER_ADDR", "") or (found.address if found else "")
    if not host and found:
        raise RendezvousError(f"{found}, but not where rank 0 is: set MASTER_ADDR to its host{_or_mpi(found)}")
    if not host and rank != 0:
        raise RendezvousError("the environment variable MASTER_ADDR is not set: it names the host of rank 0")
    return host


def port(found: Start | None = None) -> int:
    """Read MASTER_PORT, or take what `start` found."""
    if not os.environ.get("MASTER_PORT") and found:
        if found.port:
            return found.port
        raise RendezvousError(f"{found}, but no port: set MASTER_PORT to one that is free on its host{_or_mpi(found)}")
    number = integer("MASTER_PORT")
    if not 0 < number < 65536:
        raise RendezvousError(f"the environment variable MASTER_PORT must be in 1 .. 65535, got {number}")
    return number


def _or_mpi(found: Start) -> str:
    return ', or install mpi4py for init_method="mpi://"' if found.has_mpi else ""


def job_secret() -> bytes:
    """Read TENSORLIB_JOB_SECRET (hexadecimal digits); empty without a launcher."""
    try:
        return bytes.fromhex(os.environ.get("TENSORLIB_JOB_SECRET", ""))
    except ValueError:
        raise RendezvousError("the environment variable TENSORLIB_JOB_SECRET must be hexadecimal digits") from None


def has_external_store() -> bool:
    """Tell whether somebody else than rank 0, the launcher, runs the store (TENSORLIB_STORE=external)."""
    value = os.environ.get("TENSORLIB_STORE", "")
    if value not in ("", "external"):
        raise RendezvousError(f"the environment variable TENSORLIB_STORE must be 'external' or unset, got {value!r}")
    return value == "external"


def job_rank(rank: int) -> int:
    """Return the number under which a launcher knows this process, which is `rank` of the group that meets."""
    return integer("RANK") if has_external_store() and os.environ.get("RANK") else rank
