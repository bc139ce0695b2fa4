"""Collectives of float32 against MPI itself, mpi4py's buffer calls, in the same processes.

    mpiexec -n 2 python benchmarks/mpi.py [--op all_reduce] [--backend mpi|shm|gloo|tcp] [--sizes 4 65536 4194304]
        [--repeat 30] [--json FILE]

`scripts/mpi-venvs` installs MPICH and Open MPI, each with a Python for it: build/mpi/mpich/bin/mpiexec, for example.
The two take turns; shown are the medians of the slowest rank. A size is that of a rank's largest array in bytes. The
target of the backend `mpi` is MPI's own time and 5 us; that of shared memory is MPI's from 16 KB on, and three times as
much below.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import Row, compare, show, use_threads

SIZES = (4, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20)  # bytes
ADDED_SECONDS = 5e-6
MIDDLE_BYTES = 16 << 10

Call = Callable[[], Any]


def all_reduce(dist: Any, mpi: Any, world: Any, zeros: Any, size: int) -> tuple[Call, Call]:
    """Return our call and MPI's with arrays of `size` bytes."""
    ours, theirs = zeros(size // 4), zeros(size // 4)
    return lambda: dist.all_reduce(ours), lambda: world.Allreduce(mpi.IN_PLACE, theirs)


def broadcast(dist: Any, mpi: Any, world: Any, zeros: Any, size: int) -> tuple[Call, Call]:
    """Return our call and MPI's with arrays of `size` bytes."""
    ours, theirs = zeros(size // 4), zeros(size // 4)
    return lambda: dist.broadcast(ours, 0), lambda: world.Bcast(theirs, 0)


def all_gather(dist: Any, mpi: Any, world: Any, zeros: Any, size: int) -> tuple[Call, Call]:
    """Return our call and MPI's that gather `size` bytes."""
    count, ranks = max(1, size // 4 // world.size), world.size
    ours, theirs, own = zeros(count * ranks), zeros(count * ranks), zeros(count)
    return lambda: dist.all_gather_into_tensor(ours, own), lambda: world.Allgather(own, theirs)


def reduce_scatter(dist: Any, mpi: Any, world: Any, zeros: Any, size: int) -> tuple[Call, Call]:
    """Return our call and MPI's that reduce `size` bytes."""
    count, ranks = max(1, size // 4 // world.size), world.size
    ours, theirs, whole = zeros(count), zeros(count), zeros(count * ranks)
    return lambda: dist.reduce_scatter_tensor(ours, whole), lambda: world.Reduce_scatter_block(whole, theirs)


OPERATIONS = {make.__name__: make for make in (all_reduce, broadcast, all_gather, reduce_scatter)}


def measure(op: str, backend: str, sizes: list[int], repeat: int) -> tuple[list[Row], bool]:
    """Run on every rank: measure all sizes; return one row each, and whether this is rank 0."""
    import numpy
    from mpi4py import MPI

    import dist

    dist.init_process_group(backend, init_method="mpi://")
    world = MPI.COMM_WORLD.Dup()
    rows = []
    for size in sizes:
        ours, theirs = OPERATIONS[op](dist, MPI, world, lambda count: numpy.zeros(count, numpy.float32), size)
        # Small messages are over soon, and so can be measured more often.
        rounds = max(repeat, min(repeat * 30, repeat * (1 << 20) // max(size, 1)))
        row = compare(f"{size:,} B", ours, theirs, rounds, before=world.Barrier)
        slowest = numpy.array([row.ours, row.theirs])
        dist.all_reduce(slowest, dist.ReduceOp.MAX)
        row.ours, row.theirs = slowest.tolist()
        row.target = target(backend, size, row.theirs) if op == "all_reduce" else None
        rows.append(row)
    return rows, dist.get_rank() == 0


def target(backend: str, size: int, theirs: float) -> float | None:
    """Return the ratio that is aimed at, where MPI takes `theirs` seconds."""
    if backend == "mpi":
        return 1 + ADDED_SECONDS / theirs if size <= 1 << 20 else None
    return (1.0 if size >= MIDDLE_BYTES else 3.0) if backend in ("shm", "gloo") else None


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--op", choices=OPERATIONS, default="all_reduce")
    parser.add_argument("--backend", choices=("mpi", "shm", "gloo", "tcp"), default="mpi")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="BYTES")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(1)
    rows, is_first = measure(options.op, options.backend, options.sizes, options.repeat)
    if is_first:
        from mpi4py import MPI

        library, version = MPI.get_vendor()
        peer = f"{library} {'.'.join(map(str, version))}"
        title = f"{options.op} of float32, {MPI.COMM_WORLD.Get_size()} ranks, backend {options.backend}: {peer}"
        show(title, rows, options.json, peer=library)


if __name__ == "__main__":
    main()
