"""The conformance suites of collectives, over real processes: every backend, every size.

    .venv/bin/python scripts/conformance.py                          # tcp and shm, 1 to 9 ranks, and all mismatches
    .venv/bin/python scripts/conformance.py --backends tcp --sizes 2 5
    mpirun -n 3 .venv/bin/python scripts/conformance.py --join mpi   # the ranks that are there, in one world

Exit code 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import dist  # noqa: E402
from dist.testing import check_collectives, check_mismatches, run_world  # noqa: E402
from dist.testing.collectives import CHECKS, check_bits, run_checks  # noqa: E402
from dist.testing.mismatches import CASES, RANKS  # noqa: E402


def main() -> int:
    """Run what is asked for; see above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", nargs="+", default=["tcp", "shm"], help="see dist.init_process_group")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(range(1, 10)), help="numbers of ranks")
    parser.add_argument("--join", metavar="BACKEND", help="be a rank of a world that a launcher has started")
    options = parser.parse_args()
    if options.join:
        return join(options.join)
    held = []
    for backend in options.backends:
        run = partial(run_world, backend=backend, timeout=120)
        held += [holds(f"{backend}, {n} ranks", partial(check_collectives, run, [n])) for n in options.sizes]
        held += [holds(f"{backend}, {case.__name__}", partial(check_mismatches, run, [case])) for case in CASES]
    return int(not all(held))


def join(backend: str) -> int:
    """Run all checks as one rank of a world, and all mismatches where there are as many ranks as they need."""
    dist.init_process_group(backend)
    size = dist.get_world_size()
    name = f"{backend}, rank {dist.get_rank()} of {size}"
    # MPI adds the floats of more than two ranks in an order of its own.
    checks = [check for check in CHECKS if check is not check_bits or backend != "mpi" or size <= 2]
    held = [holds(name, partial(run_checks, checks))]
    dist.destroy_process_group()
    for case in CASES if size == RANKS else ():
        dist.init_process_group(backend)
        held.append(holds(f"{name}, {case.__name__}", case))
        dist.destroy_process_group()
    return int(not all(held))


def holds(name: str, check: Callable[[], None]) -> bool:
    """Run a check, and print what came of it."""
    started = time.perf_counter()
    try:
        check()
    except Exception as error:
        print(f"{name}: FAILED: {error}", flush=True)
        return False
    print(f"{name}: ok, {time.perf_counter() - started:.1f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
