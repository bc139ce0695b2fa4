"""What a profiler saw: events, their averages, and lists of both."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from tensorlib.autograd.profiler.table import table_of
from tensorlib.errors import ArgumentError

DEVICE_ROW = 0  # in traces, where others have the number of their thread
Shapes = tuple[tuple[int, ...] | None, ...]


class Interval(NamedTuple):
    """From when to when something ran, in microseconds of one clock."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """Return how long it ran."""
        return self.end - self.start


class Averages:
    """Sums over calls, and from them the averages.

    Attributes:
        key: the function's name.
        count: number of calls.
        cpu_time_total, self_cpu_time_total: microseconds, with and without functions that it called.
        cuda_time_total, self_cuda_time_total: the same on the device.
        cpu_memory_usage, self_cpu_memory_usage: bytes taken less bytes freed.
        cuda_memory_usage, self_cuda_memory_usage: the same on the device.
        input_shapes: of the tensors given, where they were recorded; None for what is no tensor.
    """

    sums = (
        "count",
        "cpu_time_total",
        "self_cpu_time_total",
        "cuda_time_total",
        "self_cuda_time_total",
        "cpu_memory_usage",
        "self_cpu_memory_usage",
        "cuda_memory_usage",
        "self_cuda_memory_usage",
    )

    count: int
    cpu_time_total: float
    self_cpu_time_total: float
    cuda_time_total: float
    self_cuda_time_total: float
    cpu_memory_usage: int
    self_cpu_memory_usage: int
    cuda_memory_usage: int
    self_cuda_memory_usage: int

    def __init__(self, key: str, input_shapes: Shapes = ()) -> None:
        self.key = key
        self.input_shapes = input_shapes
        for name in self.sums:
            setattr(self, name, 0)

    @property
    def cpu_time(self) -> float:
        """Microseconds per call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cuda_time(self) -> float:
        """Microseconds per call on the device."""
        return self.cuda_time_total / self.count if self.count else 0.0

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.key}: {self.count} calls, cpu_time={self.cpu_time:.3f}us, "
            f"cuda_time={self.cuda_time:.3f}us>"
        )


class FunctionEventAvg(Averages):
    """What several calls of one function have in common: sums and averages."""

    def add(self, other: Averages) -> None:
        """Take further calls in."""
        for name in self.sums:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class FunctionEvent(Averages):
    """One call of a function.

    Attributes:
        name: of the function.
        id: number in the order of beginning.
        thread: its native number.
        time_range: when it ran.
        cuda_range: when it ran on the device; None without one.
        cpu_parent: the call within which it was called.
        cpu_children: the calls within it.
    """

    def __init__(self, name: str, id: int, thread: int, time_range: Interval, input_shapes: Shapes = ()) -> None:
        super().__init__(name, input_shapes)
        self.name = name
        self.id = id
        self.thread = thread
        self.time_range = time_range
        self.cuda_range: Interval | None = None
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.count = 1
        self.cpu_time_total = self.self_cpu_time_total = time_range.elapsed_us()

    def set_cuda_range(self, cuda_range: Interval) -> None:
        """Say when it ran on the device."""
        self.cuda_range = cuda_range
        self.cuda_time_total = self.self_cuda_time_total = cuda_range.elapsed_us()

    def set_memory(self, cpu: int, cuda: int) -> None:
        """Say how many bytes it took."""
        self.cpu_memory_usage = self.self_cpu_memory_usage = cpu
        self.cuda_memory_usage = self.self_cuda_memory_usage = cuda

    def append_child(self, child: FunctionEvent) -> None:
        """Take in a call that was made within this one."""
        child.cpu_parent = self
        self.cpu_children.append(child)
        self.self_cpu_time_total -= child.cpu_time_total
        self.self_cuda_time_total -= child.cuda_time_total
        self.self_cpu_memory_usage -= child.cpu_memory_usage
        self.self_cuda_memory_usage -= child.cuda_memory_usage


class EventList(list[Any]):
    """Events, or averages of some; prints as a table.

    Args:
        events: what is in it.
        use_cuda: whether times on a device were taken.
        profile_memory: whether memory was looked at.
    """

    def __init__(self, events: Iterable[Any] = (), use_cuda: bool = False, profile_memory: bool = False) -> None:
        super().__init__(events)
        self.use_cuda = use_cuda
        self.profile_memory = profile_memory

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in all functions, none counted twice."""
        return float(sum(event.self_cpu_time_total for event in self))

    def table(self, sort_by: str | None = None, row_limit: int = 100) -> str:
        """Return a table as text.

        Args:
            sort_by: "cpu_time", "cuda_time", "cpu_time_total", "cuda_time_total", "self_cpu_time_total",
                "self_cuda_time_total", "cpu_memory_usage", "self_cpu_memory_usage", "cuda_memory_usage",
                "self_cuda_memory_usage" or "count", the largest first; the order of recording unless given.
            row_limit: at most so many rows; -1 for all.

        Raises:
            ArgumentError: there is no such key.
        """
        return table_of(self, sort_by, row_limit)

    def key_averages(self, group_by_input_shape: bool = False) -> EventList:
        """Return one `FunctionEventAvg` per function.

        Args:
            group_by_input_shape: one per function and shapes of its inputs instead.
        """
        found: dict[Any, FunctionEventAvg] = {}
        for event in self:
            shapes = event.input_shapes if group_by_input_shape else ()
            found.setdefault((event.key, shapes), FunctionEventAvg(event.key, shapes)).add(event)
        return EventList(found.values(), self.use_cuda, self.profile_memory)

    def total_average(self) -> FunctionEventAvg:
        """Return one `FunctionEventAvg` of all that is in the list."""
        total = FunctionEventAvg("Total")
        for event in self:
            total.add(event)
        return total

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for a trace viewer: chrome://tracing or Perfetto.

        Args:
            path: of the file to write.

        Raises:
            ArgumentError: the list is of averages, which did not happen at a time.
            OSError: the file cannot be written.
        """
        if not all(isinstance(event, FunctionEvent) for event in self):
            raise ArgumentError("export_chrome_trace: averages have no times; export the events of the profile")
        process = os.getpid()
        traced = [_traced(event, "cpu_op", process, event.thread, event.time_range) for event in self]
        on_device = [event for event in self if event.cuda_range is not None]
        if on_device:
            title = {"name": "thread_name", "ph": "M", "pid": process, "tid": DEVICE_ROW, "args": {"name": "CUDA"}}
            traced += [title, *(_traced(e, "kernel", process, DEVICE_ROW, e.cuda_range) for e in on_device)]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": traced, "displayTimeUnit": "ms"}, file)


def _traced(event: FunctionEvent, category: str, process: int, thread: int, when: Interval) -> dict[str, Any]:
    details: dict[str, Any] = {"id": event.id}
    if event.input_shapes:
        details["input_shapes"] = event.input_shapes
    if event.cpu_memory_usage:
        details["bytes"] = event.cpu_memory_usage
    return {
        "name": event.name,
        "cat": category,
        "ph": "X",
        "ts": when.start,
        "dur": when.elapsed_us(),
        "pid": process,
        "tid": thread,
        "args": details,
    }
