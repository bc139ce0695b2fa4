"""Rendezvous through MPI, `mpi://`, in real processes under mpiexec: skipped where there is none."""

from __future__ import annotations

import re
import sys

import pytest

from dist.errors import RendezvousError
from dist.rendezvous import rendezvous
from tests.distributed.mpi_jobs import MPICH, Mpi, each_mpi


@each_mpi
def test_ranks_meet_again_and_again(mpi: Mpi) -> None:
    # The arguments rank and world_size are MPI's business: programs pass zeros.
    program = """
for arguments in {}, {"init_method": "mpi://", "rank": 0, "world_size": 0}, {"init_method": "mpi://"}:
    dist.init_process_group(timeout=30, **arguments)
    say(ranks_and_sum())
    dist.destroy_process_group()
"""
    expected = [f"{rank}: ({rank}, 3, [3.0, 3.0, 3.0])" for rank in range(3) for _ in range(3)]
    assert mpi.run(3, program) == expected


def test_missing_ranks_are_named_and_all_meet_the_next_time() -> None:
    program = """
for missing in ([1], [0, 2]):
    MPI.COMM_WORLD.Barrier()
    if number not in missing:
        try:
            dist.init_process_group(init_method="mpi://", timeout=1)
        except dist.RendezvousError as error:
            say(error)
MPI.COMM_WORLD.Barrier()
dist.init_process_group(init_method="mpi://", timeout=30)
say(ranks_and_sum())
"""
    said = [re.sub(r"host \S+, pid \d+", "here", line) for line in MPICH.run(3, program)]
    absent = "mpi://: of 3 ranks, rank 1 did not arrive within 1 s; here are rank 0 (here), rank 2 (here)"
    assert said == [
        "0: (0, 3, [3.0, 3.0, 3.0])",
        f"0: {absent}",
        "1: (1, 3, [3.0, 3.0, 3.0])",
        "1: mpi://: rank 0 did not answer within 1 s; here is rank 1 (here), of 3 ranks",
        "2: (2, 3, [3.0, 3.0, 3.0])",
        f"2: {absent}",
    ]


def test_a_rank_that_raises_is_blamed() -> None:
    program = """
import threading

def fail():
    raise ValueError("bad batch")

threading.excepthook = lambda arguments: None
try:
    dist.init_process_group(init_method="mpi://", timeout=30)
    if number == 1:
        threading.Thread(target=fail).start()
    else:
        dist.barrier()
except dist.PeerError as error:
    say(f"{error.rank} {str(error).partition(') ')[2]}")
"""
    blamed = "1 raised ValueError: bad batch at <string>:"
    assert [line.rstrip("0123456789") for line in MPICH.run(3, program)] == [f"0: {blamed}", f"2: {blamed}"]


def test_without_mpi4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(RendezvousError, match=r"^mpi:// needs the package mpi4py and an MPI library: "):
        rendezvous("mpi://")
