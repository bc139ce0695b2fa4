"""The meeting itself: connect to the store's server, join the group, wait until it is complete."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dist.errors import StoreError, StoreGone
from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import ALL_INTERFACES, LOOPBACK, address_facing, chosen_address, machine_name, process_name
from dist.store import PrefixStore, StoreClient, StoreServer
from dist.store.client import ANSWER_SECONDS

RETRY_SECONDS = 0.05
# After a failed meeting, rank 0 keeps the server until all ranks were told why, at most for so long.
FAREWELL_SECONDS = 5.0


@dataclass
class Place:
    """Where the group meets.

    Attributes:
        host: where this process reaches the store's server.
        port: its port.
        own_address: where other ranks reach this process; "" where that depends on who they are.
        store_host_rank: the rank that runs the server; None for the launcher.
        server: the server, where this process runs it.
        secret: what the server knows its clients by; None means the job's, from the environment.
        comes_again: whether there will be a new server at the same address, for the next group.
    """

    host: str
    port: int
    own_address: str
    store_host_rank: int | None = None
    server: StoreServer | None = None
    secret: bytes | None = None
    comes_again: bool = False

    def to_bytes(self) -> bytes:
        """Write down what other ranks need to come here: the address, and the secret."""
        assert self.secret is not None
        return json.dumps({"host": self.own_address, "port": self.port, "secret": self.secret.hex()}).encode()

    def close(self) -> None:
        """Stop the server, where this process runs it."""
        if self.server:
            self.server.close()

    @classmethod
    def from_bytes(cls, text: bytes, own_address: str) -> Place:
        """Read what rank 0 wrote with `to_bytes`; this process itself is reached at `own_address`."""
        where = json.loads(text)
        return cls(where["host"], where["port"], own_address, 0, secret=bytes.fromhex(where["secret"]))


def open_place(settings: Settings, own_address: str, secret: bytes = b"") -> Place:
    """Start the store's server for one group in this process, rank 0, at a free port and with a new secret."""
    secret = secret or secrets.token_bytes(32)
    listening = LOOPBACK if own_address == LOOPBACK else ALL_INTERFACES
    server = StoreServer(listening, 0, secret, patience=settings.patience, serves_one_group=True)
    return Place(LOOPBACK, server.port, own_address, store_host_rank=0, server=server, secret=secret)


def meet_as_host(settings: Settings, rank: int, size: int, place: Place, deadline: float | None = None) -> Rendezvous:
    """Join as `meet` does where this process runs the server, which is closed if the ranks do not meet."""
    with kept_open(place):
        return meet(settings, rank, size, place, deadline)


@contextlib.contextmanager
def kept_open(place: Place) -> Iterator[None]:
    """Where what is done at this process's server fails, tell those who are there why, and close it."""
    assert place.server
    try:
        yield
    except BaseException:
        place.server.wait_until_left(FAREWELL_SECONDS)
        place.server.close()
        raise


def meet(settings: Settings, rank: int, size: int, place: Place, deadline: float | None = None) -> Rendezvous:
    """Join the group of `size` ranks at `place` as `rank`; return when all are there.

    The time is over at `deadline`, of `time.monotonic()`; None means after the timeout in `settings`.

    Raises:
        StoreError: not all ranks came in time, or they contradict each other.
        PeerError: the launcher says that a rank ended on its way here.
    """
    deadline = time.monotonic() + settings.timeout if deadline is None else deadline
    while True:
        try:
            return _connect_and_join(settings, rank, size, place, deadline)
        except StoreGone:
            # This was the store of an earlier group.
            if not place.comes_again or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def _connect_and_join(settings: Settings, rank: int, size: int, place: Place, deadline: float) -> Rendezvous:
    remaining = max(0.0, deadline - time.monotonic())
    secret = environment.job_secret() if place.secret is None else place.secret
    try:
        client = StoreClient(place.host, place.port, secret, remaining, settings.patience)
    except StoreGone:
        raise
    except StoreError as error:
        whom = "store of the launcher" if place.store_host_rank is None else f"rank {place.store_host_rank}"
        raise StoreError(f"rank {rank} ({process_name()}) of {size} found no {whom}: {error}") from None
    return join(client, settings, rank, size, place, deadline)


def join(client: StoreClient, settings: Settings, rank: int, size: int, place: Place, deadline: float) -> Rendezvous:
    """Join the group by a connection to the server at `place`, which is closed if the ranks do not meet; see `meet`."""
    remaining = max(0.0, deadline - time.monotonic())
    asked = {
        "group": settings.group_name,
        "rank": rank,
        "size": size,
        "job_rank": environment.job_rank(rank),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "timeout": remaining,
        "machine": machine_name(),
        "serves": place.server is not None,
        "reached": place.host,
    }
    try:
        (answer,) = client.request("join", json.dumps(asked).encode(), timeout=remaining + ANSWER_SECONDS)
    except BaseException:
        client.close()
        raise
    client.timeout = settings.timeout
    return _met(client, place, json.loads(answer))


def _met(client: StoreClient, place: Place, group: dict[str, Any]) -> Rendezvous:
    """Read the server's answer: the group is complete."""
    members = {int(number): str(name) for number, name in group["members"].items()}
    host_rank: int | None = group["served_by"]
    return Rendezvous(
        rank=group["rank"],
        size=len(members),
        host=place.own_address or _address_in(group, place),
        members=members,
        secret=bytes.fromhex(group["secret"]),
        store=PrefixStore(group["name"], client),
        client=client,
        store_host="the launcher" if host_rank is None else members[host_rank],
        store_host_rank=host_rank,
        server=place.server,
    )


def _address_in(group: dict[str, Any], place: Place) -> str:
    """Find where the ranks of a complete group reach this one."""
    machines, own = group["machines"], group["machines"][str(group["rank"])]
    if len(set(machines.values())) == 1:
        return LOOPBACK
    if own != machines[str(group["served_by"])]:
        return address_facing(place.host)
    # What reached the server on this machine from another one, that reaches this rank as well.
    return chosen_address() or str(next(group["reached"][rank] for rank, machine in machines.items() if machine != own))
