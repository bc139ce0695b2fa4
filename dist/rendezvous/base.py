"""What a rendezvous is asked for, and what it gives."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from dist import at_exit
from dist.errors import StoreError
from dist.store import Store, StoreClient, StoreServer

LEAVE_SECONDS = 2.0


@dataclass(frozen=True)
class Settings:
    """What the caller asked for; `rank` and `world_size` are -1 where they are left to be found out."""

    init_method: str
    rank: int
    world_size: int
    timeout: float
    group_name: str
    patience: float


@dataclass(eq=False)
class Rendezvous:
    """The ranks of a group have found each other; this is what one of them knows.

    Attributes:
        rank: this process's number.
        size: the number of ranks.
        host: the address that the other ranks reach this one at.
        members: every rank by name, as in "rank 2 (host h, pid 71)".
        secret: 32 random bytes that only the members of this group know.
        store: keys and values of this group alone; they go when its last member has left.
        client: the connection to the store's server, with the events of the group.
        store_host: who runs the server, by name.
        store_host_rank: the rank that does, or None.
        server: the server, where this process runs it.
        linger: seconds that `close` waits for the other ranks where this process runs the server.
    """

    rank: int
    size: int
    host: str
    members: dict[int, str]
    secret: bytes
    store: Store
    client: StoreClient
    store_host: str
    store_host_rank: int | None
    server: StoreServer | None
    linger: float = 30.0

    def __post_init__(self) -> None:
        at_exit.register(self.close)

    def close(self) -> None:
        """Leave the group; where this process runs the server, keep it until all have left or `linger` is over."""
        at_exit.unregister(self.close)
        with contextlib.suppress(StoreError):
            self.client.request("leave", b"left the group", timeout=LEAVE_SECONDS)
        self.client.close()
        if self.server:
            try:
                self.server.wait_until_left(self.linger)
            finally:
                self.server.close()
