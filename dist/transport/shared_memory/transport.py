"""Shared memory to the ranks of this host, TCP to the others: one mesh of both."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from dist.transport.bootstrap import Bootstrap
from dist.transport.mesh import MeshTransport
from dist.transport.progress import ProgressEngine
from dist.transport.shared_memory.pairing import Pairing
from dist.transport.shared_memory.rounds import Rounds
from dist.transport.shared_memory.stream import RingStream
from dist.transport.stream import SocketStream, Stream
from dist.transport.tcp import connect_sockets


class SharedMemoryTransport(MeshTransport):
    """A mesh of rings in shared memory, and of TCP connections where there is no memory to share.

    Args:
        rank: this rank.
        sockets: a connected, authenticated, non-blocking socket per other rank, owned by the transport from now on.
        engine: owned by the transport from now on.
        pairing: has been run; what it has found is owned by the transport from now on.
        hosts: where each rank is; see `MeshTransport`.

    Attributes:
        neighbours: the ranks that this one shares memory with.
    """

    def __init__(
        self,
        rank: int,
        sockets: dict[int, socket.socket],
        engine: ProgressEngine,
        pairing: Pairing,
        hosts: Sequence[str] = (),
    ) -> None:
        self.neighbours = frozenset(pairing.neighbours)
        streams: dict[int, Stream] = {}
        for peer, sock in sockets.items():
            neighbour = pairing.neighbours.get(peer)
            if neighbour is None or pairing.inbox is None:
                streams[peer] = SocketStream(sock, engine)
            else:
                streams[peer] = RingStream(sock, engine, pairing.inbox, pairing.incoming(peer), neighbour)
        if pairing.inbox is not None:
            engine.poll_too(pairing.inbox)
        super().__init__(rank, engine, streams, hosts)


def connect_shared_memory(bootstrap: Bootstrap) -> SharedMemoryTransport:
    """Connect the ranks of a job, each of which calls this, over shared memory where two can share some, else over TCP.

    Errors are those of `connect_tcp`. There is always a TCP connection, too: its end tells that a process has ended.
    """
    deadline = time.monotonic() + bootstrap.timeout
    sockets, hosts = connect_sockets(bootstrap)
    engine = ProgressEngine()
    pairing = Pairing(bootstrap.rank, Rounds(bootstrap.rank, sockets, deadline, bootstrap.failure), engine.wake_fd)
    try:
        pairing.run()
    except BaseException:
        engine.close()
        for sock in sockets.values():
            sock.close()
        raise
    return SharedMemoryTransport(bootstrap.rank, sockets, engine, pairing, hosts)
