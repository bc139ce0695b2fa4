"""Views by strides: any walk through a tensor's memory, windows along a dimension, and other element types."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy

from tensorlib._xp import address, array_module, memory_of
from tensorlib.attach import METHODS, public_function, require_tensor, tensor_method
from tensorlib.autograd.op import OPS, op
from tensorlib.dims import as_dim, as_ints
from tensorlib.dtypes import as_dtype
from tensorlib.dtypes import dtype as Dtype
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.tensor import Tensor

Geometry = tuple[tuple[int, ...], tuple[int, ...], int]  # lengths, strides and offset, in elements


def geometry_of(array: Any) -> Geometry:
    """Return where the elements of an array are in its whole memory."""
    offset = (address(array) - address(memory_of(array))) // array.itemsize if array.size else 0
    return tuple(array.shape), tuple([step // array.itemsize for step in array.strides]), offset


def strided_view(name: str, array: Any, size: Sequence[int], stride: Sequence[int], offset: int) -> Any:
    """Return the view of an array's whole memory with these lengths, strides and this offset.

    Raises:
        ArgumentError: a stride or length is negative, or the view reaches beyond the memory.
    """
    memory = memory_of(array)
    if len(size) != len(stride) or offset < 0 or any(number < 0 for number in (*size, *stride)):
        raise ArgumentError(f"{name}: size {tuple(size)}, stride {tuple(stride)} and offset {offset} make no view")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= memory.size:
        raise ArgumentError(f"{name}: element {last} is beyond the {memory.size} elements of the tensor's memory")
    start = memory[offset:] if math.prod(size) else memory[:0]
    steps = tuple([step * array.itemsize for step in stride])
    if isinstance(start, numpy.ndarray):  # so that the memory's owner stays known, as NumPy's as_strided does not do
        return numpy.ndarray(tuple(size), start.dtype, start.view(numpy.uint8), 0, steps)
    return array_module(start).lib.stride_tricks.as_strided(start, tuple(size), steps)


@public_function
@tensor_method
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Return a view of a tensor's whole memory, by lengths and the steps between neighbours.

    Args:
        input: a tensor; how it walks through the memory does not matter.
        size: lengths of the dimensions.
        stride: steps between neighbours along each, in elements.
        storage_offset: the element to start at; the tensor's own first unless given.

    Raises:
        ArgumentError: the view would reach beyond the memory.

    Example:
        >>> tensorlib.as_strided(tensorlib.arange(5), (3, 2), (1, 2))
        tensor([[0, 2],
                [1, 3],
                [2, 4]])
    """
    require_tensor("as_strided", input)
    given = geometry_of(input._array)
    offset = given[2] if storage_offset is None else storage_offset
    wanted = (as_ints("as_strided", size), as_ints("as_strided", stride), offset)
    return walk(input, given=given, wanted=wanted)  # type: ignore[no-any-return]


@op(view=True, method=False)
def walk(xp: Any, x: Any, *, given: Geometry, wanted: Geometry) -> Any:
    """Return a view of the memory of a tensor that lies there as given; of a copy where it lies elsewhere.

    Args:
        x: a tensor.
        given: its lengths, strides and offset.
        wanted: those of the view.

    Raises:
        ArgumentError: the view would reach beyond the memory.

    Example:
        >>> tensorlib.walk(tensorlib.arange(4), given=((4,), (1,), 0), wanted=((2,), (2,), 1))
        tensor([1, 3])
    """
    if geometry_of(x) != given:
        places, wanted_places = _places(xp, given), _places(xp, wanted)
        memory = xp.zeros(1 + max(int(places.max(initial=0)), int(wanted_places.max(initial=0))), x.dtype)
        memory[places] = x
        return memory[wanted_places], (wanted, given)
    return strided_view("as_strided", x, *wanted), (wanted, given)


@op(method=False)
def restride(xp: Any, g: Any, *, given: Geometry, wanted: Geometry) -> Any:
    """Add elements up at the places of one walk through memory, and read those of another.

    Args:
        g: a tensor of the first walk's lengths.
        given: the first walk's lengths, strides and offset.
        wanted: those of the second.

    Example:
        >>> tensorlib.restride(tensorlib.ones(3, 2), given=((3, 2), (1, 1), 0), wanted=((4,), (1,), 0))
        tensor([1., 2., 2., 1.])
    """
    places, wanted_places = _places(xp, given), _places(xp, wanted)
    size = 1 + max([int(each.max()) for each in (places, wanted_places) if each.size], default=0)
    memory = xp.zeros(size, g.dtype)
    xp.add.at(memory, places, g)
    return memory[wanted_places], (given, wanted)


def _places(xp: Any, geometry: Geometry) -> Any:
    lengths, strides, offset = geometry
    places = xp.full(lengths, offset, "i8")
    for axis, (length, step) in enumerate(zip(lengths, strides, strict=True)):
        places += (xp.arange(length) * step).reshape((-1,) + (1,) * (len(lengths) - axis - 1))
    return places


