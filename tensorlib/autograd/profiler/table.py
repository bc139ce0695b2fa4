"""Events of a profiler as a table of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib.errors import ArgumentError

SORT_KEYS_TEXT = """
    cpu_time cuda_time cpu_time_total cuda_time_total self_cpu_time_total self_cuda_time_total cpu_memory_usage
    self_cpu_memory_usage cuda_memory_usage self_cuda_memory_usage count
"""
SORT_KEYS = tuple(SORT_KEYS_TEXT.split())
NAME_WIDTH = 55

Column = tuple[str, Callable[[Any], str]]


def table_of(events: Any, sort_by: str | None, row_limit: int) -> str:
    """Return the table of an `EventList`.

    Raises:
        ArgumentError: there is no such key to sort by.
    """
    if sort_by is not None and sort_by not in SORT_KEYS:
        raise ArgumentError(f"table: sort_by {sort_by!r} is not known; there are {', '.join(SORT_KEYS)}")
    rows = list(events)
    if sort_by is not None:
        rows.sort(key=lambda event: getattr(event, sort_by), reverse=True)
    columns = _columns(events)
    lines = [[show(row) for _, show in columns] for row in (rows if row_limit < 0 else rows[:row_limit])]
    text = _aligned([title for title, _ in columns], lines)
    return f"{text}\nSelf CPU time total: {as_time(events.self_cpu_time_total)}"


def _columns(events: Any) -> list[Column]:
    whole = events.self_cpu_time_total or 1.0
    columns: list[Column] = [
        ("Name", lambda e: _shortened(e.key)),
        ("CPU time", lambda e: as_time(e.cpu_time)),
        ("CUDA time", lambda e: as_time(e.cuda_time)),
        ("Calls", lambda e: str(e.count)),
        ("CPU total", lambda e: as_time(e.cpu_time_total)),
        ("CUDA total", lambda e: as_time(e.cuda_time_total)),
        ("Self CPU", lambda e: as_time(e.self_cpu_time_total)),
        ("Self CPU %", lambda e: f"{100 * e.self_cpu_time_total / whole:.2f}%"),
    ]
    if events.use_cuda:
        columns.append(("Self CUDA", lambda e: as_time(e.self_cuda_time_total)))
    if events.profile_memory:
        columns.append(("CPU memory", lambda e: as_bytes(e.cpu_memory_usage)))
        columns.append(("Self CPU memory", lambda e: as_bytes(e.self_cpu_memory_usage)))
    if events.profile_memory and events.use_cuda:
        columns.append(("CUDA memory", lambda e: as_bytes(e.cuda_memory_usage)))
        columns.append(("Self CUDA memory", lambda e: as_bytes(e.self_cuda_memory_usage)))
    if any(event.input_shapes for event in events):
        columns.append(("Input shapes", lambda e: str([list(shape or ()) for shape in e.input_shapes])))
    return columns


def _aligned(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(15, *(len(line[k]) for line in (titles, *lines))) for k in range(len(titles))]
    rule = "  ".join("-" * width for width in widths)

    def row(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])

    return "\n".join([rule, row(titles), rule, *map(row, lines), rule])


def _shortened(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 3] + "..."


def as_time(microseconds: float) -> str:
    """Return a time as text, in the unit that suits it."""
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


def as_bytes(count: int) -> str:
    """Return a number of bytes as text, in the unit that suits it."""
    for power, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
        if abs(count) >= 1 << power:
            return f"{count / (1 << power):.2f} {unit}"
    return f"{count} B"
