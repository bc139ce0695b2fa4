"""Processes that a rank forks, as data loaders do: they hold copies of its sockets, and may outlive it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import dist
from dist.errors import DistError, PeerError
from dist.testing import run_ranks, run_world
from tests.distributed.control_plane import free_port, ranks


def start_worker() -> int:
    """Fork a process that sleeps, and return its number."""
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid


@contextlib.contextmanager
def worker() -> Iterator[None]:
    pid = start_worker()
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def die_with_a_worker() -> tuple[float, str] | None:
    dist.init_process_group()
    dist.barrier()
    if dist.get_rank() == 1:
        start_worker()
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(PeerError) as caught:
        dist.all_reduce(np.ones(1))
    return time.monotonic() - started, str(caught.value)


def test_a_killed_rank_whose_workers_live_on_is_noticed_at_once() -> None:
    survivor, killed, other = run_ranks(3, die_with_a_worker)
    assert killed.code == -signal.SIGKILL
    for outcome in (survivor, other):
        seconds, message = outcome.value
        assert seconds < 5
        assert message.startswith("rank 1 (host ")
        assert message.endswith("is gone: it was killed or exited without a word")  # not: "is silent for 3 s"


@pytest.mark.parametrize("victim", [0, 1])
def test_the_control_plane_of_a_killed_rank_ends_with_it(victim: int) -> None:
    body = f"""
if rank == {victim}:
    if os.fork() == 0:
        say(os.getpid())
        time.sleep(60)
        os._exit(0)
    say("forked")
else:
    say_failure()
time.sleep(60)
"""
    with ranks(3, body) as started:
        said = {str(started[victim].hears()), str(started[victim].hears())}
        (worker,) = (int(word) for word in said - {"forked"})
        started[victim].process.kill()
        try:
            for rank in started:
                if rank.rank != victim:
                    number, message = rank.hears()
                    assert number == victim
                    assert " is gone" in message
        finally:
            os.kill(worker, signal.SIGKILL)


def train_beside_a_worker() -> float:
    x = np.full(100_000, dist.get_rank() + 1.0)
    with worker():
        dist.all_reduce(x)
    dist.all_reduce(x)
    return float(x[-1])


def test_a_rank_goes_on_beside_its_workers() -> None:
    assert run_world(2, train_beside_a_worker) == [6.0, 6.0]


def communicate_in_a_worker() -> str:
    group = dist.new_group()
    group.barrier()
    reading, writing = os.pipe()
    if os.fork() == 0:
        with pytest.raises(DistError) as caught:
            group.barrier()
        os.write(writing, str(caught.value).encode())
        os._exit(0)
    os.wait()
    os.close(writing)
    with os.fdopen(reading) as said:
        message = said.read()
    group.barrier()
    return message


def test_a_worker_cannot_use_the_group_of_its_rank() -> None:
    assert run_world(2, communicate_in_a_worker) == ["a forked process cannot use the process group of its parent"] * 2


def fail(rank: int, port: int) -> None:
    """Be a rank that fails, or sees it."""
    dist.init_process_group(init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2, timeout=20)
    if rank == 0:
        raise ValueError("bad batch")
    with pytest.raises(PeerError, match=r"^rank 0 \(host .*\) raised ValueError: bad batch at .*test_forks.py:"):
        dist.recv(np.zeros(3), 0)


def send_and_forget(rank: int, port: int) -> None:
    """Send to a rank that takes it later, and end without leaving the process group."""
    dist.init_process_group(init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2, timeout=20)
    received = np.zeros(3)
    if rank == 0:
        dist.send(np.ones(3), 1)
    else:
        time.sleep(0.3)
        dist.recv(received, 0)
        assert received.all()


def run_forked(work: Callable[[int, int], None]) -> list[int | None]:
    """Run both ranks as processes that `multiprocessing` forks, and return their exit codes."""
    port, context = free_port(), multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(rank, port)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def test_ranks_that_multiprocessing_forked_end_like_others() -> None:
    """They do not run `atexit`, and show what they raise by themselves."""
    script = "from tests.distributed.test_forks import *; print(run_forked(fail), run_forked(send_and_forget))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.returncode) == ("[1, 0] [0, 0]\n", 0), run.stderr
