"""How measurements are shown: as tables, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby

from rich.console import Console
from rich.table import Table

from dist.bench.measurement import Measurement, Report

# Where the output goes to a file or a pipe, nothing is wrapped.
FILE_WIDTH = 120


def show(report: Report, console: Console) -> None:
    """Print a table for each operation."""
    hosts = f"host {report.hosts[0]}" if len(report.hosts) == 1 else f"{len(report.hosts)} hosts"
    console.print(f"{report.ranks} ranks on {hosts}, backend {report.backend}, Python {report.python}")
    for title, measurements in _by_title(report):
        console.print(_table(title, measurements))


def to_json(report: Report) -> str:
    """Write everything; times are in seconds, bandwidths in bytes per second."""
    return json.dumps(asdict(report), indent=2)


def _by_title(report: Report) -> Iterator[tuple[str, list[Measurement]]]:
    for (op, peer), found in groupby(report.measurements, key=lambda one: (one.op, one.peer)):
        yield f"{op}, half a round trip of ranks 0 and {peer}" if peer >= 0 else op, list(found)


def _table(title: str, measurements: list[Measurement]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("size", "median", "10%", "90%", "calls", "GB/s", "bus GB/s"):
        table.add_column(column, justify="right")
    for one in measurements:
        times = [time_text(seconds) for seconds in (one.median, one.low, one.high)]
        rates = [f"{rate / 1e9:.3f}" if one.nbytes else "" for rate in (one.bandwidth, one.bus_bandwidth)]
        table.add_row(size_text(one.nbytes), *times, f"{one.calls}", *rates)
    return table


def time_text(seconds: float) -> str:
    """Write a time with a unit that suits it.

    >>> time_text(0.0000123), time_text(0.0456), time_text(7.8)
    ('12.3 us', '45.60 ms', '7.80 s')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def size_text(nbytes: int) -> str:
    """Write a number of bytes, with a unit where it is a multiple of one.

    >>> size_text(4), size_text(65536), size_text(3 << 20), size_text(0)
    ('4 B', '64 KB', '3 MB', '')
    """
    for shift, unit in ((20, "MB"), (10, "KB")):
        if nbytes and nbytes % (1 << shift) == 0:
            return f"{nbytes >> shift} {unit}"
    return f"{nbytes:,} B" if nbytes else ""
