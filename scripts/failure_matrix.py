"""Runs the failure matrix: what happens to one of three ranks, times the situations that the others are in.

    .venv/bin/python scripts/failure_matrix.py                      # all of it, some minutes
    .venv/bin/python scripts/failure_matrix.py --only 'recv/*'      # cells by pattern: situation/fault
    .venv/bin/python scripts/failure_matrix.py --backend tcp --launcher
    .venv/bin/python scripts/failure_matrix.py --rank-0             # the one that runs the store, as without a launcher
    .venv/bin/python scripts/failure_matrix.py --write              # and put the table into docs/failures.md

Results are kept in build/failure_matrix; cells measured before are not run again, unless they failed, or with --again.
Exit code 1 if a survivor does not name the culprit in time, or something is left.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.distributed.failure_matrix import FAULTS, SITUATIONS, Cell, cells, measure  # noqa: E402

RESULTS = ROOT / "build" / "failure_matrix"
DOCUMENT = ROOT / "docs" / "failures.md"


def main() -> int:
    """Run what is asked for; see above."""
    options = parse()
    name = f"{options.backend or 'default'}{' under tlrun' * options.launcher}{' rank 0' * options.rank_0}"
    path = RESULTS / f"{name.replace(' ', '-')}.json"
    results = load(path)
    for situation, fault in cells():
        key = f"{situation}/{fault}"
        wanted = any(fnmatch(key, pattern) for pattern in options.only)
        if wanted and (options.again or key not in results or results[key].problems):
            results[key] = measure(situation, fault, options.backend, options.launcher, options.rank_0)
            show(results[key])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({key: asdict(cell) for key, cell in results.items()}, indent=1))
    Console().print(table(results))
    if options.write:
        write(name, results)
    return int(any(cell.problems for cell in results.values()))


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", help="see dist.init_process_group")
    parser.add_argument("--launcher", action="store_true", help="run all worlds under tlrun")
    parser.add_argument("--rank-0", action="store_true", help="let it happen to rank 0, which runs the store")
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help="cells, as in 'recv/SIG*'")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--write", action="store_true", help="write the table into docs/failures.md")
    return parser.parse_args()


def load(path: Path) -> dict[str, Cell]:
    """Return what was measured before."""
    return {key: Cell(**cell) for key, cell in json.loads(path.read_text()).items()} if path.exists() else {}


def show(cell: Cell) -> None:
    """Print one cell, and what is wrong with it."""
    verdict = "FAILED" if cell.problems else "ok"
    print(f"{verdict:6} {cell.situation}/{cell.fault}: {cell.seconds:.2f} s {cell.error}", flush=True)
    for problem in cell.problems:
        print(f"       {problem}", flush=True)


def text(cell: Cell | None) -> str:
    """Return what stands in the table."""
    if cell is None:
        return "-"
    return f"{cell.seconds:.1f} s {cell.error}" if not cell.problems else "FAILED"


def table(results: dict[str, Cell]) -> Table:
    """Return a row per fault and a column per situation."""
    made = Table("", *SITUATIONS)
    for fault in FAULTS:
        made.add_row(fault, *(text(results.get(f"{situation}/{fault}")) for situation in SITUATIONS))
    return made


def write(name: str, results: dict[str, Cell]) -> None:
    """Replace the table of this name in the document."""
    rows = [["", *SITUATIONS], ["---"] * (1 + len(SITUATIONS))]
    rows += [[fault, *(text(results.get(f"{situation}/{fault}")) for situation in SITUATIONS)] for fault in FAULTS]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    begin, end = f"<!-- matrix {name} -->\n", f"\n<!-- end of matrix {name} -->"
    document = DOCUMENT.read_text()
    before, rest = document.split(begin)
    DOCUMENT.write_text(before + begin + lines + end + rest.split(end)[1])


if __name__ == "__main__":
    sys.exit(main())
