"""Signals to `tlrun`: forwarded once, time of grace, then the end; short and clean."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Any

import pytest

WAIT = """
    import os, signal, sys, time
    def ready():
        with open(f"{os.environ['FOLDER']}/pid{os.environ['RANK']}", "w") as file:
            print(os.getpid(), file=file)
"""


def start_ready(jobs: Any, code: str, ranks: int, *options: str) -> subprocess.Popen[bytes]:
    process: subprocess.Popen[bytes] = jobs.start("-n", str(ranks), *options, jobs.script(WAIT + code))
    for rank in range(ranks):
        jobs.pid(f"pid{rank}")
    return process


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
def test_a_signal_ends_the_job_cleanly(jobs: Any, number: signal.Signals, code: int) -> None:
    process = start_ready(jobs, "    ready(); time.sleep(60)\n", 4, "--grace", "20")
    start = time.monotonic()
    process.send_signal(number)
    assert jobs.finish(process, 10) == (code, "", f"tlrun: stopped by {number.name}; ranks 0-3 were stopped\n")
    assert time.monotonic() - start < 5
    assert jobs.processes() == []


def test_ranks_may_tidy_up(jobs: Any) -> None:
    process = start_ready(
        jobs,
        """
    try:
        ready()
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.5)
        print("saved")
        sys.exit(0)
    """,
        2,
    )
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = jobs.finish(process)
    assert (code, sorted(stdout.splitlines())) == (130, ["[0] saved", "[1] saved"])
    assert stderr == "tlrun: stopped by SIGINT; ranks 0, 1 were stopped\n"


COUNTING = """
    def count(number, frame):
        print("came", number)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, count)
    ready()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(1)
"""


def test_it_is_forwarded_once_and_who_stays_is_killed(jobs: Any) -> None:
    process = start_ready(jobs, COUNTING, 2, "--grace", "0.7")
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code, stdout, _ = jobs.finish(process)
    assert (code, sorted(stdout.splitlines())) == (143, ["[0] came 15", "[1] came 15"])
    assert 0.7 < time.monotonic() - start < 2.5
    assert jobs.processes() == []


def test_a_second_interrupt_kills_at_once(jobs: Any) -> None:
    process = start_ready(jobs, COUNTING, 2, "--grace", "30")
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline().startswith(b"[")
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert jobs.finish(process)[0] == 130
    assert time.monotonic() - start < 5


def test_other_signals_during_the_time_of_grace_change_nothing(jobs: Any) -> None:
    """Who logs out may send SIGHUP and SIGTERM at once."""
    process = start_ready(jobs, COUNTING, 1, "--grace", "0.7")
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    assert jobs.finish(process)[0] == 143
    assert time.monotonic() - start > 0.7


def test_an_interrupt_while_others_are_being_stopped_kills_them(jobs: Any) -> None:
    process = start_ready(
        jobs, COUNTING.replace("ready()", "ready()\n    if os.environ['RANK'] == '0': os._exit(5)"), 2, "--grace", "30"
    )
    assert process.stdout.readline() == b"[1] came 15\n"
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, _, stderr = jobs.finish(process)
    assert (code, stderr.count("tlrun: ")) == (5, 1)
    assert time.monotonic() - start < 4


def test_what_is_ignored_stays_ignored(jobs: Any) -> None:
    shell = ("/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh")
    script = jobs.script(WAIT + "    ready(); time.sleep(1); print('done')\n")
    process = jobs.start("-n", "1", script, prefix=shell)
    jobs.pid("pid0")
    process.send_signal(signal.SIGHUP)
    assert jobs.finish(process)[:2] == (0, "[0] done\n")


@pytest.mark.parametrize("started", [2, 4, 8])
def test_an_interrupt_while_the_ranks_start(jobs: Any, started: int) -> None:
    process = jobs.start("-n", "4", "--grace", "20", jobs.script("import time; time.sleep(60)"))
    jobs.wait_until(lambda: len(jobs.processes()) >= started)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, _, stderr = jobs.finish(process, 10)
    assert code == 130
    assert "Traceback" not in stderr
    assert time.monotonic() - start < 5
    assert jobs.processes() == []


def test_a_rank_that_loses_an_interrupt_while_it_starts_is_terminated(jobs: Any) -> None:
    """Python does so where the interrupt meets a callback that may not raise."""
    process = start_ready(
        jobs, "    signal.signal(signal.SIGINT, signal.SIG_IGN); ready(); time.sleep(60)\n", 2, "--grace", "20"
    )
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert jobs.finish(process, 10)[0] == 130
    assert time.monotonic() - start < 5


def test_an_interrupt_before_there_is_anything(jobs: Any) -> None:
    for delay in (0.02, 0.06):
        process = jobs.start("-n", "4", jobs.script("import time; time.sleep(60)"))
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        assert jobs.finish(process, 10)[0] != 0
        assert jobs.processes() == []
