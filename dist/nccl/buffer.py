"""Tensors on CUDA devices as arguments of collectives."""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from dist.arguments import DTYPES, Buffer
from dist.reduction import Array


class DeviceBuffer(Buffer):
    """A tensor argument as CuPy's array, one-dimensional and contiguous, on the device where the tensor is.

    What is said of `Buffer` holds, but for CuPy's arrays and for tensors whose `is_cuda` is true.
    """

    __slots__ = ()

    def __init__(self, operation: str, tensor: Any, name: str = "tensor", written: bool = False) -> None:
        array = _device_array(tensor)
        if array is None:
            raise TypeError(
                f"{operation}: {name} is in host memory, a {type(tensor).__name__}: "
                "need one on a CUDA device, because the backend is nccl"
            )
        dtype = DTYPES.get(array.dtype)
        if dtype is None:
            raise TypeError(f"{operation}: {name} has dtype {array.dtype}: need one of {', '.join(DTYPES.values())}")
        if written and hasattr(tensor, "_bump_version"):
            tensor._bump_version()
        contiguous = array.flags.c_contiguous
        self._put_back = None
        self._array = None if contiguous else array
        with array.device:
            self.flat = array.reshape(-1) if contiguous else array.flatten()
        self.dtype = dtype

    @property
    def device(self) -> AbstractContextManager[object]:
        """See `Buffer.device`."""
        device: AbstractContextManager[object] = self.flat.device  # type: ignore[assignment]
        return device

    def shares_memory(self, other: Buffer) -> bool:
        """See `Buffer.shares_memory`."""
        return bool(import_module("cupy").shares_memory(_whole(self), _whole(other)))

    def span(self) -> tuple[int, int]:
        """Return the addresses of the first byte and of the one after the last, on the device."""
        array: Any = _whole(self)
        reaches = [(count - 1) * stride for count, stride in zip(array.shape, array.strides, strict=True)]
        start: int = array.data.ptr
        return start + sum(min(0, reach) for reach in reaches), start + sum(
            max(0, reach) for reach in reaches
        ) + array.itemsize


def _device_array(tensor: Any) -> Any:
    """Return CuPy's array of a tensor, with its memory; None for what is in host memory."""
    cupy = import_module("cupy")
    if isinstance(tensor, cupy.ndarray):
        return tensor
    if getattr(tensor, "is_cuda", False):
        return cupy.from_dlpack(tensor.detach())
    return cupy.asarray(tensor) if hasattr(tensor, "__cuda_array_interface__") else None


def _whole(buffer: Buffer) -> Array:
    return buffer.flat if buffer._array is None else buffer._array
