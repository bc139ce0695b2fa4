"""Rendezvous in a file, `file:///path`: threads for breadth, processes for truth."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dist.errors import RendezvousError
from dist.rendezvous import Rendezvous, rendezvous
from dist.rendezvous.hosts import own_address
from tests.distributed.control_plane import in_threads, kill, line_of, nothing_left, start, without_job_variables


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_job_variables(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file that the test leaves no trace of."""
    yield tmp_path / "store"
    assert os.listdir(tmp_path) == []


def meet_and_part(path: Path, rank: int, size: int, **options: Any) -> Rendezvous:
    """Meet, see everyone, part; return what the rank knew."""
    meeting = rendezvous(f"file://{path}", rank, size, **({"timeout": 20} | options))
    try:
        meeting.store.set(str(meeting.rank), b"here")
        meeting.store.wait([str(other) for other in range(size)])
    finally:
        meeting.close()
    return meeting


@pytest.mark.parametrize("given", [True, False], ids=["given", "automatic"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_ranks_meet(path: Path, size: int, given: bool) -> None:
    met = in_threads(size, lambda index: meet_and_part(path, size - 1 - index if given else -1, size))
    ranks = [one.rank for one in met]
    assert (ranks if given else sorted(ranks, reverse=True)) == list(range(size))[::-1]
    assert {one.host for one in met} == {"127.0.0.1"}
    assert len({one.secret for one in met}) == 1


def test_some_ranks_are_given(path: Path) -> None:
    def call(index: int) -> Rendezvous:
        time.sleep(0.05 * index)
        return meet_and_part(path, [-1, 2, 0, -1][index], 4)

    met = in_threads(4, call)
    assert [met[1].rank, met[2].rank] == [2, 0]
    assert sorted([met[0].rank, met[3].rank]) == [1, 3]


def test_ranks_on_several_machines_are_reached_from_outside(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machines = itertools.count()
    monkeypatch.setattr("dist.rendezvous.gathering.machine_name", lambda: f"machine {next(machines)}")
    met = in_threads(3, lambda _: meet_and_part(path, -1, 3))
    assert {one.host for one in met} == {own_address("*")}


def test_ranks_from_the_environment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    met = rendezvous(f"file://localhost{path}", timeout=20)
    assert (met.rank, met.size) == (0, 1)
    met.close()


def test_jobs_one_after_the_other_at_once(path: Path) -> None:
    for _ in range(3):
        assert sorted(one.rank for one in in_threads(2, lambda _: meet_and_part(path, -1, 2))) == [0, 1]
        assert not path.exists()


def test_a_job_does_not_wait_for_the_end_of_the_last(path: Path) -> None:
    first = in_threads(2, lambda _: rendezvous(f"file://{path}", -1, 2, timeout=20))
    second = in_threads(2, lambda rank: meet_and_part(path, rank, 2))
    assert first[0].secret == first[1].secret != second[0].secret == second[1].secret
    in_threads(2, lambda index: first[index].close())


def test_group_names_keep_jobs_apart(path: Path) -> None:
    met = in_threads(4, lambda index: meet_and_part(path, -1, 2, group_name=f"job {index % 2}"))
    assert sorted(one.rank for one in met) == [0, 0, 1, 1]
    assert met[0].secret == met[2].secret != met[1].secret == met[3].secret


def test_timeout_names_the_missing_ranks(path: Path) -> None:
    started = time.monotonic()
    for error in in_threads(2, lambda index: meet_and_part(path, [0, 2][index], 4, timeout=0.7)):
        assert isinstance(error, RendezvousError)
        # The first to give up is gone when the other one looks.
        assert "did not arrive within 0.7 s; here are " in str(error)
        assert "of 4 ranks, ranks " in str(error)
        assert {"1", "3"} <= set(str(error).partition("did not")[0].partition("ranks, ranks ")[2].strip().split(", "))
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([(0, 3), (0, 3)], r"two processes are rank 0: rank 0 \(host .*, pid \d+\) and rank 0 \(host .*, pid \d+\)$"),
        ([(0, 2), (1, 3)], r"world_size differs: rank \d \(host .*\) has \d, rank \d \(host .*\) has \d$"),
    ],
)
def test_ranks_that_contradict_each_other(path: Path, arguments: list[tuple[int, int]], message: str) -> None:
    for error in in_threads(2, lambda index: meet_and_part(path, *arguments[index])):
        with pytest.raises(RendezvousError, match=message):
            raise error


@pytest.mark.parametrize("url", ["file://", "file:///", "file://name", "file://host/name", "file:///a/", "file:///a?b"])
def test_malformed_url(url: str) -> None:
    with pytest.raises(RendezvousError, match=r"^init_method must be file:///path, an absolute path of a file, got"):
        rendezvous(url, 0, 1)


@pytest.mark.parametrize(
    ("rank", "size", "message"),
    [
        (0, -1, r"^the environment variable WORLD_SIZE is not set \(or pass world_size=\)$"),
        (-1, 0, r"^world_size must be at least 1, got 0$"),
        (2, 2, r"^rank must be in 0 .. 1 for world_size 2, got 2$"),
    ],
)
def test_wrong_numbers(path: Path, rank: int, size: int, message: str) -> None:
    with pytest.raises(RendezvousError, match=message):
        rendezvous(f"file://{path}", rank, size)


def test_unusable_file_is_a_rendezvous_error(tmp_path: Path) -> None:
    with pytest.raises(RendezvousError, match=r"^file:///sys/store: cannot use the file /sys/store: "):
        rendezvous("file:///sys/store", 0, 1, timeout=5)
    (tmp_path / "garbage").write_bytes(b"\xff" * 100)
    with pytest.raises(RendezvousError, match=r"is a file with other contents: remove it, or name another file$"):
        rendezvous(f"file://{tmp_path}/garbage", 0, 1, timeout=5)


JOB = """
import sys
import numpy as np
import dist
path, size, rank, name, seconds = sys.argv[1:]
try:
    dist.init_process_group(
        init_method="file://" + path, world_size=int(size), rank=int(rank), group_name=name, timeout=float(seconds)
    )
except dist.DistError as error:
    print(error, flush=True)
    sys.exit(3)
print(dist.get_rank(), flush=True)
sys.stdin.readline()
x = np.ones(3)
dist.all_reduce(x)
print(x.sum(), flush=True)
dist.destroy_process_group()
"""


def run_job(path: Path, size: int, name: str = "", given: bool = False) -> list[subprocess.Popen[str]]:
    return [start(JOB, path, size, rank if given else -1, name, 30) for rank in range(size)]


def comes(path: Path, text: bytes) -> None:
    """Wait until the file contains `text`."""
    deadline = time.monotonic() + 20
    while not (path.exists() and text in path.read_bytes()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(job: list[subprocess.Popen[str]]) -> None:
    """See that all ranks of a job met, and let them add up ones."""
    assert sorted(line_of(process) for process in job) == [str(rank) for rank in range(len(job))]
    for process in job:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=40) for process in job]
    assert ends == [(f"{3.0 * len(job)}\n", "")] * len(job)
    assert [process.returncode for process in job] == [0] * len(job)


