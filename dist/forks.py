"""What a forked child must let go of.

A child that was forked without `exec`, as by a data loader, holds copies of its parent's sockets. As long as it does,
nobody sees the connections of a parent that was killed come to an end.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Inherited(Protocol):
    """Something that stays with the parent."""

    def abandon(self) -> None:
        """Close, in a forked child, its copies of what the parent uses; what other threads did has stopped midway."""
        ...


_inherited: weakref.WeakSet[Inherited] = weakref.WeakSet()


def abandon_in_children(owner: Inherited) -> None:
    """Have `owner.abandon()` called in every child that this process forks, for as long as `owner` lives."""
    _inherited.add(owner)


def _abandon_all() -> None:
    for owner in list(_inherited):
        owner.abandon()


os.register_at_fork(after_in_child=_abandon_all)
