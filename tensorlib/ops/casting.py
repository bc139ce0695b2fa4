"""Other types and places of the same elements: astype, to, float(), cpu() and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib._xp import device_name
from tensorlib.attach import tensor_method
from tensorlib.autograd.op import op
from tensorlib.device import device as Device
from tensorlib.dtypes import as_dtype
from tensorlib.dtypes import dtype as Dtype
from tensorlib.layouts import Sparse
from tensorlib.ops.shape import clone
from tensorlib.placement import is_on, place, with_index
from tensorlib.tensor import Tensor


@op(moves=True)
def astype(xp: Any, x: Any, *, dtype: Any) -> Any:
    """Return the elements as another type; a copy in any case.

    Args:
        x: a tensor.
        dtype: the type; complex numbers lose their imaginary part on the way to real ones.

    Raises:
        TypeError: there is no such type.

    Example:
        >>> tensorlib.tensor([1.7, -1.7]).astype(tensorlib.int64)
        tensor([ 1, -1])
    """
    kind = as_dtype(dtype).numpy
    real = x.real if x.dtype.kind == "c" and kind.kind not in "cb" else x
    return real.astype(kind), (x.dtype,)


def _astype_gradient(xp: Any, g: Any, dtype: Any) -> Any:
    return (g if dtype.kind == "c" or not g.dtype.name.startswith("complex") else g.real).astype(dtype)


astype.grads(_astype_gradient)


@op(method=False, moves=True)
def to_device(xp: Any, x: Any, *, device: Any) -> Any:
    """Return a copy on another device; gradients come back to this one.

    Args:
        x: a tensor.
        device: where the copy is to be.

    Raises:
        DeviceError: there is no such device.

    Example:
        >>> tensorlib.to_device(tensorlib.ones(2), "cpu").device
        device(type='cpu')
    """
    moved = place(x, device)
    return (moved.copy() if moved is x else moved), (device_name(x),)


to_device.grads(lambda xp, g, device: to_device.via(xp, g, device=device))


@tensor_method
def to(
    self: Tensor,
    *target: Any,
    dtype: Any = None,
    device: Any = None,
    copy: bool = False,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Return the tensor as another type, on another device: itself where it is so already.

    Args:
        self: a tensor.
        target: a dtype, a device, both, or a tensor whose type and device are meant.
        dtype: the type.
        device: the device.
        copy: copy in any case.
        non_blocking: accepted and not used.
        memory_format: accepted and not used: copies lie in row-major order.

    Raises:
        DeviceError: there is no such device.
        TypeError: there is no such type.

    Example:
        >>> tensorlib.tensor([1, 2]).to(tensorlib.float64)
        tensor([1., 2.], dtype=tensorlib.float64)
    """
    device, dtype = type_and_place(target, device, dtype)
    result = self
    if device is not None and not is_on(self._array, device):
        result = to_device(result, device=with_index(device))
    if dtype is not None and dtype is not result.dtype:
        result = astype(result, dtype)
    return clone(result) if copy and result is self else result


def type_and_place(target: tuple[Any, ...], device: Any, dtype: Any) -> tuple[Device | None, Dtype | None]:
    """Return the device and the type that the arguments of `to` name, of a tensor or a module; None for none.

    Args:
        target: types, devices, tensors; bools, which say `non_blocking` and `copy`, are passed over.
        device: the device, where it is given by name.
        dtype: the type, where it is given by name.

    Raises:
        DeviceError: there is no such device.
        TypeError: there is no such type.
    """
    for item in target:
        if isinstance(item, (Tensor, Sparse)):
            device, dtype = item.device, item.dtype
        elif isinstance(item, (str, int, Device)) and not isinstance(item, bool):
            device = item
        elif item is not None and not isinstance(item, bool):
            dtype = item
    return None if device is None else Device(device), None if dtype is None else as_dtype(dtype)


@tensor_method
def cpu(self: Tensor) -> Tensor:
    """Return the tensor on the CPU: itself if it is there."""
    return to(self, device="cpu")


@tensor_method
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Return the tensor on a CUDA device: itself if it is there; on the current device unless another is given."""
    return to(self, device="cuda" if device is None else device)


def _cast_method(name: str, dtype: Dtype) -> Callable[[Tensor], Tensor]:
    def cast(self: Tensor) -> Tensor:
        return to(self, dtype=dtype)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"Return the tensor as {dtype.name}: itself if it is so already."
    return cast


CASTS = {
    "bool": "bool",
    "byte": "uint8",
    "char": "int8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "float": "float32",
    "double": "float64",
    "cfloat": "complex64",
    "cdouble": "complex128",
}
for _name, _dtype in CASTS.items():
    tensor_method(_cast_method(_name, as_dtype(_dtype)))

_REAL_NAMES = [name for name in CASTS if name not in ("bfloat16", "cfloat", "cdouble")]
TYPE_BY_NAME = {f"{name.capitalize()}Tensor": as_dtype(CASTS[name]) for name in _REAL_NAMES}
TYPE_BY_NAME["BFloat16Tensor"] = as_dtype("bfloat16")
TYPE_NAME_OF = {dtype: name for name, dtype in TYPE_BY_NAME.items()}


@tensor_method
def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """Return the name of the tensor's type, or the tensor as another type.

    Args:
        self: a tensor.
        dtype: a type; or a type of tensors, such as `tensorlib.cuda.FloatTensor`, or its name, which also say the
            kind of device.
        non_blocking: accepted and not used.

    Raises:
        TypeError: there is no such type.

    Example:
        >>> tensorlib.zeros(2).type(), tensorlib.zeros(2).type("tensorlib.LongTensor")
        ('tensorlib.FloatTensor', tensor([0, 0]))
    """
    if dtype is None:
        prefix = "tensorlib.cuda." if self.is_cuda else "tensorlib."
        return prefix + TYPE_NAME_OF.get(self.dtype, f"{self.dtype.name}Tensor")
    if hasattr(dtype, "is_cuda"):
        return to(self, dtype=dtype.dtype, device="cuda" if dtype.is_cuda else "cpu")
    if not isinstance(dtype, str) or dtype.rpartition(".")[2] not in TYPE_BY_NAME:
        return to(self, dtype=dtype)
    device = "cuda" if ".cuda." in dtype else "cpu"
    return to(self, dtype=TYPE_BY_NAME[dtype.rpartition(".")[2]], device=device)


@tensor_method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor with the type and on the device of another."""
    return to(self, other)
