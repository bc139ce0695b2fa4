"""The meeting itself: connect to the store's server, join the group, wait until it is complete."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass

from dist.errors import StoreGone
from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.store import PrefixStore, StoreClient, StoreServer
from dist.store.client import ANSWER_SECONDS

RETRY_SECONDS = 0.05


@dataclass
class Place:
    """Where the group meets.

    Attributes:
        host: where this process reaches the store's server.
        port: its port.
        own_address: where other ranks reach this process.
        store_host_rank: the rank that runs the server; None for the launcher.
        server: the server, where this process runs it.
    """

    host: str
    port: int
    own_address: str
    store_host_rank: int | None = None
    server: StoreServer | None = None


def meet(settings: Settings, rank: int, size: int, place: Place) -> Rendezvous:
    """Join the group of `size` ranks at `place` as `rank`; return when all are there.

    Raises:
        StoreError: not all ranks came in time, or they contradict each other.
        PeerError: the launcher says that a rank ended on its way here.
    """
    deadline = time.monotonic() + settings.timeout
    while True:
        try:
            return _connect_and_join(settings, rank, size, place, deadline)
        except StoreGone:
            # Where rank 0 runs the store, this was that of an earlier group, and a new one will come.
            if place.store_host_rank is None or time.monotonic() > deadline:
                raise
            time.sleep(RETRY_SECONDS)


def _connect_and_join(settings: Settings, rank: int, size: int, place: Place, deadline: float) -> Rendezvous:
    remaining = max(0.0, deadline - time.monotonic())
    client = StoreClient(place.host, place.port, environment.job_secret(), remaining, settings.patience)
    try:
        return _join(client, settings, rank, size, place, deadline)
    except BaseException:
        client.close()
        raise


def _join(client: StoreClient, settings: Settings, rank: int, size: int, place: Place, deadline: float) -> Rendezvous:
    remaining = max(0.0, deadline - time.monotonic())
    asked = {
        "group": settings.group_name,
        "rank": rank,
        "size": size,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "timeout": remaining,
    }
    (answer,) = client.request("join", json.dumps(asked).encode(), timeout=remaining + ANSWER_SECONDS)
    client.timeout = settings.timeout
    group = json.loads(answer)
    members = {int(number): str(name) for number, name in group["members"].items()}
    host_rank = place.store_host_rank
    return Rendezvous(
        rank=rank,
        size=size,
        host=place.own_address,
        members=members,
        secret=bytes.fromhex(group["secret"]),
        store=PrefixStore(group["name"], client),
        client=client,
        store_host="the launcher" if host_rank is None else members[host_rank],
        store_host_rank=host_rank,
        server=place.server,
    )
