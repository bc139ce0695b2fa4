"""Tensors from and to others' memory: buffers, files, and arrays of other libraries by DLPack."""

from __future__ import annotations

import os
from typing import Any

import numpy

from tensorlib import _xp
from tensorlib.attach import require_tensor, tensor_method
from tensorlib.creation import as_tensor, finished, tensor
from tensorlib.dims import as_ints
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.ops.strided import strided_view
from tensorlib.storage import BY_DTYPE
from tensorlib.tensor import Tensor, edge_of, wrap

CPU_OF_DLPACK = 1


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """Return data as a tensor, which shares its memory where it can.

    Args:
        obj: a tensor, an array, what knows DLPack or has a buffer, a number or a nested sequence.
        dtype: element type; that of the data unless given.
        device: where it is to be.
        copy: True always copies, False never.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: `copy` is False, but a copy is needed.
        TypeError: the data has no element type that tensors know.

    Example:
        >>> tensorlib.asarray([1, 2])
        tensor([1, 2])
    """
    shares = isinstance(obj, Tensor) or _xp.is_array(obj)
    if not shares and hasattr(obj, "__dlpack__"):
        obj, shares = from_dlpack(obj), True
    result = as_tensor(obj, dtype=dtype, device=device)
    same = shares and result.data_ptr() == _xp.address(getattr(obj, "_array", obj))
    if copy is False and not same:
        raise ArgumentError("asarray: copy=False, but the data has to be copied or converted")
    if copy and same:
        result = result.clone()
    return result.detach().requires_grad_() if requires_grad else result


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a 0-d tensor of a number, of the default type unless told otherwise.

    Example:
        >>> tensorlib.scalar_tensor(2)
        tensor(2.)
    """
    return tensor(s, dtype=dtype or default_float(), device=device, requires_grad=requires_grad)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """Return a 1-d tensor that shares the memory of an object with a buffer, such as `bytearray`.

    Args:
        buffer: the object.
        dtype: element type.
        count: number of elements; all unless given.
        offset: bytes to leave out at the beginning.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the bytes do not make whole elements, or are too few.

    Example:
        >>> tensorlib.frombuffer(bytearray([1, 0, 2, 0]), dtype=tensorlib.int16)
        tensor([1, 2], dtype=tensorlib.int16)
    """
    kind = as_dtype(dtype).numpy
    try:
        array = numpy.frombuffer(buffer, kind, count, offset)
    except ValueError as error:
        raise ArgumentError(f"frombuffer: {error}") from None
    return finished(array, None, requires_grad)


def from_file(filename: str | os.PathLike[str], shared: bool = False, size: int = 0, *, dtype: Any = None) -> Tensor:
    """Return a 1-d tensor of a file's elements; see `Storage.from_file`.

    Raises:
        ArgumentError: a file that is not shared holds too few bytes.
        FileNotFoundError: a file that is not shared is not there.
    """
    storage = BY_DTYPE[as_dtype(dtype or default_float())].from_file(filename, shared, size)
    return wrap(storage._memory)


def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return an uninitialised tensor of these lengths, whose neighbours lie this far apart in memory.

    Raises:
        ArgumentError: a length or step is negative.

    Example:
        >>> tensorlib.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    lengths, steps = as_ints("empty_strided", size), as_ints("empty_strided", stride)
    if len(lengths) != len(steps) or any(number < 0 for number in (*lengths, *steps)):
        raise ArgumentError(f"empty_strided: size {lengths} and stride {steps} make no tensor")
    count = 1 + sum((length - 1) * step for length, step in zip(lengths, steps, strict=True) if length)
    memory = tensor(numpy.empty(count, as_dtype(dtype or default_float()).numpy), device=device)._array
    return finished(strided_view("empty_strided", memory, lengths, steps, 0), None, requires_grad)


@tensor_method
def new_empty_strided(
    self: Tensor, size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return what `empty_strided` does, in the type and place of this tensor unless told otherwise."""
    where = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype or self.dtype, device=where, requires_grad=requires_grad)


def empty_permuted(
    size: Any, physical_layout: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return an uninitialised tensor without gaps whose dimensions lie in memory in a given order.

    Args:
        size: the lengths.
        physical_layout: the dimensions, from the one whose neighbours lie farthest apart to that of the nearest.
        dtype: element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: a dimension is missing, or a length negative.

    Example:
        >>> tensorlib.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
        (12, 1, 3)
    """
    lengths, order = as_ints("empty_permuted", size), as_ints("empty_permuted", physical_layout)
    if sorted(order) != list(range(len(lengths))):
        raise ArgumentError(f"empty_permuted: the layout {order} must name each of {len(lengths)} dimensions once")
    steps, step = [0] * len(lengths), 1
    for dim in reversed(order):
        steps[dim], step = step, step * max(lengths[dim], 1)
    return empty_strided(lengths, tuple(steps), dtype=dtype, device=device, requires_grad=requires_grad)


# -- DLPack ----------------------------------------------------------------------------------------------------------


@tensor_method
def __dlpack__(self: Tensor, **options: Any) -> Any:  # noqa: N807 - the protocol's name
    if edge_of(self) is not None:
        raise GraphError("dlpack: the tensor requires a gradient; use detach()")
    return self._array.__dlpack__(**options)


@tensor_method
def __dlpack_device__(self: Tensor) -> tuple[int, int]:  # noqa: N807 - the protocol's name
    return self._array.__dlpack_device__()  # type: ignore[no-any-return]


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares the memory of another library's, which knows DLPack.

    Args:
        ext_tensor: an object with `__dlpack__`, or a capsule that such a method returned, of memory on the CPU.

    Raises:
        BufferError: the memory cannot be shared, as it needs a gradient or is of an unknown type.
        TypeError: the object does not know DLPack.

    Example:
        >>> import numpy
        >>> tensorlib.from_dlpack(numpy.arange(3))
        tensor([0, 1, 2])
    """
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack_device__"):
        raise TypeError(f"from_dlpack: needs an object with __dlpack__, not {type(ext_tensor).__name__}")
    on_cpu = int(ext_tensor.__dlpack_device__()[0]) == CPU_OF_DLPACK
    xp = numpy if on_cpu else _xp.cuda_module()
    return finished(xp.from_dlpack(ext_tensor), None, False)


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule of a tensor, for libraries that take one.

    Raises:
        GraphError: the tensor requires a gradient.

    Example:
        >>> type(tensorlib.to_dlpack(tensorlib.zeros(1))).__name__
        'PyCapsule'
    """
    require_tensor("to_dlpack", tensor)
    return __dlpack__(tensor)


class _Capsule:
    """A capsule in the form that NumPy takes: that of an object which gives one."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU_OF_DLPACK, 0
