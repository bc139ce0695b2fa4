"""Worlds of processes for tests: what comes back, what is raised, and that nothing is left behind."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import psutil
import pytest

import dist
from dist.testing import RankError, ranks, run_ranks, run_world, world

ROOT = Path(__file__).resolve().parents[2]


def segments() -> set[str]:
    """Return the files of shared memory, but for those of shared tensors and MPI: other tests have some."""
    others = ("tensorlib-", "mpich_", "sm_segment", "vader_")
    return {name for name in os.listdir("/dev/shm") if not name.startswith(others)}


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Any:
    shared = segments()
    threads = set(threading.enumerate())
    children = set(psutil.Process().children(recursive=True))  # such as multiprocessing's resource tracker
    yield
    assert set(psutil.Process().children(recursive=True)) - children == set()
    assert segments() - shared == set()
    assert set(threading.enumerate()) - threads == set()


def rank_and(value: Any) -> tuple[int, int, str, Any]:
    x = np.ones(3)
    dist.all_reduce(x)
    assert x.tolist() == [3.0, 3.0, 3.0]
    return dist.get_rank(), os.getpid(), dist.get_backend(), value


def test_every_rank_is_a_process_and_results_come_in_rank_order() -> None:
    results = run_world(3, rank_and, {"lr": 0.1})
    assert [result[0] for result in results] == [0, 1, 2]
    assert len({result[1] for result in results} | {os.getpid()}) == 4
    assert all(result[2:] == ("gloo", {"lr": 0.1}) for result in results)


def raise_on_rank_1() -> None:
    if dist.get_rank() == 1:
        raise ValueError("bad batch")
    dist.barrier()


def test_the_traceback_of_the_first_rank_that_failed_is_raised() -> None:
    with pytest.raises(RankError, match=r"(?s)rank 1 failed:\nTraceback.*in raise_on_rank_1.*ValueError: bad batch"):
        run_world(3, raise_on_rank_1)


def kill_rank(rank: int) -> None:
    if dist.get_rank() == rank:
        os.kill(os.getpid(), signal.SIGKILL)
    dist.barrier()


def test_a_killed_rank_is_named() -> None:
    with pytest.raises(RankError, match=r"^rank 2 was killed by SIGKILL$"):
        run_world(3, kill_rank, 2)


def exit_on_rank_0() -> None:
    if dist.get_rank() == 0:
        sys.exit(3)


def test_an_early_exit_is_named() -> None:
    with pytest.raises(RankError, match=r"^rank 0 exited with code 3$"):
        run_world(2, exit_on_rank_0)


def sleep_on_rank_1_with_a_child() -> None:
    if dist.get_rank() == 1:
        subprocess.Popen(["sleep", "1000"])
        time.sleep(1000)
    dist.barrier()


def test_a_rank_that_takes_too_long_shows_where_it_is_and_is_killed() -> None:
    started = time.monotonic()
    with pytest.raises(RankError) as caught:
        run_world(2, sleep_on_rank_1_with_a_child, timeout=1.5)
    assert time.monotonic() - started < 10
    message = str(caught.value)
    assert "rank 0 was not done in time" in message
    assert "in sleep_on_rank_1_with_a_child" in message.partition("rank 1 was not done in time")[2]


def stop_on_rank_1() -> None:
    if dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGSTOP)


def test_a_stopped_rank_is_killed() -> None:
    outcomes = run_ranks(2, _initialized, stop_on_rank_1, timeout=1.0)
    assert outcomes[1].late
    assert str(outcomes[1]).startswith("rank 1 was not done in time")


def _initialized(fn: Any) -> None:
    dist.init_process_group()
    fn()


def forget_to_destroy() -> int:
    dist.init_process_group()
    x = np.ones(1)
    dist.all_reduce(x)
    return os.getpid()


def test_a_rank_that_forgets_to_destroy_the_group_ends_well() -> None:
    outcomes = run_ranks(3, forget_to_destroy)
    assert [outcome.code for outcome in outcomes] == [0, 0, 0]
    assert all(not psutil.pid_exists(outcome.value) for outcome in outcomes)


def never_come(how: Callable[[], None]) -> str:
    if os.environ["RANK"] == "1":
        how()
    with pytest.raises(dist.PeerError) as caught:
        dist.init_process_group(timeout=20)
    return str(caught.value)


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("how", "reason"), [(be_killed, "was killed by SIGKILL"), (sys.exit, "exited with code 0")])
def test_who_waits_for_a_rank_that_never_comes_is_told_at_once(how: Callable[[], None], reason: str) -> None:
    started = time.monotonic()
    outcomes = run_ranks(3, never_come, how, timeout=20)
    assert time.monotonic() - started < 15
    expected = f"join: rank 1 {reason} before all ranks had arrived"
    assert [outcome.value for outcome in outcomes] == [expected, None, expected]


MISSED = """
import os, signal, subprocess, sys
from dist.testing import ranks

