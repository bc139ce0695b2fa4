"""Trigonometric and hyperbolic functions, elementwise; angles are in radians."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op


@op(promotion="float", in_place=True)
def sin(xp: Any, x: Any) -> Any:
    """Return the sine, elementwise.

    Example:
        >>> tensorlib.sin(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """
    return xp.sin(x), (x,)


sin.grads(lambda xp, g, x: g * xp.cos(x))


@op(promotion="float", in_place=True)
def cos(xp: Any, x: Any) -> Any:
    """Return the cosine, elementwise.

    Example:
        >>> tensorlib.cos(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """
    return xp.cos(x), (x,)


cos.grads(lambda xp, g, x: -g * xp.sin(x))


@op(promotion="float", in_place=True)
def tan(xp: Any, x: Any) -> Any:
    """Return the tangent, elementwise.

    Example:
        >>> tensorlib.tan(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """
    y = xp.tan(x)
    return y, (y,)


tan.grads(lambda xp, g, y: g * (1 + y * y))


@op(promotion="float", in_place=True, aliases=("arcsin",))
def asin(xp: Any, x: Any) -> Any:
    """Return the arc sine, elementwise; nan outside [-1, 1].

    Example:
        >>> tensorlib.asin(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """
    return xp.arcsin(x), (x,)


asin.grads(lambda xp, g, x: g / xp.sqrt(1 - x * x))


@op(promotion="float", in_place=True, aliases=("arccos",))
def acos(xp: Any, x: Any) -> Any:
    """Return the arc cosine, elementwise; nan outside [-1, 1].

    Example:
        >>> tensorlib.acos(tensorlib.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0000])
    """
    return xp.arccos(x), (x,)


acos.grads(lambda xp, g, x: -g / xp.sqrt(1 - x * x))


@op(promotion="float", in_place=True, aliases=("arctan",))
def atan(xp: Any, x: Any) -> Any:
    """Return the arc tangent, elementwise.

    Example:
        >>> tensorlib.atan(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """
    return xp.arctan(x), (x,)


atan.grads(lambda xp, g, x: g / (1 + x * x))


@op(promotion="float", in_place=True)
def sinh(xp: Any, x: Any) -> Any:
    """Return the hyperbolic sine, elementwise.

    Example:
        >>> tensorlib.sinh(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """
    return xp.sinh(x), (x,)


sinh.grads(lambda xp, g, x: g * xp.cosh(x))


@op(promotion="float", in_place=True)
def cosh(xp: Any, x: Any) -> Any:
    """Return the hyperbolic cosine, elementwise.

    Example:
        >>> tensorlib.cosh(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """
    return xp.cosh(x), (x,)


cosh.grads(lambda xp, g, x: g * xp.sinh(x))


@op(promotion="float", in_place=True)
def tanh(xp: Any, x: Any) -> Any:
    """Return the hyperbolic tangent, elementwise.

    Example:
        >>> tensorlib.tanh(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    y = xp.tanh(x)
    return y, (y,)


tanh.grads(lambda xp, g, y: g - g * y * y)


@op(promotion="float", in_place=True, aliases=("arcsinh",))
def asinh(xp: Any, x: Any) -> Any:
    """Return the inverse of the hyperbolic sine, elementwise.

    Example:
        >>> tensorlib.asinh(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """
    return xp.arcsinh(x), (x,)


asinh.grads(lambda xp, g, x: g / xp.sqrt(x * x + 1))


@op(promotion="float", in_place=True, aliases=("arccosh",))
def acosh(xp: Any, x: Any) -> Any:
    """Return the inverse of the hyperbolic cosine, elementwise; nan below 1.

    Example:
        >>> tensorlib.acosh(tensorlib.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """
    return xp.arccosh(x), (x,)


def _acosh_gradient(xp: Any, g: Any, x: Any) -> Any:
    """The product of roots is that of complex numbers; the root of the product does not overflow at +-inf."""
    root = xp.sqrt(x - 1) * xp.sqrt(x + 1) if x.dtype.name.startswith("complex") else xp.sqrt(x * x - 1)
    return g / root


acosh.grads(_acosh_gradient)


@op(promotion="float", in_place=True, aliases=("arctanh",))
def atanh(xp: Any, x: Any) -> Any:
    """Return the inverse of the hyperbolic tangent, elementwise; nan outside [-1, 1].

    Example:
        >>> tensorlib.atanh(tensorlib.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """
    return xp.arctanh(x), (x,)


atanh.grads(lambda xp, g, x: g / (1 - x * x))


@op(promotion="float", in_place=True, aliases=("arctan2",), ordered=True)
def atan2(xp: Any, x: Any, other: Any) -> Any:
    """Return the angle of the points (`other`, `x`) as seen from the origin, elementwise, in all four quadrants.

    Args:
        x: a tensor: the ordinate.
        other: a tensor that broadcasts with `x`: the abscissa.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.atan2(tensorlib.tensor([1.0, 1.0]), tensorlib.tensor([1.0, -1.0]))
        tensor([0.7854, 2.3562])
    """
    return xp.arctan2(x, other), (x, other)


atan2.grads(
    lambda xp, g, x, other: g * other / (x * x + other * other),
    lambda xp, g, x, other: -g * x / (x * x + other * other),
)
