"""The backend `mpi`: in real jobs under mpiexec, and, where MPI is not needed, on a stand-in for it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import dist
from dist.backends import find
from dist.channel import Channel
from dist.control.exit_codes import EXIT_PEER_FAILED
from dist.errors import CollectiveMismatch, PeerLost, RendezvousError, TransportTimeout
from dist.mpi.backend import World
from dist.mpi.group import MpiGroup
from dist.mpi.operations import native
from dist.mpi.packing import joined, packed, room, unpack
from dist.reduction import FunctionOp, ReduceOp
from dist.transport.inproc import make_inproc_world
from tests.distributed.mpi_jobs import Mpi, each_mpi

CONFORMANCE = """
from dist.testing.collectives import CHECKS, check_bits, run_checks

def same_bits_on_all_ranks():
    for count in (1, 5000, 150_000):
        x = np.random.default_rng(number).normal(size=count).astype(np.float32)
        dist.all_reduce(x)
        rows = [np.empty_like(x) for _ in range(3)]
        dist.all_gather(rows, x)
        assert all(np.array_equal(row, x) for row in rows)

dist.init_process_group("mpi", timeout=30)
assert dist.get_backend() == "mpi"
# Among more than two ranks, MPI adds in an order of its own.
run_checks([check for check in CHECKS if check is not check_bits])
same_bits_on_all_ranks()
dist.send(np.full(2_000_000, number), (number + 1) % 3)  # all ranks wait for their sends first
x = np.empty(2_000_000, np.int64)
dist.recv(x, (number - 1) % 3)
assert (x == (number - 1) % 3).all()
dist.destroy_process_group()

os.environ["TENSORLIB_DIST_ALGO"] = "pairwise"
dist.init_process_group("mpi", timeout=30)
x = [np.random.default_rng(rank).normal(size=5000).astype(np.float32) for rank in range(3)]
dist.all_reduce(x[number])
others = [np.random.default_rng(rank).normal(size=5000).astype(np.float32) for rank in range(3)]
assert np.array_equal(x[number], (others[0] + others[1]) + others[2])
say("ok")
"""


@each_mpi
def test_what_the_backend_promises(mpi: Mpi) -> None:
    assert mpi.run(3, CONFORMANCE) == ["0: ok", "1: ok", "2: ok"]


FAILURES = """
def report(what, call):
    try:
        call()
    except dist.DistError as error:
        say(f"{what}: {type(error).__name__} {str(error).splitlines()[0].partition('; where')[0]}")

x = np.ones(4, np.float32)

dist.init_process_group("mpi", timeout=30)
report(1, lambda: dist.all_reduce(x, dist.ReduceOp.MAX if number == 1 else None))
dist.destroy_process_group()

dist.init_process_group("mpi", timeout=30)
report(2, lambda: dist.gather(x[: 2 + number % 2], list(np.empty((3, 2), np.float32)) if number == 0 else None))
dist.destroy_process_group()

dist.init_process_group("mpi", timeout=1)
MPI.COMM_WORLD.Barrier()
if number != 1:
    report(3, lambda: dist.all_reduce(x))
else:
    time.sleep(2.5)
dist.destroy_process_group()

dist.init_process_group("mpi", timeout=30)
if number != 1:
    report(4, lambda: dist.barrier())
dist.destroy_process_group()

dist.init_process_group("mpi", timeout=30)
if number == 1:
    raise ValueError("bad batch")
try:
    dist.all_reduce(x)
except dist.PeerError:
    report(5, lambda: dist.all_reduce(x))
    sys.exit(1)
