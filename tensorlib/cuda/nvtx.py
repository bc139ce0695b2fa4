"""Marks and ranges that NVIDIA's profilers show (NVIDIA Tools Extension)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorlib.cuda.devices import working_cupy
from tensorlib.errors import DeviceError

_ranges = threading.local()


def _nvtx() -> Any:
    nvtx = working_cupy().cuda.nvtx
    if not nvtx.available:
        raise DeviceError("nvtx: this CuPy was built without NVTX")
    return nvtx


def mark(msg: str) -> None:
    """Mark a moment.

    Raises:
        DeviceError: CuPy is not installed, finds no device, or was built without NVTX.
    """
    _nvtx().Mark(msg)


def range_push(msg: str) -> int:
    """Begin a range inside the one that is open; return how many are around it.

    Raises:
        DeviceError: CuPy is not installed, finds no device, or was built without NVTX.
    """
    _nvtx().RangePush(msg)
    depth: int = getattr(_ranges, "depth", 0)
    _ranges.depth = depth + 1
    return depth


def range_pop() -> int:
    """End the range that was begun last; return how many are around it, -1 where none is open.

    Raises:
        DeviceError: CuPy is not installed, finds no device, or was built without NVTX.
    """
    nvtx = _nvtx()
    depth: int = getattr(_ranges, "depth", 0)
    if not depth:
        return -1
    nvtx.RangePop()
    _ranges.depth = depth - 1
    return depth - 1


def range_start(msg: str) -> int:
    """Begin a range that may end in another thread; return its handle."""
    return int(_nvtx().RangeStart(msg))


def range_end(range_id: int) -> None:
    """End a range that `range_start` began."""
    _nvtx().RangeEnd(range_id)


@contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """Show what happens in the context as a range, called `msg.format(*args, **kwargs)`."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
