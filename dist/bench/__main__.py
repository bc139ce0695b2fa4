"""`python -m dist.bench`: measures how fast the ranks of a job communicate, and prints tables.

Start it as any program of the job, under tlrun, mpirun or srun; or alone, with --ranks, which starts processes here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HOW_TO_START = """\
start it with a launcher, or let it start some ranks here:
    tlrun -n 4 -m dist.bench
    mpirun -n 64 python -m dist.bench
    python -m dist.bench --ranks 2"""
SIZES = ("4", "1K", "64K", "1M", "16M", "64M")
OPS = ("ping-pong", "all_reduce", "broadcast", "reduce", "all_gather", "reduce_scatter", "all_to_all", "barrier")
LOCAL_TIMEOUT = 3600.0  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and show; return the exit code."""
    options = _parser().parse_args(argv)
    return _run_here(options) if options.ranks else _run_in_job(options)


def _run_here(options: argparse.Namespace) -> int:
    from dist.bench.measurement import measure
    from dist.testing import run_world

    what = options.ops, options.sizes, options.repeat
    reports = run_world(options.ranks, measure, *what, backend=options.backend, timeout=LOCAL_TIMEOUT)
    _show(reports[0], options)
    return 0


def _run_in_job(options: argparse.Namespace) -> int:
    import dist
    from dist.errors import RendezvousError

    try:
        dist.init_process_group(options.backend, options.init_method)
    except RendezvousError as error:
        print(f"dist.bench: error: {error}\n{HOW_TO_START}", file=sys.stderr)
        return 2
    from dist.bench.measurement import measure

    report = measure(options.ops, options.sizes, options.repeat)
    if dist.get_rank() == 0:
        _show(report, options)
    dist.destroy_process_group()
    return 0


def _show(report: object, options: argparse.Namespace) -> None:
    from rich.console import Console

    from dist.bench.measurement import Report
    from dist.bench.report import FILE_WIDTH, show, to_json

    assert isinstance(report, Report)
    show(report, Console(width=None if sys.stdout.isatty() else FILE_WIDTH, highlight=False))
    if options.json:
        options.json.write_text(to_json(report) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dist.bench",
        description=f"{__doc__}\n{HOW_TO_START}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--ranks", type=_positive, metavar="N", help="start N processes on this machine")
    add("--sizes", type=_size, nargs="+", default=[*map(_size, SIZES)], metavar="BYTES", help="such as 4 64K 16M")
    add("--ops", choices=OPS, nargs="+", default=list(OPS), metavar="OP", help=f"some of {', '.join(OPS)}")
    add("--repeat", type=_positive, default=20, metavar="N", help="calls to measure; small ones 5 times as often")
    add("--backend", help="see dist.init_process_group")
    add("--init-method", default="env://", metavar="URL", help="see dist.init_process_group")
    add("--json", type=Path, metavar="FILE", help="write the results to a file, too")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: need a whole number, 1 or more")
    return int(text)


def _size(text: str) -> int:
    units = {"K": 10, "M": 20, "G": 30}
    digits, shift = (text[:-1], units[text[-1].upper()]) if text[-1:].upper() in units else (text, 0)
    if not digits.isdecimal() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: need a number of bytes such as 4, 64K, 16M or 1G")
    return int(digits) << shift


if __name__ == "__main__":
    sys.exit(main())
