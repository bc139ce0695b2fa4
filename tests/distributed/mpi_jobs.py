"""Programs under mpiexec, for each MPI that scripts/mpi-venvs has installed in build/mpi."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.distributed.control_plane import ROOT

PRELUDE = """
import os, signal, sys, time
import numpy as np
import dist
from mpi4py import MPI

number = MPI.COMM_WORLD.Get_rank()

def say(text):
    sys.stdout.write(f"{number}: {text}\\n")  # in one go, as all ranks write to one pipe
    sys.stdout.flush()

def ranks_and_sum():
    x = np.ones(3)
    dist.all_reduce(x)
    return dist.get_rank(), dist.get_world_size(), x.tolist()
"""


@dataclass(frozen=True)
class Done:
    """How a job ended: mpiexec's exit code, the lines that the ranks said, sorted, and what else there was to read."""

    code: int
    said: list[str]
    errors: str


@dataclass(frozen=True)
class Mpi:
    """An MPI library with its mpiexec, and a Python that has mpi4py for it."""

    name: str

    @property
    def folder(self) -> Path:
        return ROOT / "build" / "mpi" / self.name / "bin"

    def start(self, size: int, code: str, *options: str, timeout: float = 50) -> Done:
        """Run a program on `size` ranks, to whatever end."""
        if not (self.folder / "mpiexec").exists():
            pytest.skip(f"scripts/mpi-venvs has not installed {self.name}")
        # Open MPI does not start as root, nor more ranks than there are cores, unless it is told that this is meant.
        allowed = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMP_NUM_THREADS": "1"}
        allowed |= {"PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "PYTHONPATH": str(ROOT)}
        python = [str(self.folder / "python"), "-W", "error", "-c", PRELUDE + code]
        done = subprocess.run(
            [str(self.folder / "mpiexec"), *options, "-n", str(size), *python],
            cwd=ROOT,
            env=os.environ | allowed,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Done(done.returncode, sorted(done.stdout.splitlines()), done.stderr)

    def run(self, size: int, code: str) -> list[str]:
        """Run a program that ends well on `size` ranks; return what they said, sorted."""
        done = self.start(size, code)
        assert (done.code, done.errors) == (0, ""), done
        return done.said


MPICH, OPEN_MPI = Mpi("mpich"), Mpi("openmpi")
each_mpi = pytest.mark.parametrize("mpi", [MPICH, OPEN_MPI], ids=lambda mpi: mpi.name)
