"""Connections between ranks that prove to each other that they belong to the same job.

    connecting rank                                accepting rank (listens)
      connects                          ->
                                        <-         challenge (32 random bytes)
      rank, own challenge, proof        ->         checks the proof
      checks the proof                  <-         proof

A proof is an HMAC-SHA256, under the job's secret, of the role, the accepting rank's identity (random, published through
the store), both ranks and both challenges. Whoever cannot give it is cut off before anything it says is looked at, and
may stay silent as long as it likes: all connections are served at the same time.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from dist.errors import TransportError, TransportTimeout
from dist.rank_names import rank_names
from dist.transport.bootstrap import Failure

CHALLENGE_BYTES: Final = 32
PROOF_BYTES: Final = 32
IDENTITY_BYTES: Final = 16
# How long an accepted connection may take to prove itself.
PATIENCE_SECONDS: Final = 10.0
BACKLOG: Final = 512
# On one host nothing is on its way for long. What the kernel holds should still be in the cache when it is received:
# larger buffers take half as much processor time again.
LOCAL_SEND_BUFFER: Final = 512 * 1024

_ANSWER: Final = struct.Struct(f"<I{CHALLENGE_BYTES}s{PROOF_BYTES}s")

# How often the ranks that wait for a connection ask whether one has failed.
POLL_SECONDS: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where a rank listens, and the random identity of its listening socket."""

    host: str
    port: int
    identity: bytes

    def encode(self) -> bytes:
        """Return the form that is published through the store."""
        return f"{self.port} {self.identity.hex()} {self.host}".encode()

    @staticmethod
    def decode(data: bytes) -> Address:
        """Read what `encode` wrote."""
        port, identity, host = data.decode().split(" ", 2)
        return Address(host, int(port), bytes.fromhex(identity))