wait, alarm = os.waitpid, {signal.SIGALRM}

def wait_once_the_signal_came(pid, options):
    os.waitpid = wait
    signal.pthread_sigmask(signal.SIG_BLOCK, alarm)
    assert signal.sigtimedwait(alarm, 10)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, alarm)
    return wait(pid, options)

rank = subprocess.Popen(["sleep", "60"])
try:
    os.waitpid = wait_once_the_signal_came
    ranks._wait_for({rank.pid: 0}, ranks.Job(os.getppid(), "", b"", 0.1, [], [], [], sys.stdout.fileno()))
finally:
    rank.kill()
"""


def test_the_end_of_time_is_not_missed() -> None:
    """A signal that comes just before the system call that waits interrupts nothing: there must be another one.

    In a process of its own, as it waits for any child and sets a signal handler.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    found = subprocess.run([sys.executable, "-c", MISSED], env=environment, capture_output=True, timeout=90)
    assert found.returncode == 0, found.stderr.decode()
    number, overdue, code, _ = ranks.STATUS.unpack(found.stdout)
    assert (number, overdue) == (0, True)
    assert code < 0  # killed before its sleep was over


def test_ranks_are_followed_where_many_files_are_open() -> None:
    """The descriptor of the pipe may be one that `select.select` cannot take: 1024 or above."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= 1024:
        pytest.skip("no process may open so many files here")
    reader, writer = os.pipe()
    if soft != resource.RLIM_INFINITY and soft <= 1024:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1025, hard))
    try:
        os.write(writer, ranks.STATUS.pack(0, True, -9, 1.5))
        os.close(writer)
        with os.fdopen(fcntl.fcntl(reader, fcntl.F_DUPFD_CLOEXEC, 1024), "rb", 0) as statuses:
            assert world._follow(statuses, mock.Mock(), deadline=1e9) == {0: (None, 1.5)}
    finally:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_cannot_be_pickled_is_refused() -> None:
    with pytest.raises(TypeError, match=r"run_world: cannot pickle .*: need a function at the top level of a module"):
        run_world(2, lambda: None)
    with pytest.raises(RankError, match="run_world: the result, a lock, cannot be pickled"):
        run_world(1, threading.Lock)
    with pytest.raises(ValueError, match="run_world: n is 0"):
        run_world(0, rank_and)


SCRIPT = """
import os, sys, time
import dist
from dist.testing import run_world

def work(how):
    dist.barrier()
    if how == "hang":
        if dist.get_rank() == 0:
            print("hanging", flush=True)
        time.sleep(1000)
    return dist.get_rank()

if __name__ == "__main__":
    print(run_world(2, work, sys.argv[1]), flush=True)
"""


def start_script(folder: Path, how: str) -> subprocess.Popen[str]:
    path = folder / "script.py"
    path.write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(path), how]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_functions_of_the_main_script_can_be_run(tmp_path: Path) -> None:
    script = start_script(tmp_path, "return")
    output, errors = script.communicate(timeout=30)
    assert (output, errors, script.returncode) == ("[0, 1]\n", "", 0)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_the_caller_is_interrupted(tmp_path: Path, signum: signal.Signals) -> None:
    script = start_script(tmp_path, "hang")
    assert script.stdout is not None
    assert script.stdout.readline() == "hanging\n"
    family = psutil.Process(script.pid).children(recursive=True)
    assert len(family) == 3
    script.send_signal(signum)
    script.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
