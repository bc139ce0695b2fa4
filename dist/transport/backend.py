"""Backends that send messages: `tcp`, over TCP connections, one to each other rank; and what others share with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from dist.algorithms import MessageCollectives
from dist.backends import Backend
from dist.control.membership import Membership
from dist.errors import PeerError, RendezvousError, StoreError, StoreTimeout, TransportError
from dist.rendezvous import Rendezvous
from dist.store import Store
from dist.transport.base import Transport
from dist.transport.bootstrap import Bootstrap
from dist.transport.tcp import TcpTransport, connect_tcp

TransportT = TypeVar("TransportT", bound=Transport)
_POLL = 0.5  # seconds
# A rank that cannot be connected to has often failed: word of how is on its way.
_WORD_OF_FAILURE = 2.5  # seconds


def backend() -> Backend:
    """Return the backend."""
    return Backend(connect, MessageCollectives)


def connect(met: Rendezvous, membership: Membership, seconds: float) -> TcpTransport:
    """Connect to the other ranks over TCP."""
    return connect_by(connect_tcp, met, membership, seconds)


def connect_by(
    connector: Callable[[Bootstrap], TransportT], met: Rendezvous, membership: Membership, seconds: float
) -> TransportT:
    """Connect to the other ranks; where one of them fails meanwhile, raise that.

    Raises:
        PeerError: a rank failed.
        RendezvousError: a rank could not be connected to.
    """
    store = _WatchedStore(met.store, membership)
    try:
        return connector(Bootstrap(met.rank, met.size, store, met.secret, met.host, seconds, membership.failure))
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
