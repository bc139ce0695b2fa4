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


def end_mpi_in_time(membership: Membership) -> None:
    """From now on, let MPI take no longer than `SECONDS` at exit if a rank has failed."""

    def hurry() -> None:
        if membership.failure() is not None or getattr(sys, "last_value", None) is not None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)

    atexit.register(hurry)