@pytest.mark.parametrize(("size", "given"), [(1, False), (2, True), (4, False)])
def test_processes_meet(path: Path, size: int, given: bool) -> None:
    finish(run_job(path, size, given=given))


def test_two_jobs_of_processes_in_one_file(path: Path) -> None:
    jobs = [run_job(path, 2, name) for name in ("a", "b")]
    for job in jobs:
        finish(job)


def test_rerun_after_a_rank_was_killed_once_all_had_met(path: Path) -> None:
    job = run_job(path, 2)
    assert sorted(map(line_of, job)) == ["0", "1"]
    kill(job[0])
    again = run_job(path, 2)
    finish(again)
    kill(job[1])


@pytest.mark.parametrize("rank", [0, 1])
def test_rerun_after_a_rank_was_killed_while_it_waited(path: Path, rank: int) -> None:
    crashed = start(JOB, path, 2, rank, "", 30)
    comes(path, b"machine")
    kill(crashed)
    finish(run_job(path, 2, given=True))


def test_rank_that_was_killed_does_not_count(path: Path) -> None:
    killed = start(JOB, path, 3, 1, "", 30)
    comes(path, b'"1": {')
    waiting = start(JOB, path, 3, 0, "", 3)
    comes(path, b'"0": {')
    kill(killed)
    said, _ = waiting.communicate(timeout=20)
    assert "of 3 ranks, ranks 1, 2 did not arrive within 3 s; here are rank 0 (host " in said
    assert f"pid {killed.pid}) came and ended" in said
    assert waiting.returncode == 3
