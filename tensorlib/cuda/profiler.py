"""Telling NVIDIA's profilers what to look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tensorlib.cuda.devices import working_cupy


def start() -> None:
    """Have a profiler that waits for it collect from now on.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    working_cupy().cuda.runtime.profilerStart()


def stop() -> None:
    """Have the profiler collect no longer.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    working_cupy().cuda.runtime.profilerStop()


@contextmanager
def profile() -> Iterator[None]:
    """Have the profiler collect while the context lasts.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    start()
    try:
        yield
    finally:
        stop()
