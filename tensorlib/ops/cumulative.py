"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.ops.gather_scatter import gather_backward
from tensorlib.ops.reduction import sum_type
from tensorlib.return_types import TYPES


@op(in_place=True)
def cumsum(xp: Any, x: Any, *, dim: int, dtype: Any = None) -> Any:
    """Return the sums of the elements so far along a dimension.

    Args:
        x: a tensor; bools and integers are summed as int64.
        dim: the dimension.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0]).cumsum(0)
        tensor([1., 3., 6.])
    """
    axis = as_dim("cumsum", dim, x.ndim)
    y = xp.cumsum(x, axis, dtype=sum_type(x.dtype.kind, dtype))
    return y.reshape(x.shape), (axis,)


cumsum.grads(lambda xp, g, axis: _sum_from(xp, g, axis))


def _sum_from(xp: Any, x: Any, axis: int) -> Any:
    """Return the sums of each element and all after it along an axis."""
    return xp.flip(xp.cumsum(xp.flip(x, axis), axis), axis) if x.ndim else x


@op(in_place=True)
def cumprod(xp: Any, x: Any, *, dim: int, dtype: Any = None) -> Any:
    """Return the products of the elements so far along a dimension.

    Args:
        x: a tensor; bools and integers are multiplied as int64.
        dim: the dimension.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0]).cumprod(0)
        tensor([1., 2., 6.])
    """
    axis = as_dim("cumprod", dim, x.ndim)
    y = xp.cumprod(x, axis, dtype=sum_type(x.dtype.kind, dtype)).reshape(x.shape)
    return y, (x, y, axis)


def _cumprod_gradient(xp: Any, g: Any, x: Any, y: Any, axis: int) -> Any:
    if not x.ndim:
        return g * 1
    if not (x == 0).any():
        return _sum_from(xp, g * y, axis) / x
    parts = []  # by each element in turn, of the products without it
    for k in range(x.shape[axis]):
        every = (slice(None),) * axis
        before, own, after = x[(*every, slice(k))], x[(*every, slice(k, k + 1))], x[(*every, slice(k + 1, None))]
        without = xp.concatenate([before, own * 0 + 1, after], axis)
        from_here = (*every, slice(k, None))
        parts.append((g * cumprod.via(xp, without, dim=axis))[from_here].sum(axis=axis, keepdims=True))
    return xp.concatenate(parts, axis)


cumprod.grads(_cumprod_gradient)


@op(ordered=True)
def cummax(xp: Any, x: Any, *, dim: int) -> Any:
    """Return the greatest of the elements so far along a dimension, and where the last of them is.

    Args:
        x: a tensor; from nan on, the greatest is nan.
        dim: the dimension.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([1.0, 3.0, 2.0]).cummax(0)
        tensorlib.return_types.cummax(
        values=tensor([1., 3., 3.]),
        indices=tensor([0, 1, 1]))
    """
    return _running_extreme(xp, "cummax", xp.maximum, x, dim)


@op(ordered=True)
def cummin(xp: Any, x: Any, *, dim: int) -> Any:
    """Return the least of the elements so far along a dimension, and where the last of them is.

    Args:
        x: a tensor; from nan on, the least is nan.
        dim: the dimension.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([3.0, 1.0, 2.0]).cummin(0)
        tensorlib.return_types.cummin(
        values=tensor([3., 1., 1.]),
        indices=tensor([0, 1, 1]))
    """
    return _running_extreme(xp, "cummin", xp.minimum, x, dim)


def _running_extreme(xp: Any, name: str, extreme: Any, x: Any, dim: int) -> Any:
    axis = as_dim(name, dim, x.ndim)
    if not x.ndim:
        return TYPES[name](x.copy(), xp.zeros((), "int64")), (xp.zeros((1,), "int64"), 0, (1,))
    values = extreme.accumulate(x, axis)
    position = xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
    reached = xp.where((x == values) | (x != x), position, 0)
    indices = xp.maximum.accumulate(reached, axis)
    return TYPES[name](values, indices), (indices, axis, x.shape)


def _chosen_gradient(xp: Any, g: Any, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    given = g[0] if g[0].ndim else g[0].reshape(1)
    gradient = gather_backward.via(xp, given, dim=axis, index=indices, shape=shape)
    return gradient if g[0].ndim else gradient.reshape(())


cummax.grads(_chosen_gradient)
cummin.grads(_chosen_gradient)


@op()
def logcumsumexp(xp: Any, x: Any, *, dim: int) -> Any:
    """Return the logarithms of the sums of the exponentials so far along a dimension, without overflow.

    Args:
        x: a floating point tensor.
        dim: the dimension.

    Raises:
        DimensionError: the dimension is out of range.
        TypeError: the elements are no floating point numbers.

    Example:
        >>> tensorlib.logcumsumexp(tensorlib.tensor([0.0, 0.0, 0.0]), 0)
        tensor([0.0000, 0.6931, 1.0986])
    """
    axis = as_dim("logcumsumexp", dim, x.ndim)
    if x.dtype.kind != "f":
        raise TypeError(f"logcumsumexp: needs a floating point tensor, not {x.dtype}")
    y = xp.logaddexp.accumulate(x, axis) if x.ndim else x.copy()
    return y, (x, y, axis)


def _logcumsumexp_gradient(xp: Any, g: Any, x: Any, y: Any, axis: int) -> Any:
    # The greatest result is a constant that keeps both exponentials in range, and cancels.
    top = float(y.max()) if y.shape and 0 not in y.shape else 0.0
    return xp.exp(x - top) * _sum_from(xp, g * xp.exp(top - y), axis)


logcumsumexp.grads(_logcumsumexp_gradient)
