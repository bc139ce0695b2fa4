"""From the arguments of `init_process_group` to a world that is connected."""

from __future__ import annotations

from datetime import timedelta

from dist.failures import ControlPlane
from dist.process_group import ProcessGroup
from dist.transport.base import Transport
from dist.watchdog import Watchdog
from dist.world import World


def make_world(
    transport: Transport, membership: ControlPlane | None, timeout: float | timedelta, backend: str
) -> World:
    """Make the default group of a transport that is connected."""
    group = ProcessGroup(transport, None, membership, timeout)
    watchdog = Watchdog(group.failures, group.record)
    return World(group, backend, releases=[watchdog.close])


def connect(
    backend: str, init_method: str, world_size: int, rank: int, group_name: str, timeout: float | timedelta
) -> World:
    raise NotImplementedError
