"""`spawn`: results, and which process failed and why."""

from __future__ import annotations

import os
import signal
import sys
import time
from multiprocessing.reduction import ForkingPickler

import pytest

import tensorlib
from tensorlib import multiprocessing
from tests.tensorlib.processes import SECONDS


def add_index(index, tensor):
    tensor[index] += index


def fail(index, size):
    if index == 1:
        raise ValueError("x" * size)
    time.sleep(60)


def end_by(index, signal_number):
    if index == 1:
        os.kill(os.getpid(), signal_number)
    time.sleep(60)


def leave(index):
    sys.exit(3 if index == 0 else 0)


def interrupted(index):
    raise KeyboardInterrupt


def test_spawn():
    x = tensorlib.ones(3)
    assert multiprocessing.spawn(add_index, (x,), nprocs=3) is None
    assert x.tolist() == [1, 2, 3]


def test_spawn_without_waiting():
    x = tensorlib.ones(2)
    context = multiprocessing.spawn(add_index, (x,), nprocs=2, join=False, daemon=True)
    assert len(context.pids()) == 2
    assert all(process.daemon for process in context.processes)
    deadline = time.monotonic() + SECONDS
    while not context.join(timeout=1):
        assert time.monotonic() < deadline
    assert context.join()
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("size", [3, 1_000_000])  # a pipe holds less than the second
def test_spawn_shows_the_traceback(size):
    started_at = time.monotonic()
    with pytest.raises(multiprocessing.ProcessRaisedException) as caught:
        multiprocessing.start_processes(fail, (size,), nprocs=2, start_method="fork")
    text = str(caught.value)
    assert text.startswith("process 1 raised an exception:")
    assert "Traceback" in text
    assert "in fail" in text
    assert "ValueError: " + "x" * size in text
    assert caught.value.error_index == 1
    assert isinstance(caught.value, multiprocessing.ProcessException)
    assert time.monotonic() - started_at < SECONDS  # the other was ended


def test_spawn_names_the_signal():
    with pytest.raises(multiprocessing.ProcessExitedException, match="process 1 was ended by SIGKILL") as caught:
        multiprocessing.start_processes(end_by, (signal.SIGKILL,), nprocs=2, start_method="fork")
    error = caught.value
    assert (error.error_index, error.exit_code, error.signal_name) == (1, -9, "SIGKILL")
    copied = ForkingPickler.loads(ForkingPickler.dumps(error))
    assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_spawn_names_the_exit_code():
    with pytest.raises(multiprocessing.ProcessExitedException, match="process 0 ended with exit code 3") as caught:
        multiprocessing.start_processes(leave, nprocs=2, start_method="fork")
    assert caught.value.signal_name is None


def test_spawn_is_silent_when_interrupted():
    multiprocessing.start_processes(interrupted, nprocs=1, start_method="fork")
