"""The failure matrix: something happens to one rank of three, while the others are in some situation.

Each survivor has to raise an error that names that rank, in time, and to leave nothing behind.
`scripts/failure_matrix.py` runs all of it, the test suite a few cells.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dist
from dist.testing import run_ranks
from tests.distributed.control_plane import free_port
from tests.distributed.leftovers import held, observed

ROOT = Path(__file__).resolve().parents[2]
SIZE = 3
# The rank that something happens to; and the port at which rank 0 is to serve the store, where it is to do so.
VICTIM_VARIABLE, PORT_VARIABLE = "FAILURE_MATRIX_VICTIM", "FAILURE_MATRIX_PORT"
VICTIM = int(os.environ.get(VICTIM_VARIABLE, "1"))
SURVIVORS = [rank for rank in range(SIZE) if rank != VICTIM]
LARGE = 3_000_000
# The timeout of all calls, and of the rendezvous.
TIMEOUT = 7.0  # seconds
DEATH_LIMIT = 5.0  # seconds
# A timeout is told after the other ranks were asked where they are.
TIMEOUT_LIMIT = TIMEOUT + 4.0  # seconds
CLEANUP_LIMIT = 6.0  # seconds
WORLD_LIMIT = 60.0  # seconds

SITUATIONS = ("rendezvous", "idle", "small all_reduce", "large all_reduce", "recv", "barrier", "async pending")
DEATHS = ("SIGKILL", "SIGSTOP", "exception", "sys.exit", "os._exit")
MISMATCHES = ("other op", "other dtype", "other count", "other root")
FAULTS = (*DEATHS, "never arrives", *MISMATCHES)
# How an error names the rank at fault.
_IT = rf"\branks? {VICTIM}\b"
NAMED = re.compile(rf"found no {_IT}|{_IT} (\(host|called|did not|has not|is |was |exited|raised|left)")


@dataclass
class Report:
    """What a survivor has to say.

    Attributes:
        rank: its number.
        error: the class of what was raised, or "" if nothing was.
        message: what that said.
        named: whether it names the victim.
        seconds: from what happened, or from when the call began where nothing happens, to the error.
        cleanup: seconds that it took to destroy the group.
        left: threads and sockets that there still were.
    """

    rank: int
    error: str = ""
    message: str = ""
    named: bool = False
    seconds: float = 0.0
    cleanup: float = 0.0
    left: str = ""


@dataclass
class Cell:
    """What came of one world: empty `problems` mean that all is as it should be."""

    situation: str
    fault: str
    backend: str
    seconds: float
    error: str
    message: str
    problems: list[str]


def all_reduce(count: int = 4, dtype: Any = np.float64, async_op: bool = False) -> Any:
    return dist.all_reduce(np.ones(count, dtype), async_op=async_op)


def broadcast(root: int, count: int = 4) -> Any:
    return dist.broadcast(np.ones(count), root)


def receive() -> None:
    dist.recv(np.ones(4), VICTIM)


def send(count: int = 4, dtype: Any = np.float64) -> None:
    for peer in SURVIVORS:
        dist.send(np.ones(count, dtype), peer)


def compute_then_reduce() -> None:
    time.sleep(1.0)
    all_reduce()


def wait_for_pending(count: int = 4, dtype: Any = np.float64) -> None:
    works = [all_reduce(size, kind, async_op=True) for size, kind in ((count, dtype), (LARGE, np.float64), (4, "f4"))]
    for work in works:
        work.wait()


BLOCKED: dict[str, Callable[[], Any]] = {
    "idle": compute_then_reduce,
    "small all_reduce": all_reduce,
    "large all_reduce": lambda: all_reduce(LARGE),
    "recv": receive,
    "barrier": dist.barrier,
    "async pending": wait_for_pending,
}
# What the survivors do, and what the victim does instead.
DIFFERENT: dict[tuple[str, str], tuple[Callable[[], Any], Callable[[], Any]]] = {
    ("small all_reduce", "other op"): (all_reduce, lambda: broadcast(VICTIM)),
    ("small all_reduce", "other dtype"): (all_reduce, lambda: all_reduce(dtype=np.float32)),
    ("small all_reduce", "other count"): (all_reduce, lambda: all_reduce(5)),
    ("small all_reduce", "other root"): (lambda: broadcast(SURVIVORS[0]), lambda: broadcast(VICTIM)),
    ("large all_reduce", "other op"): (lambda: all_reduce(LARGE), lambda: broadcast(VICTIM, LARGE)),
    ("large all_reduce", "other dtype"): (lambda: all_reduce(LARGE), lambda: all_reduce(LARGE, np.float32)),
    ("large all_reduce", "other count"): (lambda: all_reduce(LARGE), lambda: all_reduce(LARGE + 1)),
    ("large all_reduce", "other root"): (lambda: broadcast(SURVIVORS[0], LARGE), lambda: broadcast(VICTIM, LARGE)),
    ("recv", "other op"): (receive, all_reduce),
    ("recv", "other dtype"): (receive, lambda: send(dtype=np.float32)),
    ("recv", "other count"): (receive, lambda: send(5)),
    ("barrier", "other op"): (dist.barrier, all_reduce),
    ("async pending", "other op"): (wait_for_pending, dist.barrier),
    ("async pending", "other dtype"): (wait_for_pending, lambda: wait_for_pending(dtype=np.float32)),
    ("async pending", "other count"): (wait_for_pending, lambda: wait_for_pending(5)),
}


def cells() -> Iterator[tuple[str, str]]:
    """Return what can be combined: nothing differs where nothing is called, and a barrier has no count."""
    for situation in SITUATIONS:
        for fault in FAULTS:
            if fault not in MISMATCHES or (situation, fault) in DIFFERENT:
                yield situation, fault


# What runs in the ranks.


def play(situation: str, fault: str, backend: str | None, folder: str) -> None:
    """Be one rank of a world."""
    rank = int(os.environ["RANK"])
    if port := os.environ.get(PORT_VARIABLE):
        os.environ["MASTER_PORT"] = port
        del os.environ["TENSORLIB_STORE"]
    if rank == VICTIM:
        be_the_victim(situation, fault, backend, Path(folder))
    else:
        survive(rank, situation, fault, backend, Path(folder))


def be_the_victim(situation: str, fault: str, backend: str | None, folder: Path) -> None:
    if situation == "rendezvous":
        time.sleep(1.0)  # the others wait
        strike(fault, folder)
        return
    dist.init_process_group(backend, timeout=TIMEOUT)
    dist.barrier()
    if (situation, fault) in DIFFERENT:
        note_time(folder)
        DIFFERENT[situation, fault][1]()
        dist.barrier()  # where it did not wait in the other call, it learns of it here
        return
    time.sleep(0.3)  # the others are blocked
    if situation in ("large all_reduce", "async pending") and fault != "never arrives":
        all_reduce(LARGE if situation.startswith("large") else 4, async_op=True)
    strike(fault, folder)


def strike(fault: str, folder: Path) -> None:
    note_time(folder)
    if fault == "exception":
        raise ValueError("bad batch")
    if fault == "sys.exit":
        sys.exit(3)
    if fault == "os._exit":
        os._exit(3)
    if fault == "never arrives":
        time.sleep(TIMEOUT_LIMIT + 1.0)
        return
    os.kill(os.getpid(), getattr(signal, fault))


def note_time(folder: Path) -> None:
    (folder / "struck").write_text(str(time.monotonic()))


def survive(rank: int, situation: str, fault: str, backend: str | None, folder: Path) -> None:
    before = held()
    report = Report(rank)
    began = time.monotonic()
    try:
        if situation == "rendezvous":
            dist.init_process_group(backend, timeout=TIMEOUT)
        else:
            dist.init_process_group(backend, timeout=TIMEOUT)
            dist.barrier()
            began = time.monotonic()
            DIFFERENT.get((situation, fault), (BLOCKED[situation], None))[0]()
            dist.barrier()  # what was sent early may have come to its end
    except dist.DistError as error:
        ended = time.monotonic()
        report.error, report.message = type(error).__name__, str(error)
        report.named = getattr(error, "rank", None) == VICTIM or bool(NAMED.search(str(error)))
        struck = folder / "struck"
        happened = float(struck.read_text()) if fault in DEATHS and struck.exists() else began
        report.seconds = ended - happened
    began = time.monotonic()
    if dist.is_initialized():
        dist.destroy_process_group()
    report.cleanup = time.monotonic() - began
    report.left = ", ".join(sorted(held() - before))
    (folder / f"rank{rank}.json").write_text(json.dumps(asdict(report)))
    if os.environ.get("TENSORLIB_LAUNCHER"):
        sys.exit(1)  # as a program does that does not expect this


# What runs the worlds.


def measure(
    situation: str, fault: str, backend: str | None = None, launcher: bool = False, rank_0: bool = False
) -> Cell:
    """Run one world and judge it.

    Args:
        situation: one of `SITUATIONS`.
        fault: one of `FAULTS`.
        backend: see `dist.init_process_group`.
        launcher: run it under `tlrun`, which knows at once how a rank has ended; else a rendezvous alone is.
        rank_0: let it happen to rank 0, which runs the store.
    """
    run_world = _under_launcher if (launcher or situation == "rendezvous") and not rank_0 else _in_ranks
    victim = 0 if rank_0 else 1
    variables = {VICTIM_VARIABLE: str(victim), PORT_VARIABLE: str(free_port()) if rank_0 else ""}
    with observed(**variables) as (folder, problems):
        problems += run_world(situation, fault, backend, folder)
        reports = [Report(**json.loads(path.read_text())) for path in sorted(folder.glob("rank*.json"))]
    problems += _problems(victim, limit(situation, fault, rank_0), reports)
    slowest = max(reports, key=lambda report: report.seconds, default=Report(-1))
    return Cell(situation, fault, backend or "", slowest.seconds, slowest.error, slowest.message, problems)


def _in_ranks(situation: str, fault: str, backend: str | None, folder: Path) -> list[str]:
    outcomes = run_ranks(SIZE, play, situation, fault, backend, str(folder), timeout=WORLD_LIMIT)
    return [str(outcome) for outcome in outcomes if str(outcome.rank) != os.environ[VICTIM_VARIABLE] and outcome.failed]


def _under_launcher(situation: str, fault: str, backend: str | None, folder: Path) -> list[str]:
    program = ["-m", "tests.distributed.failure_matrix", situation, fault, backend or "", str(folder)]
    command = [sys.executable, "-m", "launcher", "-n", str(SIZE), "--timeout", str(WORLD_LIMIT), *program]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    for records in (folder / "tmp").glob("tlrun-*"):
        shutil.rmtree(records)
    return [f"tlrun: {done.stderr}"] if done.returncode == 124 or "tlrun: error" in done.stderr else []


def limit(situation: str, fault: str, rank_0: bool) -> float:
    """Return the seconds in which all survivors have to raise.

    A process that is stopped before it has met the others is to them one that has not come yet; so is one that dies,
    where no launcher sees it.
    """
    early = situation == "rendezvous" and (rank_0 or fault == "SIGSTOP")
    return DEATH_LIMIT if fault in DEATHS and not early else TIMEOUT_LIMIT


def _problems(victim: int, limit: float, reports: list[Report]) -> list[str]:
    missing = set(range(SIZE)) - {victim} - {report.rank for report in reports}
    problems = [f"rank {rank} did not report" for rank in sorted(missing)]
    for report in reports:
        who = f"rank {report.rank}"
        if not report.error:
            problems.append(f"{who} raised nothing")
        elif not report.named:
            problems.append(f"{who} does not name rank {victim}: {report.message}")
        if report.seconds > limit:
            problems.append(f"{who} raised after {report.seconds:.1f} s: need {limit:g}")
        if report.cleanup > CLEANUP_LIMIT:
            problems.append(f"{who} took {report.cleanup:.1f} s to destroy the group")
        if report.left:
            problems.append(f"{who} has left {report.left}")
    return problems


if __name__ == "__main__":
    play(sys.argv[1], sys.argv[2], sys.argv[3] or None, sys.argv[4])
