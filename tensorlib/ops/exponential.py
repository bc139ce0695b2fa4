"""Powers, roots, exponentials and logarithms, elementwise."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError


@op(promotion="common", in_place=True, operator="pow")
def pow(xp: Any, x: Any, exponent: Any) -> Any:
    """Return `x` to the power of `exponent`, elementwise.

    Args:
        x: a tensor or number.
        exponent: a tensor or number that broadcasts with `x`.

    Raises:
        ArgumentError: an integer is raised to a negative integer power, given as a number; of tensors such powers
            are rounded towards zero.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0]) ** 2, 2 ** tensorlib.tensor([1.0, 2.0, 3.0])
        (tensor([1., 4., 9.]), tensor([2., 4., 8.]))
    """
    try:
        y = x**exponent
    except ValueError as error:
        if "negative integer powers" not in str(error):
            raise
        if not hasattr(exponent, "dtype"):
            raise ArgumentError("pow: integers to negative integer powers are no integers; use floats") from None
        y = _integer_powers(xp, x, exponent)
    return y, (x, exponent, y)


def _integer_powers(xp: Any, x: Any, exponent: Any) -> Any:
    """Return powers of integers, rounded towards zero where the exponent is negative."""
    inverse = xp.where(x == 1, 1, xp.where(x == -1, 1 - 2 * (exponent % 2), 0))
    return xp.where(exponent < 0, inverse, x ** xp.maximum(exponent, 0)).astype(exponent.dtype)


def _pow_by_base(xp: Any, g: Any, x: Any, exponent: Any, y: Any) -> Any:
    if isinstance(exponent, (int, float)):
        return g * 0 if exponent == 0 else g * (exponent * x ** (exponent - 1))
    return xp.where(exponent == 0, 0, g * (exponent * x ** (exponent - 1)))


def _pow_by_exponent(xp: Any, g: Any, x: Any, exponent: Any, y: Any) -> Any:
    """As 0 ** exponent stays 0 for all exponents from 0 on, the gradient is 0 there."""
    log = numpy.log(x).item() if isinstance(x, (int, float, complex)) else xp.log(x)
    return xp.where((x == 0) & (exponent.real >= 0), 0, g * (y * log))


pow.grads(_pow_by_base, _pow_by_exponent)


@op(promotion="common", in_place=True)
def square(xp: Any, x: Any) -> Any:
    """Return the square, elementwise.

    Example:
        >>> tensorlib.square(tensorlib.tensor([-1.5, 2.0]))
        tensor([2.2500, 4.0000])
    """
    return (x * x if x.dtype.kind != "b" else x.astype("i8")), (x,)


square.grads(lambda xp, g, x: g * (2 * x))


@op(promotion="float", in_place=True)
def sqrt(xp: Any, x: Any) -> Any:
    """Return the square root, elementwise; nan of negative numbers.

    Example:
        >>> tensorlib.sqrt(tensorlib.tensor([0.25, 4.0]))
        tensor([0.5000, 2.0000])
    """
    y = xp.sqrt(x)
    return y, (y,)


sqrt.grads(lambda xp, g, y: g / (2 * y))


@op(promotion="float", in_place=True)
def rsqrt(xp: Any, x: Any) -> Any:
    """Return `1 / sqrt(x)`, elementwise.

    Example:
        >>> tensorlib.rsqrt(tensorlib.tensor([0.25, 4.0]))
        tensor([2.0000, 0.5000])
    """
    y = 1 / xp.sqrt(x)
    return y, (y,)


rsqrt.grads(lambda xp, g, y: g * (-0.5 * y * y * y))


@op(promotion="float", in_place=True)
def exp(xp: Any, x: Any) -> Any:
    """Return e to the power of `x`, elementwise.

    Example:
        >>> tensorlib.exp(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    y = xp.exp(x)
    return y, (y,)


exp.grads(lambda xp, g, y: g * y)


@op(promotion="float", in_place=True)
def exp2(xp: Any, x: Any) -> Any:
    """Return 2 to the power of `x`, elementwise.

    Example:
        >>> tensorlib.exp2(tensorlib.tensor([0.0, 3.0]))
        tensor([1., 8.])
    """
    y = xp.exp2(x)
    return y, (y,)


exp2.grads(lambda xp, g, y: g * (0.6931471805599453 * y))


@op(promotion="float", in_place=True)
def expm1(xp: Any, x: Any) -> Any:
    """Return `exp(x) - 1`, elementwise, exact also near 0.

    Example:
        >>> tensorlib.expm1(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    y = xp.expm1(x)
    return y, (y,)


expm1.grads(lambda xp, g, y: g * (y + 1))


@op(promotion="float", in_place=True)
def log(xp: Any, x: Any) -> Any:
    """Return the natural logarithm, elementwise: -inf of 0, nan of negative numbers.

    Example:
        >>> tensorlib.log(tensorlib.tensor([1.0, 2.0]))
        tensor([0.0000, 0.6931])
    """
    return xp.log(x), (x,)


log.grads(lambda xp, g, x: g / x)


@op(promotion="float", in_place=True)
def log1p(xp: Any, x: Any) -> Any:
    """Return `log(1 + x)`, elementwise, exact also near 0.

    Example:
        >>> tensorlib.log1p(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    return xp.log1p(x), (x,)


log1p.grads(lambda xp, g, x: g / (x + 1))


@op(promotion="float", in_place=True)
def log2(xp: Any, x: Any) -> Any:
    """Return the logarithm to base 2, elementwise.

    Example:
        >>> tensorlib.log2(tensorlib.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """
    return xp.log2(x), (x,)


log2.grads(lambda xp, g, x: g / (0.6931471805599453 * x))


@op(promotion="float", in_place=True)
def log10(xp: Any, x: Any) -> Any:
    """Return the logarithm to base 10, elementwise.

    Example:
        >>> tensorlib.log10(tensorlib.tensor([1.0, 2.0]))
        tensor([0.0000, 0.3010])
    """
    return xp.log10(x), (x,)


log10.grads(lambda xp, g, x: g / (2.302585092994046 * x))
