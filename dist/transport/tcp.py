"""Ranks as processes anywhere: one TCP connection per pair, raw non-blocking sockets, no copies, no pickling.

A message goes from the sender's buffer to the kernel and from there into the receiver's buffer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from dist.errors import TransportTimeout
from dist.timeouts import DEFAULT_TIMEOUT
from dist.transport.handshake import Address, AddressStore, Failure, connect_mesh, listen
from dist.transport.mesh import MeshTransport
from dist.transport.progress import ProgressEngine
from dist.transport.stream import SocketStream


def connect_tcp(
    rank: int,
    size: int,
    store: AddressStore,
    secret: bytes,
    host: str = "127.0.0.1",
    timeout: float = DEFAULT_TIMEOUT,
    failure: Failure = lambda: None,
) -> TcpTransport:
    """Connect `size` ranks, each of which calls this.

    Args:
        rank: this rank, 0 to size - 1.
        size: number of ranks.
        store: where the ranks publish and look up their addresses; seen by this job only.
        secret: what the ranks of the job know and nobody else does.
        host: the address of this machine that the other ranks reach it at; listens there only.
        timeout: seconds that this may take.
        failure: returns the error that ends the waiting, once it is known that a rank will never come.

    Raises:
        TransportTimeout: some ranks did not connect in time; names them.
        TransportError: a rank cannot be connected to, or does not know the secret; names it.
        ValueError: the rank is not one of `size`.
    """
    return TcpTransport(rank, *connect_sockets(rank, size, store, secret, host, timeout, failure))


def connect_sockets(
    rank: int, size: int, store: AddressStore, secret: bytes, host: str, timeout: float, failure: Failure
) -> tuple[dict[int, socket.socket], tuple[str, ...]]:
    """Return a connected, authenticated, non-blocking socket per other rank, and all hosts; see `connect_tcp`."""
    if not 0 <= rank < size:
        raise ValueError(f"connect_tcp: rank {rank} is not a rank of 0..{size - 1}")
    if size == 1:
        return {}, (host,)
    deadline = time.monotonic() + timeout
    listener, address = listen(host)
    with listener:
        store.set(_address_key(rank), address.encode())
        addresses = [address if peer == rank else _address_of(peer, rank, store, deadline) for peer in range(size)]
        sockets = connect_mesh(rank, secret, listener, addresses, max(0.0, deadline - time.monotonic()), failure)
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
