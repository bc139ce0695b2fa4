"""Elementwise functions of two tensors beyond arithmetic: hypotenuse, sums of logarithms, extremes without nan."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.dtypes import complex128, float64
from tensorlib.ops.arithmetic import div, sub
from tensorlib.ops.exponential import pow
from tensorlib.ops.selection import clamp, maximum, minimum
from tensorlib.tensor import Tensor

LOG_2 = math.log(2)


@op(promotion="float", in_place=True, ordered=True)
def hypot(xp: Any, x: Any, other: Any) -> Any:
    """Return the square root of `x * x + other * other`, elementwise, without overflow.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.hypot(tensorlib.tensor([3.0]), tensorlib.tensor([4.0]))
        tensor([5.])
    """
    y = xp.hypot(x, other)
    return y, (x, other, y)


hypot.grads(lambda xp, g, x, other, y: g * (x / y), lambda xp, g, x, other, y: g * (other / y))


@op(promotion="float")
def logaddexp(xp: Any, x: Any, other: Any) -> Any:
    """Return `log(exp(x) + exp(other))`, elementwise, without overflow.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.logaddexp(tensorlib.tensor([0.0]), tensorlib.tensor([0.0]))
        tensor([0.6931])
    """
    if x.dtype.kind != "c":
        y = xp.logaddexp(x, other)
    else:
        greatest = xp.maximum(x.real, other.real)
        y = greatest + xp.log(xp.exp(x - greatest) + xp.exp(other - greatest))
    return y, (x, other, y)


logaddexp.grads(lambda xp, g, x, other, y: g * xp.exp(x - y), lambda xp, g, x, other, y: g * xp.exp(other - y))


@op(promotion="float")
def logaddexp2(xp: Any, x: Any, other: Any) -> Any:
    """Return `log2(2**x + 2**other)`, elementwise, without overflow.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.logaddexp2(tensorlib.tensor([1000.0]), tensorlib.tensor([1000.0]))
        tensor([1001.])
    """
    y = xp.logaddexp2(x, other)
    return y, (x, other, y)


logaddexp2.grads(lambda xp, g, x, other, y: g * xp.exp2(x - y), lambda xp, g, x, other, y: g * xp.exp2(other - y))


@op(promotion="common", ordered=True)
def fmax(xp: Any, x: Any, other: Any) -> Any:
    """Return the greater of two, elementwise; a number rather than nan.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.fmax(tensorlib.tensor([1.0, float("nan")]), 0.5)
        tensor([1.0000, 0.5000])
    """
    return xp.fmax(x, other), ((x >= other) | (other != other),)


fmax.grads(lambda xp, g, first: xp.where(first, g, 0), lambda xp, g, first: xp.where(first, 0, g))


@op(promotion="common", ordered=True)
def fmin(xp: Any, x: Any, other: Any) -> Any:
    """Return the lesser of two, elementwise; a number rather than nan.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.fmin(tensorlib.tensor([1.0, float("nan")]), 0.5)
        tensor([0.5000, 0.5000])
    """
    return xp.fmin(x, other), ((x <= other) | (other != other),)


fmin.grads(lambda xp, g, first: xp.where(first, g, 0), lambda xp, g, first: xp.where(first, 0, g))


@op(in_place=True, differentiable=False, ordered=True)
def heaviside(xp: Any, x: Any, values: Any) -> Any:
    """Return 0 where x is negative, 1 where it is positive, and the given values where it is 0.

    Args:
        x: a tensor.
        values: a tensor of the same type that broadcasts with it.

    Raises:
        TypeError: the types differ.

    Example:
        >>> tensorlib.heaviside(tensorlib.tensor([-1.5, 0.0, 2.0]), tensorlib.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    if x.dtype != values.dtype:
        raise TypeError(f"heaviside: both tensors must be of one type, not {x.dtype} and {values.dtype}")
    return xp.where(x == 0, values, (x > 0).astype(x.dtype)), ()


@public_function
@in_place_method
@tensor_method
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """Return the elements, no less than a bound.

    Example:
        >>> tensorlib.clamp_min(tensorlib.tensor([-1.0, 2.0]), 0)
        tensor([0., 2.])
    """
    require_tensor("clamp_min", input)
    result: Tensor = maximum(input, min) if isinstance(min, Tensor) else clamp(input, min=min)
    return result


@public_function
@in_place_method
@tensor_method
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """Return the elements, no greater than a bound.

    Example:
        >>> tensorlib.clamp_max(tensorlib.tensor([-1.0, 2.0]), 0)
        tensor([-1.,  0.])
    """
    require_tensor("clamp_max", input)
    result: Tensor = minimum(input, max) if isinstance(max, Tensor) else clamp(input, max=max)
    return result


@public_function
@in_place_method
@tensor_method
def true_divide(input: Tensor, other: Any) -> Tensor:
    """Return the quotient, of integers too: another name for `div`.

    Example:
        >>> tensorlib.true_divide(tensorlib.tensor([1, 2]), 4)
        tensor([0.2500, 0.5000])
    """
    result: Tensor = div(input, other)
    return result


@public_function
@in_place_method
@tensor_method
def float_power(input: Any, exponent: Any) -> Tensor:
    """Return `input` to the power of `exponent` in double precision.

    Args:
        input: a tensor or number.
        exponent: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.float_power(tensorlib.tensor([2, 3]), 2)
        tensor([4., 9.], dtype=tensorlib.float64)
    """
    is_complex = any(isinstance(x, complex) or (isinstance(x, Tensor) and x.is_complex()) for x in (input, exponent))
    kind, number = (complex128, complex) if is_complex else (float64, float)
    for name, x in (("input", input), ("exponent", exponent)):
        if not isinstance(x, (Tensor, int, float, complex)):
            raise TypeError(f"float_power: {name} must be a Tensor or a number, not {type(x).__name__}")
    base, power = (x.to(kind) if isinstance(x, Tensor) else number(x) for x in (input, exponent))
    result: Tensor = pow(base, power)
    return result


@public_function
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """Return `other - alpha * input`.

    Example:
        >>> tensorlib.rsub(tensorlib.tensor([1.0, 2.0]), 10, alpha=2)
        tensor([8., 6.])
    """
    require_tensor("rsub", input)
    result: Tensor = sub(other, input, alpha=alpha)
    return result
