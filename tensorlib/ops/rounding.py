"""Rounding, and the kinds of floating point numbers, elementwise."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op


@op(promotion="common", in_place=True, ordered=True)
def floor(xp: Any, x: Any) -> Any:
    """Return the largest whole number that is not above `x`, elementwise.

    Example:
        >>> tensorlib.floor(tensorlib.tensor([-1.5, 1.5]))
        tensor([-2.,  1.])
    """
    return (xp.floor(x) if x.dtype.kind == "f" else x.copy()), ()


floor.grads(lambda xp, g: g * 0)


@op(promotion="common", in_place=True, ordered=True)
def ceil(xp: Any, x: Any) -> Any:
    """Return the smallest whole number that is not below `x`, elementwise.

    Example:
        >>> tensorlib.ceil(tensorlib.tensor([-1.5, 1.5]))
        tensor([-1.,  2.])
    """
    return (xp.ceil(x) if x.dtype.kind == "f" else x.copy()), ()


ceil.grads(lambda xp, g: g * 0)


@op(promotion="common", in_place=True, aliases=("fix",), ordered=True)
def trunc(xp: Any, x: Any) -> Any:
    """Return the whole part, elementwise: rounded towards zero.

    Example:
        >>> tensorlib.trunc(tensorlib.tensor([-1.5, 1.5]))
        tensor([-1.,  1.])
    """
    return (xp.trunc(x) if x.dtype.kind == "f" else x.copy()), ()


trunc.grads(lambda xp, g: g * 0)


@op(promotion="common", in_place=True, ordered=True)
def round(xp: Any, x: Any, *, decimals: int = 0) -> Any:
    """Return the nearest whole number, elementwise, or the nearest with some decimals; halves go to the even neighbour.

    Args:
        x: a tensor.
        decimals: how many; negative ones round to tens, hundreds and so on.

    Example:
        >>> tensorlib.round(tensorlib.tensor([0.5, 1.5, 2.25])), tensorlib.round(tensorlib.tensor([2.25]), decimals=1)
        (tensor([0., 2., 2.]), tensor([2.2000]))
    """
    return xp.round(x, decimals), ()


round.grads(lambda xp, g: g * 0)


@op(promotion="common", in_place=True, ordered=True)
def frac(xp: Any, x: Any) -> Any:
    """Return what is behind the decimal point, elementwise, with the sign of `x`.

    Example:
        >>> tensorlib.frac(tensorlib.tensor([-1.5, 1.25]))
        tensor([-0.5000,  0.2500])
    """
    return x - xp.trunc(x), ()


frac.grads(lambda xp, g: g)


@op(differentiable=False)
def isnan(xp: Any, x: Any) -> Any:
    """Tell which elements are nan.

    Example:
        >>> tensorlib.isnan(tensorlib.tensor([1.0, float("-inf"), float("nan")]))
        tensor([False, False,  True])
    """
    return xp.isnan(x), ()


@op(differentiable=False)
def isinf(xp: Any, x: Any) -> Any:
    """Tell which elements are infinite.

    Example:
        >>> tensorlib.isinf(tensorlib.tensor([1.0, float("-inf"), float("nan")]))
        tensor([False,  True, False])
    """
    return xp.isinf(x), ()


@op(differentiable=False)
def isfinite(xp: Any, x: Any) -> Any:
    """Tell which elements are neither infinite nor nan.

    Example:
        >>> tensorlib.isfinite(tensorlib.tensor([1.0, float("-inf"), float("nan")]))
        tensor([ True, False, False])
    """
    return xp.isfinite(x), ()
