"""What the environment says about a rank and its job."""

from __future__ import annotations

import os

from dist.errors import RendezvousError


def rank_and_size(rank: int, world_size: int) -> tuple[int, int]:
    """Complete what the caller gave (-1: not given) from RANK and WORLD_SIZE, and check it.

    Raises:
        RendezvousError: a variable is missing or not an integer, or the rank is not in 0 .. world_size-1.
    """
    found, size = rank_if_given_and_size(rank, world_size)
    return integer("RANK", "rank=") if found is None else found, size


def rank_if_given_and_size(rank: int, world_size: int) -> tuple[int | None, int]:
    """Do as `rank_and_size` does, but return None for a rank that is nowhere given."""
    size = world_size if world_size != -1 else integer("WORLD_SIZE", "world_size=")
    if size < 1:
        raise RendezvousError(f"world_size must be at least 1, got {size}")
    if rank == -1 and not os.environ.get("RANK"):
        return None, size
    own = rank if rank != -1 else integer("RANK", "rank=")
    if not 0 <= own < size:
        raise RendezvousError(f"rank must be in 0 .. {size - 1} for world_size {size}, got {own}")
    return own, size


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


def port() -> int:
    """Read MASTER_PORT."""
    number = integer("MASTER_PORT")
    if not 0 < number < 65536:
        raise RendezvousError(f"the environment variable MASTER_PORT must be in 1 .. 65535, got {number}")
    return number


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
