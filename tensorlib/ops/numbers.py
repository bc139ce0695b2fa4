"""Elementwise functions of floating point numbers as such, and of integers: signs, neighbours, mantissas, divisors."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor

LOG_2 = math.log(2)


@op(promotion="float", in_place=True, ordered=True)
def copysign(xp: Any, x: Any, other: Any) -> Any:
    """Return the magnitudes of `x` with the signs of `other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it; -0.0 is negative.

    Example:
        >>> tensorlib.copysign(tensorlib.tensor([1.0, -2.0]), -0.0)
        tensor([-1., -2.])
    """
    y = xp.copysign(x, other)
    return y, (x, y)


copysign.grads(
    lambda xp, g, x, y: xp.where(x == 0, 0, g * y / xp.where(x == 0, 1, x)), lambda xp, g, x, y: xp.where(y == y, 0, 0)
)


@op(promotion="common", differentiable=False, ordered=True)
def signbit(xp: Any, x: Any) -> Any:
    """Tell which elements are negative, -0.0 included.

    Example:
        >>> tensorlib.signbit(tensorlib.tensor([-0.0, 1.0]))
        tensor([ True, False])
    """
    if x.dtype.kind in "bu":
        return xp.zeros(x.shape, bool), ()
    return (xp.signbit(x) if x.dtype.kind == "f" else x < 0), ()


@op(promotion="common", in_place=True, differentiable=False, ordered=True)
def nextafter(xp: Any, x: Any, other: Any) -> Any:
    """Return the floating point numbers next to `x` in the direction of `other`, elementwise.

    Example:
        >>> tensorlib.nextafter(tensorlib.tensor([1.0]), tensorlib.tensor([2.0])) > 1
        tensor([True])
    """
    return xp.nextafter(x, other), ()


@op(promotion="float", in_place=True)
def ldexp(xp: Any, x: Any, other: Any) -> Any:
    """Return `x * 2 ** other`, elementwise.

    Args:
        x: a tensor or number.
        other: exponents, a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.ldexp(tensorlib.tensor([1.5]), tensorlib.tensor([3]))
        tensor([12.])
    """
    return x * 2.0**other, (x, other)


ldexp.grads(
    lambda xp, g, x, other: g * xp.exp2(other) if hasattr(other, "dtype") else g * 2.0**other,
    lambda xp, g, x, other: g * (x * LOG_2 * xp.exp2(other)),
)


@op()
def frexp(xp: Any, x: Any) -> Any:
    """Split floating point numbers into mantissa and exponent: `mantissa * 2 ** exponent`.

    Raises:
        TypeError: the elements are no floating point numbers.

    Example:
        >>> tensorlib.frexp(tensorlib.tensor([12.0]))
        tensorlib.return_types.frexp(
        mantissa=tensor([0.7500]),
        exponent=tensor([4], dtype=tensorlib.int32))
    """
    if x.dtype.kind != "f":
        raise TypeError(f"frexp: needs a floating point tensor, not {x.dtype}")
    mantissa, exponent = xp.frexp(x)
    return TYPES["frexp"](mantissa, exponent), (exponent,)


frexp.grads(lambda xp, g, exponent: g[0] * 2.0 ** (-exponent))


@op(promotion="common", in_place=True, differentiable=False)
def gcd(xp: Any, x: Any, other: Any) -> Any:
    """Return the greatest common divisors, elementwise; that of 0 and 0 is 0.

    Raises:
        TypeError: the elements are no integers.

    Example:
        >>> tensorlib.gcd(tensorlib.tensor([12, 0]), tensorlib.tensor([18, 5]))
        tensor([6, 5])
    """
    _check_integers("gcd", x, other)
    return xp.gcd(x, other), ()


@op(promotion="common", in_place=True, differentiable=False)
def lcm(xp: Any, x: Any, other: Any) -> Any:
    """Return the least common multiples, elementwise; that with 0 is 0.

    Raises:
        TypeError: the elements are no integers.

    Example:
        >>> tensorlib.lcm(tensorlib.tensor([4, 0]), tensorlib.tensor([6, 5]))
        tensor([12,  0])
    """
    _check_integers("lcm", x, other)
    return xp.lcm(x, other), ()


def _check_integers(name: str, *values: Any) -> None:
    for value in values:
        if getattr(getattr(value, "dtype", None), "kind", "i") not in "iu":
            raise TypeError(f"{name}: needs integer tensors, not {value.dtype}")


@op(promotion="common", in_place=True)
def nan_to_num(xp: Any, x: Any, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """Return the elements with nan and infinities replaced; these have no gradient.

    Args:
        x: a tensor.
        nan: in place of nan.
        posinf: in place of infinity; the greatest number of the type unless given.
        neginf: in place of minus infinity; the least number of the type unless given.

    Example:
        >>> tensorlib.nan_to_num(tensorlib.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
        tensor([1., 0., 9.])
    """
    if x.dtype.kind not in "fc":
        return x.copy(), (x,)
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf), (x,)


nan_to_num.grads(lambda xp, g, x: g * xp.isfinite(x))


@op(promotion="float", in_place=True)
def deg2rad(xp: Any, x: Any) -> Any:
    """Return angles in radians of angles in degrees.

    Example:
        >>> tensorlib.deg2rad(tensorlib.tensor([180.0]))
        tensor([3.1416])
    """
    return x * (math.pi / 180), ()


deg2rad.grads(lambda xp, g: g * (math.pi / 180))


@op(promotion="float", in_place=True)
def rad2deg(xp: Any, x: Any) -> Any:
    """Return angles in degrees of angles in radians.

    Example:
        >>> tensorlib.rad2deg(tensorlib.tensor([3.14159265]))
        tensor([180.])
    """
    return x * (180 / math.pi), ()


rad2deg.grads(lambda xp, g: g * (180 / math.pi))


@op(promotion="float", in_place=True)
def sinc(xp: Any, x: Any) -> Any:
    """Return `sin(pi * x) / (pi * x)`, elementwise; 1 at 0.

    Example:
        >>> tensorlib.sinc(tensorlib.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """
    return xp.asarray(xp.sinc(x), x.dtype), (x,)


def _sinc_gradient(xp: Any, g: Any, x: Any) -> Any:
    angle = xp.where(x == 0, 1, x * math.pi)
    return g * xp.where(x == 0, 0, math.pi * (angle * xp.cos(angle) - xp.sin(angle)) / (angle * angle))


sinc.grads(_sinc_gradient)


@public_function
@tensor_method
def positive(input: Tensor) -> Tensor:
    """Return the tensor itself.

    Raises:
        TypeError: its elements are truth values.

    Example:
        >>> tensorlib.positive(tensorlib.tensor([-1.0]))
        tensor([-1.])
    """
    require_tensor("positive", input)
    if input.dtype.name == "bool":
        raise TypeError("positive: needs numbers, not bool")
    return input
