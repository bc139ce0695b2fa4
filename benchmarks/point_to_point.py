"""Messages between two processes of this machine, over TCP and through shared memory, against PyTorch with Gloo.

    python benchmarks/point_to_point.py [--sizes 4 65536 4194304 67108864] [--repeat 30] [--json FILE]

Two ranks send a message to and fro; shown is the time for one way, the median of rank 0. Each rank belongs to a group
of each peer, and the two take turns in it. Without PyTorch only our own times are shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collectives import SECONDS, SIZES
from compare import Row, compare, load_torch, show, use_threads

BACKENDS = ("tcp", "shm")


def measure(backend: str, sizes: list[int], repeat: int, folder: str, with_torch: bool) -> list[Row]:
    """Run on both ranks: measure all sizes, and return one row each."""
    import numpy

    import dist

    rank = dist.get_rank()
    torch = load_torch(1) if with_torch else None
    if torch is not None:
        torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/gloo", rank=rank, world_size=2)
    rows = []
    for size in sizes:
        ours = to_and_fro(dist, numpy.zeros(size, numpy.uint8))
        theirs = to_and_fro(torch.distributed, torch.zeros(size, dtype=torch.uint8)) if torch is not None else None
        # Small messages are over soon, and so can be measured more often.
        rounds = max(repeat, min(repeat * 30, repeat * (4 << 20) // max(size, 1)))
        row = compare(f"{backend}, {size:,} B", ours, theirs, rounds)
        rows.append(Row(row.name, row.ours / 2, row.theirs / 2))
    return rows


def to_and_fro(library: Any, array: Any) -> Callable[[], None]:
    """Return what sends an array to the other rank and back; both ranks call it."""
    there = [library.send, library.recv]
    first, second = there if library.get_rank() == 0 else reversed(there)
    other = 1 - library.get_rank()

    def run() -> None:
        first(array, other)
        second(array, other)

    return run


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="BYTES")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(1)
    from dist.testing import run_world

    with_torch = importlib.util.find_spec("torch") is not None
    rows = []
    for backend in BACKENDS:
        with tempfile.TemporaryDirectory() as folder:
            arguments = (backend, options.sizes, options.repeat, folder, with_torch)
            rows += run_world(2, measure, *arguments, timeout=SECONDS, backend=backend)[0]
    show("a message from one process to another", rows, options.json, peer="Gloo")
    if not with_torch:
        sys.exit("there is nothing to compare with: pip install torch==2.13.0")


if __name__ == "__main__":
    main()
