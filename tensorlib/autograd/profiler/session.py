"""`profile` records what operations cost; `record_function` marks a part of a program in what is recorded."""

from __future__ import annotations

import functools
import itertools
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, Self, TypeVar

from tensorlib._xp import cuda_module
from tensorlib.autograd.profiler import hooks
from tensorlib.autograd.profiler.events import EventList, FunctionEvent, FunctionEventAvg, Interval, Shapes
from tensorlib.errors import ArgumentError

Params = ParamSpec("Params")
Result = TypeVar("Result")


class Call:
    """A call that has begun: what was measured then, and when it has ended."""

    __slots__ = ("bytes", "cuda", "end", "name", "order", "parent", "shapes", "start", "thread")

    def __init__(self, name: str, order: int, parent: Call | None, shapes: Shapes) -> None:
        self.name = name
        self.order = order
        self.parent = parent
        self.shapes = shapes
        self.thread = threading.get_native_id()
        self.bytes: Any = ((0, 0), (0, 0))
        self.cuda: Any = None
        self.start = self.end = 0


def shapes_of(inputs: Sequence[Any]) -> Shapes:
    """Return the shapes of tensors and arrays, None for anything else."""
    return tuple([tuple(x.shape) if hasattr(x, "shape") else None for x in inputs])


class Recorder:
    """Watches operations and measures them.

    Args:
        use_cuda: take times on the device.
        record_shapes: note the shapes of inputs.
        profile_memory: look at the memory in use.

    Raises:
        DeviceError: there is no device.
    """

    def __init__(self, use_cuda: bool, record_shapes: bool, profile_memory: bool) -> None:
        self.cupy: Any = cuda_module() if use_cuda else None
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.calls: list[Call] = []
        self._orders = itertools.count()
        self._local = threading.local()
        self._first = self._mark() if use_cuda else None
        self._began = time.perf_counter_ns() / 1e3  # which puts both clocks side by side

    def begin(self, name: str, inputs: Sequence[Any]) -> Call:
        """Note that a call begins."""
        shapes = shapes_of(inputs) if self.record_shapes else ()
        call = Call(name, next(self._orders), getattr(self._local, "call", None), shapes)
        self._local.call = call
        self.calls.append(call)
        if self.profile_memory:
            call.bytes = self._in_use()
        if self.cupy is not None:
            call.cuda = self._mark()
        call.start = time.perf_counter_ns()
        return call

    def end(self, begun: Call) -> None:
        """Note that it has ended."""
        begun.end = time.perf_counter_ns()
        if self.cupy is not None:
            begun.cuda = begun.cuda, self._mark()
        if self.profile_memory:
            begun.bytes = begun.bytes, self._in_use()
        self._local.call = begun.parent

    def _mark(self) -> Any:
        mark = self.cupy.cuda.Event()
        mark.record()
        return mark

    def _in_use(self) -> tuple[int, int]:
        on_device = 0 if self.cupy is None else self.cupy.get_default_memory_pool().used_bytes()
        return tracemalloc.get_traced_memory()[0], on_device

    def events(self) -> EventList:
        """Return the calls that have ended as events, in the order of beginning."""
        if self.cupy is not None:
            self.cupy.cuda.Device().synchronize()
        made: dict[Call, FunctionEvent] = {}
        for call in sorted([call for call in self.calls if call.end], key=lambda call: call.order):
            made[call] = event = self._event(call)
            if call.parent in made:
                made[call.parent].append_child(event)
        return EventList(made.values(), self.cupy is not None, self.profile_memory)

    def _event(self, call: Call) -> FunctionEvent:
        event = FunctionEvent(
            call.name, call.order, call.thread, Interval(call.start / 1e3, call.end / 1e3), call.shapes
        )
        if self.cupy is not None:
            elapsed = self.cupy.cuda.get_elapsed_time
            begun, ended = (self._began + 1e3 * elapsed(self._first, mark) for mark in call.cuda)
            event.set_cuda_range(Interval(begun, ended))
        (cpu, cuda), (cpu_later, cuda_later) = call.bytes
        event.set_memory(cpu_later - cpu, cuda_later - cuda)
        return event


