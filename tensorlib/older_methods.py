"""Methods of tensors that PyTorch 0.3 had, and that are shorter or slower spellings of others today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.in_place import check_writable
from tensorlib.creation import new_empty, new_tensor
from tensorlib.errors import DeviceError, GraphError
from tensorlib.placement import is_on
from tensorlib.size import Size
from tensorlib.tensor import Tensor, edge_of


@tensor_method
def ndimension(self: Tensor) -> int:
    """Return the number of dimensions, as `dim`."""
    return self.ndim


@tensor_method
def nelement(self: Tensor) -> int:
    """Return the number of elements, as `numel`."""
    return self.numel()


@tensor_method
def index(self: Tensor, m: Any) -> Tensor:
    """Return the elements at an index, as `tensor[m]`."""
    return self[m]


@tensor_method
def is_signed(self: Tensor) -> bool:
    """Tell whether elements may be negative."""
    return self.dtype.numpy.kind not in "bu"


@tensor_method
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Tell whether the memory is page-locked: never, as host memory is not here."""
    return False


@tensor_method
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Return a copy that devices may read from; ordinary memory, as CuPy stages copies by itself."""
    return self.clone() if is_on(self._array, "cpu") else self


@tensor_method
def get_device(self: Tensor) -> int:
    """Return the number of the CUDA device that the tensor is on; -1 on the CPU."""
    return self.device.index if self.is_cuda and self.device.index is not None else -1


@tensor_method
def gpu(self: Tensor) -> Tensor:
    """Return the tensor on the current CUDA device, as `cuda`."""
    return self.cuda()


@tensor_method
def new(self: Tensor, *data: Any, device: Any = None) -> Tensor:
    """Return a tensor of the same type and on the same device: of sizes, uninitialised, or of values."""
    if len(data) == 1 and not isinstance(data[0], (int, Size)):
        return new_tensor(self, data[0], device=device)
    return new_empty(self, *(data or (0,)), device=device)


@tensor_method
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what a function makes of it, one by one; returns the tensor.

    Raises:
        DeviceError: the tensor is not on the CPU.
        GraphError: the tensor requires a gradient.
    """
    _check_elements("apply_", self)
    flat = [callable(value) for value in self._array.reshape(-1).tolist()]
    self._array[...] = new_tensor(self, flat)._array.reshape(self.shape)
    self._bump_version()
    return self


@tensor_method
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element by what a function makes of it and another tensor's, which broadcasts; returns the tensor.

    Raises:
        DeviceError: a tensor is not on the CPU.
        GraphError: the tensor requires a gradient.
        ShapeError: the other does not broadcast to the tensor's shape.
    """
    require_tensor("map_", tensor)
    _check_elements("map_", self)
    other = tensor.expand(tuple(self.shape))._array.reshape(-1).tolist()
    flat = [callable(a, b) for a, b in zip(self._array.reshape(-1).tolist(), other, strict=True)]
    self._array[...] = new_tensor(self, flat)._array.reshape(self.shape)
    self._bump_version()
    return self


@tensor_method
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element by what a function makes of it and those of two other tensors; returns the tensor.

    Raises:
        DeviceError: a tensor is not on the CPU.
        GraphError: the tensor requires a gradient.
        ShapeError: the others do not broadcast to the tensor's shape.
    """
    require_tensor("map2_", x)
    require_tensor("map2_", y)
    _check_elements("map2_", self)
    others = [each.expand(tuple(self.shape))._array.reshape(-1).tolist() for each in (x, y)]
    flat = [callable(*values) for values in zip(self._array.reshape(-1).tolist(), *others, strict=True)]
    self._array[...] = new_tensor(self, flat)._array.reshape(self.shape)
    self._bump_version()
    return self


@public_function
def detach(input: Tensor) -> Tensor:
    """Return a tensor that shares the memory of another and has no history.

    Example:
        >>> tensorlib.detach(tensorlib.ones(1, requires_grad=True)).requires_grad
        False
    """
    require_tensor("detach", input)
    return input.detach()


@public_function
def typename(obj: Any) -> str:
    """Return the name of a tensor's type, as `tensor.type()` does, or of another object's class.

    Example:
        >>> tensorlib.typename(tensorlib.ones(1))
        'tensorlib.FloatTensor'
    """
    if isinstance(obj, Tensor):
        return str(obj.type())
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _check_elements(name: str, tensor: Tensor) -> None:
    if not is_on(tensor._array, "cpu"):
        raise DeviceError(f"{name}: calls Python for each element, on the CPU only; the tensor is on {tensor.device}")
    if edge_of(tensor) is not None:
        raise GraphError(f"{name}: the tensor requires a gradient, which a Python function has not; use detach()")
    check_writable(name, tensor)


@tensor_method
def nElement(self: Tensor) -> int:  # noqa: N802 - its name there
    """Return the number of elements, as `numel`."""
    return self.numel()
