"""Collectives on Python objects.

Objects of plain data (numbers, strings, bytes, None, NumPy arrays and scalars, dates, and lists, tuples, sets and
dictionaries of them) can be sent at any time. Anything else is pickled, and unpickling runs code that the sender chose:
that needs a decision, `trust_peers()`, on every rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dist.public.peers import global_rank
from dist.world import resolve

if TYPE_CHECKING:
    from dist.process_group import ProcessGroup


def trust_peers(trust: bool = True) -> None:
    """Let objects of any class come from other ranks: each of them may run code in this process then.

    Without it the object collectives take plain data alone: losses, names, counts, arrays, and containers of them. The
    ranks of one user's job, which authenticate each other by its secret and run the same program, may well trust each
    other; ranks on hosts that others administer may not. The environment variable TENSORLIB_TRUST_PEERS=1 says the same
    for scripts that are not to be changed.

    Args:
        trust: False takes the decision back.
    """
    from dist.objects import trust_peers as run

    run(trust)


def all_gather_object(object_list: list[Any], obj: Any, group: ProcessGroup | None = None) -> None:
    """Put each rank's object into that place of every rank's `object_list`.

    Raises:
        TypeError: the object is more than plain data, and `trust_peers` was not called; nothing was sent.

    Example:
        >>> import dist
        >>> def names() -> list[str]:
        ...     found = [None] * dist.get_world_size()
        ...     dist.all_gather_object(found, f"rank {dist.get_rank()}")
        ...     return found
        >>> dist.simulate(2, names)[0]
        ['rank 0', 'rank 1']
    """
    from dist.objects import all_gather_object as run

    run(resolve(group, "all_gather_object"), object_list, obj)


def gather_object(
    obj: Any,
    object_gather_list: list[Any] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    group_dst: int | None = None,
) -> None:
    """Put each rank's object into that place of `object_gather_list`, which only rank `dst` (by default 0) passes."""
    from dist.objects import gather_object as run

    found = resolve(group, "gather_object")
    run(found, obj, object_gather_list, global_rank(found, "gather_object", "dst", dst, group_dst, 0))


def scatter_object_list(
    scatter_object_output_list: list[Any],
    scatter_object_input_list: list[Any] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    group_src: int | None = None,
) -> None:
    """Put place k of the input list, which only rank `src` (by default 0) passes, into place 0 of rank k's output."""
    from dist.objects import scatter_object_list as run

    found = resolve(group, "scatter_object_list")
    root = global_rank(found, "scatter_object_list", "src", src, group_src, 0)
    run(found, scatter_object_output_list, scatter_object_input_list, root)


def broadcast_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_src: int | None = None,
) -> None:
    """Replace the objects in every rank's list by those of global rank `src`, by default 0.

    `device` is for scripts that pass it: objects travel by way of the host. So it is in the next two functions.
    """
    from dist.objects import broadcast_object_list as run

    found = resolve(group, "broadcast_object_list")
    run(found, object_list, global_rank(found, "broadcast_object_list", "src", src, group_src, 0))


def send_object_list(
    object_list: list[Any],
    dst: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_dst: int | None = None,
) -> None:
    """Send the objects of a list to global rank `dst`, which calls `recv_object_list` with as many places."""
    from dist.objects import send_object_list as run

    found = resolve(group, "send_object_list")
    run(found, object_list, global_rank(found, "send_object_list", "dst", dst, group_dst))


def recv_object_list(
    object_list: list[Any],
    src: int | None = None,
    group: ProcessGroup | None = None,
    device: Any = None,
    group_src: int | None = None,
) -> int:
    """Replace the objects of a list by those that global rank `src`, or any rank, sends; return the sender."""
    from dist.objects import recv_object_list as run

    found = resolve(group, "recv_object_list")
    if src is None and group_src is None:
        return run(found, object_list, None)
    return run(found, object_list, global_rank(found, "recv_object_list", "src", src, group_src))
