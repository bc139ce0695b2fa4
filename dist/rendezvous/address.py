"""Rendezvous at an address that all ranks know: `tcp://host:port`, and `env://` with the address in the environment."""

from __future__ import annotations

import hmac
import importlib.util
import ipaddress
import os
import time
from dataclasses import replace
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
from dist.rendezvous.mpi import from_mpi
from dist.rendezvous.multicast import from_group
from dist.rendezvous.schedulers import Start
from dist.store import StoreServer


def from_environment(settings: Settings) -> Rendezvous:
    """`env://`: RANK, WORLD_SIZE, MASTER_ADDR (rank 0 may do without) and MASTER_PORT, or what a scheduler set.

    Rank and world size may be given instead. Where mpirun started the ranks and does not say where rank 0 is, they meet
    through MPI if mpi4py is installed.
    """
    found = environment.start(settings.rank, settings.world_size)
    if found and _needs_mpi(found):
        return _meet_by_mpi(settings, found)
    rank, size = environment.rank_and_size(settings.rank, settings.world_size, found)
    if environment.has_external_store():
        host = os.environ.get("MASTER_ADDR", "")
        if not host:
            raise RendezvousError("the environment variable MASTER_ADDR is not set: it says where the store is")
        return _meet_elsewhere(settings, rank, size, host, environment.port(), store_host_rank=None)
    if found and size == 1:
        return _meet_at_rank_0(settings, rank, size, LOOPBACK, port=0)
    port, host = environment.port(found), environment.address(rank, found)
    if found and found.job:
        settings = replace(settings, group_name=f"{found.job} {settings.group_name}")
    return _meet_at_rank_0(settings, rank, size, host or ALL_INTERFACES, port)


def _needs_mpi(found: Start) -> bool:
    """Tell whether MPI is there to help where the environment does not say enough."""
    has_address = (found.address or os.environ.get("MASTER_ADDR")) and (found.port or os.environ.get("MASTER_PORT"))
    return found.has_mpi and not has_address and importlib.util.find_spec("mpi4py") is not None


def _meet_by_mpi(settings: Settings, found: Start) -> Rendezvous:
    met = from_mpi(settings)
    if found.size not in (None, met.size):
        met.close()
        other = f"mpi4py, which uses another MPI, says rank {met.rank} of {met.size}"
        raise RendezvousError(f"{found}, but {other}: set MASTER_ADDR and MASTER_PORT")
    return met


def from_url(settings: Settings) -> Rendezvous:
    """`tcp://host:port`: the address of rank 0, IPv4, IPv6 in brackets, or a name; ranks are given.

    Of a multicast address, see `from_group`; there `tcp://group:port?ttl=4` lets datagrams travel through 3 routers.
    """
    host, port, hops = _split(settings.init_method)
    if _is_multicast(host):
        return from_group(settings, host, port, hops)
    found = environment.start(settings.rank, settings.world_size)
    rank, size = environment.rank_and_size(settings.rank, settings.world_size, found)
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
    listening, secret = listening_host(host), _secret(settings)
    server = StoreServer(listening, port, secret, patience=settings.patience, shares_port=bool(settings.group_name))
    reached_at = LOOPBACK if listening == ALL_INTERFACES else listening
    place = Place(reached_at, server.port, own_address(host), store_host_rank=0, server=server, secret=secret)
    return meet_as_host(settings, rank, size, place)


def _meet_elsewhere(
    settings: Settings, rank: int, size: int, host: str, port: int, store_host_rank: int | None
) -> Rendezvous:
    deadline = time.monotonic() + settings.timeout
    wait_for_address(host, deadline)
    place = Place(host, port, own_address(host), store_host_rank)
    if store_host_rank is not None:
        place = replace(place, secret=_secret(settings), comes_again=True)
    return meet(settings, rank, size, place, deadline)


def _secret(settings: Settings) -> bytes:
    """Return what those of a group with a name know: such groups can meet at one port without disturbing each other."""
    secret = environment.job_secret()
    return hmac.digest(secret, settings.group_name.encode(), "sha256") if settings.group_name else secret
