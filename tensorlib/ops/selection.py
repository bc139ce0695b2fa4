"""Choices between elements: where, maximum, clamp and the like."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import tensor_method
from tensorlib.autograd.op import check_broadcast, op
from tensorlib.dtypes import held_number, result_type
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor


@op(numbers=True, method=False)
def where(xp: Any, condition: Any, x: Any = None, other: Any = None) -> Any:
    """Return the elements of `x` where a condition is true, and those of `other` elsewhere.

    Args:
        condition: a bool (or uint8) tensor.
        x: a tensor or number; left out together with `other`, the result is the indices of the elements that are true,
            or not 0, one int64 tensor for each dimension.
        other: a tensor or number.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: the condition is no bool tensor.

    Example:
        >>> x = tensorlib.tensor([-1.0, 2.0])
        >>> tensorlib.where(x > 0, x, 0.0), tensorlib.where(x > 0)
        (tensor([0., 2.]), (tensor([1]),))
    """
    if x is None and other is None and hasattr(condition, "dtype"):
        return tuple(xp.nonzero(condition if condition.ndim else condition.reshape(1))), (condition,)
    if getattr(condition, "dtype", "number") not in ("bool", "uint8"):
        raise TypeError(f"where: the condition must be a bool tensor, not {getattr(condition, 'dtype', 'a number')}")
    if x is None or other is None:
        raise TypeError("where: needs both x and other, or none of them")
    if getattr(x, "dtype", 0) is not getattr(other, "dtype", 1):
        x, other = to_common(xp, x, other)
    return select("where", xp, condition, x, other), (condition,)


where.grads(
    lambda xp, g, condition: None,
    lambda xp, g, condition: xp.where(condition, g, 0),
    lambda xp, g, condition: xp.where(condition, 0, g),
)


def _chosen(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """Return this tensor's elements where a condition is true, and those of another tensor or number elsewhere."""
    result: Tensor = where(condition, self, other)
    return result


_chosen.__name__ = "where"
tensor_method(_chosen)


def select(name: str, xp: Any, condition: Any, x: Any, other: Any) -> Any:
    """Return `xp.where`, of byte masks too.

    Raises:
        ShapeError: the shapes do not broadcast.
    """
    try:
        return xp.where(condition, x, other)
    except ValueError:
        check_broadcast(name, (condition, x, other))
        raise


def to_common(xp: Any, *values: Any) -> list[Any]:
    """Return arrays of the common type of arrays and numbers."""
    common = result_type(values)
    return [xp.asarray(held_number("where", value, common), common) for value in values]


@op(numbers=True, in_place=True)
def masked_fill(xp: Any, x: Any, mask: Any, value: Any) -> Any:
    """Return `x` with another value where a mask is true.

    Args:
        x: a tensor.
        mask: a bool (or uint8) tensor that broadcasts with `x`.
        value: a number or 0-d tensor.

    Raises:
        ArgumentError: the value has dimensions.
        ShapeError: the shapes do not broadcast.
        TypeError: the mask is no bool tensor.

    Example:
        >>> x = tensorlib.tensor([1.0, 2.0, 3.0])
        >>> x.masked_fill(x > 1.5, -1)
        tensor([ 1., -1., -1.])
    """
    if getattr(mask, "dtype", "number") not in ("bool", "uint8"):
        raise TypeError(f"masked_fill: the mask must be a bool tensor, not {getattr(mask, 'dtype', 'a number')}")
    if getattr(value, "ndim", 0):
        raise ArgumentError(f"masked_fill: the value must be a number or 0-d tensor, not of shape {value.shape}")
    filling = xp.asarray(held_number("masked_fill", value, x.dtype), x.dtype)
    return select("masked_fill", xp, mask, filling, x), (mask,)


masked_fill.grads(
    lambda xp, g, mask: xp.where(mask, 0, g),
    lambda xp, g, mask: None,
    lambda xp, g, mask: xp.where(mask, g, 0),
)


@op(promotion="common", ordered=True)
def maximum(xp: Any, x: Any, other: Any) -> Any:
    """Return the greater of two, elementwise; nan where one is nan. Equal ones share the gradient.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.maximum(tensorlib.tensor([1.0, 3.0]), tensorlib.tensor([2.0, 2.0]))
        tensor([2., 3.])
    """
    return xp.maximum(x, other), (x, other)


maximum.grads(
    lambda xp, g, x, other: xp.where(x < other, 0, xp.where(x == other, g / 2, g)),
    lambda xp, g, x, other: xp.where(x > other, 0, xp.where(x == other, g / 2, g)),
)


@op(promotion="common", ordered=True)
def minimum(xp: Any, x: Any, other: Any) -> Any:
    """Return the lesser of two, elementwise; nan where one is nan. Equal ones share the gradient.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.minimum(tensorlib.tensor([1.0, 3.0]), tensorlib.tensor([2.0, 2.0]))
        tensor([1., 2.])
    """
    return xp.minimum(x, other), (x, other)


minimum.grads(
    lambda xp, g, x, other: xp.where(x > other, 0, xp.where(x == other, g / 2, g)),
    lambda xp, g, x, other: xp.where(x < other, 0, xp.where(x == other, g / 2, g)),
)


@op(numbers=True, in_place=True, aliases=("clip",), ordered=True)
def clamp(xp: Any, x: Any, min: Any = None, max: Any = None) -> Any:
    """Return `x` with elements below `min` raised to it, then those above `max` lowered to it.

    Args:
        x: a tensor.
        min: a number or a tensor that broadcasts with `x`; None for no bound.
        max: a number or a tensor that broadcasts with `x`; None for no bound.

    Raises:
        ArgumentError: both bounds are None.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([-2.0, 0.5, 3.0]).clamp(-1, 1), tensorlib.tensor([-2.0, 3.0]).clamp(max=0)
        (tensor([-1.0000,  0.5000,  1.0000]), tensor([-2.,  0.]))
    """
    if min is None and max is None:
        raise ArgumentError("clamp: needs min, max or both")
    if not hasattr(x, "dtype"):
        raise TypeError(f"clamp: needs a Tensor, not {type(x).__name__}")
    given = [value for value in (x, min, max) if value is not None]
    common = result_type(given)
    y = x if x.dtype == common else x.astype(common)
    low, high = [held_number("clamp", bound, common) for bound in (min, max)]
    try:
        return _clamped(xp, y, low, high), (min, x, max)
    except ValueError:
        check_broadcast("clamp", given)
        raise


def _clamped(xp: Any, y: Any, low: Any, high: Any) -> Any:
    if isinstance(low, (int, float)) and isinstance(high, (int, float)):
        return xp.clip(y, low, high)  # in a fifth of the time
    y = y if low is None else xp.maximum(y, xp.asarray(low, y.dtype))
    return y if high is None else xp.minimum(y, xp.asarray(high, y.dtype))


def _inside(low: Any, x: Any, high: Any) -> Any:
    """Where the result is `x` itself."""
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


def _raised(low: Any, x: Any, high: Any) -> Any:
    """Where the result is the lower bound."""
    return x < low if high is None else (x < low) & (low < high)


def _lowered(low: Any, x: Any, high: Any) -> Any:
    """Where the result is the upper bound."""
    return x > high if low is None else (x > high) | (high < low)


clamp.grads(
    lambda xp, g, low, x, high: g * _inside(low, x, high),
    lambda xp, g, low, x, high: g * _raised(low, x, high),
    lambda xp, g, low, x, high: g * _lowered(low, x, high),
)
