"""From the arguments of `init_process_group` to a world that is connected."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from datetime import timedelta

from dist.control.membership import Membership
from dist.control.uncaught import UncaughtExceptions
from dist.errors import PeerError, RendezvousError, StoreError, StoreTimeout, TransportError
from dist.failures import ControlPlane
from dist.process_group import ProcessGroup
from dist.rendezvous import Rendezvous, rendezvous
from dist.store import Store
from dist.timeouts import timeout_seconds
from dist.transport.base import Transport
from dist.transport.tcp import TcpTransport, connect_tcp
from dist.watchdog import Watchdog
from dist.world import World

_POLL = 0.5  # seconds
# A rank that cannot be connected to has often failed: word of how is on its way.
_WORD_OF_FAILURE = 1.0  # seconds


def connect_world(
    backend: str, init_method: str, world_size: int, rank: int, group_name: str, timeout: float | timedelta
) -> World:
    """Find the other ranks, begin to watch over them, and connect to each; see `dist.init_process_group`."""
    seconds = timeout_seconds("init_process_group", timeout)
    with contextlib.ExitStack() as undo:
        met = rendezvous(init_method, rank, world_size, seconds, group_name)
        undo.callback(met.close)
        membership = Membership(met)
        undo.callback(membership.leave)
        transport = _connect(met, membership, seconds)
        undo.callback(transport.close)
        uncaught = UncaughtExceptions(membership)
        uncaught.install()
        undo.callback(uncaught.uninstall)
        return make_world(transport, membership, seconds, backend, [undo.pop_all().close])


def make_world(
    transport: Transport,
    membership: ControlPlane | None,
    timeout: float | timedelta,
    backend: str,
    farewells: Iterable[Callable[[], None]] = (),
) -> World:
    """Make the world of a transport that is connected; closing it closes the transport."""
    group = ProcessGroup(transport, None, membership, timeout)
    watchdog = Watchdog(group.failures, group.record)
    return World(group, backend, [watchdog.close, transport.close], farewells)


def _connect(met: Rendezvous, membership: Membership, seconds: float) -> TcpTransport:
    """Connect to the other ranks; where one of them fails meanwhile, raise that."""
    store = _WatchedStore(met.store, membership)
    try:
        return connect_tcp(met.rank, met.size, store, met.secret, met.host, seconds, membership.failure)
    except (TransportError, StoreError) as error:
        deadline = time.monotonic() + _WORD_OF_FAILURE
        while membership.failure() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        if failure := membership.failure():
            raise failure from error
        membership.report(f"could not connect: {error}")
        raise RendezvousError(f"init_process_group: {error}") from error
    except PeerError:
        raise
    except BaseException:
        membership.report("was interrupted while it connected")
        raise


class _WatchedStore:
    """A store whose `get` ends when a rank fails: what is waited for might never come."""

    def __init__(self, store: Store, membership: Membership) -> None:
        self._store = store
        self._membership = membership
        self.set = store.set

    def get(self, key: str, timeout: float) -> bytes:
        """See `Store.get`; raises PeerError when a rank has failed."""
        deadline = time.monotonic() + timeout
        while True:
            if failure := self._membership.failure():
                raise failure
            remaining = deadline - time.monotonic()
            try:
                return self._store.get(key, min(_POLL, max(0.0, remaining)))
            except StoreTimeout:
                if remaining <= _POLL:
                    raise
