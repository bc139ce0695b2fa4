"""Side-by-side measurement: two peers in one process, interleaved, medians, one table, JSON.

The machine is noisy and its speed drifts, so the peers take turns and what counts is the ratio of their medians.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

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

    Args:
        name: what is measured.
        ours: our function.
        theirs: the peer's, or None where there is none.
        repeat: how often each is timed.
        target: the ratio that is aimed at.
        before: called before each timed call.
    """
    peers = [ours] if theirs is None else [ours, theirs]
    for _ in range(max(3, repeat // 10)):
        for function in peers:
            function()
    times: dict[Callable[[], Any], list[float]] = {function: [] for function in peers}
    for k in range(repeat):
        for function in peers if k % 2 else reversed(peers):
            before()
            started = time.perf_counter()
            function()
            times[function].append(time.perf_counter() - started)
    medians = [statistics.median(times[function]) for function in peers]
    return Row(name, medians[0], medians[1] if theirs else math.nan, target)


def show(title: str, rows: list[Row], path: Path | None, peer: str = "PyTorch") -> None:
    """Print the table, and write the same as JSON if a path is given."""
    table = Table("", "tensorlib", peer, "ratio", "target", title=title)
    for row in rows:
        if math.isnan(row.theirs):
            table.add_row(row.name, _time(row.ours), "-", "-", "")
            continue
        met = "" if row.target is None else f"{row.target:.2f} {'met' if row.ratio <= row.target else 'MISSED'}"
        table.add_row(row.name, _time(row.ours), _time(row.theirs), f"{row.ratio:.2f}", met)
    Console().print(table)
    if path:
        about = {"title": title, "python": platform.python_version(), "machine": platform.machine()}
        listed = [{**asdict(row), "ratio": row.ratio} for row in rows]
        listed = [{key: None if value != value else value for key, value in row.items()} for row in listed]
        path.write_text(json.dumps({**about, "rows": listed}, indent=2) + "\n")


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} us" if seconds < 1e-2 else f"{seconds * 1e3:,.1f} ms"
