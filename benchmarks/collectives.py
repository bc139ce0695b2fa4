"""All-reduce over TCP on this machine, against PyTorch with Gloo.

    python benchmarks/collectives.py [--ranks 2] [--sizes 4 65536 4194304 67108864] [--repeat 30] [--json FILE]

Each rank is a process that belongs to a group of each peer, and the two take turns in it. Shown are the medians of
rank 0. Without PyTorch only our own times are shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import Row, compare, load_torch, show, use_threads

SIZES = (4, 64 << 10, 4 << 20, 64 << 20)  # bytes
TARGETS = {(2, size): 0.6 for size in SIZES}
SECONDS = 600.0


def measure(sizes: list[int], repeat: int, folder: str, with_torch: bool) -> list[Row]:
    """Run on every rank: measure all sizes, and return one row each."""
    import numpy

    import dist

    gloo = start_gloo(folder) if with_torch else None
    rows = []
    for size in sizes:
        array = numpy.zeros(size // 4, numpy.float32)
        # Small messages are over soon, and so can be measured more often.
        rounds = max(repeat, min(repeat * 30, repeat * (4 << 20) // max(size, 1)))
        rows.append(
            compare(
                f"{size:,} B",
                lambda array=array: dist.all_reduce(array),  # type: ignore[misc]
                gloo(size // 4) if gloo else None,
                rounds,
                TARGETS.get((dist.get_world_size(), size)),
                before=dist.barrier,  # or else each would be charged for how long the other's ranks end apart
            )
        )
    return rows


def start_gloo(folder: str) -> Callable[[int], Callable[[], Any]]:
    """Join a Gloo group of the same ranks; return what makes an all-reduce of so many float32."""
    import dist

    torch = load_torch(1)
    group = torch.distributed
    where = f"file://{folder}/gloo"
    group.init_process_group("gloo", init_method=where, rank=dist.get_rank(), world_size=dist.get_world_size())

    def make(count: int) -> Callable[[], Any]:
        tensor = torch.zeros(count)
        return lambda: group.all_reduce(tensor)

    return make


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="BYTES")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(1)
    from dist.testing import run_world

    with_torch = importlib.util.find_spec("torch") is not None
    with tempfile.TemporaryDirectory() as folder:
        arguments = (options.sizes, options.repeat, folder, with_torch)
        rows = run_world(options.ranks, measure, *arguments, timeout=SECONDS)[0]
    show(f"all_reduce of float32, {options.ranks} ranks, TCP", rows, options.json, peer="Gloo")
    if not with_torch:
        sys.exit("there is nothing to compare with: pip install torch==2.13.0")


if __name__ == "__main__":
    main()
