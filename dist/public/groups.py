"""Groups of ranks, and how their members are numbered."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from dist.errors import DistError
from dist.world import current_world, require_world, resolve

if TYPE_CHECKING:
    from dist.process_group import ProcessGroup


class _NonMember:
    """Stands for every group that this process is not in: equal to each of them, and to nothing else."""

    __hash__ = None  # type: ignore[assignment]  # a group's is another, though they are equal

    def __eq__(self, other: object) -> bool:
        return other is self or (hasattr(other, "all_reduce") and getattr(other, "rank", 0) == -1)

    def __repr__(self) -> str:
        return "NON_GROUP_MEMBER"


class _Groups:
    """The namespace `dist.group`, also called `dist.GroupMember`.

    Attributes:
        NON_GROUP_MEMBER: equal (`==`) to each group of `new_group` that this process is not a member of.

    Example:
        >>> import dist
        >>> def evens() -> bool:
        ...     return dist.new_group([0, 2]) != dist.GroupMember.NON_GROUP_MEMBER
        >>> dist.simulate(3, evens)
        [True, False, True]
    """

    NON_GROUP_MEMBER = _NonMember()

    @property
    def WORLD(self) -> ProcessGroup | None:  # noqa: N802 - the name that scripts use
        """The default group; None before `init_process_group`, which also stands for it as an argument."""
        world = current_world()
        return world.group if world else None


group = GroupMember = _Groups()


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


def split_group(
    parent_pg: ProcessGroup | None = None,
    split_ranks: Sequence[Sequence[int]] | None = None,
    timeout: float | timedelta | None = None,
) -> ProcessGroup | None:
    """Cut a group into others; its members alone call this, all of them.

    Args:
        parent_pg: what to cut; None means all ranks.
        split_ranks: for each new group the ranks of its members within `parent_pg`; no rank may be in two of them.
        timeout: see `new_group`; None means that of `parent_pg`.

    Returns:
        The group that this process is in; None if it is in none.

    Raises:
        ValueError: this process is not in `parent_pg`, or a rank is not, or is named twice.

    Example:
        >>> import dist
        >>> def halves() -> list[int]:
        ...     return dist.get_process_group_ranks(dist.split_group(split_ranks=[[0, 2], [1, 3]]))
        >>> dist.simulate(4, halves)
        [[0, 2], [1, 3], [0, 2], [1, 3]]
    """
    parent = resolve(parent_pg, "split_group")
    if parent.rank < 0:
        raise ValueError(
            f"split_group: rank {parent.global_rank} is not in group {parent.name} of {list(parent.ranks)}"
        )
    parts = _parts(split_ranks)
    listed = [rank for part in parts for rank in part]
    if not all(parts) or not listed or len(set(listed)) < len(listed) or not set(listed) <= set(range(parent.size)):
        need = f"lists of ranks from 0 to {parent.size - 1}, none empty, each rank at most once"
        raise ValueError(f"split_group: split_ranks is {split_ranks}: need {need}")
    world = require_world("split_group")
    groups = [world.new_group([parent.ranks[rank] for rank in part], timeout, parent) for part in parts]
    return next((group for group in groups if group.rank >= 0), None)


def _parts(split_ranks: Sequence[Sequence[int]] | None) -> list[list[int]]:
    """Return lists of numbers; none where there are none, or where numbers stand for lists."""
    from dist.arguments import integer  # here, so that importing dist stays light

    lists = [] if split_ranks is None else list(split_ranks)
    if not all(hasattr(part, "__iter__") for part in lists):
        return []
    return [[integer("split_group", "a rank of split_ranks", rank) for rank in part] for part in lists]


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
