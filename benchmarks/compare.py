"""Side-by-side measurement: two peers in one process, interleaved, medians, one table, JSON.

The machine is noisy and its speed drifts, so the peers take turns and what counts is the ratio of their medians.
"""

from __future__ import annotations

import json
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
    """One measurement: medians in seconds, and the ratio that is aimed at."""

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
    name: str, ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int, target: float | None = None
) -> Row:
    """Time two functions in turn, after a warm-up of each, and return the medians."""
    for _ in range(max(3, repeat // 10)):
        ours()
        theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for k in range(repeat):
        for which in (0, 1) if k % 2 else (1, 0):
            function = (ours, theirs)[which]
            started = time.perf_counter()
            function()
            times[which].append(time.perf_counter() - started)
    return Row(name, statistics.median(times[0]), statistics.median(times[1]), target)


def show(title: str, rows: list[Row], path: Path | None, peer: str = "PyTorch") -> None:
    """Print the table, and write the same as JSON if a path is given."""
    table = Table("", "tensorlib", peer, "ratio", "target", title=title)
    for row in rows:
        met = "" if row.target is None else f"{row.target:.2f} {'met' if row.ratio <= row.target else 'MISSED'}"
        table.add_row(row.name, _time(row.ours), _time(row.theirs), f"{row.ratio:.2f}", met)
    Console().print(table)
    if path:
        about = {"title": title, "python": platform.python_version(), "machine": platform.machine()}
        listed = [{**asdict(row), "ratio": row.ratio} for row in rows]
        path.write_text(json.dumps({**about, "rows": listed}, indent=2) + "\n")


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} us" if seconds < 1e-2 else f"{seconds * 1e3:,.1f} ms"
