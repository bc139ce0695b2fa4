"""The end of a process that uses MPI.

mpi4py ends MPI as the last thing that a process does, and MPI waits there for all ranks. After a failure some may never
come; then the process is to end all the same, and mpirun, which sees that it did not end in order, ends the job.
"""

from __future__ import annotations

import atexit
import signal
import sys
from typing import Final

from dist.control.membership import Membership

SECONDS: Final = 5.0

# Of the last world: that it came about, with all ranks, means that earlier failures are overcome.
_last: list[Membership] = []


def end_mpi_in_time(membership: Membership) -> None:
    """Let MPI take no longer than `SECONDS` at exit if a rank of this world, the last one so far, has failed."""
    _last[:] = [membership]


def _hurry() -> None:
    failed = any(membership.failure() is not None for membership in _last)
    if failed or getattr(sys, "last_value", None) is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)


atexit.register(_hurry)  # before any world registers its own end, and so called after that
