"""Roots and peers as callers name them: by global rank, or by rank within the group."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dist.process_group import ProcessGroup


def global_rank(
    group: ProcessGroup, operation: str, name: str, rank: int | None, group_rank: int | None, default: int | None = None
) -> int:
    """Return the global rank that a caller means by `name` or by `group_{name}`.

    Raises:
        ValueError: both are given, or none where there is no default, or the group has no such rank.
    """
    if group_rank is None:
        chosen = default if rank is None else rank
        if chosen is None:
            raise ValueError(
                f"{operation}: {name} is missing: need a global rank, or group_{name}, a rank of the group"
            )
        return chosen
    if rank is not None:
        raise ValueError(f"{operation}: both {name} and group_{name} are given: need one of them")
    if group_rank not in range(group.size):
        raise ValueError(f"{operation}: group_{name} is {group_rank}: need 0 to {group.size - 1}")
    return group.ranks[group_rank]
