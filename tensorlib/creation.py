"""Functions that make tensors: of given values, of one value, like another."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import device_name, is_array
from tensorlib.attach import require_tensor, tensor_method
from tensorlib.dims import as_shape
from tensorlib.dtypes import as_dtype, default_float, held_number, result_type
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.factories import factory
from tensorlib.layouts import Sparse, call_sparse
from tensorlib.placement import array_module_on, get_default_device, is_on, place
from tensorlib.tensor import Tensor, wrap


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a new tensor with a copy of the data.

    Args:
        data: a number, a nested sequence of numbers or tensors, a NumPy array or a tensor.
        dtype: element type; unless given that of the data, where Python's floats count as the default type.
        device: where to put it; unless given where the data is, or the CPU.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: an integer is too great for the type.
        ShapeError: the sequences are ragged.
        TypeError: the data has no element type that tensors know.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
    """
    array = array_of("tensor", data, dtype)
    if array is data or (isinstance(data, Tensor) and array is data._array):
        array = array.copy()
    return finished(array, _home(data) if device is None else device, requires_grad)


def as_tensor(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the data as a tensor that shares its memory, and history, where type and device allow.

    Args:
        data: a number, a nested sequence, a NumPy array or a tensor.
        dtype: element type; that of the data unless given.
        device: where it is to be.

    Raises:
        ShapeError: the sequences are ragged.
        TypeError: the data has no element type that tensors know.

    Example:
        >>> import numpy
        >>> values = numpy.zeros(2)
        >>> tensorlib.as_tensor(values).add_(1)
        tensor([1., 1.], dtype=tensorlib.float64)
        >>> values
        array([1., 1.])
    """
    if isinstance(data, Tensor):
        same_type = dtype is None or as_dtype(dtype) is data.dtype
        if same_type and (device is None or is_on(data._array, device)):
            return data
        return data.to(dtype=dtype, device=device)
    return finished(array_of("as_tensor", data, dtype), _home(data) if device is None else device, False)


def _home(data: Any) -> Any:
    """Return the device for data that has none of its own; None for what stays where it is."""
    on_host = not is_array(data) or isinstance(data, (numpy.ndarray, numpy.generic))
    return None if isinstance(data, Tensor) or not on_host else get_default_device()


def from_numpy(ndarray: numpy.ndarray[Any, Any]) -> Tensor:
    """Return a tensor that shares the memory of a NumPy array.

    Raises:
        TypeError: it is no NumPy array, or of a type that tensors do not know.

    Example:
        >>> import numpy
        >>> tensorlib.from_numpy(numpy.arange(3))
        tensor([0, 1, 2])
    """
    if not isinstance(ndarray, numpy.ndarray):
        raise TypeError(f"from_numpy: needs a NumPy array, not {type(ndarray).__name__}")
    as_dtype(ndarray.dtype)
    return wrap(ndarray)


def array_of(name: str, data: Any, dtype: Any = None) -> Any:
    """Return the array that holds the data of a number, nested sequence, array or tensor; the data's own if possible.

    Raises:
        ShapeError: the sequences are ragged.
        TypeError: the data has no element type that tensors know.
    """
    kind = None if dtype is None else as_dtype(dtype).numpy
    if isinstance(data, Tensor):
        data = data._array
    if not is_array(data):
        data = _array_of_sequence(name, data, kind)
    if isinstance(data, numpy.generic):
        data = numpy.asarray(data)
    as_dtype(data.dtype)
    return data if kind is None or data.dtype == kind else data.astype(kind)


def _check_fits(name: str, array: Any, kind: Any) -> None:
    """Refuse numbers that a type of integers cannot hold; one without sign holds negative ones as C does."""
    if kind is None or kind.kind not in "iu" or array.dtype.kind not in "iu" or not array.size:
        return
    limits = numpy.iinfo(kind)
    least = -limits.max if kind.kind == "u" else limits.min
    if array.min() < least or array.max() > limits.max:
        raise ArgumentError(f"{name}: a number does not fit in {as_dtype(kind)}, from {limits.min} to {limits.max}")


def _array_of_sequence(name: str, data: Any, kind: numpy.dtype[Any] | None) -> Any:
    first = _first_element(data)
    if is_array(first):  # tensors and NumPy's numbers keep their type
        data = _without_tensors(data)
    try:
        array = numpy.array(data)
    except ValueError as error:
        raise ShapeError(f"{name}: the nested sequences have unequal lengths: {error}") from None
    if array.dtype.kind == "O" and isinstance(first, int):
        raise ArgumentError(f"{name}: a number does not fit in 64 bits")
    if array.dtype.kind not in "biufVc":
        raise TypeError(f"{name}: needs numbers, not {type(first).__name__}")
    _check_fits(name, array, kind)
    if kind is None and array.dtype.kind in "fc" and not is_array(first):
        return array.astype(default_float() if array.dtype.kind == "f" else result_type([0j]))
    return array


def _first_element(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data._array if isinstance(data, Tensor) else data


def _without_tensors(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_without_tensors(item) for item in data]
    return place(data._array, "cpu") if isinstance(data, Tensor) else data


def finished(array: Any, device: Any, requires_grad: bool) -> Tensor:
    """Return the tensor of an array, moved to a device unless that is None."""
    result = wrap(array if device is None else place(array, device))
    return result.requires_grad_() if requires_grad else result


@factory
def zeros(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros.

    Args:
        shape: the lengths, as numbers or one sequence.
        size: the same as one sequence, by name.
        dtype: element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ShapeError: a length is negative.

    Example:
        >>> tensorlib.zeros(2, 3)
        tensor([[0., 0., 0.],
                [0., 0., 0.]])
    """
    return _made("zeros", shape if size is None else size, 0, dtype or default_float(), device, requires_grad)


@factory
def ones(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones; arguments as of `zeros`.

    Example:
        >>> tensorlib.ones(2, dtype=tensorlib.int64)
        tensor([1, 1])
    """
    return _made("ones", shape if size is None else size, 1, dtype or default_float(), device, requires_grad)


@factory
def empty(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose elements are whatever was in its memory; arguments as of `zeros`.

    Example:
        >>> tensorlib.empty(2, 3).shape
        tensorlib.Size([2, 3])
    """
    return _made("empty", shape if size is None else size, None, dtype or default_float(), device, requires_grad)


@factory
def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of one value.

    Args:
        size: the shape.
        fill_value: the value of every element, a number or a tensor of one element.
        dtype: element type; that of the value unless given, where Python's floats count as the default type.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ShapeError: a length is negative.

    Example:
        >>> tensorlib.full((2,), 7)
        tensor([7, 7])
    """
    kind = array_of("full", fill_value).dtype if dtype is None else dtype
    return _made("full", size, fill_value, kind, device, requires_grad)


def _made(name: str, size: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """Return a tensor of one value, a number or a tensor of one element; None leaves the memory as it is."""
    shape, kind = as_shape(name, size), as_dtype(dtype).numpy
    number = held_number(name, value.item() if isinstance(value, Tensor) else value, kind)
    with array_module_on(device) as xp:
        # zeros by their own function: the system gives zeroed memory lazily
        is_zero = type(number) is int and number == 0
        array = xp.zeros(shape, kind) if is_zero else xp.empty(shape, kind)
        if not is_zero and number is not None:
            array.fill(number)
    return finished(array, None, requires_grad)


@factory
def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros in the shape, type and place of a tensor, unless another type or place is given.

    Example:
        >>> tensorlib.zeros_like(tensorlib.tensor([1, 2]))
        tensor([0, 0])
    """
    return _like("zeros_like", input, 0, dtype, device, requires_grad)


@factory
def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones in the shape, type and place of a tensor, unless another type or place is given.

    Example:
        >>> tensorlib.ones_like(tensorlib.tensor([1.0, 2.0]))
        tensor([1., 1.])
    """
    return _like("ones_like", input, 1, dtype, device, requires_grad)


@factory
def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return an uninitialised tensor in the shape, type and place of another, unless told otherwise.

    Example:
        >>> tensorlib.empty_like(tensorlib.zeros(2, 3)).shape
        tensorlib.Size([2, 3])
    """
    return _like("empty_like", input, None, dtype, device, requires_grad)


@factory
def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return one value in the shape, type and place of a tensor, unless another type or place is given.

    Example:
        >>> tensorlib.full_like(tensorlib.tensor([1.0, 2.0]), 7)
        tensor([7., 7.])
    """
    return _like("full_like", input, fill_value, dtype, device, requires_grad)


def _like(name: str, input: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    if isinstance(input, Sparse):
        options = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
        made: Tensor = call_sparse(name, (input,), options)
        return made
    require_tensor(name, input)
    where = device_name(input._array) if device is None else device
    return _made(name, tuple(input._array.shape), value, dtype or input._array.dtype, where, requires_grad)


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return the identity matrix of n rows and m columns; m is n unless given.

    Raises:
        ShapeError: a length is negative.

    Example:
        >>> tensorlib.eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    rows, columns = as_shape("eye", (n, n if m is None else m))
    with array_module_on(device) as xp:
        array = xp.eye(rows, columns, dtype=as_dtype(dtype or default_float()).numpy)
    return finished(array, None, requires_grad)


@tensor_method
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a new tensor of the data, in the type and place of this one unless told otherwise."""
    where = device_name(self._array) if device is None else device
    return tensor(data, dtype=dtype or self._array.dtype, device=where, requires_grad=requires_grad)


@tensor_method
def new_zeros(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of a shape, in the type and place of this tensor unless told otherwise."""
    return new_full(self, size, 0, dtype=dtype, device=device, requires_grad=requires_grad)


@tensor_method
def new_ones(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return ones of a shape, in the type and place of this tensor unless told otherwise."""
    return new_full(self, size, 1, dtype=dtype, device=device, requires_grad=requires_grad)


@tensor_method
def new_empty(self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Return an uninitialised tensor of a shape, in the type and place of this one unless told otherwise."""
    return new_full(self, size, None, dtype=dtype, device=device, requires_grad=requires_grad)


@tensor_method
def new_full(
    self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return one value in a shape, in the type and place of this tensor unless told otherwise."""
    where = device_name(self._array) if device is None else device
    return _made("new_full", size, fill_value, dtype or self._array.dtype, where, requires_grad)


def is_tensor(obj: Any) -> bool:
    """Tell whether an object is a tensor, strided or sparse.

    Example:
        >>> tensorlib.is_tensor(tensorlib.zeros(1)), tensorlib.is_tensor([1])
        (True, False)
    """
    return isinstance(obj, (Tensor, Sparse))


def is_floating_point(input: Tensor) -> bool:
    """Tell whether the elements of a tensor are floating point numbers.

    Example:
        >>> tensorlib.is_floating_point(tensorlib.zeros(1)), tensorlib.is_floating_point(tensorlib.tensor([1]))
        (True, False)
    """
    require_tensor("is_floating_point", input)
    return input.is_floating_point()


def numel(input: Tensor) -> int:
    """Return the number of elements of a tensor.

    Example:
        >>> tensorlib.numel(tensorlib.zeros(2, 3))
        6
    """
    require_tensor("numel", input)
    return input.numel()
