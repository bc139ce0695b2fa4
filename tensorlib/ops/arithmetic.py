"""Arithmetic, elementwise, with broadcasting. Python numbers may stand for tensors."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import tensor_method
from tensorlib.autograd.op import op
from tensorlib.dtypes import default_float, factor_for
from tensorlib.errors import ArgumentError
from tensorlib.kernels.copying import copy_plus, is_large_and_spread
from tensorlib.tensor import Tensor


@op(promotion="common", in_place=True, operator="add")
def add(xp: Any, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `x + alpha * other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.
        alpha: a number that multiplies `other`.

    Raises:
        ArgumentError: `alpha` has a point, and both are integers.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.add(tensorlib.tensor([1.0, 2.0]), 10, alpha=0.5)
        tensor([6., 7.])
    """
    if alpha != 1:
        return x + _factor("add", x, other, alpha) * other, (alpha,)
    number = type(other) is float or type(other) is int
    return (copy_plus(x, other) if number and is_large_and_spread(x) else x + other), (alpha,)


add.grads(
    lambda xp, g, alpha: g,
    lambda xp, g, alpha: g if alpha == 1 else g * alpha,
)


@op(promotion="common", in_place=True, operator="sub", aliases=("subtract",))
def sub(xp: Any, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `x - alpha * other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.
        alpha: a number that multiplies `other`.

    Raises:
        ArgumentError: `alpha` has a point, and both are integers.
        ShapeError: the shapes do not broadcast.
        TypeError: both are bool; use logical operations for those.

    Example:
        >>> tensorlib.tensor([1.0, 2.0]) - 1
        tensor([0., 1.])
    """
    if kind_of(x, other) == "b":
        raise TypeError("sub: needs numbers, not bool; use ^ or logical_not for truth values")
    return (x - other if alpha == 1 else x - _factor("sub", x, other, alpha) * other), (alpha,)


sub.grads(
    lambda xp, g, alpha: g,
    lambda xp, g, alpha: -g if alpha == 1 else g * -alpha,
)


@op(promotion="common", in_place=True, operator="mul", aliases=("multiply",))
def mul(xp: Any, x: Any, other: Any) -> Any:
    """Return the product, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1.0, 2.0]) * tensorlib.tensor([[1.0], [10.0]])
        tensor([[ 1.,  2.],
                [10., 20.]])
    """
    return x * other, (x, other)


mul.grads(
    lambda xp, g, x, other: g * other,
    lambda xp, g, x, other: g * x,
)


@tensor_method
def __pos__(self: Tensor) -> Tensor:  # noqa: N807 - Python calls it
    return self


@op(promotion="common", in_place=True, operator="neg", aliases=("negative",))
def neg(xp: Any, x: Any) -> Any:
    """Return the negative, elementwise.

    Raises:
        TypeError: `x` is bool.

    Example:
        >>> -tensorlib.tensor([1.0, -2.0])
        tensor([-1.,  2.])
    """
    if x.dtype.kind == "b":
        raise TypeError("neg: needs numbers, not bool; use ~ or logical_not for truth values")
    return -x, ()


neg.grads(lambda xp, g: -g)


@op(promotion="common", in_place=True, operator="truediv", aliases=("divide",))
def div(xp: Any, x: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Return the quotient, elementwise: a floating point number also of integers, unless it is rounded.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.
        rounding_mode: "trunc" rounds towards zero, "floor" down, as Python's `//`; None does not round.

    Raises:
        ArgumentError: the rounding mode is unknown, or an integer is divided by zero and rounded.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> x = tensorlib.tensor([-7, 7])
        >>> x / 2, x.div(2, rounding_mode="trunc")
        (tensor([-3.5000,  3.5000]), tensor([-3,  3]))
    """
    if rounding_mode is None:
        quotient = x / other
        if quotient.dtype.kind == "f" and kind_of(x, other) != "f":
            quotient = quotient.astype(default_float())
        return quotient, (other, quotient, rounding_mode)
    if rounding_mode not in ("trunc", "floor"):
        raise ArgumentError(f"div: rounding_mode is {rounding_mode!r}, but must be None, 'trunc' or 'floor'")
    check_divisor(xp, "div", x, other)
    quotient = x // other if rounding_mode == "floor" else _truncated(xp, x, other)
    return quotient, (other, quotient, rounding_mode)


div.grads(
    lambda xp, g, other, y, rounding_mode: g / other if rounding_mode is None else g * 0,
    lambda xp, g, other, y, rounding_mode: -g * y / other if rounding_mode is None else g * 0,
)


def _factor(name: str, x: Any, other: Any, alpha: Any) -> Any:
    """Return the factor of `other`, which does not change the type."""
    kind = kind_of(x, other)
    if kind in "iub" and isinstance(alpha, float):
        raise ArgumentError(f"{name}: alpha is {alpha}, but for integers it must be an integer")
    return bool(alpha) if kind == "b" else alpha


def kind_of(x: Any, other: Any) -> str:
    """Return the kind of the type that two values were brought to, one of which may be a number."""
    kind: str = (x if hasattr(x, "dtype") else other).dtype.kind
    return kind


def check_divisor(xp: Any, name: str, x: Any, other: Any) -> None:
    """Refuse to divide integers by zero, where NumPy would give 0."""
    if kind_of(x, other) in "iub" and xp.any(xp.asarray(other) == 0):
        raise ArgumentError(f"{name}: an integer is divided by zero")


def _truncated(xp: Any, x: Any, other: Any) -> Any:
    if kind_of(x, other) == "f":
        return xp.trunc(x / other)
    down = x // other
    return down + ((down < 0) & (down * other != x))


@op(promotion="common", in_place=True, operator="floordiv", differentiable=False, ordered=True)
def floor_divide(xp: Any, x: Any, other: Any) -> Any:
    """Return the quotient rounded down, elementwise, as Python's `//`.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ArgumentError: an integer is divided by zero.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([-7, 7]) // 2
        tensor([-4,  3])
    """
    check_divisor(xp, "floor_divide", x, other)
    return x // other, ()


@op(promotion="common", in_place=True, operator="mod", ordered=True)
def remainder(xp: Any, x: Any, other: Any) -> Any:
    """Return the remainder of the division rounded down, elementwise, as Python's `%`: it has the divisor's sign.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ArgumentError: an integer is divided by zero.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([-7, 7]) % 4
        tensor([1, 3])
    """
    check_divisor(xp, "remainder", x, other)
    return x % other, (x, other)


remainder.grads(
    lambda xp, g, x, other: g,
    lambda xp, g, x, other: -g * xp.floor(x / other),
)


@op(promotion="common", in_place=True, ordered=True)
def fmod(xp: Any, x: Any, other: Any) -> Any:
    """Return the remainder of the division rounded towards zero, elementwise, as C's `fmod`: it has the sign of `x`.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ArgumentError: an integer is divided by zero.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.fmod(tensorlib.tensor([-7, 7]), 4)
        tensor([-3,  3])
    """
    check_divisor(xp, "fmod", x, other)
    return xp.fmod(x, other), (x, other)


fmod.grads(
    lambda xp, g, x, other: g,
    lambda xp, g, x, other: -g * xp.trunc(x / other),
)


@op(promotion="common", in_place=True, operator="abs", aliases=("absolute",), holomorphic=False)
def abs(xp: Any, x: Any) -> Any:
    """Return the absolute value, elementwise; its gradient at 0 is 0.

    Example:
        >>> tensorlib.abs(tensorlib.tensor([-1.5, 2.0]))
        tensor([1.5000, 2.0000])
    """
    return xp.absolute(x), (x,)


abs.grads(lambda xp, g, x: g * xp.sign(x))


@op(promotion="common", in_place=True, ordered=True)
def sign(xp: Any, x: Any) -> Any:
    """Return -1, 0 or 1 by the sign, elementwise; nan of nan.

    Example:
        >>> tensorlib.sign(tensorlib.tensor([-1.5, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])
    """
    return (x.copy() if x.dtype.kind == "b" else xp.sign(x)), ()


sign.grads(lambda xp, g: g * 0)


@op(promotion="float", in_place=True)
def reciprocal(xp: Any, x: Any) -> Any:
    """Return `1 / x`, elementwise.

    Example:
        >>> tensorlib.reciprocal(tensorlib.tensor([1.0, 4.0]))
        tensor([1.0000, 0.2500])
    """
    y = 1 / x
    return y, (y,)


reciprocal.grads(lambda xp, g, y: -g * y * y)


@op(promotion="common", in_place=True)
def lerp(xp: Any, x: Any, end: Any, weight: Any) -> Any:
    """Return `x + weight * (end - x)`, elementwise: the point between two, by a weight.

    Args:
        x: a tensor: where the weight is 0.
        end: a tensor: where the weight is 1.
        weight: a tensor or number.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.lerp(tensorlib.tensor([0.0, 10.0]), tensorlib.tensor([1.0, 20.0]), 0.5)
        tensor([ 0.5000, 15.0000])
    """
    return x + weight * (end - x), (x, end, weight)


lerp.grads(
    lambda xp, g, x, end, weight: g * (1 - weight),
    lambda xp, g, x, end, weight: g * weight,
    lambda xp, g, x, end, weight: g * (end - x),
)


@op(promotion="common", in_place=True)
def addcmul(xp: Any, x: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Return `x + value * tensor1 * tensor2`, elementwise.

    Args:
        x: a tensor.
        tensor1: a tensor that broadcasts with `x`.
        tensor2: a tensor that broadcasts with `x`.
        value: a number.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> one_two = tensorlib.tensor([1.0, 2.0])
        >>> tensorlib.addcmul(one_two, one_two, one_two, value=0.5)
        tensor([1.5000, 4.0000])
    """
    value = factor_for(x.dtype, value)
    return x + value * tensor1 * tensor2, (tensor1, tensor2, value)


addcmul.grads(
    lambda xp, g, tensor1, tensor2, value: g,
    lambda xp, g, tensor1, tensor2, value: g * tensor2 * value,
    lambda xp, g, tensor1, tensor2, value: g * tensor1 * value,
)


@op(promotion="common", in_place=True)
def addcdiv(xp: Any, x: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """Return `x + value * tensor1 / tensor2`, elementwise.

    Args:
        x: a tensor.
        tensor1: a tensor that broadcasts with `x`.
        tensor2: a tensor that broadcasts with `x`.
        value: a number.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: all are integers; divide with `div` first.

    Example:
        >>> one_two = tensorlib.tensor([1.0, 2.0])
        >>> tensorlib.addcdiv(one_two, one_two, one_two, value=0.5)
        tensor([1.5000, 2.5000])
    """
    if x.dtype.kind in "iub":
        raise TypeError(f"addcdiv: needs floating point tensors, not {x.dtype}")
    return x + value * (tensor1 / tensor2), (tensor1, tensor2, value)


addcdiv.grads(
    lambda xp, g, tensor1, tensor2, value: g,
    lambda xp, g, tensor1, tensor2, value: g * value / tensor2,
    lambda xp, g, tensor1, tensor2, value: -g * value * tensor1 / (tensor2 * tensor2),
)
