"""Groups of ranks, and how their members are numbered."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from dist.errors import DistError
from dist.world import require_world, resolve

if TYPE_CHECKING:
    from dist.process_group import ProcessGroup


def new_group(
    ranks: Iterable[int] | None = None, timeout: float | timedelta | None = None, backend: str | None = None
) -> ProcessGroup:
    """Make a group of some global ranks, sorted; None means all.

    Every process of the world makes the same groups in the same order, also those that it is not a member of. Groups
    may overlap, and be used at the same time, also from several threads.

    Args:
        ranks: the members' global ranks.
        timeout: of its collectives, in seconds or as a timedelta; None means the world's.
        backend: None, or that of the world.
    """
    world = require_world("new_group")
    if backend not in (None, world.backend):
        raise ValueError(f"new_group: backend is {backend!r}: need {world.backend!r}, that of the world, or None")
    return world.new_group(ranks, timeout)


def new_subgroups(
    group_size: int | None = None,
    group: ProcessGroup | None = None,
    timeout: float | timedelta | None = None,
    backend: str | None = None,
) -> tuple[ProcessGroup | None, list[ProcessGroup]]:
    """Cut a group into groups of neighbours, of `group_size` ranks each.

    Args:
        group_size: None means the number of ranks on this host, as the launcher says.
        group: what to cut; None means all ranks.
        timeout: see `new_group`.
        backend: see `new_group`.

    Returns:
        The group that this process is in, None if it is in none; and all of them.

    Raises:
        ValueError: the group's size is not a multiple of `group_size`.
    """
    ranks = resolve(group, "new_subgroups").ranks
    if group_size is None:
        group_size = int(os.environ.get("LOCAL_WORLD_SIZE", len(ranks)))
    if group_size < 1 or len(ranks) % group_size:
        raise ValueError(f"new_subgroups: group_size is {group_size}: need a divisor of {len(ranks)}")
    parts = [ranks[start : start + group_size] for start in range(0, len(ranks), group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]],
    timeout: float | timedelta | None = None,
    backend: str | None = None,
) -> tuple[ProcessGroup | None, list[ProcessGroup]]:
    """Make a group of each list of global ranks; no rank may be in two of them.

    Returns:
        The group that this process is in, None if it is in none; and all of them.
    """
    listed = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if not listed or len(set(listed)) != len(listed):
        raise ValueError(
            f"new_subgroups_by_enumeration: ranks_per_subgroup_list is {ranks_per_subgroup_list}: need each rank once"
        )
    groups = [new_group(ranks, timeout, backend) for ranks in ranks_per_subgroup_list]
    return next((group for group in groups if group.rank >= 0), None), groups


def get_global_rank(group: ProcessGroup | None, group_rank: int) -> int:
    """Return the global rank of a rank of a group."""
    found = resolve(group, "get_global_rank")
    if group_rank not in range(found.size):
        raise ValueError(f"get_global_rank: group_rank is {group_rank}: need 0 to {found.size - 1}")
    return found.ranks[group_rank]


def get_group_rank(group: ProcessGroup | None, global_rank: int) -> int:
    """Return the rank within a group of a global rank."""
    found = resolve(group, "get_group_rank")
    if global_rank not in found.ranks:
        raise ValueError(f"get_group_rank: rank {global_rank} is not in group {found.name} of {list(found.ranks)}")
    return found.ranks.index(global_rank)


def get_process_group_ranks(group: ProcessGroup | None = None) -> list[int]:
    """Return the global ranks of a group's members, in the order of their ranks within the group."""
    return list(resolve(group, "get_process_group_ranks").ranks)


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """Return this process's number among those of its host, which the launcher sets as LOCAL_RANK.

    Args:
        fallback_rank: returned where LOCAL_RANK is not set.
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is None:
        raise DistError("get_node_local_rank: LOCAL_RANK is not set: start with tlrun, or pass fallback_rank")
    return fallback_rank
