"""Datagrams to a multicast group, on all interfaces of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import select
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from dist.errors import RendezvousError
from dist.rendezvous.interfaces import Interface, ipv4_interfaces, ipv6_interfaces

DATAGRAM_BYTES: Final = 2048
# So many are read at once at most, lest a flood of them keeps this process from all else.
_MOST_AT_ONCE: Final = 256
_IPV4_REQUEST: Final = struct.Struct("=4s4xi")  # struct ip_mreqn: group, any address, interface
_IPV6_REQUEST: Final = struct.Struct("=16si")  # struct ipv6_mreq


class MulticastSocket:
    """Sends to the members of a group and receives what they send, one's own datagrams included.

    Loopback interfaces carry multicast over IPv4 alone: for an IPv6 group, processes of one machine meet there in an
    IPv4 group whose address is made from it.

    Args:
        group: an IPv4 or IPv6 multicast address; "%eth0" behind the latter means that interface alone.
        port: of the datagrams.
        hops: networks that a datagram may travel: 1 does not pass any router.

    Raises:
        RendezvousError: no interface can be used.
    """

    def __init__(self, group: str, port: int, hops: int = 1) -> None:
        address = ipaddress.ip_address(group)
        self._ways: list[_Way] = []
        try:
            if isinstance(address, ipaddress.IPv6Address):
                wanted = [each for each in ipv6_interfaces() if address.scope_id in (None, each.name)]
                self._add(ipaddress.IPv6Address(int(address)), port, hops, wanted)
                loopback = [each for each in ipv4_interfaces() if each.is_loopback and not address.scope_id]
                self._add(_loopback_group(address), port, hops, loopback)
            else:
                self._add(address, port, hops, ipv4_interfaces())
        except BaseException:
            self.close()
            raise
        if not self.interfaces:
            raise RendezvousError(f"no network interface of this machine carries multicast to {group}")

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces in use."""
        return [interface for way in self._ways for interface in way.interfaces]

    def send(self, text_for: Callable[[Interface], bytes]) -> None:
        """Send on every interface what `text_for` returns for it; where that fails nobody hears it."""
        for way in self._ways:
            way.send(text_for)

    def receive(self, timeout: float) -> list[bytes]:
        """Return what has arrived, waiting until there is something, or `timeout` seconds."""
        ready, _, _ = select.select([way.socket for way in self._ways], [], [], max(0.0, timeout))
        return [text for way in self._ways if way.socket in ready for text in way.received()]

    def close(self) -> None:
        """Leave the group."""
        for way in self._ways:
            way.socket.close()

    def _add(self, group: _Address, port: int, hops: int, interfaces: list[Interface]) -> None:
        if interfaces:
            self._ways.append(_Way(group, port, hops, interfaces))


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class _Way:
    """A group by one of the two protocols."""

    def __init__(self, group: _Address, port: int, hops: int, interfaces: list[Interface]) -> None:
        self._group, self._port = group, port
        self._options = _OPTIONS[group.version]
        self.interfaces: list[Interface] = []
        self.socket = socket.socket(self._options.family, socket.SOCK_DGRAM)
        try:
            self._prepare(hops)
        except OSError as error:
            self.socket.close()
            raise RendezvousError(f"cannot listen to multicast at port {port}: {error.strerror}") from None
        for interface in interfaces:
            with contextlib.suppress(OSError):
                self._set(self._options.join, self._membership(interface))
                self.interfaces.append(interface)

    def send(self, text_for: Callable[[Interface], bytes]) -> None:
        """See `MulticastSocket.send`."""
        for interface in self.interfaces:
            with contextlib.suppress(OSError):
                self._set(self._options.outgoing, self._outgoing(interface))
                self.socket.sendto(text_for(interface), (str(self._group), self._port))

    def received(self) -> Iterator[bytes]:
        """Yield what has arrived."""
        for _ in range(_MOST_AT_ONCE):
            try:
                yield self.socket.recv(DATAGRAM_BYTES)
            except OSError:
                return

    def _prepare(self, hops: int) -> None:
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._set(self._options.loop, 1)
        self._set(self._options.hops, hops)
        if self._group.version == 4:
            self.socket.bind((str(self._group), self._port))
        else:
            self._set(socket.IPV6_V6ONLY, 1)
            self.socket.bind(("::", self._port))  # a group on every link has no address to bind to

    def _set(self, option: int, value: int | bytes) -> None:
        self.socket.setsockopt(self._options.level, option, value)

    def _membership(self, interface: Interface) -> bytes:
        request = _IPV4_REQUEST if self._group.version == 4 else _IPV6_REQUEST
        return request.pack(self._group.packed, interface.index)

    def _outgoing(self, interface: Interface) -> int | bytes:
        return self._membership(interface) if self._group.version == 4 else interface.index


class _Options(NamedTuple):
    """What the two protocols call the same things."""

    family: socket.AddressFamily
    level: int
    loop: int
    hops: int
    join: int
    outgoing: int


_OPTIONS = {
    4: _Options(
        socket.AF_INET,
        socket.IPPROTO_IP,
        socket.IP_MULTICAST_LOOP,
        socket.IP_MULTICAST_TTL,
        socket.IP_ADD_MEMBERSHIP,
        socket.IP_MULTICAST_IF,
    ),
    6: _Options(
        socket.AF_INET6,
        socket.IPPROTO_IPV6,
        socket.IPV6_MULTICAST_LOOP,
        socket.IPV6_MULTICAST_HOPS,
        socket.IPV6_JOIN_GROUP,
        socket.IPV6_MULTICAST_IF,
    ),
}


def _loopback_group(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address:
    """Return a group of those for local use (RFC 2365)."""
    return ipaddress.IPv4Address(b"\xef\xff" + hashlib.sha256(address.packed).digest()[:2])
