"""`python -m dist.debug FOLDER ...`: explains the flight records that the ranks of a failed job have left."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dist.debug.analysis import Diagnosis, diagnose
from dist.debug.explanation import explain, listing, overview, stacks
from dist.debug.records import RankRecord, read_records

EXIT_BAD_INPUT = 2
# Where the output goes to a file or a pipe, nothing is wrapped.
FILE_WIDTH = 200


def main(argv: Sequence[str] | None = None) -> int:
    """Print what happened; return 0, or 2 where there is nothing to explain."""
    options = _parser().parse_args(argv)
    records: dict[int, RankRecord] = {}
    try:
        for folder in options.folders:
            records |= read_records(folder)
    except (OSError, ValueError) as error:
        return _complain(str(error))
    if not records:
        return _complain(f"no flight records (rank0.jsonl and so on) in {', '.join(map(str, options.folders))}")
    _show(diagnose(records), options)
    return 0


def _show(diagnosis: Diagnosis, options: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH, highlight=False)
    console.print(overview(diagnosis))
    for line in explain(diagnosis):
        console.print(escape(line), soft_wrap=True)
    for record in diagnosis.records.values():
        if options.calls:
            console.print(listing(record, options.calls))
        for line in stacks(record) if options.stacks else []:
            console.print(escape(line), soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dist.debug", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="where the records are, of every host")
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="list the last N calls of every rank")
    parser.add_argument("--stacks", action="store_true", help="show where every thread was")
    return parser


def _complain(problem: str) -> int:
    print(f"dist.debug: error: {problem}", file=sys.stderr)
    return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
