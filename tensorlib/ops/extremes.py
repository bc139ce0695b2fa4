"""Extremes along dimensions: the greatest and least elements, where they are, and the median."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.attach import public_function, tensor_method
from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.errors import EmptyError
from tensorlib.ops.reduction import Axes, kept, reduced_axes, reduced_count
from tensorlib.ops.selection import maximum, minimum
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor


@op(ordered=True)
def amax(xp: Any, x: Any, *, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the greatest of all elements, or along dimensions; nan where there is one. Equal ones share the gradient.

    Args:
        x: a tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]).amax(1)
        tensor([2., 4.])
    """
    axes = reduced_axes("amax", dim, x.ndim)
    check_some("amax", x, axes)
    y = x.max(axis=axes, keepdims=keepdim)
    return y, (x, y, axes)


amax.grads(lambda xp, g, x, y, axes: _shared_by_equals(g, x, y, axes))


@op(ordered=True)
def amin(xp: Any, x: Any, *, dim: Any = (), keepdim: bool = False) -> Any:
    """Return the least of all elements, or along dimensions; nan where there is one. Equal ones share the gradient.

    Args:
        x: a tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]).amin(1)
        tensor([1., 3.])
    """
    axes = reduced_axes("amin", dim, x.ndim)
    check_some("amin", x, axes)
    y = x.min(axis=axes, keepdims=keepdim)
    return y, (x, y, axes)


amin.grads(lambda xp, g, x, y, axes: _shared_by_equals(g, x, y, axes))


def _shared_by_equals(g: Any, x: Any, y: Any, axes: Axes) -> Any:
    reached = x == kept(y, x.shape, axes)
    return kept(g, x.shape, axes) / reached.sum(axis=axes, keepdims=True) * reached


def check_some(name: str, x: Any, axes: Axes) -> None:
    """Refuse to choose from no elements, unless there is nothing to choose for either."""
    if not x.size and not reduced_count(x.shape, axes):
        raise EmptyError(f"{name}: there are no elements to choose from in shape {tuple(x.shape)}")


def _chosen(xp: Any, x: Any, indices: Any, axis: int, keepdim: bool) -> Any:
    """Return the elements at indices along an axis, which the indices have at length 1, and the indices."""
    values = xp.take_along_axis(x, indices, axis)
    if not keepdim:
        values, indices = values.reshape(_without(x.shape, axis)), indices.reshape(_without(x.shape, axis))
    return values, indices


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def _at_indices(g: Any, indices: Any, axis: int, length: int) -> Any:
    """Return the gradient at the chosen elements, zeros elsewhere."""
    shape = (*indices.shape[:axis], length, *indices.shape[axis + 1 :])
    positions = array_module(indices).arange(length).reshape((length,) + (1,) * (len(shape) - axis - 1))
    return kept(g[0], shape, (axis,)) * (positions == indices)


@op(method=False, ordered=True)
def max_along(xp: Any, x: Any, *, dim: int, keepdim: bool = False) -> Any:
    """Return the greatest elements along a dimension, and their indices; of equal ones the first.

    Args:
        x: a tensor.
        dim: a dimension.
        keepdim: keep the dimension with length 1.

    Raises:
        EmptyError: the dimension has length 0.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.max_along(tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]), 1)
        tensorlib.return_types.max(
        values=tensor([2., 4.]),
        indices=tensor([1, 0]))
    """
    if not x.ndim:
        as_dim("max", dim, 0)
        return TYPES["max"](x.copy(), xp.zeros((), "int64")), (xp.zeros((1,), "int64"), 0, 1)
    axis = as_dim("max", dim, x.ndim)
    check_some("max", x, (axis,))
    indices = xp.expand_dims(x.argmax(axis=axis), axis)
    values, positions = _chosen(xp, x, indices, axis, keepdim)
    return TYPES["max"](values, positions), (indices, axis, x.shape[axis])


max_along.grads(lambda xp, g, indices, axis, length: _at_indices(g, indices, axis, length))


@op(method=False, ordered=True)
def min_along(xp: Any, x: Any, *, dim: int, keepdim: bool = False) -> Any:
    """Return the least elements along a dimension, and their indices; of equal ones the first.

    Args:
        x: a tensor.
        dim: a dimension.
        keepdim: keep the dimension with length 1.

    Raises:
        EmptyError: the dimension has length 0.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.min_along(tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]), 1)
        tensorlib.return_types.min(
        values=tensor([1., 3.]),
        indices=tensor([0, 1]))
    """
    if not x.ndim:
        as_dim("min", dim, 0)
        return TYPES["min"](x.copy(), xp.zeros((), "int64")), (xp.zeros((1,), "int64"), 0, 1)
    axis = as_dim("min", dim, x.ndim)
    check_some("min", x, (axis,))
    indices = xp.expand_dims(x.argmin(axis=axis), axis)
    values, positions = _chosen(xp, x, indices, axis, keepdim)
    return TYPES["min"](values, positions), (indices, axis, x.shape[axis])


min_along.grads(lambda xp, g, indices, axis, length: _at_indices(g, indices, axis, length))


