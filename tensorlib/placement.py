"""Arrays on devices: which array module works there, and moving from one to another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy

from tensorlib import _xp
from tensorlib.device import device as Device


class _Default(threading.local):
    device = Device("cpu")


_default = _Default()


def get_default_device() -> Device:
    """Return the device of new tensors for which none is named.

    Example:
        >>> tensorlib.get_default_device()
        device(type='cpu')
    """
    return _default.device


def set_default_device(device: Any) -> None:
    """Set the device, in this thread, of new tensors for which none is named; None stands for the CPU.

    What shares memory that is there already, as `from_numpy` and `frombuffer` do, stays where it is.

    Raises:
        DeviceError: there is no such device.

    Example:
        >>> tensorlib.set_default_device("cpu")
    """
    wanted = Device("cpu" if device is None else device)
    if wanted.type == "cuda":
        _xp.cuda_module()
    _default.device = wanted


@contextmanager
def array_module_on(device: Any) -> Iterator[Any]:
    """Give the array module of a device; arrays made inside with it lie there. None stands for the default device.

    Raises:
        DeviceError: there is no such device.

    Example:
        >>> with array_module_on("cpu") as xp:
        ...     xp.__name__
        'numpy'
    """
    wanted = get_default_device() if device is None else Device(device)
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
