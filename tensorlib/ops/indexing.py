"""Parts of tensors by index: x[...], its assignment, and functions that select."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module, at, is_array
from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.in_place import check_writable, wrote
from tensorlib.autograd.modes import mode
from tensorlib.autograd.op import op
from tensorlib.autograd.recording import record
from tensorlib.dims import as_dim
from tensorlib.dtypes import held_number
from tensorlib.errors import ShapeError
from tensorlib.ops._index import Advanced, Basic, add_at, arrays_of, put_index, split_index, take_index
from tensorlib.ops.broadcasting import broadcast_tensors
from tensorlib.tensor import Tensor, edge_of, wrap


@op(view=True, method=False, operator="getitem")
def getitem(xp: Any, x: Any, *, index: Any) -> Any:
    """Return `x[index]`: a view for integers, slices, None and ..., a copy where tensors or lists select elements.

    Args:
        x: a tensor.
        index: integers, slices with positive steps, None, ..., integer tensors or sequences that broadcast with each
            other, bool (or uint8) masks; or a tuple of these. Integers apply before tensors do.

    Raises:
        IndexError: an index is out of range, of another type, or there are too many.
        ArgumentError: the step of a slice is not positive.

    Example:
        >>> x = tensorlib.arange(6).reshape(2, 3)
        >>> x[1, ::2], x[1, [2, 0]], x[x > 3]
        (tensor([3, 5]), tensor([5, 3]), tensor([4, 5]))
    """
    basic, advanced = split_index("getitem", index, x)
    return take_index("getitem", x, basic, advanced), (basic, _kept(advanced), x.shape)


def _kept(advanced: Advanced | None) -> Advanced | None:
    """Return copies of index arrays for the gradient, since the user may modify the originals."""
    if advanced is None or not mode.recording:
        return advanced
    return tuple([item.copy() if is_array(item) else item for item in advanced])


@op(method=False)
def getitem_backward(xp: Any, g: Any, *, basic: Basic, advanced: Advanced | None, shape: tuple[int, ...]) -> Any:
    """Return zeros of a shape to which `g` is added at an index: the gradient of `getitem`.

    Args:
        g: a tensor of the shape that the index selects.
        basic: integers, slices, None: the part of the index that makes a view.
        advanced: arrays that index this view; None where there are none.
        shape: of the result.

    Example:
        >>> tensorlib.getitem_backward(tensorlib.ones(2), basic=(slice(1, 3),), advanced=None, shape=(4,))
        tensor([0., 1., 1., 0.])
    """
    result, arrays = xp.zeros(shape, g.dtype), arrays_of(advanced)
    if arrays is None:
        result[basic] = g
    else:
        add_at(xp, result[basic], arrays, g)
    return result, (basic, arrays)


getitem.grads(
    lambda xp, g, basic, advanced, shape: getitem_backward.via(xp, g, basic=basic, advanced=advanced, shape=shape)
)
getitem_backward.grads(
    lambda xp, g, basic, advanced: getitem.via(
        xp, getitem.via(xp, g, index=basic), index=... if advanced is None else advanced
    )
)


@op(method=False, numbers=True)
def put_elements(xp: Any, x: Any, value: Any, *, index: Advanced) -> Any:
    """Return a copy of `x` in which a value stands at an index: what `x[index] = value` makes of `x`.

    Args:
        x: a tensor.
        value: a tensor that broadcasts to the shape that the index selects, or a number.
        index: a tuple of integer and bool tensors and full slices. Of several values for one element the last stays.

    Raises:
        IndexError: an index is out of range.
        ShapeError: the value does not broadcast.

    Example:
        >>> tensorlib.put_elements(tensorlib.zeros(3), 1.0, index=(tensorlib.tensor([0, 2]),))
        tensor([1., 0., 1.])
    """
    basic, advanced = split_index("put_elements", index, x)
    result = x.copy()
    write_at("put_elements", result, basic, advanced, value)
    return result, (_kept(advanced),)


put_elements.grads(
    lambda xp, g, advanced: put_elements.via(xp, g, 0, index=advanced),
    lambda xp, g, advanced: getitem.via(xp, g, index=advanced),
)


def write_at(name: str, array: Any, basic: Basic, advanced: Advanced | None, value: Any) -> None:
    """Write a value into an array at a split index.

    Raises:
        IndexError: an index is out of range.
        ShapeError: the value does not broadcast to what the index selects.
        TypeError: the value is complex and the array is not.
    """
    array_module(array, value)
    is_complex = value.dtype.kind == "c" if hasattr(value, "dtype") else isinstance(value, complex)
    if is_complex and array.dtype.kind != "c":
        raise TypeError(f"{name}: a complex value cannot be stored in a tensor of type {array.dtype}")
    value = held_number(name, value, array.dtype)
    try:
        put_index(array, basic, advanced, value)
    except IndexError as error:
        raise IndexError(f"{name}: {error}; the tensor has shape {tuple(array.shape)}") from None
    except ValueError:
        part = take_index(name, array, basic, advanced)
        given = tuple(getattr(value, "shape", ()))
        raise ShapeError(f"{name}: a value of shape {given} does not fit the shape {tuple(part.shape)}") from None


@tensor_method
def __setitem__(self: Tensor, index: Any, value: Any) -> None:  # noqa: N807 - becomes the method
    """Write a tensor or number, which broadcasts, into the elements at an index.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
        IndexError: an index is out of range, of another type, or there are too many.
        ShapeError: the value does not broadcast to what the index selects.
        TypeError: the value is neither a tensor nor a number.
    """
    write("setitem", self, index, value)


def write(name: str, target: Tensor, index: Any, value: Any) -> Tensor:
    """Write a value into a tensor at an index, in place and with its history; returns the tensor."""
    check_writable(name, target)
    if not (isinstance(value, (Tensor, int, float, complex)) or is_array(value)):
        raise TypeError(f"{name}: needs a Tensor or a number, not {type(value).__name__}")
    source = value if isinstance(value, Tensor) else None
    array = value if source is None else source._array
    with at(target._array):
        basic, advanced = split_index(name, index, target._array)
        write_at(name, target._array, basic, advanced, array)
    if not has_history(target) and (source is None or not has_history(source)):
        target._counter[0] += 1
        return target
    part = getitem(target, basic)
    with at(target._array):
        wrote(part, _written(part, array if source is None else source, advanced))
    return target


def has_history(tensor: Tensor) -> bool:
    """Tell whether what happens to a tensor is to be recorded."""
    view = tensor._view
    return mode.recording and (edge_of(tensor) is not None or (view is not None and view.base._edge is not None))


def _written(part: Tensor, value: Any, advanced: Advanced | None) -> Tensor:
    """Return a tensor with the history that a part of a tensor has after a value was written into it."""
    if advanced is not None:
        array = value._array if isinstance(value, Tensor) else value
        return record(put_elements, (part, value), (part._array, array), part._array, (_kept(advanced),))
    if not isinstance(value, Tensor) or edge_of(value) is None:
        return wrap(part._array)
    leading = value.ndim - part.ndim  # a value may have further dimensions of length 1 in front
    shaped = value.reshape(value.shape[leading:]) if leading > 0 else value
    history: Tensor = shaped.expand(part.shape)
    return history


@public_function
@tensor_method
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the places along a dimension that an index names, in its order.

    Args:
        input: a tensor.
        dim: the dimension.
        index: integers in one dimension.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: the index has more than one dimension.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).index_select(1, tensorlib.tensor([1, 1]))
        tensor([[2, 2],
                [4, 4]])
    """
    result: Tensor = getitem(input, places("index_select", input, dim, index))
    return result


