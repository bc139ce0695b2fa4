"""From the arguments of `init_process_group` to a world that is connected."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import timedelta

from dist.algorithms import MessageCollectives
from dist.arguments import integer
from dist.backends import find
from dist.collectives import Collectives
from dist.control.membership import Membership
from dist.control.uncaught import UncaughtExceptions
from dist.failures import ControlPlane
from dist.faults import FaultPlan, Injector
from dist.process_group import ProcessGroup
from dist.rendezvous import rendezvous
from dist.store import Store
from dist.timeouts import timeout_seconds
from dist.transport.base import Transport
from dist.watchdog import Watchdog
from dist.world import World


def connect_world(
    backend: str,
    where: str | Store | None,
    world_size: int | None,
    rank: int | None,
    group_name: str,
    timeout: float | timedelta,
) -> World:
    """Find the other ranks, begin to watch over them, and connect to each; see `dist.init_process_group`.

    `where` is an init method, or a store that all ranks have opened; None means what the backend meets by.
    """
    seconds = timeout_seconds("init_process_group", timeout)
    own, size = _number("rank", rank), _number("world_size", world_size)
    found = find(backend)
    with contextlib.ExitStack() as undo:
        met = rendezvous(found.init_method if where is None else where, own, size, seconds, group_name)
        undo.callback(met.close)
        membership = Membership(met)
        undo.callback(membership.leave)
        transport = found.connect(met, membership, seconds)
        undo.callback(transport.close)
        uncaught = UncaughtExceptions(membership)
        uncaught.install()
        undo.callback(uncaught.uninstall)
        faults = FaultPlan.from_environment()
        farewells = [undo.pop_all().close]
        return make_world(transport, membership, seconds, backend, farewells, found.make_collectives, faults)


def _number(name: str, value: int | None) -> int:
    """Return a number as it is given, -1 for none."""
    return -1 if value is None else integer("init_process_group", name, value)


def make_world(
    transport: Transport,
    membership: ControlPlane | None,
    timeout: float | timedelta,
    backend: str,
    farewells: Iterable[Callable[[], None]] = (),
    make_collectives: Callable[[], Collectives] = MessageCollectives,
    faults: FaultPlan | None = None,
    watched: bool = True,
) -> World:
    """Make the world of a transport that is connected; closing it closes the transport.

    Unless somebody else sees it when the ranks make different calls, a thread of this process watches for that.
    """
    injector = Injector(faults, transport) if faults and faults.faults else None
    group = ProcessGroup(transport, None, membership, timeout, make_collectives=make_collectives)
    group.failures.inject = injector
    watchdogs = [Watchdog(group.failures, group.record).close] if watched else []
    return World(group, backend, [*watchdogs, transport.close], farewells)
