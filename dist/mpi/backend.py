"""The backend `mpi`: MPI runs the collectives; messages from one rank to another take the way of the default backend.

They do not go through MPI, because MPI would have to be called again and again for them to make progress while the
program computes, has no tags of 64 bits and no fingerprints, and does not say that a rank is gone. Through memory and
over TCP they have all that, whatever MPI it is; the cost is that they do not use a cluster's special network.
"""

from __future__ import annotations

from typing import Any, Final

from dist.backends import Backend
from dist.control.membership import Membership
from dist.errors import RendezvousError
from dist.mpi.collectives import MpiCollectives
from dist.mpi.exit import end_mpi_in_time
from dist.rendezvous import Rendezvous
from dist.transport.base import Transport
from dist.transport.shared_memory import backend as messages

_NEEDS: Final = "start the ranks with mpirun or srun, and leave init_method to the backend"


def backend() -> Backend:
    """Return the backend.

    Raises:
        ImportError: mpi4py is not installed.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"backend mpi needs the package mpi4py and an MPI library: {error}") from None
    world = World(MPI)
    return Backend(world.connect, world.make_collectives, init_method="mpi://")


class World:
    """A world whose ranks are those of MPI's COMM_WORLD."""

    def __init__(self, mpi: Any) -> None:
        self._mpi = mpi

    def connect(self, met: Rendezvous, membership: Membership, seconds: float) -> Transport:
        """See `Backend`."""
        found = self._mpi.COMM_WORLD.Get_rank(), self._mpi.COMM_WORLD.Get_size()
        if found != (met.rank, met.size):
            problem = f"rank {met.rank} of {met.size} is MPI's rank {found[0]} of {found[1]}: {_NEEDS}"
            raise RendezvousError(f"backend mpi: {problem}")
        if self._mpi.Query_thread() < self._mpi.THREAD_MULTIPLE:
            raise RendezvousError("backend mpi: MPI was started without MPI_THREAD_MULTIPLE, which threads here need")
        self._membership = membership
        end_mpi_in_time(membership)
        return messages.connect(met, membership, seconds)

    def make_collectives(self) -> MpiCollectives:
        """See `Backend`."""
        return MpiCollectives(self._mpi, self._membership)
