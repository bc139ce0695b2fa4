"""`dist.TCPStore`: a store at an address, which programs open themselves."""

from __future__ import annotations

import contextlib
import weakref
from datetime import timedelta
from typing import Final

from dist.errors import StoreTimeout
from dist.rendezvous import environment
from dist.rendezvous.hosts import ALL_INTERFACES, LOOPBACK, listening_host
from dist.store import PrefixStore, StoreClient, StoreServer
from dist.timeouts import DEFAULT_TIMEOUT, timeout_seconds

# The program's keys stand under a prefix, the store's own do not.
_PREFIX: Final = "keys"
_WORKERS: Final = "workers"
_ALL_HERE: Final = "all workers are here"


class TCPStore(PrefixStore):
    """Keys and values at an address, kept by the process that opens the store as its master; see `Store`.

    Connections are encrypted, and where the environment variable TENSORLIB_JOB_SECRET is set, only those get in that
    know it. The store ends with the master's object or process: what others wait for then raises `StoreGone`.

    Args:
        host_name: name or address of the master's machine.
        port: where the master listens; 0 takes a free port, see the attribute `port`.
        world_size: how many processes open the store, the master included; None means any number.
        is_master: whether to keep the store in this process.
        timeout: seconds or timedelta; to find the master and the other processes, and what `get` and `wait` take.
        wait_for_workers: return when `world_size` processes have opened the store.

    Attributes:
        host: as given.
        port: where the master listens.

    Raises:
        StoreError: the address cannot be listened at, or there is no store.
        StoreTimeout: not all have opened it in time.

    Example:
        >>> import dist
        >>> store = dist.TCPStore("127.0.0.1", 0, is_master=True)
        >>> worker = dist.TCPStore("127.0.0.1", store.port)
        >>> worker.set("epoch", "7")
        >>> store.get("epoch")
        b'7'
        >>> worker.close(), store.close()
        (None, None)
    """

    def __init__(
        self,
        host_name: str,
        port: int,
        world_size: int | None = None,
        is_master: bool = False,
        timeout: float | timedelta = DEFAULT_TIMEOUT,
        wait_for_workers: bool = True,
    ) -> None:
        seconds, secret = timeout_seconds("TCPStore", timeout), environment.job_secret()
        listening = listening_host(host_name) if is_master else ""
        server = StoreServer(listening, port, secret) if is_master else None
        self.host, self.port = host_name, server.port if server else port
        with contextlib.ExitStack() as undo:
            if server:
                undo.callback(server.close)
            client = StoreClient(LOOPBACK if listening == ALL_INTERFACES else host_name, self.port, secret, seconds)
            undo.callback(client.close)
            if world_size is not None and world_size > 0 and wait_for_workers:
                _wait_for_workers(client, world_size)
            super().__init__(_PREFIX, client)
            self._release = weakref.finalize(self, undo.pop_all().close)

    def close(self) -> None:
        """End the connection, and in the master the store; done too when nobody refers to it. Idempotent."""
        self._release()


def _wait_for_workers(client: StoreClient, world_size: int) -> None:
    if client.add(_WORKERS, 1) == world_size:
        client.set(_ALL_HERE, b"")
    try:
        client.wait([_ALL_HERE])
    except StoreTimeout:
        came = f"{client.add(_WORKERS, 0)} of {world_size} processes"
        raise StoreTimeout(f"TCPStore: {came} opened {client.address} within {client.timeout:g} s") from None