"""


@each_mpi
def test_a_job_fails_in_time_and_says_why(mpi: Mpi) -> None:
    done = mpi.start(3, FAILURES)
    said = [re.sub(r" at <string>:\d+| \(host \S+, pid \d+\)", "", line) for line in done.said]
    differ = "CollectiveMismatch call #1 of group world differs: ranks 0, 2 called"
    on_all = [
        f"1: {differ} all_reduce(4 x float32, SUM); rank 1 called all_reduce(4 x float32, MAX)",
        f"2: {differ} gather(2 x float32, root 0); rank 1 called gather(3 x float32, root 0)",
    ]
    on_others = [
        "3: TransportTimeout all_reduce(4 x float32, SUM) #1: not done after 1 s: rank 1 has not called it",
        "4: PeerError rank 1 left the group",
        "5: PeerError rank 1 raised ValueError: bad batch",
    ]
    expected = {0: on_all + on_others, 1: on_all, 2: on_all + on_others}
    assert said == [f"{rank}: {line}" for rank, lines in expected.items() for line in lines]
    assert done.code != 0
    assert "ValueError: bad batch" in done.errors


def test_names_of_operations() -> None:
    def names(op: ReduceOp, dtype: Any) -> list[Any] | None:
        found = native(NAMES, op, np.dtype(dtype))
        return None if found is None else [found.operation, found.datatype, found.in_place]

    assert names(ReduceOp.SUM, np.float32) == ["SUM", "FLOAT", True]
    assert names(ReduceOp.PRODUCT, np.float64) == ["PROD", "DOUBLE", True]
    assert names(ReduceOp.AVG, np.complex64) == ["SUM", "C_FLOAT_COMPLEX", False]
    assert names(ReduceOp.SUM, np.float16) == ["SUM", "FLOAT", False]
    assert names(ReduceOp.AVG, ml_dtypes.bfloat16) == ["SUM", "FLOAT", False]
    assert names(ReduceOp.MAX, np.int16) == ["MAX", "INT16_T", True]
    assert names(ReduceOp.BXOR, np.uint64) == ["BXOR", "UINT64_T", True]
    assert names(ReduceOp.SUM, np.bool_) == ["BOR", "UINT8_T", True]
    # MPI may lose a NaN; how it multiplies complex numbers is not said; it knows neither these dtypes nor functions.
    for op, dtype in [
        (ReduceOp.MAX, np.float32),
        (ReduceOp.MIN, np.float16),
        (ReduceOp.PRODUCT, np.complex128),
        (ReduceOp.MAX, ml_dtypes.bfloat16),
        (FunctionOp(np.add), np.float32),
    ]:
        assert names(op, dtype) is None


def test_rows_that_follow_each_other_are_not_copied() -> None:
    whole = np.arange(7.0)
    rows = [whole[:3], whole[3:3], whole[3:7]]
    assert np.shares_memory(packed(rows), whole)
    assert packed(rows).tolist() == whole.tolist()
    same, in_place = room(rows)
    assert in_place
    assert np.shares_memory(same, whole)
    apart = [np.zeros(2), np.zeros(0), np.ones(3)]
    assert joined(apart) is None
    assert packed(apart).tolist() == [0.0, 0.0, 1.0, 1.0, 1.0]
    copy, in_place = room(apart)
    assert not in_place
    copy[:] = np.arange(5)
    unpack(copy, apart)
    assert [row.tolist() for row in apart] == [[0.0, 1.0], [], [2.0, 3.0, 4.0]]
    assert packed([whole[:0], whole[:0]]).size == 0


class Names:
    """A module whose attributes are their own names."""

    def __getattr__(self, name: str) -> str:
        return name


NAMES = Names()


class MpiError(Exception):
    """What MPI raises."""


class StandIn:
    """MPI on one rank, whose agreement is `found(mark)`, or never comes where that is None."""

    COMM_WORLD: Any
    Exception = MpiError
    UINT64_T = MAX = None

    def __init__(self, found: Callable[[int], int] | None, vendor: str = "Open MPI") -> None:
        self.COMM_WORLD = self
        self.get_vendor = lambda: (vendor, (5, 0, 0))
        self.freed = 0
        self._found = found

    def Get_group(self) -> StandIn:  # noqa: N802 - MPI's names
        return self

    Incl = Create_group = lambda self, *_: self

    def Allreduce_init(self, given: list[Any], found: list[Any], _: object) -> StandIn:  # noqa: N802
        self._buffers = given[0], found[0]
        return self

    def Start(self) -> None:  # noqa: N802
        given, found = self._buffers
        if self._found is not None:
            found[0], found[1] = self._found(given[0]), given[1]

    def Test(self) -> bool:  # noqa: N802
        return self._found is not None

    def Free(self) -> None:  # noqa: N802
        self.freed += 1


class Departed:
    def __init__(self, *ranks: int) -> None:
        self._ranks = ranks

    def departed(self) -> dict[int, str]:
        return dict.fromkeys(self._ranks, "exited")


def channel_of_one(seconds: float = 20.0) -> Channel:
    (transport,) = make_inproc_world(1)
    return Channel(transport, (0,), 0, tag=2**64 - 1, fingerprint=2**63 + 1, deadline=time.monotonic() + seconds)


def joined_group(found: Callable[[int], int] | None, *departed: int, vendor: str = "Open MPI") -> MpiGroup:
    group = MpiGroup(StandIn(found, vendor), Departed(*departed))
    group.join(channel_of_one())
    return group


def test_ranks_agree() -> None:
    mpi = StandIn(lambda mark: mark)
    group = MpiGroup(mpi, Departed())
    group.join(channel_of_one())
    group.agree(channel_of_one())
    freed = mpi.freed
    group.close()
    assert mpi.freed == freed + 2  # the agreement, and the communicator


def test_ranks_that_do_not_agree() -> None:
    with pytest.raises(CollectiveMismatch, match=r"^the ranks make different calls$"):
        joined_group(lambda mark: mark + 1).agree(channel_of_one())


def test_a_rank_that_never_comes() -> None:
    group = joined_group(None)
    with pytest.raises(TransportTimeout, match=r"^not all ranks came$"):
        group.agree(channel_of_one(0.05))
    group.close()  # and MPI, which has not yet finished, keeps the memory that it may write to


def test_a_rank_that_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.mpi.group._DEPARTURE_SECONDS", 0.1)
    with pytest.raises(PeerLost, match=r"^rank 0 has left$") as caught:
        joined_group(None, 0, 5).agree(channel_of_one())
    assert caught.value.rank == 0


def test_those_who_left_do_not_matter_to_groups_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.mpi.group._DEPARTURE_SECONDS", 0.0)
    with pytest.raises(TransportTimeout):
        joined_group(None, 5).agree(channel_of_one(0.1))


def test_abort_ends_the_waiting() -> None:
    group = joined_group(None)
    timer = threading.Timer(0.1, group.abort, ["rank 3 is gone"])
    timer.start()
    with pytest.raises(PeerLost, match=r"^rank 3 is gone$"):
        group.agree(channel_of_one())
    with pytest.raises(PeerLost, match=r"^rank 3 is gone$"):
        group.agree(channel_of_one())
    timer.join()


def test_mpi_fails() -> None:
    def fail(*_: object) -> int:
        raise MpiError("MPI_ERR_OTHER")

    for vendor in ("Open MPI", "MPICH"):
        group = joined_group(fail, vendor=vendor)
        group.communicator.Barrier = group.communicator.Ibarrier = fail
        with pytest.raises(PeerLost, match=r"^MPI: MPI_ERR_OTHER$"):
            group.agree(channel_of_one())
        with pytest.raises(PeerLost, match=r"^MPI: MPI_ERR_OTHER$"):
            group.run(channel_of_one(), "Barrier")


def test_collectives_of_others_than_open_mpi_end_in_time() -> None:
    group = joined_group(None, vendor="MPICH")
    group.communicator.Ibarrier = lambda: group.communicator
    with pytest.raises(TransportTimeout, match=r"^not all ranks came$"):
        group.run(channel_of_one(0.05), "Barrier")


def run_python(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=40, check=False)


def test_a_rank_that_cannot_leave_mpi_ends() -> None:
    done = run_python("""