@op(method=False, ordered=True)
def median_along(xp: Any, x: Any, *, dim: int, keepdim: bool = False) -> Any:
    """Return the lower middle elements along a dimension, and their indices; of equal ones any.

    Args:
        x: a tensor.
        dim: a dimension.
        keepdim: keep the dimension with length 1.

    Raises:
        EmptyError: the dimension has length 0.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.median_along(tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]), 1)
        tensorlib.return_types.median(
        values=tensor([1., 3.]),
        indices=tensor([0, 1]))
    """
    if not x.ndim:
        as_dim("median", dim, 0)
        return TYPES["median"](x.copy(), xp.zeros((), "int64")), (xp.zeros((1,), "int64"), 0, 1)
    axis = as_dim("median", dim, x.ndim)
    check_some("median", x, (axis,))
    indices = _median_indices(xp, x, axis)
    values, positions = _chosen(xp, x, indices, axis, keepdim)
    return TYPES["median"](values, positions), (indices, axis, x.shape[axis])


median_along.grads(lambda xp, g, indices, axis, length: _at_indices(g, indices, axis, length))


def _median_indices(xp: Any, x: Any, axis: int) -> Any:
    """Return the index of the lower of the two middle elements; nan counts as the median of what it is in."""
    order = xp.argsort(x, axis=axis)
    middle = xp.take(order, xp.asarray([(x.shape[axis] - 1) // 2]), axis=axis)
    if x.dtype.kind != "f":
        return middle
    last = xp.take(order, xp.asarray([x.shape[axis] - 1]), axis=axis)  # nan is sorted to the end
    return xp.where(xp.isnan(xp.take_along_axis(x, last, axis)), last, middle)


@public_function
@tensor_method
def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the greatest element, or those along a dimension with their indices, or the greater of two tensors.

    Args:
        input: a tensor.
        dim: a dimension, or another tensor that broadcasts with the first.
        keepdim: keep the dimension with length 1.

    Returns:
        A 0-d tensor; a named tuple of `values` and `indices`; or a tensor, as `maximum`.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> x = tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]])
        >>> x.max(), x.max(1).indices, tensorlib.max(x, x.flip(0))
        (tensor(4.), tensor([1, 0]), tensor([[4., 3.],
                [4., 3.]]))
    """
    if dim is None:
        return amax(input, keepdim=keepdim)
    if isinstance(dim, Tensor):
        return maximum(input, dim)
    return max_along(input, dim=dim, keepdim=keepdim)


@public_function
@tensor_method
def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Return the least element, or those along a dimension with their indices, or the lesser of two tensors.

    Args:
        input: a tensor.
        dim: a dimension, or another tensor that broadcasts with the first.
        keepdim: keep the dimension with length 1.

    Returns:
        A 0-d tensor; a named tuple of `values` and `indices`; or a tensor, as `minimum`.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> x = tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]])
        >>> x.min(), x.min(1).indices, tensorlib.min(x, x.flip(0))
        (tensor(1.), tensor([0, 1]), tensor([[1., 2.],
                [1., 2.]]))
    """
    if dim is None:
        return amin(input, keepdim=keepdim)
    if isinstance(dim, Tensor):
        return minimum(input, dim)
    return min_along(input, dim=dim, keepdim=keepdim)


@public_function
@tensor_method
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median: of an even number of elements the lower of the two in the middle; nan where there is one.

    Args:
        input: a tensor.
        dim: a dimension; without one the median of all elements is returned.
        keepdim: keep the dimension with length 1.

    Returns:
        A 0-d tensor, or a named tuple of `values` and `indices`.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.median(tensorlib.tensor([3.0, 1.0, 2.0, 4.0]))
        tensor(2.)
    """
    if dim is not None:
        return median_along(input, dim=dim, keepdim=keepdim)
    every: Tensor = input.reshape(-1)
    value: Tensor = median_along(every, dim=0)[0]
    if not value.requires_grad or value.item() != value.item():
        return value
    return amax(every[every.detach() == value.detach()])  # equal ones share the gradient


@op(differentiable=False, ordered=True)
def argmax(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the index of the greatest element, or those along a dimension; of equal ones that of the first.

    Args:
        x: a tensor.
        dim: a dimension; unless given, the index is that into all elements in row-major order.
        keepdim: keep the dimension with length 1.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]).argmax(1)
        tensor([1, 0])
    """
    axes = reduced_axes("argmax", dim, x.ndim)
    check_some("argmax", x, axes)
    index = xp.asarray(x.argmax(axis=None if axes is None else axes[0]), "int64")
    return (kept(index, x.shape, axes) if keepdim else index), ()


@op(differentiable=False, ordered=True)
def argmin(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the index of the least element, or those along a dimension; of equal ones that of the first.

    Args:
        x: a tensor.
        dim: a dimension; unless given, the index is that into all elements in row-major order.
        keepdim: keep the dimension with length 1.

    Raises:
        EmptyError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [4.0, 3.0]]).argmin(1)
        tensor([0, 1])
    """
    axes = reduced_axes("argmin", dim, x.ndim)
    check_some("argmin", x, axes)
    index = xp.asarray(x.argmin(axis=None if axes is None else axes[0]), "int64")
    return (kept(index, x.shape, axes) if keepdim else index), ()
