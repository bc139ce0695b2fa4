"""Streams, which are queues of work on a device, and events, which are marks in them."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorlib.cuda.devices import index_of, on, working_cupy
from tensorlib.device import device as Device
from tensorlib.errors import ArgumentError


class Stream:
    """A queue of work on a device: what is in one stream is done in order, what is in several may be done at once.

    Args:
        device: where it is, the current device unless given.
        priority: streams with a lower number go first.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        cupy, context = on(device)
        options = {"priority": priority} if priority else {}  # CuPy has had them since version 14
        with context:
            self._take(cupy.cuda.Stream(non_blocking=True, **options), context.id, priority)

    def _take(self, stream: Any, index: int, priority: int = 0) -> None:
        self._cupy = stream
        self.device = Device("cuda", index)
        self.priority = priority

    @property
    def cuda_stream(self) -> int:
        """The address of the stream (cudaStream_t)."""
        return int(self._cupy.ptr)

    def query(self) -> bool:
        """Tell whether all work in the stream is done."""
        return bool(self._cupy.done)

    def synchronize(self) -> None:
        """Wait until all work in the stream is done."""
        self._cupy.synchronize()

    def record_event(self, event: Event | None = None) -> Event:
        """Put a mark into the stream, and return it; a new event unless one is given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let all further work in the stream wait until an event has come."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let all further work in this stream wait until what is in another is done."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.device, self.cuda_stream) == (other.device, other.cuda_stream)

    def __hash__(self) -> int:
        return hash((self.device, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<tensorlib.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


def _existing(stream: Any, index: int) -> Stream:
    """Return the object for a stream that CuPy has."""
    found = Stream.__new__(Stream)
    found._take(stream, index)
    return found


def current_stream(device: Any = None) -> Stream:
    """Return the stream that work on a device, the current one unless given, is put into.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    with context:
        return _existing(cupy.cuda.get_current_stream(), context.id)


def default_stream(device: Any = None) -> Stream:
    """Return the stream that work on a device is put into unless told otherwise.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    return _existing(cupy.cuda.Stream.null, context.id)


def set_stream(stream: Stream | None) -> None:
    """Have all further work on the stream's device put into it; does nothing for None."""
    if stream is not None:
        with on(stream.device)[1]:
            stream._cupy.use()


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Have work put into a stream, on its device, while the context lasts; None changes nothing.

    Example:
        >>> with tensorlib.cuda.stream(None):
        ...     pass
    """
    if stream is None:
        yield
        return
    with on(stream.device)[1], stream._cupy:
        yield


class Event:
    """A mark in a stream, which comes when all work before it is done.

    Args:
        enable_timing: the event can measure time.
        blocking: `synchronize` lets the processor do other things meanwhile.
        interprocess: it can be given to other processes by `ipc_handle`.
        _handle: of an event of another process.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False, _handle: Any = None
    ) -> None:
        self._runtime = runtime = working_cupy().cuda.runtime
        if interprocess and enable_timing:
            raise ArgumentError("Event: interprocess events cannot measure time; leave out enable_timing")
        self.enable_timing = enable_timing
        self._flags = runtime.eventBlockingSync if blocking else runtime.eventDefault
        self._flags |= 0 if enable_timing else runtime.eventDisableTiming
        self._flags |= runtime.eventInterprocess if interprocess else 0
        self.cuda_event = 0  # made when it is first recorded, on the device of the stream
        self.device: Device | None = None
        if _handle is not None:
            self._take(runtime.ipcOpenEventHandle(_handle), index_of(None))

    def _take(self, address: int, index: int) -> None:
        self.cuda_event = address
        self.device = Device("cuda", index)
        weakref.finalize(self, self._runtime.eventDestroy, address).atexit = False

    def _make(self, device: Device | None) -> None:
        """Make the event on a device, if there is none yet."""
        if not self.cuda_event:
            with (context := on(device)[1]):
                self._take(self._runtime.eventCreateWithFlags(self._flags), context.id)

    def record(self, stream: Stream | None = None) -> None:
        """Put the mark into a stream, the current one unless given.

        Raises:
            ArgumentError: it was recorded on another device before.
        """
        stream = current_stream() if stream is None else stream
        self._make(stream.device)
        if self.device != stream.device:
            raise ArgumentError(f"Event: was recorded on {self.device}, and cannot be on {stream.device}")
        with on(stream.device)[1]:
            self._runtime.eventRecord(self.cuda_event, stream.cuda_stream)

    def wait(self, stream: Stream | None = None) -> None:
        """Let all further work in a stream, the current one unless given, wait until the event has come."""
        if self.cuda_event:
            stream = current_stream() if stream is None else stream
            with on(stream.device)[1]:
                self._runtime.streamWaitEvent(stream.cuda_stream, self.cuda_event)

    def query(self) -> bool:
        """Tell whether the event has come, or was never recorded."""
        return not self.cuda_event or self._runtime.eventQuery(self.cuda_event) == 0

    def synchronize(self) -> None:
        """Wait until the event has come."""
        if self.cuda_event:
            self._runtime.eventSynchronize(self.cuda_event)

    def elapsed_time(self, end_event: Event) -> float:
        """Return the milliseconds between this event and another.

        Raises:
            ArgumentError: one of them does not measure time, or was not recorded.
        """
        for event in (self, end_event):
            if not event.enable_timing:
                raise ArgumentError("elapsed_time: both events need enable_timing=True")
            if not event.cuda_event:
                raise ArgumentError("elapsed_time: both events must have been recorded")
        return float(self._runtime.eventElapsedTime(self.cuda_event, end_event.cuda_event))

    def ipc_handle(self) -> bytes:
        """Return the bytes by which another process can open this event; it needs `interprocess=True`."""
        self._make(None)
        return bytes(self._runtime.ipcGetEventHandle(self.cuda_event))

    @classmethod
    def from_ipc_handle(cls, device: Any, handle: bytes) -> Event:
        """Return an event of another process on a device."""
        with on(device)[1]:
            return cls(interprocess=True, _handle=handle)
