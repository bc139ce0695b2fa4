"""The world of this process: the default group, and how it begins and ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from dist import at_exit
from dist.backends import DEFAULT
from dist.errors import DistError

if TYPE_CHECKING:
    from dist.process_group import ProcessGroup
    from dist.store import Store


class World:
    """A default group, the groups made from it, and what has to be released in the end.

    Args:
        group: the default group.
        backend: what moves the bytes.
        releases: called in this order, after the groups were closed.
        farewells: called after those; at exit, the control plane says farewell by itself, and how.
    """

    def __init__(
        self,
        group: ProcessGroup,
        backend: str,
        releases: Iterable[Callable[[], None]] = (),
        farewells: Iterable[Callable[[], None]] = (),
    ) -> None:
        self.group = group
        self.backend = backend
        self._groups = [group]
        self._releases = list(releases)
        self._farewells = list(farewells)

    def new_group(
        self, ranks: Iterable[int] | None, timeout: float | timedelta | None, parent: ProcessGroup | None = None
    ) -> ProcessGroup:
        """Make a group of ranks of `parent`, by default of all, that ends with this world."""
        made = (parent or self.group).new_group(ranks, timeout)
        self._groups.append(made)
        return made

    def destroy_group(self, group: ProcessGroup) -> None:
        """End one of the groups that were made."""
        if group not in self._groups:
            raise ValueError(f"destroy_process_group: group {group.name} does not belong to this world")
        self._groups.remove(group)
        group.close()

    def close(self, exiting: bool = False) -> None:
        """End everything, even where one part fails to; raises the last failure."""
        releases = [group.close for group in self._groups] + self._releases + self._farewells * (not exiting)
        with ExitStack() as closing:
            for release in reversed(releases):
                closing.callback(release)


_process_world: World | None = None


def _forget_world() -> None:
    """In a forked child: the world's threads are not there, and its sockets are the parent's."""
    global _process_world
    at_exit.unregister(_close_at_exit)
    _process_world = None


os.register_at_fork(after_in_child=_forget_world)


class _OfThread(threading.local):
    """Simulated ranks are threads, each in a world of its own; for all other threads, None."""

    # An attribute of the class: to look for one that is missing takes half a microsecond.
    world: World | None = None


_of_thread = _OfThread()


def current_world() -> World | None:
    """Return the world of this thread or, for all others, of the process; None before `init_process_group`."""
    return _of_thread.world or _process_world


def enter_thread_world(world: World | None) -> None:
    """Make `world` the one of the calling thread alone."""
    _of_thread.world = world


def require_world(operation: str) -> World:
    """Return the current world, or raise the one error that says what to do."""
    world = current_world()
    if world is None:
        raise DistError(
            f"{operation}: there is no process group: call dist.init_process_group() first, in a process that tlrun "
            "started or with RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set"
        )
    return world


def resolve(group: ProcessGroup | None, operation: str) -> ProcessGroup:
    """Return the group to use: the default one for None."""
    if group is None:
        return (_of_thread.world or _process_world or require_world(operation)).group
    if not hasattr(group, "all_reduce"):
        raise TypeError(f"{operation}: group is a {type(group).__name__}: need what dist.new_group() returned, or None")
    return group


def open_world(
    backend: str | None,
    init_method: str | None,
    world_size: int | None,
    rank: int | None,
    group_name: str,
    timeout: float | timedelta,
    store: Store | None = None,
) -> None:
    """Find the other ranks, connect to them, and make the default group; see `dist.init_process_group`."""
    global _process_world
    if current_world() is not None:
        raise DistError("init_process_group: there is a process group already: call dist.destroy_process_group() first")
    if store is not None and init_method is not None:
        raise ValueError(f"init_process_group: init_method {init_method!r} and a store: need one of them")
    from dist.connect import connect_world  # here, so that importing dist stays light

    where = init_method if store is None else store
    _process_world = connect_world(backend or DEFAULT, where, world_size, rank, group_name, timeout)
    at_exit.register(_close_at_exit)


def close_world(exiting: bool = False) -> None:
    """Leave the world, in order; done at exit too, so that a rank that finished is not taken for one that failed."""
    global _process_world
    world = current_world()
    if world is None:
        return
    if world is _process_world:
        at_exit.unregister(_close_at_exit)
        _process_world = None
    else:
        enter_thread_world(None)
    world.close(exiting)


def _close_at_exit() -> None:
    close_world(exiting=True)
