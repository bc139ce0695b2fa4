"""NVIDIA's profiler: `emit_nvtx` marks operations for it, `load_nvprof` reads what it wrote."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from tensorlib._xp import cuda_module
from tensorlib.autograd.profiler import hooks
from tensorlib.autograd.profiler.events import EventList, FunctionEvent, Interval
from tensorlib.errors import FileFormatError
from tensorlib.tensor import Tensor

MARKERS = """
    SELECT begun.id, strings.value, begun.timestamp, ended.timestamp
    FROM CUPTI_ACTIVITY_KIND_MARKER AS begun
    JOIN CUPTI_ACTIVITY_KIND_MARKER AS ended ON begun.id = ended.id AND begun.name != 0 AND ended.name = 0
    JOIN StringTable AS strings ON strings._id_ = begun.name
    ORDER BY begun.timestamp, ended.timestamp DESC
"""
KERNELS = """
    SELECT runtime.start, kernel.start, kernel.end
    FROM CUPTI_ACTIVITY_KIND_RUNTIME AS runtime
    JOIN CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL AS kernel ON kernel.correlationId = runtime.correlationId
    ORDER BY runtime.start
"""


class emit_nvtx:  # noqa: N801 - as in PyTorch
    """Mark every operation inside for NVIDIA's profiler, under which the program must run.

        nvprof --profile-from-start off -o trace.prof -- python program.py

    Args:
        enabled: False to mark nothing.
        record_shapes: put the shapes of the tensors that operations get behind the name.

    Raises:
        ArgumentError: another profiler is running.
        DeviceError: CuPy is not installed, or finds no device.

    Example:
        >>> with emit_nvtx(enabled=False):
        ...     tensorlib.ones(2) + 1
        tensor([2., 2.])
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled
        self.record_shapes = record_shapes
        self._nvtx: Any = None

    def __enter__(self) -> Self:
        if self.enabled:
            self._nvtx = cuda_module().cuda.nvtx
            hooks.install(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            hooks.uninstall()

    def begin(self, name: str, inputs: Sequence[Any]) -> None:
        """Open a range."""
        if self.record_shapes:
            name += f", sizes = {[list(x.shape) for x in inputs if isinstance(x, Tensor)]}"
        self._nvtx.RangePush(name)

    def end(self, begun: None) -> None:
        """Close it."""
        self._nvtx.RangePop()


def load_nvprof(path: str | os.PathLike[str]) -> EventList:
    """Read a trace that nvprof wrote of a program that used `emit_nvtx`.

    Args:
        path: of the file, an SQLite database.

    Returns:
        The marked ranges as events, with the time that the kernels launched within took on the device.

    Raises:
        FileFormatError: the file was not written by nvprof.
        FileNotFoundError: there is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"load_nvprof: there is no file {os.fspath(path)}")
    try:
        with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as database:
            markers, kernels = database.execute(MARKERS).fetchall(), database.execute(KERNELS).fetchall()
    except sqlite3.DatabaseError as error:
        raise FileFormatError(f"load_nvprof: {os.fspath(path)} was not written by nvprof ({error})") from None
    events = [FunctionEvent(name, id, 0, Interval(start / 1e3, end / 1e3)) for id, name, start, end in markers]
    for launched, start, end in kernels:
        _add_kernel(events, launched / 1e3, (end - start) / 1e3)
    _nest(events)
    return EventList(events, use_cuda=True)


def _nest(events: Sequence[FunctionEvent]) -> None:
    """Put events, sorted by their beginning, into those in whose time they lie."""
    around: list[FunctionEvent] = []
    for event in events:
        while around and around[-1].time_range.end < event.time_range.end:
            around.pop()
        if around:
            around[-1].append_child(event)
        around.append(event)


def _add_kernel(events: Sequence[FunctionEvent], launched: float, duration: float) -> None:
    """Count a kernel's time in the events in whose time it was launched."""
    for event in events:
        if event.time_range.start <= launched <= event.time_range.end:
            event.cuda_time_total += duration
            event.self_cuda_time_total += duration
