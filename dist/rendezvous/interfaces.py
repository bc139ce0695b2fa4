"""The network interfaces of this machine, with the address by which others on the same network reach it."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SIOCGIFADDR: Final = 0x8915
_REQUEST: Final = struct.Struct("16s4x4s232x")  # struct ifreq with an IPv4 address, and room for what else there is


@dataclass(frozen=True)
class Interface:
    """An interface that has an address.

    Attributes:
        name: as in "eth0".
        index: the kernel's number for it.
        address: by which others on the same network reach this machine; never one that needs a zone.
    """

    name: str
    index: int
    address: str

    @property
    def is_loopback(self) -> bool:
        """Tell whether this reaches processes of this machine alone."""
        return ipaddress.ip_address(self.address).is_loopback


def ipv4_interfaces() -> list[Interface]:
    """Return the interfaces that have an IPv4 address."""
    return [Interface(name, index, address) for index, name, address in _named_ipv4_addresses()]


def ipv6_interfaces() -> list[Interface]:
    """Return the interfaces that speak IPv6, with an address that is valid beyond the link, or else the IPv4 one."""
    found: dict[int, tuple[str, str]] = {}
    ipv4 = {index: address for index, _, address in _named_ipv4_addresses()}
    for address, index, name in _ipv6_addresses():
        if not address.is_link_local:
            found[index] = name, str(address)
        elif index in ipv4:
            found.setdefault(index, (name, ipv4[index]))
    return [Interface(name, index, address) for index, (name, address) in found.items()]


def _named_ipv4_addresses() -> Iterator[tuple[int, str, str]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for index, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # it has none
                answer = fcntl.ioctl(asking, _SIOCGIFADDR, _REQUEST.pack(name.encode(), b""))
                yield index, name, socket.inet_ntoa(_REQUEST.unpack(answer)[1])


def _ipv6_addresses() -> Iterator[tuple[ipaddress.IPv6Address, int, str]]:
    with contextlib.suppress(FileNotFoundError), open("/proc/net/if_inet6") as table:
        for line in table:
            digits, index, _, _, _, name = line.split()
            yield ipaddress.IPv6Address(bytes.fromhex(digits)), int(index, 16), name
