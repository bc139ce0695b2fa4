"""What backends call to connect their ranks through shared memory."""

from __future__ import annotations

from dist.control.membership import Membership
from dist.rendezvous import Rendezvous
from dist.transport.backend import connect_by
from dist.transport.shared_memory.transport import SharedMemoryTransport, connect_shared_memory


def connect(met: Rendezvous, membership: Membership, seconds: float) -> SharedMemoryTransport:
    """Connect to the other ranks, through shared memory where they are on the same host, else over TCP."""
    return connect_by(connect_shared_memory, met, membership, seconds)