def places(name: str, x: Tensor, dim: int, index: Tensor) -> tuple[Any, ...]:
    """Return the index of the places along a dimension that a tensor names, checked."""
    require_tensor(name, x)
    require_tensor(name, index)
    axis = as_dim(name, dim, x.ndim)
    if index.ndim > 1 or index.dtype.numpy.kind not in "iu":
        raise ShapeError(f"{name}: the index must be of integers in one dimension, not {index.dtype} in {index.ndim}")
    return (slice(None),) * axis + (index.reshape(-1),)


@public_function
@tensor_method
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where a mask is true, in one dimension; both broadcast.

    Args:
        input: a tensor.
        mask: bool or uint8.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the mask is of another type.

    Example:
        >>> x = tensorlib.arange(4)
        >>> x.masked_select(x > 1)
        tensor([2, 3])
    """
    require_tensor("masked_select", input)
    require_tensor("masked_select", mask)
    if mask.dtype.name not in ("bool", "uint8"):
        raise TypeError(f"masked_select: a mask must be bool or uint8, not {mask.dtype}")
    wide, where = broadcast_tensors(input, mask)
    result: Tensor = getitem(wide, where if wide.ndim else where.reshape(1)[0] != 0)
    return result.reshape(-1)


@public_function
@tensor_method
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements that an index names, counted in row-major order; the result has the index's shape.

    Raises:
        IndexError: an index is out of range.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).take(tensorlib.tensor([3, 0]))
        tensor([4, 1])
    """
    require_tensor("take", input)
    require_tensor("take", index)
    result: Tensor = getitem(input.reshape(-1), index.reshape(-1)).reshape(index.shape)
    return result


@op(differentiable=False)
def nonzero(xp: Any, x: Any, *, as_tuple: bool = False) -> Any:
    """Return the indices of the elements that are not zero.

    Args:
        x: a tensor of n dimensions.
        as_tuple: return one tensor per dimension, which together index `x`, instead of rows.

    Returns:
        A tensor of one row of n indices per element, int64.

    Example:
        >>> tensorlib.tensor([[1, 0], [2, 3]]).nonzero()
        tensor([[0, 0],
                [1, 0],
                [1, 1]])
    """
    if as_tuple:
        return tuple(xp.nonzero(x if x.ndim else x.reshape(1))), ()
    found = xp.nonzero(x) if x.ndim else ()
    if not found:
        return xp.zeros((int(x != 0), 0), "i8"), ()
    return xp.stack(found, 1), ()
