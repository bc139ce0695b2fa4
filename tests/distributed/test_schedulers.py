"""What schedulers' variables say, and ranks that meet by them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dist.errors import RendezvousError
from dist.rendezvous import rendezvous
from dist.rendezvous.host_list import expand_host_list
from dist.rendezvous.schedulers import FIRST_PORT, PORTS, Start, find_start
from tests.distributed.control_plane import ROOT, nothing_left, without_job_variables

SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_STEP_ID": "0",
    "SLURM_PROCID": "3",
    "SLURM_NTASKS": "8",
    "SLURM_JOB_NODELIST": "node[07-10]",
    "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "PMIX_RANK": "1",
    "PMIX_NAMESPACE": "prterun-h-71@1",
}
MPICH = {"PMI_RANK": "0", "PMI_SIZE": "2", "MPI_LOCALNRANKS": "1", "PMI_FD": "9"}
POD = "trainer-2.workers.default.svc.cluster.local"
IN_KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_job_variables(monkeypatch)


def found(environment: dict[str, str], host: str = "here") -> Start:
    start = find_start(environment, host)
    assert start
    return start


@pytest.mark.parametrize(
    ("environment", "host", "rank", "size", "address"),
    [
        (SLURM, "node07", 3, 8, "node07"),
        (SLURM | {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NODELIST": "node[09-10]"}, "node09", 3, 4, "node09"),
        (SLURM | {"SLURM_JOB_NODELIST": ""}, "node07", 3, 8, "10.0.0.1"),
        (OPEN_MPI, "h", 1, 2, "127.0.0.1"),
        (OPEN_MPI | {"OMPI_COMM_WORLD_LOCAL_SIZE": "1"}, "h", 1, 2, ""),
        (MPICH, "h", 0, 2, ""),
        (MPICH | {"MPI_LOCALNRANKS": "2"}, "h", 0, 2, "127.0.0.1"),
        ({"MV2_COMM_WORLD_RANK": "5", "MV2_COMM_WORLD_SIZE": "6"}, "h", 5, 6, ""),
        ({"PMIX_RANK": "4", "PMIX_NAMESPACE": "job"}, "h", 4, None, ""),
        ({"JOB_COMPLETION_INDEX": "2"}, POD, 2, None, "trainer-0.workers.default.svc.cluster.local"),
        ({"JOB_COMPLETION_INDEX": "2"}, "trainer-2", 2, None, ""),
        (IN_KUBERNETES, POD, 2, None, "trainer-0.workers.default.svc.cluster.local"),
    ],
)
def test_what_is_recognised(environment: dict[str, str], host: str, rank: int, size: int | None, address: str) -> None:
    start = found(environment, host)
    assert (start.rank, start.size, start.address) == (rank, size, address)


@pytest.mark.parametrize(
    ("environment", "host"), [({}, "host-3"), ({"HOME": "/root"}, POD), (IN_KUBERNETES, "web-7d9cf-x2x4z")]
)
def test_what_is_not(environment: dict[str, str], host: str) -> None:
    assert find_start(environment, host) is None


def test_ports_are_the_same_for_all_ranks_of_a_job_and_seldom_for_others() -> None:
    ports = {found(SLURM | {"SLURM_PROCID": str(rank)}).port for rank in range(8)}
    assert len(ports) == 1
    jobs = [{"SLURM_JOB_ID": str(job), "SLURM_STEP_ID": str(step)} for job in range(50) for step in range(2)]
    others = {found(SLURM | job).port for job in jobs}
    assert len(others) > 95
    assert all(port and FIRST_PORT <= port < FIRST_PORT + PORTS for port in ports | others)
    assert found(MPICH).port is None
    assert found(IN_KUBERNETES, POD).port == 29_500


def test_mpi_counts_more_than_what_its_helpers_were_started_with() -> None:
    start = found(SLURM | OPEN_MPI)
    assert (start.by, start.rank, start.size, start.address) == ("Open MPI", 1, 2, "127.0.0.1")
    assert found({"SLURM_NTASKS": "4"} | MPICH).by == "MPICH or Intel MPI"


def test_scheduler_that_agrees_knows_the_address() -> None:
    start = found(SLURM | {"PMI_RANK": "3", "PMI_SIZE": "8"})
    assert (start.by, start.address, start.port) == ("MPICH or Intel MPI", "node07", found(SLURM).port)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SLURM_NTASKS": "4"}, r"^SLURM_NTASKS is set, as by SLURM, but SLURM_PROCID is not: set RANK and "),
        ({"OMPI_COMM_WORLD_RANK": "0"}, r"^OMPI_COMM_WORLD_RANK is set, .*but OMPI_COMM_WORLD_SIZE is not: "),
        ({"PMI_RANK": "0"}, r"^PMI_RANK is set, as by MPICH or Intel MPI, but PMI_SIZE is not: "),
        (MPICH | {"PMI_SIZE": "two"}, r"^the environment variable PMI_SIZE must be an integer, got 'two'$"),
        (
            OPEN_MPI | MPICH,
            r"^Open MPI says rank 1 of 2 \(OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE\), but "
            r"MPICH or Intel MPI says rank 0 of 2 \(PMI_RANK, PMI_SIZE\): set RANK and WORLD_SIZE to what is right$",
        ),
        (SLURM | {"SLURM_JOB_NODELIST": "node[a-b]"}, r"^not a list of hosts: 'node\[a-b\]': in brackets there is "),
    ],
)
def test_half_a_set_and_contradictions(environment: dict[str, str], message: str) -> None:
    with pytest.raises(RendezvousError, match=message):
        find_start(environment, "here")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", []),
        ("login", ["login"]),
        ("a,b.c,d-1", ["a", "b.c", "d-1"]),
        ("n[9-11]", ["n9", "n10", "n11"]),
        ("n[08-10,5],m[1-2]-ib", ["n08", "n09", "n10", "n5", "m1-ib", "m2-ib"]),
        ("r[1-2]n[01-02]", ["r1n01", "r1n02", "r2n01", "r2n02"]),
    ],
)
def test_lists_of_hosts(text: str, hosts: list[str]) -> None:
    assert expand_host_list(text) == hosts


@pytest.mark.parametrize("text", ["n[1-", "n]", ",a", "n[]", "n[3-1]", "n[1-99999999]", "n[1 2]"])
def test_what_is_no_list_of_hosts(text: str) -> None:
    with pytest.raises(RendezvousError, match=r"^not a list of hosts: "):
        expand_host_list(text)


@pytest.mark.parametrize(
    ("environment", "arguments", "message"),
    [
        (SLURM, (-1, 4), r"^world_size 4 is given, but SLURM says rank 3 of 8 \(SLURM_PROCID, SLURM_NTASKS\): "),
        (SLURM | {"RANK": "2"}, (-1, -1), r"^rank 2 is given, but SLURM says rank 3 of 8 "),
        (SLURM | {"SLURM_PROCID": "8"}, (-1, -1), r"^rank must be in 0 .. 7 for world_size 8, got 8$"),
        (MPICH, (-1, -1), r", but no port: set MASTER_PORT to one that is free on its host, or install mpi4py for"),
        (MPICH | {"MASTER_PORT": "1"}, (-1, -1), r", but not where rank 0 is: set MASTER_ADDR to its host, or install"),
        ({"JOB_COMPLETION_INDEX": "0"}, (-1, -1), r"^Kubernetes says rank 0 \(.*, but not of how many: set WORLD_SIZE"),
        ({"JOB_COMPLETION_INDEX": "0"}, (-1, 2), r", but not where rank 0 is: set MASTER_ADDR to its host$"),
    ],
)
def test_what_is_still_needed_is_said(
    environment: dict[str, str], arguments: tuple[int, int], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("socket.getfqdn", lambda: "localhost")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RendezvousError, match=message):
        rendezvous("env://", *arguments)


MEET = """
import dist
dist.init_process_group()
print(dist.get_rank(), dist.get_world_size())
dist.destroy_process_group()
"""


def meet(variables: list[dict[str, str]]) -> list[str]:
    """Run a process with each of some sets of variables; return what they said."""
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", MEET],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | each,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for each in variables
    ]
    ends = [process.communicate(timeout=50) for process in started]
    assert [errors for _, errors in ends] == [""] * len(started)
    return [said.strip() for said, _ in ends]


def test_a_rank_alone_needs_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (MPICH | {"PMI_SIZE": "1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    met = rendezvous("env://", timeout=20)
    assert (met.rank, met.size) == (0, 1)
    met.close()


def test_ranks_that_slurm_started_meet() -> None:
    job = SLURM | {"SLURM_JOB_ID": str(os.getpid()), "SLURM_NTASKS": "2", "SLURM_JOB_NODELIST": "localhost"}
    assert meet([job | {"SLURM_PROCID": str(rank)} for rank in range(2)]) == ["0 2", "1 2"]
