"""The backend `shm`: messages through shared memory, for ranks that are all on one host."""

from __future__ import annotations

from dist.algorithms import MessageCollectives
from dist.backends import Backend
from dist.control.membership import Membership
from dist.errors import RendezvousError
from dist.rank_names import rank_names
from dist.rendezvous import Rendezvous
from dist.transport.backend import connect_by
from dist.transport.shared_memory.transport import SharedMemoryTransport, connect_shared_memory


def backend() -> Backend:
    """Return the backend."""
    return Backend(connect, MessageCollectives)


def connect(met: Rendezvous, membership: Membership, seconds: float) -> SharedMemoryTransport:
    """Connect to the other ranks through shared memory alone.

    Raises:
        PeerError: a rank failed.
        RendezvousError: a rank could not be connected to, or there is no memory to share with it.
    """
    transport = connect_where_possible(met, membership, seconds)
    apart = [rank for rank in range(met.size) if rank != met.rank and rank not in transport.neighbours]
    if apart:
        problem = f"backend 'shm': rank {met.rank} shares no memory with {rank_names(apart)}"
        membership.report(f"could not connect: {problem}")
        transport.close()
        raise RendezvousError(f"init_process_group: {problem}: need all ranks in one container of one host")
    return transport


def connect_where_possible(met: Rendezvous, membership: Membership, seconds: float) -> SharedMemoryTransport:
    """Connect to the other ranks through shared memory where they are on the same host, else over TCP."""
    return connect_by(connect_shared_memory, met, membership, seconds)
