"""Collectives of float32 on this machine, against PyTorch with Gloo, or against copying.

    python benchmarks/collectives.py [--op all_reduce] [--backend tcp|gloo|shm] [--ranks 2] [--sizes 4 65536 4194304]
        [--repeat 30] [--processor] [--against gloo|copy] [--json FILE]

Each rank is a process that belongs to a group of each peer, and the two take turns in it. Shown are the medians of
the slowest rank, for a call in a row of several. A size is that of a rank's largest array in bytes: of all_gather and
reduce_scatter that is all ranks' rows. `--processor` shows the processor time of a call instead, summed over the ranks:
it says more where the machine is busy. With `--against copy` the peer is a copy of as many bytes: an all_reduce has to
read and write no less, so the ratio tells how far it is from the bandwidth of memory. Without PyTorch only our times
are shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

from compare import Row, compare, load_torch, show, use_threads

SIZES = (4, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20)  # bytes
TARGETS = {"all_reduce": 0.6, "broadcast": 0.3, "all_gather": 0.3, "reduce_scatter": 0.3}
SECONDS = 600.0

Call = Callable[[], Any]
Make = Callable[[Any, Callable[[int], Any], int, int], Call]

# Both libraries have the same functions: a call is made from either, what makes an array, the bytes, and the ranks.
OPERATIONS: dict[str, Make] = {}


def operation(make: Make) -> Make:
    """Measure the function of this name."""
    OPERATIONS[make.__name__] = make
    return make


@operation
def all_reduce(library: Any, zeros: Callable[[int], Any], size: int, ranks: int) -> Call:
    """Return a call with an array of `size` bytes."""
    array = zeros(size // 4)
    return lambda: library.all_reduce(array)


@operation
def broadcast(library: Any, zeros: Callable[[int], Any], size: int, ranks: int) -> Call:
    """Return a call with an array of `size` bytes; each rank is the root in its turn, lest one should run ahead."""
    array, roots = zeros(size // 4), cycle(range(ranks))
    return lambda: library.broadcast(array, next(roots))


@operation
def all_gather(library: Any, zeros: Callable[[int], Any], size: int, ranks: int) -> Call:
    """Return a call that gathers `size` bytes."""
    count = max(1, size // 4 // ranks)
    rows, array = [zeros(count) for _ in range(ranks)], zeros(count)
    return lambda: library.all_gather(rows, array)


@operation
def reduce_scatter(library: Any, zeros: Callable[[int], Any], size: int, ranks: int) -> Call:
    """Return a call that reduces `size` bytes."""
    count = max(1, size // 4 // ranks)
    rows, array = [zeros(count) for _ in range(ranks)], zeros(count)
    return lambda: library.reduce_scatter(array, rows)


def measure(op: str, sizes: list[int], repeat: int, folder: str, against: str | None, processor: bool) -> list[Row]:
    """Run on every rank: measure all sizes, and return one row each."""
    import numpy

    import dist

    ranks = dist.get_world_size()
    make_peer = peer_of(op, against, folder, ranks)
    rows = []
    for size in sizes:
        ours = OPERATIONS[op](dist, lambda count: numpy.zeros(count, numpy.float32), size, ranks)
        theirs = make_peer(size)
        if processor:
            rows.append(processor_times(f"{size:,} B", ours, theirs, repeat * calls_in_a_row(size)))
            continue
        # Without the barriers each would be charged for how long the other's ranks end apart.
        calls = calls_in_a_row(size)
        row = compare(
            f"{size:,} B",
            in_a_row(ours, calls),
            in_a_row(theirs, calls) if theirs else None,
            repeat,
            TARGETS[op] if against == "gloo" else None,
            before=dist.barrier,
        )
        slowest = numpy.array([row.ours, row.theirs]) / calls
        dist.all_reduce(slowest, dist.ReduceOp.MAX)
        row.ours, row.theirs = slowest.tolist()
        rows.append(row)
    return rows


def peer_of(op: str, against: str | None, folder: str, ranks: int) -> Callable[[int], Call | None]:
    """Return what makes the peer's call for a size; it makes None where there is no peer."""
    if against == "gloo":
        torch = start_gloo(folder)
        return lambda size: OPERATIONS[op](torch.distributed, torch.zeros, size, ranks)
    return copy_of if against == "copy" else lambda size: None


def copy_of(size: int) -> Call:
    """Return a copy of `size` bytes."""
    import numpy

    source, target = numpy.zeros(size, numpy.uint8), numpy.ones(size, numpy.uint8)
    return lambda: numpy.copyto(target, source)


def calls_in_a_row(size: int) -> int:
    """Return how many calls are timed at once: small ones take no longer than ranks need to leave a barrier."""
    return max(1, min(20, (4 << 20) // size))


def in_a_row(call: Call, count: int) -> Call:
    """Return `count` calls as one."""

    def calls() -> None:
        for _ in range(count):
            call()

    return calls


def processor_times(name: str, ours: Call, theirs: Call | None, repeat: int) -> Row:
    """Return the processor time of a call, summed over the ranks, from `repeat` calls of each peer in one go."""
    import numpy

    import dist

    means = numpy.full(2, numpy.nan)
    for k, function in enumerate((ours, theirs)):
        if function is None:
            continue
        for _ in range(3):
            function()
        dist.barrier()
        started = time.process_time()
        for _ in range(repeat):
            function()
        means[k] = (time.process_time() - started) / repeat
        dist.barrier()
    dist.all_reduce(means)
    return Row(name, float(means[0]), float(means[1]))


def start_gloo(folder: str) -> Any:
    """Join a Gloo group of the same ranks; return PyTorch."""
    import dist

    torch = load_torch(1)
    where = f"file://{folder}/gloo"
    torch.distributed.init_process_group(
        "gloo", init_method=where, rank=dist.get_rank(), world_size=dist.get_world_size()
    )
    return torch


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--op", choices=OPERATIONS, default="all_reduce")
    parser.add_argument("--backend", choices=("tcp", "gloo", "shm"), default="tcp", help="of ours; gloo is its default")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="BYTES")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--processor", action="store_true")
    parser.add_argument("--against", choices=("gloo", "copy"), default="gloo")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(1)
    from dist.testing import run_world

    missing = options.against == "gloo" and importlib.util.find_spec("torch") is None
    against = None if missing else options.against
    with tempfile.TemporaryDirectory() as folder:
        arguments = (options.op, options.sizes, options.repeat, folder, against, options.processor)
        rows = run_world(options.ranks, measure, *arguments, timeout=SECONDS, backend=options.backend)[0]
    what = "processor time of all ranks" if options.processor else "time"
    title = f"{options.op} of float32, {options.ranks} ranks, {options.backend}: {what}"
    show(title, rows, options.json, peer=options.against.capitalize())
    if missing:
        sys.exit("there is nothing to compare with: pip install torch==2.13.0")


if __name__ == "__main__":
    main()