import threading, time
from types import SimpleNamespace
from dist.mpi import group
group._INSIDE_SECONDS = 0.1
mpi = SimpleNamespace(Exception=OSError, get_vendor=lambda: ["Open MPI"])
stuck = group.MpiGroup(mpi, None)
stuck.communicator = SimpleNamespace(Barrier=lambda: time.sleep(30))
threading.Timer(0.2, stuck.abort, ["rank 3 is gone"]).start()
stuck.run(None, "Barrier")
""")
    assert done.returncode == EXIT_PEER_FAILED
    assert done.stderr == "PeerError: rank 3 is gone: this rank waits in MPI, which cannot be interrupted\n"


def test_mpi_does_not_delay_the_end_of_a_rank_after_a_failure() -> None:
    program = """
import atexit, time
atexit.register(time.sleep, {seconds})  # as MPI would do, after all other things
from types import SimpleNamespace
from dist.mpi import exit
exit.SECONDS = 0.2
exit.end_mpi_in_time(SimpleNamespace(failure=ValueError))  # of a world before
exit.end_mpi_in_time(SimpleNamespace(failure=lambda: {failure}))
{last}
"""
    killed = -14  # by the alarm clock
    assert run_python(program.format(seconds=30, failure="ValueError()", last="")).returncode == killed
    assert run_python(program.format(seconds=30, failure="None", last="raise ValueError")).returncode == killed
    assert run_python(program.format(seconds=0, failure="None", last="")).returncode == 0


def test_without_mpi4py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ImportError, match=r"^backend mpi needs the package mpi4py and an MPI library: "):
        dist.init_process_group("mpi")


def test_ranks_are_those_of_mpi() -> None:
    world = SimpleNamespace(Get_rank=lambda: 0, Get_size=lambda: 1)
    backend = World(SimpleNamespace(COMM_WORLD=world))
    met: Any = SimpleNamespace(rank=1, size=2)
    membership: Any = None
    with pytest.raises(RendezvousError, match=r"^backend mpi: rank 1 of 2 is MPI's rank 0 of 1: start the ranks"):
        backend.connect(met, membership, 1.0)


def test_mpi_without_threads() -> None:
    world = SimpleNamespace(Get_rank=lambda: 0, Get_size=lambda: 1)
    backend = World(SimpleNamespace(COMM_WORLD=world, Query_thread=lambda: 1, THREAD_MULTIPLE=3))
    met: Any = SimpleNamespace(rank=0, size=1)
    membership: Any = None
    with pytest.raises(RendezvousError, match=r"^backend mpi: MPI was started without MPI_THREAD_MULTIPLE"):
        backend.connect(met, membership, 1.0)


def test_other_backends_do_not_load_mpi() -> None:
    find("tcp")
    assert "mpi4py" not in sys.modules
