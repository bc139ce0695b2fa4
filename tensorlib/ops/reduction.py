"""Reductions: sums, means, products along dimensions, and whether all or any are true."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.autograd.op import op, tensor_namespace
from tensorlib.dims import as_dims
from tensorlib.dtypes import as_dtype
from tensorlib.kernels.sums import sum_along

Axes = tuple[int, ...] | None


@op()
def sum(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the sum of all elements, or along dimensions.

    Args:
        x: a tensor; bools and integers are summed as int64.
        dim: a dimension or several; all unless given.
        keepdim: keep summed dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
        tensor([4., 6.])
    """
    axes = reduced_axes("sum", dim, x.ndim)
    kind = sum_type(x.dtype.kind, dtype)
    if kind is None:
        return sum_along(x, axes, keepdim), (x.shape, axes)
    return x.sum(axis=axes, keepdims=keepdim, dtype=kind), (x.shape, axes)


sum.grads(lambda xp, g, shape, axes: spread(xp, g, shape, axes))


def reduced_axes(name: str, dim: Any, ndim: int) -> Axes:
    """Return the axes that a reduction is along: None for all, which is also what no dimension means."""
    if dim is None or dim in ((), []):
        return None
    axes = as_dims(name, dim, ndim)
    return axes if ndim else None


def sum_type(kind: str, dtype: Any) -> Any:
    """Return the type that sums are made in; integers do not stay as narrow as they are."""
    if dtype is not None:
        return as_dtype(dtype).numpy
    return "int64" if kind in "biu" else None


def kept(g: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """Return the result of a reduction, or its gradient, with the reduced axes at length 1."""
    if axes is None:
        return g.reshape((1,) * len(shape))
    return g.reshape(tuple([1 if k in axes else length for k, length in enumerate(shape)]))


def spread(xp: Any, g: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """Repeat the gradient of a reduction over what was reduced."""
    return xp.broadcast_to(kept(g, shape, axes), shape)


def reduced_count(shape: tuple[int, ...], axes: Axes) -> int:
    """Return how many elements make one of the result."""
    count = 1
    for axis in range(len(shape)) if axes is None else axes:
        count *= shape[axis]
    return count


def check_float(name: str, x: Any) -> None:
    """Refuse integers, whose mean is none of them."""
    if x.dtype.kind not in "fc":
        raise TypeError(f"{name}: needs a floating point tensor, not {x.dtype}; convert it first")


@op()
def mean(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the mean of all elements, or along dimensions; nan of none.

    Args:
        x: a floating point tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: a dimension is out of range.
        TypeError: the type is no floating point type.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1)
        tensor([1.5000, 3.5000])
    """
    if dtype is not None:
        x = x.astype(as_dtype(dtype).numpy)
    check_float("mean", x)
    axes = reduced_axes("mean", dim, x.ndim)
    count = reduced_count(x.shape, axes)
    return mean_array(x, axes, keepdim), (x.shape, axes, count)


mean.grads(lambda xp, g, shape, axes, count: spread(xp, g / count, shape, axes))


def mean_array(x: Any, axes: Axes, keepdim: bool) -> Any:
    """Return the mean of an array; half precision is added up in single precision, so that it does not overflow."""
    if x.dtype.itemsize == 2:
        return x.mean(axis=axes, keepdims=keepdim)
    return sum_along(x, axes, keepdim) / reduced_count(x.shape, axes)


@op()
def prod(xp: Any, x: Any, *, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the product of all elements, or along a dimension.

    Args:
        x: a tensor; bools and integers are multiplied as int64.
        dim: a dimension; all unless given.
        keepdim: keep the reduced dimension with length 1.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(1)
        tensor([ 2., 12.])
    """
    axes = reduced_axes("prod", dim, x.ndim)
    y = x.prod(axis=axes, keepdims=keepdim, dtype=sum_type(x.dtype.kind, dtype))
    return y, (x, y, axes)


def _prod_gradient(xp: Any, g: Any, x: Any, y: Any, axes: Axes) -> Any:
    """The product of the others is `y / x`; where there are zeros, it is multiplied up."""
    g = kept(g, x.shape, axes)
    if not (x == 0).any():
        return g * kept(y, x.shape, axes) / x
    return g * _product_of_others(xp, x, axes)


def _product_of_others(xp: Any, x: Any, axes: Axes) -> Any:
    """Return for each element the product of the others along the axes."""
    if axes is None:
        return _product_of_others(xp, x.reshape(-1), (0,)).reshape(x.shape)
    (axis,) = axes
    lines = xp.swapaxes(x, axis, -1)
    if xp is not tensor_namespace:
        others = _product_before(xp, lines) * xp.flip(_product_before(xp, xp.flip(lines, -1)), -1)
        return xp.swapaxes(others, axis, -1)
    # By a table of all pairs, which can be differentiated again.
    length = lines.shape[-1]
    pairs = xp.broadcast_to(lines.reshape((*lines.shape[:-1], 1, length)), (*lines.shape, length))
    others = xp.where(_diagonal(x, length), 1, pairs)
    return xp.swapaxes(others.prod(-1), axis, -1)


def _product_before(xp: Any, lines: Any) -> Any:
    """Return for each element the product of those before it on the last axis."""
    shifted = xp.ones_like(lines)
    shifted[..., 1:] = lines[..., :-1]
    return xp.cumprod(shifted, -1)


def _diagonal(x: Any, length: int) -> Any:
    """Return a bool identity matrix beside `x`, an array or a tensor."""
    array = getattr(x, "_array", x)
    return array_module(array).eye(length, dtype=bool)


prod.grads(_prod_gradient)


@op(differentiable=False)
def all(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """Tell whether all elements are true (not 0), or all along dimensions; true of none.

    Args:
        x: a tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[True, False], [True, True]]).all(1)
        tensor([False,  True])
    """
    return _truth(x, x.all(axis=reduced_axes("all", dim, x.ndim), keepdims=keepdim)), ()


@op(differentiable=False)
def any(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """Tell whether any element is true (not 0), or any along dimensions; false of none.

    Args:
        x: a tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[True, False], [False, False]]).any(1)
        tensor([ True, False])
    """
    return _truth(x, x.any(axis=reduced_axes("any", dim, x.ndim), keepdims=keepdim)), ()


def _truth(x: Any, value: Any) -> Any:
    return value.astype("uint8") if x.dtype == "uint8" else value  # byte masks stay byte masks
