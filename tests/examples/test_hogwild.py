"""The example of training without locks, from end to end."""

from __future__ import annotations

import os
import re
import signal
import time
from typing import Any

import psutil
import pytest

from tests.examples.conftest import ROOT, Jobs, Result

HOGWILD = str(ROOT / "examples" / "hogwild.py")


def run(jobs: Jobs, *arguments: str, quick: bool = True) -> Result:
    return jobs.run(*arguments, ranks=None, script=HOGWILD, quick=quick)


def nothing_is_left(before: set[str]) -> bool:
    """Wait until no segment is there whose maker has ended; those of tests that run beside this one come and go."""
    deadline = time.monotonic() + 5
    while segments_of_ended_processes() - before and time.monotonic() < deadline:
        time.sleep(0.02)
    return not segments_of_ended_processes() - before


def segments_of_ended_processes() -> set[str]:
    names = [name for name in os.listdir("/dev/shm") if name.startswith("tensorlib-")]
    return {name for name in names if not psutil.pid_exists(int(name.split("-")[1]))}


@pytest.mark.parametrize("sharing", ["file_descriptor", "file_system"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_processes_train_one_model(jobs: Jobs, method: str, sharing: str) -> None:
    before = segments_of_ended_processes()
    result = run(jobs, "--processes", "3", "--start-method", method, "--sharing", sharing, quick=method == "spawn")
    assert (result.code, result.err) == (0, "")
    assert f"{3 * 4 * 90} updates in" in result.out
    assert len(re.findall(r"^process [012]  epoch [1-4]  loss \d\.\d+$", result.out, re.MULTILINE)) == 12
    (accuracy,) = re.findall(r"^accuracy (\d+\.\d+)%$", result.out, re.MULTILINE)
    assert float(accuracy) > 92
    assert nothing_is_left(before)


def test_a_process_that_is_killed_ends_all(jobs: Jobs) -> None:
    before = segments_of_ended_processes()
    job = jobs.start("--epochs", "1000", "--sharing", "file_system", ranks=None, script=HOGWILD)
    assert job.stdout is not None
    assert "epoch 1" in job.stdout.readline()
    os.kill(workers(job)[0].pid, signal.SIGKILL)
    result = jobs.finish(job)
    assert result.code == 1
    assert re.search(r"ProcessExitedException: process \d was ended by SIGKILL", result.err)
    assert jobs.left() == []
    assert nothing_is_left(before)


def workers(job: Any) -> list[psutil.Process]:
    return [each for each in psutil.Process(job.pid).children() if "spawn_main" in " ".join(each.cmdline())]


def test_wrong_options(jobs: Jobs) -> None:
    result = run(jobs, "--lr", "0")
    assert result.code == 2
    assert "error: --lr must be above zero" in result.err
