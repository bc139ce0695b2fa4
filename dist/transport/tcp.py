"""Ranks as processes anywhere: one TCP connection per pair, raw non-blocking sockets, no copies, no pickling.

A message goes from the sender's buffer to the kernel and from there into the receiver's buffer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from dist.errors import TransportTimeout
from dist.transport.bootstrap import AddressStore, Bootstrap
from dist.transport.handshake import Address, connect_mesh, listen
from dist.transport.mesh import MeshTransport
from dist.transport.progress import ProgressEngine
from dist.transport.stream import SocketStream


def connect_tcp(bootstrap: Bootstrap) -> TcpTransport:
    """Connect the ranks of a job, each of which calls this.

    Raises:
        TransportTimeout: some ranks did not connect in time; names them.
        TransportError: a rank cannot be connected to, or does not know the secret; names it.
    """
    return TcpTransport(bootstrap.rank, *connect_sockets(bootstrap))


def connect_sockets(bootstrap: Bootstrap) -> tuple[dict[int, socket.socket], tuple[str, ...]]:
    """Return a connected, authenticated, non-blocking socket per other rank, and all hosts; see `connect_tcp`."""
    rank, size, store = bootstrap.rank, bootstrap.size, bootstrap.store
    if size == 1:
        return {}, (bootstrap.host,)
    deadline = time.monotonic() + bootstrap.timeout
    listener, address = listen(bootstrap.host)
    with listener:
        store.set(_address_key(rank), address.encode())
        addresses = [address if peer == rank else _address_of(peer, rank, store, deadline) for peer in range(size)]
        remaining = max(0.0, deadline - time.monotonic())
        sockets = connect_mesh(rank, bootstrap.secret, listener, addresses, remaining, bootstrap.failure)
    return sockets, tuple(address.host for address in addresses)


class TcpTransport(MeshTransport):
    """A mesh of TCP connections; implements `Transport`.

    Args:
        rank: this rank.
        sockets: a connected, authenticated, non-blocking socket per other rank, owned by the transport from now on.
        hosts: where each rank is; see `MeshTransport`.
    """

    def __init__(self, rank: int, sockets: dict[int, socket.socket], hosts: Sequence[str] = ()) -> None:
        engine = ProgressEngine()
        super().__init__(rank, engine, {peer: SocketStream(sock, engine) for peer, sock in sockets.items()}, hosts)


def _address_of(peer: int, rank: int, store: AddressStore, deadline: float) -> Address:
    try:
        return Address.decode(store.get(_address_key(peer), max(0.0, deadline - time.monotonic())))
    except TimeoutError:
        raise TransportTimeout(f"rank {rank}: rank {peer} did not say in time where it listens", peer) from None


def _address_key(rank: int) -> str:
    return f"tcp/{rank}"
