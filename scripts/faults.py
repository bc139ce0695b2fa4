"""Random calls and a random fault per seed: every survivor must name the culprit in time, and nothing may be left.

One seed of four has no fault, but a rank that makes another call than the others.

    .venv/bin/python scripts/faults.py                     # seeds 0 to 199
    .venv/bin/python scripts/faults.py --seeds 20 --first 100 --backend tcp
    .venv/bin/python scripts/faults.py --seeds 1 --first 137      # one of them again

Exit code 1 if anything went wrong with any of them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.distributed.seeded_faults import Result, run_seed  # noqa: E402


def main() -> int:
    """Run what is asked for; see above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--backend", help="see dist.init_process_group")
    options = parser.parse_args()
    results = []
    for seed in range(options.first, options.first + options.seeds):
        results.append(run_seed(seed, options.backend))
        show(results[-1])
    return summary(results)


def show(result: Result) -> None:
    """Print a line on one seed, and what is wrong with it."""
    verdict = "FAILED" if result.problems else "ok" if result.struck else "ok (fault not reached)"
    print(f"seed {result.seed}: {result.ranks} ranks, {result.fault}: {verdict}, {result.seconds:.2f} s", flush=True)
    if result.message:
        print(f"    {result.message.splitlines()[0]}", flush=True)
    for problem in result.problems:
        print(f"    PROBLEM: {problem}", flush=True)


def summary(results: list[Result]) -> int:
    """Print a line for all; return the exit code."""
    failed = [result.seed for result in results if result.problems]
    kinds = Counter(result.fault.split()[0] for result in results if result.struck)
    slowest = max((result.seconds for result in results), default=0.0)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{len(results)} seeds, {sum(kinds.values())} faults struck ({listed}); slowest error after {slowest:.1f} s")
    print(f"{len(failed)} failed" + f": {failed}" * bool(failed))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