restride.grads(lambda xp, g, given, wanted: restride.via(xp, g, given=wanted, wanted=given))
walk.grads(lambda xp, g, wanted, given: restride.via(xp, g, given=wanted, wanted=given))


@tensor_method
def unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return a view of all windows along a dimension; the elements of a window are a new last dimension.

    Args:
        self: a tensor.
        dimension: along which the windows move.
        size: elements of a window.
        step: from one window to the next.

    Raises:
        ArgumentError: the size or the step does not fit.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    axis = as_dim("unfold", dimension, self.ndim)
    shape, strides, offset = geometry_of(self._array)
    length = shape[axis] if shape else 1
    if not 0 <= size <= length or step < 1:
        raise ArgumentError(f"unfold: windows of {size} with step {step} do not fit a dimension of length {length}")
    windows = (length - size) // step + 1
    if not shape:
        return as_strided(self, (size,), (1,), offset)
    lengths = (*shape[:axis], windows, *shape[axis + 1 :], size)
    steps = (*strides[:axis], strides[axis] * step, *strides[axis + 1 :], strides[axis])
    return as_strided(self, lengths, steps, offset)


@op(view=True, method=False, differentiable=False)
def view_as_type(xp: Any, x: Any, *, dtype: Dtype) -> Any:
    """Return a view of the same bytes as elements of another type.

    Args:
        x: a tensor; the elements of its last dimension lie side by side if the sizes of the types differ.
        dtype: the type; the last dimension gets longer or shorter with its size.

    Raises:
        ShapeError: the last dimension does not allow it.

    Example:
        >>> tensorlib.view_as_type(tensorlib.tensor([1.0]), dtype=tensorlib.int32)
        tensor([1065353216], dtype=tensorlib.int32)
    """
    if dtype.itemsize == x.itemsize:
        return x.view(dtype.numpy), ()
    try:
        return x.view(dtype.numpy), ()
    except (ValueError, TypeError):
        raise ShapeError(
            f"view: elements of {x.dtype} in shape {tuple(x.shape)} cannot be seen as {dtype.name}: the last dimension "
            "must lie together and hold a whole number of them"
        ) from None


_view = OPS["view"]


@tensor_method
def view(self: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """Return a view of the same elements in another shape, or of the same bytes as another type; it never copies.

    Args:
        self: a tensor.
        shape: the new lengths, one of which may be -1; or a type.
        dtype: a type, by its name.
        size: the shape, by its name.

    Raises:
        ShapeError: the shape has another number of elements, or would need a copy because of gaps in memory.
        TypeError: there is no such type.

    Example:
        >>> tensorlib.arange(4).view(2, 2), tensorlib.tensor([1.0]).view(tensorlib.int32)
        (tensor([[0, 1],
                [2, 3]]), tensor([1065353216], dtype=tensorlib.int32))
    """
    if len(shape) == 1 and isinstance(shape[0], (Dtype, type, str)):
        dtype, shape = shape[0], ()
    if dtype is not None:
        return view_as_type(self, dtype=as_dtype(dtype))  # type: ignore[no-any-return]
    return _view(self, *(shape if size is None else (size,)))  # type: ignore[no-any-return]


# -- the shape of a tensor itself ------------------------------------------------------------------------------------


def _in_place(name: str) -> None:
    operation: Any = OPS.get(name) or METHODS[name]

    def change(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        from tensorlib.autograd.in_place import check_writable

        check_writable(f"{name}_", self)
        become(self, operation(_former(self), *args, **kwargs))
        return self

    change.__name__ = change.__qualname__ = f"{name}_"
    change.__doc__ = f"Do as `{name}` with this tensor itself: its memory stays, its shape changes."
    tensor_method(change)


def _former(tensor: Tensor) -> Tensor:
    """Return another tensor that is what a tensor is now: of the same memory and history."""
    former = tensor.detach()
    former._edge, former._view = tensor._edge, tensor._view
    return former


def become(tensor: Tensor, other: Tensor) -> None:
    """Make a tensor what another is: of its memory and history."""
    tensor._array, tensor._counter = other._array, other._counter
    tensor._edge, tensor._view = other._edge, other._view


for _name in ("squeeze", "unsqueeze", "transpose", "swapaxes", "swapdims", "as_strided"):
    _in_place(_name)


@tensor_method
def t_(self: Tensor) -> Tensor:
    """Exchange the two dimensions of this tensor itself; fewer dimensions stay as they are.

    Raises:
        ShapeError: it has more than two.
    """
    require_tensor("t_", self)
    if self.ndim > 2:
        raise ShapeError(f"t_: needs at most 2 dimensions, not {self.ndim}; use transpose_()")
    return METHODS["transpose_"](self, 0, -1) if self.ndim == 2 else self
