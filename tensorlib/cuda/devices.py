"""CUDA devices: which there are, what they are called, and which is the current one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

from numpy import ndarray

from tensorlib import _xp
from tensorlib.device import device as Device
from tensorlib.errors import ArgumentError, DeviceError
from tensorlib.tensor import Tensor

working_cupy = _xp.working_cuda_module


def is_available() -> bool:
    """Tell whether there is a CUDA device that CuPy can work with.

    Example:
        >>> device = "cuda" if tensorlib.cuda.is_available() else "cpu"
    """
    return device_count() > 0


def device_count() -> int:
    """Return how many CUDA devices there are; the variable CUDA_VISIBLE_DEVICES may hide some. 0 without CuPy."""
    try:
        return int(working_cupy().cuda.runtime.getDeviceCount())
    except DeviceError:
        return 0


def init() -> None:
    """Check that there is a CUDA device; everything here does so by itself.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    working_cupy()


def is_initialized() -> bool:
    """Tell whether CUDA devices can be used; there is nothing to set up."""
    return is_available()


def index_of(device: Any) -> int:
    """Return the index of a CUDA device; the current one's for None and for "cuda", a negative number as it is.

    Args:
        device: an index, a name such as "cuda:1", or a `tensorlib.device`.

    Raises:
        ArgumentError: it is the CPU.
        DeviceError: it is no device, or the current one is asked for where there is none.
    """
    if isinstance(device, int):
        return device
    named = Device("cuda" if device is None else device)
    if named.type != "cuda":
        raise ArgumentError(f"cuda: needs a CUDA device, not {str(device)!r}")
    return current_device() if named.index is None else named.index


def on(device: Any) -> tuple[ModuleType, Any]:
    """Return CuPy, and the context in which a device is the current one.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy = working_cupy()
    index = index_of(device)
    count = cupy.cuda.runtime.getDeviceCount()
    if not 0 <= index < count:
        raise DeviceError(f"cuda: there is no device {index}; there are {count}, counted from 0")
    return cupy, cupy.cuda.Device(index)


def current_device() -> int:
    """Return the index of the current device, on which tensors are made for `device="cuda"`.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    return int(working_cupy().cuda.runtime.getDevice())


def set_device(device: Any) -> None:
    """Make a device the current one; does nothing for a negative index. Better use the context `device`.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    if not is_negative(device):
        on(device)[1].use()


def is_negative(device: Any) -> bool:
    """Tell whether a device is given by a negative index, which stands for none."""
    return isinstance(device, int) and device < 0


class device:  # noqa: N801 - PyTorch's name
    """The context in which a device is the current one; for None and negative indices it changes nothing.

    Args:
        device: an index, a name such as "cuda:1", or a `tensorlib.device`.

    Raises:
        DeviceError: on entering, CuPy is not installed or there is no such device.

    Example:
        >>> with tensorlib.cuda.device(-1):
        ...     pass
    """

    def __init__(self, device: Any) -> None:
        self._unchanged = device is None or is_negative(device)
        self.idx = -1 if self._unchanged else index_of(device)
        self._entered = threading.local()

    def __enter__(self) -> Self:
        if not self._unchanged:
            context = on(self.idx)[1]
            context.__enter__()
            self._stack().append(context)
        return self

    def __exit__(self, *error: object) -> None:
        if not self._unchanged:
            self._stack().pop().__exit__(*error)

    def _stack(self) -> list[Any]:
        """Return the contexts that this thread has entered."""
        stack: list[Any] = self._entered.__dict__.setdefault("stack", [])
        return stack


class device_of(device):  # noqa: N801 - PyTorch's name
    """The context in which the device of a tensor or storage is the current one; on the CPU it changes nothing.

    Example:
        >>> with tensorlib.cuda.device_of(tensorlib.zeros(2)):
        ...     pass
    """

    def __init__(self, obj: Any) -> None:
        array: Any = obj._array if isinstance(obj, Tensor) else getattr(obj, "_memory", None)
        super().__init__(-1 if isinstance(array, ndarray) or not _xp.is_array(array) else array.device.id)


@dataclass(frozen=True)
class DeviceProperties:
    """What a device is.

    Attributes:
        name: its product name.
        major: of its compute capability.
        minor: of its compute capability.
        total_memory: in bytes.
        multi_processor_count: how many streaming multiprocessors it has.
    """

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Return what a device is, the current one unless given.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    found = cupy.cuda.runtime.getDeviceProperties(context.id)
    name = found["name"].decode().rstrip("\0")
    return DeviceProperties(name, found["major"], found["minor"], found["totalGlobalMem"], found["multiProcessorCount"])


def get_device_name(device: Any = None) -> str | None:
    """Return the product name of a device, the current one unless given; None for a negative index.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    return None if is_negative(device) else get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int] | None:
    """Return the compute capability, (major, minor), of a device, the current one unless given; None if negative.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    if is_negative(device):
        return None
    properties = get_device_properties(device)
    return properties.major, properties.minor


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Tell whether a device can read the memory of another.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    cupy, context = on(device)
    return bool(cupy.cuda.runtime.deviceCanAccessPeer(context.id, on(peer_device)[1].id))


def current_blas_handle() -> int:
    """Return the address of cuBLAS's handle (cublasHandle_t) of the current device.

    Raises:
        DeviceError: CuPy is not installed, or finds no device.
    """
    return int(on(None)[1].cublas_handle)


def synchronize(device: Any = None) -> None:
    """Wait until all that was started on a device, the current one unless given, is done.

    Raises:
        DeviceError: CuPy is not installed, or there is no such device.
    """
    on(device)[1].synchronize()
