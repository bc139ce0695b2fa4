"""Arrays on devices: which array module works there, and moving from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from tensorlib import _xp
from tensorlib.device import device as Device


@contextmanager
def array_module_on(device: Any) -> Iterator[Any]:
    """Give the array module of a device; arrays made inside with it lie there. None stands for the CPU.

    Raises:
        DeviceError: there is no such device.

    Example:
        >>> with array_module_on("cpu") as xp:
        ...     xp.__name__
        'numpy'
    """
    wanted = Device("cpu" if device is None else device)
    if wanted.type == "cpu":
        yield numpy
        return
    module = _xp.cuda_module()
    if wanted.index is None:
        yield module
        return
    with module.cuda.Device(wanted.index):
        yield module


def is_on(array: Any, device: Any) -> bool:
    """Tell whether an array is on a device; "cuda" stands for the current CUDA device.

    Raises:
        DeviceError: there is no such kind of device.
    """
    wanted, here = Device(device), Device(_xp.device_name(array))
    if wanted.index is None and wanted.type == here.type:
        return _xp.elsewhere((array,)) is None
    return wanted == here


def with_index(device: Device) -> Device:
    """Return a device with its index: "cuda" stands for the current one.

    Raises:
        DeviceError: CuPy is not installed.
    """
    if device.type == "cpu" or device.index is not None:
        return device
    return Device("cuda", _xp.cuda_module().cuda.Device().id)


def place(array: Any, device: Any) -> Any:
    """Return an array on a device: itself where it is there already, a copy otherwise.

    Raises:
        DeviceError: there is no such device.
    """
    if is_on(array, device):
        return array
    if Device(device).type == "cpu":
        return _xp.to_host(array)
    with array_module_on(device) as xp:
        return xp.asarray(array)