def listen(host: str) -> tuple[socket.socket, Address]:
    """Listen on a free port of `host`, an address of this machine."""
    family, address = _resolve(host, 0)
    listener = socket.create_server(address, family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener, Address(host, listener.getsockname()[1], os.urandom(IDENTITY_BYTES))


def connect_mesh(
    rank: int,
    secret: bytes,
    listener: socket.socket,
    addresses: list[Address],
    timeout: float,
    failure: Failure,
) -> dict[int, socket.socket]:
    """Connect to every rank below this one, and be connected to by every rank above.

    Args:
        rank: this rank.
        secret: the job's secret.
        listener: the socket that `addresses[rank]` speaks of.
        addresses: of all ranks.
        timeout: seconds that this may take.
        failure: asked now and then whether a rank has failed, which then ends the waiting; what it returns is raised.

    Returns:
        A connected, non-blocking socket per other rank.

    Raises:
        TransportTimeout: some ranks did not connect in time; names them.
        TransportError: a rank below cannot be connected to, or does not know the secret; names it.
    """
    mesh = _Mesh(rank, secret, listener, addresses)
    try:
        _build(mesh, timeout, failure)
    except BaseException:
        for sock in mesh.sockets.values():
            sock.close()
        raise
    return mesh.sockets


class _StrangerError(Exception):
    """The other end of a connection did not prove that it belongs to the job."""


class _Mesh:
    """The connections of one rank while they are being made."""

    def __init__(self, rank: int, secret: bytes, listener: socket.socket, addresses: list[Address]) -> None:
        self.sockets: dict[int, socket.socket] = {}
        self._rank = rank
        self._size = len(addresses)
        self._secret = secret
        self._listener = listener
        self._addresses = addresses
        self._complete = asyncio.Event()
        self._deaf: TransportError | None = None  # why nobody is admitted any more

    async def build(self, timeout: float, failure: Failure) -> None:
        """Make all connections."""
        try:
            async with asyncio.timeout(timeout):
                accepting = asyncio.create_task(self._accept())
                building = asyncio.create_task(self._connect_to_all())
                while not building.done():
                    await asyncio.wait([building], timeout=POLL_SECONDS)
                    if error := self._deaf or failure():
                        building.cancel()
                        raise error
                await building
                accepting.cancel()
        except TimeoutError:
            missing = rank_names(peer for peer in range(self._size) if peer not in {self._rank, *self.sockets})
            raise TransportTimeout(f"rank {self._rank}: no connection with {missing} after {timeout:.1f} s") from None

    async def _connect_to_all(self) -> None:
        await asyncio.gather(*(self._connect(peer) for peer in range(self._rank)))
        await self._complete.wait()

    async def _accept(self) -> None:
        """Admit whoever connects, each in a task of its own; cancelled once the mesh is complete."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as admissions:
            while True:
                try:
                    sock, address = await loop.sock_accept(self._listener)
                except OSError as error:  # such as too many open files
                    self._deaf = TransportError(f"rank {self._rank}: cannot accept connections: {error}", self._rank)
                    return
                sock.setblocking(False)
                admissions.create_task(self._admit(sock, address))

    async def _admit(self, sock: socket.socket, address: object) -> None:
        """Keep the connection if its other end proves to be a rank above this one."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._keep(await self._challenge(sock), sock)
        except (OSError, TimeoutError, _StrangerError) as error:
            log.warning("rank %d dropped a connection from %s: %s", self._rank, address, error or "silence")
            sock.close()
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _challenge(self, sock: socket.socket) -> int:
        """Return the rank at the other end once it has proven itself, and prove ourselves to it."""
        loop = asyncio.get_running_loop()
        ours = os.urandom(CHALLENGE_BYTES)
        await loop.sock_sendall(sock, ours)
        peer, theirs, proof = _ANSWER.unpack(await _read(sock, _ANSWER.size))
        if not hmac.compare_digest(proof, self._proof(b"connect", peer, self._rank, theirs, ours)):
            raise _StrangerError("it does not know the job's secret")
        if not self._rank < peer < self._size or peer in self.sockets:
            raise _StrangerError(f"rank {peer} is not expected")
        await loop.sock_sendall(sock, self._proof(b"accept", peer, self._rank, theirs, ours))
        return int(peer)

    async def _connect(self, peer: int) -> None:
        """Connect to a rank below this one, prove ourselves and have it prove itself."""
        address = self._addresses[peer]
        family, place = _resolve(address.host, address.port)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, place)
            theirs = await _read(sock, CHALLENGE_BYTES)
            ours = os.urandom(CHALLENGE_BYTES)
            proof = self._proof(b"connect", self._rank, peer, ours, theirs)
            await loop.sock_sendall(sock, _ANSWER.pack(self._rank, ours, proof))
            expected = self._proof(b"accept", self._rank, peer, ours, theirs)
            if not hmac.compare_digest(await _read(sock, PROOF_BYTES), expected):
                raise _StrangerError("it does not know the job's secret")
            self._keep(peer, sock)
        except (OSError, _StrangerError) as error:
            sock.close()
            raise TransportError(
                f"rank {self._rank}: connect to rank {peer} at {address.host}:{address.port}: {error}", peer
            ) from error
        except asyncio.CancelledError:
            sock.close()
            raise

    def _keep(self, peer: int, sock: socket.socket) -> None:
        _tune(sock)
        self.sockets[peer] = sock
        if len(self.sockets) == self._size - 1:
            self._complete.set()

    def _proof(self, role: bytes, connecting: int, accepting: int, connectors: bytes, acceptors: bytes) -> bytes:
        """Return the proof that one side gives; the challenges are the two sides' own."""
        identity = self._addresses[accepting].identity
        ranks = struct.pack("<II", connecting, accepting)
        return hmac.digest(self._secret, role + identity + ranks + connectors + acceptors, "sha256")


def _build(mesh: _Mesh, timeout: float, failure: Failure) -> None:
    """Make the connections; in a thread of its own where this one runs an event loop already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(mesh.build(timeout, failure))
        return
    interruption: list[Exception] = []
    with ThreadPoolExecutor(1, "dist handshake") as pool:
        building = pool.submit(
            lambda: asyncio.run(mesh.build(timeout, lambda: interruption[0] if interruption else failure()))
        )
        try:
            building.result()
        except BaseException:
            interruption.append(TransportError("connecting was interrupted"))
            raise


def _tune(sock: socket.socket) -> None:
    """Send small messages at once, and between hosts let the kernel find the buffer sizes."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sock.getsockname()[0] == sock.getpeername()[0]:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LOCAL_SEND_BUFFER)


async def _read(sock: socket.socket, count: int) -> bytes:
    """Read exactly `count` bytes and not one more: what follows is not part of the handshake."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        part = await loop.sock_recv(sock, count - len(data))
        if not part:
            raise _StrangerError("it hung up")
        data += part
    return data


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the family of `host` and its address in numbers."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))
