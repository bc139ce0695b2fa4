"""Rendezvous: ranks that meet, and ranks that cannot, with what they are told."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dist.errors import PeerError, RendezvousError
from dist.rendezvous import Rendezvous, rendezvous
from dist.store import StoreServer
from tests.distributed.control_plane import (
    ROOT,
    SECRET,
    Rank,
    free_port,
    in_threads,
    nothing_left,
    without_job_variables,
)

MEET = """
import json, sys
from dist.errors import DistError
from dist.rendezvous import rendezvous
try:
    meeting = rendezvous(timeout=float(sys.argv[1]) if len(sys.argv) > 1 else 20)
except DistError as error:
    print(json.dumps(str(error)), flush=True)
else:
    meeting.store.set(f"from {meeting.rank}", b"1")
    meeting.store.wait([f"from {rank}" for rank in range(meeting.size)])
    print(json.dumps([meeting.rank, meeting.size, sorted(meeting.members)]), flush=True)
    meeting.close()
"""


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_job_variables(monkeypatch)


@pytest.fixture
def launchers_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreServer]:
    """The store of a launcher for jobs of two ranks, and the variables that lead there."""
    with contextlib.closing(StoreServer(secret=SECRET, world_size=2)) as server:
        monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
        monkeypatch.setenv("MASTER_PORT", str(server.port))
        monkeypatch.setenv("TENSORLIB_STORE", "external")
        monkeypatch.setenv("TENSORLIB_JOB_SECRET", SECRET.hex())
        yield server


def meet_and_part(init_method: str, rank: int, size: int, **options: Any) -> Rendezvous:
    """Meet, see everyone, part; return what the rank knew."""
    meeting = rendezvous(init_method, rank, size, **({"timeout": 20} | options))
    try:
        meeting.store.set(str(rank), b"here")
        meeting.store.wait([str(other) for other in range(size)])
    finally:
        meeting.close()
    return meeting


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_ranks_meet_at_an_address(host: str) -> None:
    url = f"tcp://{host}:{free_port()}"
    met = in_threads(3, lambda rank: meet_and_part(url, rank, 3))
    assert [meeting.rank for meeting in met] == [0, 1, 2]
    assert {meeting.host for meeting in met} == {"::1" if host == "[::1]" else "127.0.0.1"}
    assert all(meeting.members == met[0].members for meeting in met)
    assert list(met[0].members) == [0, 1, 2]
    assert f"pid {os.getpid()}" in met[0].members[2]
    assert len({meeting.secret for meeting in met}) == 1
    assert len(met[0].secret) == 32


def test_ranks_meet_alone() -> None:
    assert meet_and_part(f"tcp://127.0.0.1:{free_port()}", 0, 1).size == 1


def test_processes_meet_by_the_environment() -> None:
    port = free_port()
    started = [Rank(rank, 3, port, MEET) for rank in range(3)]
    assert [rank.hears() for rank in started] == [[rank, 3, [0, 1, 2]] for rank in range(3)]
    assert [rank.ends() for rank in started] == [(0, "")] * 3


def test_three_jobs_at_once() -> None:
    def job(index: int) -> list[Any]:
        port = free_port()
        started = [Rank(rank, 2, port, MEET, TENSORLIB_JOB_SECRET=f"{index:064x}") for rank in range(2)]
        return [rank.hears() for rank in started] + [rank.ends() for rank in started]

    expected = [[0, 2, [0, 1]], [1, 2, [0, 1]], (0, ""), (0, "")]
    assert in_threads(3, job) == [expected] * 3


def test_rank_0_does_without_master_addr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    monkeypatch.setenv("TENSORLIB_JOB_SECRET", SECRET.hex())
    assert meet_and_part("env://", 0, 1).size == 1


def test_meeting_again_at_the_same_port() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    rounds = in_threads(3, lambda rank: [meet_and_part(url, rank, 3).secret for _ in range(4)])
    assert rounds[0] == rounds[1] == rounds[2]
    assert len(set(rounds[0])) == 4


@pytest.mark.usefixtures("launchers_store")
def test_launchers_store_serves_several_meetings() -> None:
    rounds = in_threads(2, lambda rank: [meet_and_part("env://", rank, 2).store_host for _ in range(3)])
    assert rounds == [["the launcher"] * 3] * 2


@pytest.mark.usefixtures("launchers_store")
def test_groups_of_different_names_do_not_meet() -> None:
    met = in_threads(4, lambda index: meet_and_part("env://", index % 2, 2, group_name=f"group {index // 2}"))
    assert met[0].secret == met[1].secret != met[2].secret == met[3].secret


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_groups_of_different_names_meet_at_one_address(host: str) -> None:
    url = f"tcp://{host}:{free_port()}"

    def call(index: int) -> list[bytes]:
        rank, job = divmod(index, 3)
        return [meet_and_part(url, rank, 2, group_name=f"job {job}").secret for _ in range(2)]

    met = in_threads(6, call)
    assert met[:3] == met[3:]
    assert len({secret for secrets in met for secret in secrets}) == 6


def test_timeout_names_the_missing_ranks() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    started = time.monotonic()
    errors = in_threads(2, lambda index: meet_and_part(url, [0, 2][index], 4, timeout=1))
    assert time.monotonic() - started < 4
    for error in errors:
        assert isinstance(error, RendezvousError)
        assert "of 4 ranks, ranks 1, 3 did not arrive within" in str(error)
        assert "here are rank 0 (host " in str(error)
        assert "rank 2 (host " in str(error)


def test_rank_0_never_comes() -> None:
    expected = (
        r"^tcp://127.0.0.1:\d+: rank 1 \(host .*, pid \d+\) of 2 found no rank 0: "
        r"no store of this job at 127.0.0.1:\d+ within 0\.\d+ s: nothing listens there$"
    )
    with pytest.raises(RendezvousError, match=expected):
        rendezvous(f"tcp://127.0.0.1:{free_port()}", 1, 2, timeout=0.3)


def test_ranks_wait_for_the_name_of_rank_0s_host(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As in Kubernetes, where the name of a pod is known when the pod has started.
    known_from = time.monotonic() + 0.3
    system = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        if host == "trainer-0.trainer" and time.monotonic() < known_from:
            raise socket.gaierror("Name or service not known")
        return system("localhost" if host == "trainer-0.trainer" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    url = f"tcp://trainer-0.trainer:{free_port()}"
    met = in_threads(3, lambda rank: meet_and_part(url, rank, 3))
    assert [meeting.rank for meeting in met] == [0, 1, 2]
    assert "waits for an address of host 'trainer-0.trainer'" in caplog.text


def test_the_address_of_a_rank_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_ADDRESS", "127.0.0.2")
    url = f"tcp://127.0.0.1:{free_port()}"
    met = in_threads(2, lambda rank: meet_and_part(url, rank, 2))
    assert [meeting.host for meeting in met] == ["127.0.0.2"] * 2
    for wrong in ("192.0.2.77", "no.such.host.invalid"):
        monkeypatch.setenv("TENSORLIB_ADDRESS", wrong)
        with pytest.raises(RendezvousError, match="TENSORLIB_ADDRESS must be an address of this machine, got '"):
            rendezvous(url, 1, 2, timeout=1)


def test_name_of_rank_0s_host_that_nobody_knows() -> None:
    with pytest.raises(RendezvousError, match=r"cannot find the address of host 'no\.such\.host\.invalid'"):
        rendezvous("tcp://no.such.host.invalid:29500", 1, 2, timeout=0.3)


def test_rank_that_dies_before_the_others_came_is_missing() -> None:
    port = free_port()
    first, second = (Rank(rank, 3, port, MEET.replace("20", "2.5")) for rank in range(2))
    time.sleep(1)
    second.end()
    assert "ranks 1, 2 did not arrive" in first.hears()
    assert first.ends() == (0, "")


def test_two_processes_with_the_same_rank() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"

    def call(index: int) -> Any:
        # The last one comes when the others have given up, and hears why.
        time.sleep([0.0, 0.1, 0.2, 0.5][index])
        return meet_and_part(url, [0, 1, 1, 2][index], 3)

    for error in in_threads(4, call):
        assert isinstance(error, RendezvousError)
        assert "two processes are rank 1: rank 1 (host " in str(error)
        assert str(error).count(f"pid {os.getpid()}") == 2


def test_ranks_that_disagree_on_the_world_size() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    for error in in_threads(3, lambda rank: meet_and_part(url, rank, [2, 3, 3][rank])):
        assert isinstance(error, RendezvousError)
        assert "world_size differs: rank " in str(error)


@pytest.mark.usefixtures("launchers_store")
def test_another_size_than_the_launchers() -> None:
    with pytest.raises(RendezvousError, match=r"world_size is too large: rank 1 .* has 4, the job has 2"):
        rendezvous("env://", 1, 4)


def test_launcher_reports_a_rank_that_died_on_its_way(launchers_store: StoreServer) -> None:
    def call(index: int) -> Any:
        if index == 0:
            return rendezvous("env://", 0, 2, timeout=20)
        time.sleep(0.3)
        launchers_store.report(1, "was killed by SIGKILL")
        return None

    expected = "rank 1 was killed by SIGKILL before all ranks had arrived"
    assert expected in str(in_threads(2, call)[0])
    with pytest.raises(PeerError, match=expected):
        rendezvous("env://", 0, 2, timeout=20)


def test_a_job_is_given_up_while_ranks_wait_for_others(launchers_store: StoreServer) -> None:
    def call(index: int) -> Any:
        if index == 0:
            return rendezvous("env://", 0, 2, timeout=20)
        time.sleep(0.3)
        return launchers_store.give_up("the job took longer than 5 s")

    error, _ = in_threads(2, call)
    assert isinstance(error, PeerError)
    assert str(error).endswith("the job took longer than 5 s")


def test_another_jobs_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    server = StoreServer(secret=SECRET)
    with pytest.raises(RendezvousError, match="does not know this job's secret"):
        rendezvous(f"tcp://127.0.0.1:{server.port}", 1, 2, timeout=0.4)
    server.close()


def test_port_in_use() -> None:
    server = StoreServer()
    with pytest.raises(RendezvousError, match=f"cannot listen at 127.0.0.1:{server.port}: Address already in use"):
        rendezvous(f"tcp://127.0.0.1:{server.port}", 0, 2, timeout=5)
    server.close()


COMPLETE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"RANK": None}, r"^the environment variable RANK is not set \(or pass rank=\)$"),
        ({"WORLD_SIZE": None}, r"^the environment variable WORLD_SIZE is not set \(or pass world_size=\)$"),
        ({"MASTER_PORT": None}, r"^the environment variable MASTER_PORT is not set$"),
        ({"MASTER_ADDR": None, "RANK": "1", "WORLD_SIZE": "2"}, r"^the environment variable MASTER_ADDR is not set"),
        ({"MASTER_ADDR": None, "TENSORLIB_STORE": "external"}, r"^the environment variable MASTER_ADDR is not set"),
        ({"RANK": "first"}, r"^the environment variable RANK must be an integer, got 'first'$"),
        ({"WORLD_SIZE": "2.0"}, r"^the environment variable WORLD_SIZE must be an integer, got '2.0'$"),
        ({"MASTER_PORT": "70000"}, r"^the environment variable MASTER_PORT must be in 1 .. 65535, got 70000$"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, r"^rank must be in 0 .. 1 for world_size 2, got 2$"),
        ({"RANK": "-3"}, r"^rank must be in 0 .. 0 for world_size 1, got -3$"),
        ({"WORLD_SIZE": "0"}, r"^world_size must be at least 1, got 0$"),
        (
            {"TENSORLIB_JOB_SECRET": "xyz"},
            r"^the environment variable TENSORLIB_JOB_SECRET must be hexadecimal digits$",
        ),
        ({"TENSORLIB_STORE": "yes"}, r"^the environment variable TENSORLIB_STORE must be 'external' or unset"),
    ],
)
def test_environment_that_is_missing_or_wrong(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str | None], message: str
) -> None:
    for name, value in (COMPLETE | changed).items():
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(RendezvousError, match=message):
        rendezvous("env://")


@pytest.mark.parametrize(
    "url", ["tcp://", "tcp://host", "tcp://:29500", "tcp://h:port", "tcp://h:99999", "tcp://h:1/x"]
)
def test_malformed_address(url: str) -> None:
    with pytest.raises(RendezvousError, match=r"^init_method must be tcp://host:port, got"):
        rendezvous(url, 0, 1)


@pytest.mark.parametrize("init_method", ["carrier-pigeon://home", "127.0.0.1:29500", ""])
def test_unknown_scheme(init_method: str) -> None:
    with pytest.raises(RendezvousError, match=r"^init_method must begin with one of env://, tcp://, .*, got "):
        rendezvous(init_method, 0, 1)


def test_process_that_forgets_to_close_ends_cleanly() -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    code = f"from dist.rendezvous import rendezvous; rendezvous({url!r}, 0, 1)"
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
