"""The one place that knows NumPy from CuPy.

Operations get the array module as their argument `xp`; everything else asks here. CuPy is imported only when an array
of it, or a CUDA device, is asked for.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy

from tensorlib.errors import DeviceError

# By type of array, so that the common look-up is one dictionary access. CuPy registers itself at first sight.
_modules: dict[type, ModuleType] = {numpy.ndarray: numpy}


def register_array_type(array_type: type, module: ModuleType) -> None:
    """Teach tensorlib that arrays of `array_type` are worked on by `module`, which must speak NumPy's interface."""
    _modules[array_type] = module


def is_array(value: object) -> bool:
    """Tell whether a value is an array of a known module."""
    return type(value) in _modules or _find_module(type(value)) is not None


def array_module(*arrays: Any) -> ModuleType:
    """Return the module (numpy or cupy) that the arrays belong to; values that are no arrays are passed over.

    Raises:
        DeviceError: the arrays are of two modules, or on two devices.

    Example:
        >>> import numpy
        >>> array_module(numpy.zeros(3), 2.0).__name__
        'numpy'
    """
    found: ModuleType | None = None
    for array in arrays:
        module = _modules.get(type(array)) or _find_module(type(array))
        if module is None or module is found:
            continue
        if found is not None:
            raise DeviceError(f"tensors on two devices met: {', '.join(map(device_name, arrays))}; move one with .to()")
        found = module
    if found is not None and found is not numpy and len(devices := {*map(device_name, filter(is_array, arrays))}) > 1:
        raise DeviceError(f"tensors on two devices met: {', '.join(sorted(devices))}; move one with .to()")
    return found or numpy


def _find_module(array_type: type) -> ModuleType | None:
    if issubclass(array_type, (numpy.ndarray, numpy.generic)):
        register_array_type(array_type, numpy)
        return numpy
    cupy = sys.modules.get("cupy")
    if cupy is not None and issubclass(array_type, cupy.ndarray):
        register_array_type(array_type, cupy)
        return cupy
    return None


def device_name(array: Any) -> str:
    """Name the device of an array as PyTorch does: "cpu" or "cuda:0"."""
    device = getattr(array, "device", "cpu")
    return "cpu" if isinstance(device, str) else f"cuda:{device.id}"


_HERE = contextlib.nullcontext()


def at(array: Any) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which the device of an array is the current one; CuPy computes on that, whatever it gets.

    The device that was current comes back afterwards. On the CPU nothing changes.
    """
    if isinstance(array, (numpy.ndarray, numpy.generic)) or not is_array(array):
        return _HERE
    device: contextlib.AbstractContextManager[Any] = array.device
    return device


def elsewhere(arrays: Iterable[Any]) -> Any:
    """Return the device that arrays are on if it is not the current one; None if it is, or they are on the CPU."""
    for array in arrays:
        if isinstance(array, numpy.ndarray):
            return None
        if is_array(array) and not isinstance(array, numpy.generic):
            module = array_module(array)
            return None if array.device.id == module.cuda.runtime.getDevice() else array.device
    return None


def make_current(array: Any) -> None:
    """Make the device of an array the current one; on the CPU, and for what is no array, nothing changes."""
    device = elsewhere((array,))
    if device is not None:
        device.use()


def cuda_module() -> ModuleType:
    """Import and return CuPy.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    try:
        import cupy  # noqa: TID251 - this module is where CuPy may be imported
    except ImportError as error:
        raise DeviceError("device cuda needs CuPy: pip install 'tensorlib[cuda12]' or 'tensorlib[cuda13]'") from error
    register_array_type(cupy.ndarray, cupy)
    module: ModuleType = cupy
    return module


def working_cuda_module() -> ModuleType:
    """Return CuPy where it has a device to work with.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    module = cuda_module()
    try:
        count = module.cuda.runtime.getDeviceCount()
    except module.cuda.runtime.CUDARuntimeError as error:
        raise DeviceError(f"CuPy finds no CUDA device: {error}") from error
    if not count:
        raise DeviceError("CuPy finds no CUDA device: are they hidden by CUDA_VISIBLE_DEVICES?")
    return module


def special_functions(xp: ModuleType) -> ModuleType:
    """Return SciPy's or CuPy's module of special functions: erf and the like."""
    return importlib.import_module("scipy.special" if xp is numpy else f"{xp.__name__}x.scipy.special")


def linear_algebra(xp: ModuleType) -> ModuleType:
    """Return SciPy's or CuPy's module of linear algebra: LU factors and the like."""
    return importlib.import_module("scipy.linalg" if xp is numpy else f"{xp.__name__}x.scipy.linalg")


def strides_of(array: Any) -> tuple[int, ...]:
    """Return steps in elements; where they matter nothing, of single elements and empty arrays, as in row-major order.

    NumPy has 0 there.
    """
    strides, following = [], 1
    for length, step in zip(reversed(array.shape), reversed(array.strides), strict=True):
        free = not array.size or (length == 1 and step == 0)
        strides.append(following if free else step // array.itemsize)
        following = strides[-1] * max(length, 1)
    return tuple(reversed(strides))


def memory_of(array: Any) -> Any:
    """Return the whole memory that an array is a view of, as a one-dimensional array of the same type."""
    owner = array
    while isinstance(getattr(owner, "base", None), type(array)):
        owner = owner.base
    if not (owner.flags.c_contiguous or owner.flags.f_contiguous):
        return array.reshape(-1)  # of memory with gaps nobody knows what lies between
    whole = owner.reshape(-1, order="F" if owner.flags.f_contiguous else "C")
    if whole.dtype == array.dtype:
        return whole
    count = whole.nbytes // array.itemsize
    return whole.view(numpy.uint8)[: count * array.itemsize].view(array.dtype)


def lu_factors(x: Any) -> tuple[Any, Any]:
    """Return the packed LU factors of one matrix, and which rows were exchanged, counted from 0; silent if singular."""
    if isinstance(x, numpy.ndarray):
        packed, rows, _ = linear_algebra(numpy).lapack.get_lapack_funcs(("getrf",), (x,))[0](x)
        return packed, rows
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        packed, rows = linear_algebra(array_module(x)).lu_factor(x)
    return packed, rows


def to_host(array: Any) -> Any:
    """Return the array as a NumPy array: itself if it is one, a copy from the device otherwise."""
    return array if isinstance(array, numpy.ndarray) else array.get()


def address(array: Any) -> int:
    """Return where the first element of an array is in its device's memory."""
    start: int = array.ctypes.data if isinstance(array, numpy.ndarray) else array.data.ptr
    return start
