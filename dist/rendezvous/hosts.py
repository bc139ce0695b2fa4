"""Which of this machine's addresses to listen at, and which to tell others."""

from __future__ import annotations

import ipaddress
import socket

from dist.store.socket_thread import resolve

ALL_INTERFACES = "*"
LOOPBACK = "127.0.0.1"
# Nothing is sent there (RFC 5737): asking for the route tells which of this machine's addresses faces other machines.
ELSEWHERE = "192.0.2.1"


def listening_host(host: str) -> str:
    """Choose what rank 0 listens at: `host` where it is this machine's own and not misleading, else all interfaces."""
    if host == ALL_INTERFACES or _is_loopback_by_accident(host) or not _is_own(resolve(host)):
        return ALL_INTERFACES
    return host


def own_address(host_of_rank_0: str) -> str:
    """Find the address of this machine by which those reach it that reach rank 0 at the host given."""
    if host_of_rank_0 == ALL_INTERFACES or _is_loopback_by_accident(host_of_rank_0):
        return _address_facing(ELSEWHERE)
    return _address_facing(resolve(host_of_rank_0))


def _is_loopback_by_accident(host: str) -> bool:
    """Some systems set up their own name as a loopback address, which means something else on other machines."""
    address = resolve(host)
    return host not in ("localhost", address) and ipaddress.ip_address(address).is_loopback


def _is_own(address: str) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _address_facing(towards: str) -> str:
    with socket.socket(_family(towards), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((towards, 9))
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
