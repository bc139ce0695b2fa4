"""Side-by-side measurement: two peers in one process, interleaved, medians, one table, JSON.

The machine is noisy and its speed drifts, so the peers take turns and what counts is the ratio of their medians.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

TURN = 6  # calls before it is the other's turn
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass
class Row:
    """One measurement: medians in seconds (NaN without a peer), and the ratio that is aimed at."""

    name: str
    ours: float
    theirs: float
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Our time over the peer's; lower is better."""
        return self.ours / self.theirs


def use_threads(count: int) -> None:
    """Give both peers the same number of threads; call it before NumPy or PyTorch is loaded."""
    if "numpy" in sys.modules or "torch" in sys.modules:
        raise RuntimeError("use_threads must come before NumPy and PyTorch are loaded")
    for name in THREAD_VARIABLES:
        os.environ[name] = str(count)


def load_torch(threads: int) -> Any:
    """Import PyTorch, the peer; end with one line where it is missing."""
    try:
        import torch
    except ImportError:
        sys.exit("this benchmark compares with PyTorch: pip install torch==2.13.0")
    torch.set_num_threads(threads)
    return torch


def compare(
    name: str,
    ours: Callable[[], Any],
    theirs: Callable[[], Any] | None,
    repeat: int,
    target: float | None = None,
    before: Callable[[], Any] = lambda: None,
) -> Row:
    """Time two functions in turn, after a warm-up of each, and return the medians.

    A turn is `TURN` calls, of which the first is not counted: it would pay for what the other left in the caches.

    Args:
        name: what is measured.
        ours: our function.
        theirs: the peer's, or None where there is none.
        repeat: how many calls of each are counted.
        target: the ratio that is aimed at.
        before: called before each timed call.
    """
    peers = [ours] if theirs is None else [ours, theirs]
    for _ in range(max(3, repeat // 10)):
        for function in peers:
            function()
    times: dict[Callable[[], Any], list[float]] = {function: [] for function in peers}
    for k in range(-(-repeat // (TURN - 1))):
        for function in peers if k % 2 else reversed(peers):
            before()
            function()
            for _ in range(TURN - 1):
                before()
                started = time.perf_counter()
                function()
                times[function].append(time.perf_counter() - started)
    medians = [statistics.median(times[function]) for function in peers]
    return Row(name, medians[0], medians[1] if theirs else math.nan, target)


class Peer:
    """A process that times functions on demand, so that each library runs as its users run it.

    In one process the libraries would share settings of the memory allocator, and thread pools.

    Args:
        script: a benchmark that calls `serve` when it is started with `--serve WHICH`.
        which: "ours" or "theirs".
        threads: given on to the script.
    """

    def __init__(self, script: str, which: str, threads: int) -> None:
        command = [sys.executable, script, "--serve", which, "--threads", str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def times(self, name: str, count: int) -> list[float]:
        """Return the seconds of `count` calls of one of the peer's functions."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, count]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"the process that measures {name} has ended")
        found: list[float] = json.loads(answer)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(functions: dict[str, Callable[[], Any]]) -> None:
    """Time the functions that a `Peer` asks for, until it closes."""
    for line in sys.stdin:
        name, count = json.loads(line)
        times = []
        for _ in range(count):
            started = time.perf_counter()
            functions[name]()
            times.append(time.perf_counter() - started)
        print(json.dumps(times), flush=True)


def compare_processes(name: str, ours: Peer, theirs: Peer, repeat: int, target: float | None = None) -> Row:
    """Time one function of two processes in turn, and return the medians; as `compare` does in one process."""
    peers = (ours, theirs)
    for peer in peers:
        peer.times(name, max(10, repeat // 5))
    times: tuple[list[float], list[float]] = ([], [])
    for k in range(-(-repeat // (TURN - 1))):
        for which in (0, 1) if k % 2 else (1, 0):
            times[which].extend(peers[which].times(name, TURN)[1:])
    return Row(name, statistics.median(times[0]), statistics.median(times[1]), target)


def show(title: str, rows: list[Row], path: Path | None, peer: str = "PyTorch", unit: str = "s") -> None:
    """Print the table, and write the same as JSON if a path is given; times are in seconds, else there is a unit."""
    shown = _time if unit == "s" else lambda value: f"{value:,.1f} {unit}"
    table = Table("", "tensorlib", peer, "ratio", "target", title=title)
    for row in rows:
        if math.isnan(row.theirs):
            table.add_row(row.name, shown(row.ours), "-", "-", "")
            continue
        met = "" if row.target is None else f"{row.target:.2f} {'met' if row.ratio <= row.target else 'MISSED'}"
        table.add_row(row.name, shown(row.ours), shown(row.theirs), f"{row.ratio:.2f}", met)
    Console().print(table)
    if path:
        about = {"title": title, "python": platform.python_version(), "machine": platform.machine()}
        listed = [{**asdict(row), "ratio": row.ratio} for row in rows]
        listed = [{key: None if value != value else value for key, value in row.items()} for row in listed]
        path.write_text(json.dumps({**about, "rows": listed}, indent=2) + "\n")


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} us" if seconds < 1e-2 else f"{seconds * 1e3:,.1f} ms"