class profile:  # noqa: N801 - as in PyTorch
    """Record what the operations inside, and backward through them, cost; printed it is a table.

    Operations of all threads are recorded. Memory is counted by `tracemalloc`, which slows allocation down: all that
    Python and NumPy have allocated, less what they have freed.

    Args:
        enabled: False to record nothing.
        use_cuda: take times on the CUDA device, too.
        record_shapes: note the shapes of the tensors that operations get.
        profile_memory: count the bytes that are taken.
        with_stack: accepted for PyTorch's sake, as those that follow.
        with_flops: not used.
        with_modules: not used.
        use_cpu: not used.

    Raises:
        ArgumentError: another profiler is running, or this one has run, or has not ended when asked for results.
        DeviceError: `use_cuda` without a device.

    Example:
        >>> x = tensorlib.ones(3, requires_grad=True)
        >>> with profile() as prof:
        ...     (x * 2).sum().backward()
        >>> [event.name for event in prof.function_events]
        ['mul', 'sum', 'sumBackward', 'mulBackward', 'AccumulateGrad']
        >>> prof.key_averages()[0].count
        1
    """

    def __init__(
        self,
        enabled: bool = True,
        use_cuda: bool = False,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        use_cpu: bool = True,
    ) -> None:
        self.enabled = enabled
        self._options = use_cuda, record_shapes, profile_memory
        self._recorder: Recorder | None = None
        self._tracing = False
        self._events: EventList | None = None

    def __enter__(self) -> Self:
        if not self.enabled:
            return self
        if self._recorder is not None:
            raise ArgumentError("profile: it can be entered only once; make another one")
        recorder = Recorder(*self._options)
        hooks.install(recorder)
        self._recorder = recorder
        if recorder.profile_memory and not tracemalloc.is_tracing():
            tracemalloc.start()
            self._tracing = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._recorder is None:
            return
        hooks.uninstall()
        self._events = self._recorder.events()
        if self._tracing:
            tracemalloc.stop()

    @property
    def function_events(self) -> EventList:
        """The events, in the order of their beginning.

        Raises:
            ArgumentError: the profiler has not ended.
        """
        if not self.enabled:
            return EventList()
        if self._events is None:
            raise ArgumentError("profile: results are there when its `with` has ended")
        return self._events

    def __str__(self) -> str:
        return "<profile, not ended>" if self.enabled and self._events is None else self.table()

    __repr__ = __str__

    def table(self, sort_by: str | None = None, row_limit: int = 100) -> str:
        """Return the events as a table of text; see `EventList.table`."""
        return self.function_events.table(sort_by, row_limit)

    def key_averages(self, group_by_input_shape: bool = False) -> EventList:
        """Return the averages for each function; see `EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape)

    def total_average(self) -> FunctionEventAvg:
        """Return the average over all events."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in all functions, none counted twice."""
        return self.function_events.self_cpu_time_total

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write the events for a trace viewer; see `EventList.export_chrome_trace`."""
        self.function_events.export_chrome_trace(path)


class record_function:  # noqa: N801 - as in PyTorch
    """Mark a part of a program: it becomes an event with a name of its own. Also above a function.

    Args:
        name: of the event.

    Example:
        >>> with profile() as prof, record_function("forward"):
        ...     _ = tensorlib.ones(2) + 1
        >>> [child.name for child in prof.function_events[0].cpu_children]
        ['add']
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"record_function: name must be text, not {type(name).__name__}")
        self.name = name
        self._begun: list[tuple[hooks.Watcher, Any]] = []

    def __enter__(self) -> Self:
        watcher = hooks.current()
        if watcher is not None:
            self._begun.append((watcher, watcher.begin(self.name, ())))
        return self

    def __exit__(self, *_: object) -> None:
        if self._begun:
            watcher, begun = self._begun.pop()
            watcher.end(begun)

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        """Return the function with each of its calls marked."""

        @functools.wraps(function)
        def recorded(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with record_function(self.name):
                return function(*args, **kwargs)

        return recorded
