"""Rendezvous at an address that all ranks know: `tcp://host:port`, and `env://` with the address in the environment."""

from __future__ import annotations

import ipaddress
import os
import time
from urllib.parse import parse_qsl, urlsplit

from dist.errors import RendezvousError
from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import (
    ALL_INTERFACES,
    LOOPBACK,
    has_address,
    listening_host,
    own_address,
    wait_for_address,
)
from dist.rendezvous.meeting import Place, meet, meet_as_host
from dist.rendezvous.multicast import from_group
from dist.store import StoreServer


def from_environment(settings: Settings) -> Rendezvous:
    """`env://`: MASTER_ADDR (rank 0 may do without), MASTER_PORT, and RANK and WORLD_SIZE unless given."""
    rank, size = environment.rank_and_size(settings.rank, settings.world_size)
    host, port = os.environ.get("MASTER_ADDR", ""), environment.port()
    if environment.has_external_store():
        if not host:
            raise RendezvousError("the environment variable MASTER_ADDR is not set: it says where the store is")
        return _meet_elsewhere(settings, rank, size, host, port, store_host_rank=None)
    if not host and rank != 0:
        raise RendezvousError("the environment variable MASTER_ADDR is not set: it names the host of rank 0")
    return _meet_at_rank_0(settings, rank, size, host or ALL_INTERFACES, port)


def from_url(settings: Settings) -> Rendezvous:
    """`tcp://host:port`: the address of rank 0, IPv4, IPv6 in brackets, or a name; ranks are given.

    Of a multicast address, see `from_group`; there `tcp://group:port?ttl=4` lets datagrams travel through 3 routers.
    """
    host, port, hops = _split(settings.init_method)
    if _is_multicast(host):
        return from_group(settings, host, port, hops)
    rank, size = environment.rank_and_size(settings.rank, settings.world_size)
    return _meet_at_rank_0(settings, rank, size, host, port)


def _split(url: str) -> tuple[str, int, int]:
    """Return host, port, and how many networks a datagram may travel."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        hops = int(options.pop("ttl", 1))
    except ValueError as error:
        raise RendezvousError(f"init_method must be tcp://host:port, got {url!r}: {error}") from None
    if not host or not port or parts.path not in ("", "/") or options or not 0 < hops < 256:
        raise RendezvousError(f"init_method must be tcp://host:port, got {url!r}")
    return host, port, hops


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:  # a name
        return False


def _meet_at_rank_0(settings: Settings, rank: int, size: int, host: str, port: int) -> Rendezvous:
    if rank != 0:
        return _meet_elsewhere(settings, rank, size, host, port, store_host_rank=0)
    # A pod in Kubernetes may not know itself by the name that others will know it by.
    host = host if has_address(host) else ALL_INTERFACES
    listening = listening_host(host)
    server = StoreServer(listening, port, environment.job_secret(), patience=settings.patience)
    reached_at = LOOPBACK if listening == ALL_INTERFACES else listening
    place = Place(reached_at, server.port, own_address(host), store_host_rank=0, server=server)
    return meet_as_host(settings, rank, size, place)


def _meet_elsewhere(
    settings: Settings, rank: int, size: int, host: str, port: int, store_host_rank: int | None
) -> Rendezvous:
    deadline = time.monotonic() + settings.timeout
    wait_for_address(host, deadline)
    return meet(settings, rank, size, Place(host, port, own_address(host), store_host_rank), deadline)
