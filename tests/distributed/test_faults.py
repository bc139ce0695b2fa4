"""Fault plans: what they say, and that what they say happens, at the call that was named."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import dist
from dist.errors import PeerError
from dist.faults import KINDS, KINDS_OF_THREADS, Injector
from dist.testing import Fault, FaultError, FaultPlan, run_ranks, run_world
from dist.transport.inproc import make_inproc_world

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5.0


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault("kill", 1, 3), "kill rank=1 call=3"),
        (Fault("os._exit", 0, 1, op="all_reduce"), "os._exit rank=0 call=1 op=all_reduce"),
        (Fault("delay", 2, 5, seconds=0.25), "delay rank=2 call=5 seconds=0.25"),
        (Fault("drop", 0, 2, peer=1), "drop rank=0 call=2 peer=1"),
    ],
)
def test_a_plan_is_written_and_read(fault: Fault, text: str) -> None:
    assert str(fault) == text
    assert FaultPlan.parse(text) == FaultPlan(fault)
    both = FaultPlan(fault, Fault("stop", 7, 1))
    assert FaultPlan.parse(str(both)) == both
    assert FaultPlan.parse("") == FaultPlan()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("explode rank=1 call=1", "kind is 'explode': need one of kill, stop, raise, exit, os._exit, delay, drop"),
        ("kill rank=1", "missing 1 required"),
        ("kill rank=one call=1", "invalid literal"),
        ("kill rank=1 call=0", "need rank >= 0, call >= 1"),
        ("kill rank=1 call=1 when=now", "'when'"),
        ("kill rank", "need for example 'kill rank=1 call=3'"),
        ("drop rank=1 call=1 peer=1", "need a peer other than the rank"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="fault plan: cannot read") as caught:
        FaultPlan.parse(text)
    assert complaint in str(caught.value)


def test_random_plans_are_the_same_for_the_same_seed_and_of_all_kinds() -> None:
    plans = [FaultPlan.random(seed, ranks=4, calls=10) for seed in range(300)]
    assert plans == [FaultPlan.random(seed, ranks=4, calls=10) for seed in range(300)]
    faults = [plan.faults[0] for plan in plans]
    assert set(Counter(fault.kind for fault in faults)) == set(KINDS)
    assert {fault.rank for fault in faults} == set(range(4))
    assert {fault.call for fault in faults} == set(range(1, 11))
    assert all(fault.peer not in (None, fault.rank) for fault in faults if fault.kind == "drop")
    only = [FaultPlan.random(seed, 4, 10, KINDS_OF_THREADS).faults[0].kind for seed in range(50)]
    assert set(only) == set(KINDS_OF_THREADS)


def test_plans_for_others_are_refused() -> None:
    with pytest.raises(ValueError, match=r"simulate: fault kill rank=1 call=1: need one of raise, exit, delay, drop"):
        dist.simulate(2, dist.barrier, faults=FaultPlan(Fault("kill", 1, 1)))
    with pytest.raises(ValueError, match=r"run_world: fault raise rank=2 call=1: need ranks from 0 to 1"):
        run_world(2, dist.barrier, faults=FaultPlan(Fault("raise", 2, 1)))


def test_calls_are_counted_in_all_or_by_name() -> None:
    (transport,) = make_inproc_world(1)
    plan = FaultPlan(Fault("raise", 0, 3), Fault("raise", 0, 2, op="recv"), Fault("raise", 1, 1))
    injector = Injector(plan, transport)
    struck = []
    for number, op in enumerate(["recv", "barrier", "send", "recv", "recv", "barrier"], 1):
        try:
            injector(op)
        except FaultError:
            struck.append(number)
    assert struck == [3, 4]


class Wireless:
    rank = 0


def test_a_transport_without_connections_cannot_drop_any() -> None:
    with pytest.raises(ValueError, match="Wireless has no connections that could be dropped"):
        Injector(FaultPlan(Fault("drop", 0, 1)), Wireless())  # type: ignore[arg-type]
    Injector(FaultPlan(Fault("drop", 1, 1)), Wireless())  # type: ignore[arg-type]


def steps() -> list[float]:
    """Make 6 calls, of three kinds and two groups."""
    rank, size = dist.get_rank(), dist.get_world_size()
    group = dist.new_group()
    x = np.ones(10)
    dist.all_reduce(x)
    dist.barrier(group)
    dist.all_reduce(x, group=group)
    send = dist.isend(x, (rank + 1) % size)
    dist.recv(x, (rank - 1) % size)
    send.wait()
    dist.all_reduce(x)
    return x.tolist()


def test_what_a_raise_leads_to() -> None:
    with pytest.raises(FaultError, match="this is the fault that was planned: raise rank=1 call=5") as caught:
        dist.simulate(3, steps, faults=FaultPlan(Fault("raise", rank=1, call=5)))
    assert caught.value.__notes__ == ["(raised on rank 1 of the simulated world)"]


def failure_of_steps() -> str:
    with pytest.raises(PeerError) as caught:
        steps()
    return f"{caught.value.rank}: {caught.value}"


def test_a_dropped_connection_is_known_to_all() -> None:
    said = dist.simulate(3, failure_of_steps, faults=FaultPlan(Fault("drop", rank=1, call=3, peer=2)))
    assert all(message.startswith(("1: rank 1 ", "2: rank 2 ")) for message in said)
    assert all("connection lost" in message for message in said)


def test_a_delay_delays_and_changes_nothing() -> None:
    started = time.monotonic()
    results = dist.simulate(3, steps, faults=FaultPlan(Fault("delay", rank=2, call=4, seconds=0.4)))
    assert time.monotonic() - started >= 0.4
    assert results == dist.simulate(3, steps)


def survive(fn: object) -> tuple[str, int | None, float]:
    dist.init_process_group(timeout=30)
    started = time.monotonic()
    with pytest.raises(PeerError) as caught:
        steps()
    return str(caught.value), caught.value.rank, time.monotonic() - started


@pytest.mark.parametrize(
    ("fault", "code", "reason"),
    [
        (Fault("kill", 1, 4), -9, "is gone: it was killed or exited without a word"),
        (Fault("os._exit", 1, 1), 3, "is gone"),
        (Fault("exit", 1, 6), 3, "exited"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_processes_die_and_stop_at_the_call(fault: Fault, code: int, reason: str) -> None:
    outcomes = run_ranks(3, survive, None, timeout=30, faults=FaultPlan(fault))
    assert [outcome.code for outcome in outcomes] == [0, code, 0], "\n".join(map(str, outcomes))
    for outcome in (outcomes[0], outcomes[2]):
        message, rank, seconds = outcome.value
        assert rank == 1
        assert reason in message
        assert seconds < SECONDS


def call_on_rank_1_only() -> None:
    dist.init_process_group()
    if dist.get_rank() == 1:
        dist.isend(np.ones(1), 0)


def test_when_only_stopped_ranks_are_left_they_are_killed() -> None:
    started = time.monotonic()
    outcomes = run_ranks(2, call_on_rank_1_only, timeout=50, faults=FaultPlan(Fault("stop", 1, 1)))
    assert time.monotonic() - started < 40
    assert [outcome.code for outcome in outcomes] == [0, None]
    assert outcomes[1].late


def both_ends() -> str:
    with pytest.raises(PeerError) as caught:
        steps()
    return str(caught.value)


def test_a_connection_between_processes_is_dropped() -> None:
    said = run_world(3, both_ends, faults=FaultPlan(Fault("drop", rank=2, call=3, peer=0)), backend="tcp")
    assert all(message.startswith(("rank 0 ", "rank 2 ")) for message in said)


PROGRAM = """
import numpy as np
import dist
dist.init_process_group()
for _ in range(5):
    dist.all_reduce(np.ones(3))
"""


def test_jobs_take_a_plan_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "train.py"
    script.write_text(PROGRAM)
    monkeypatch.setenv("TENSORLIB_FAULTS", "os._exit rank=1 call=4")
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path / "records"))
    command = [sys.executable, "-m", "launcher", "-n", "2", str(script)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 3, done.stderr
    assert "tlrun: rank 1 (pid " in done.stderr.splitlines()[-1]
    numbers = re.findall(r'"number": (\d+)', (tmp_path / "records" / "rank0.jsonl").read_text())
    assert numbers[-1] in ("3", "4")  # it may be about to leave the third call
