"""Elementwise functions of probabilities: entropy, log-odds, the normal distribution, and logarithms with a factor."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.autograd.op import op
from tensorlib.ops.special import ROOT_TWO_PI, evaluated


@op(promotion="float", in_place=True)
def logit(xp: Any, x: Any, *, eps: float | None = None) -> Any:
    """Return the log-odds `log(x / (1 - x))`, elementwise: the inverse of `sigmoid`.

    Args:
        x: a tensor of probabilities; nan outside 0 to 1.
        eps: bring the probabilities to the range from `eps` to `1 - eps` first; there the gradient is 0.

    Example:
        >>> tensorlib.logit(tensorlib.tensor([0.5, 0.9])), tensorlib.logit(tensorlib.tensor([0.0]), 0.1)
        (tensor([0.0000, 2.1972]), tensor([-2.1972]))
    """
    p = x if eps is None else xp.clip(x, eps, 1 - eps)
    return xp.log(p / (1 - p)), (x, eps)


def _logit_gradient(xp: Any, g: Any, x: Any, eps: float | None) -> Any:
    if eps is None:
        return g / (x * (1 - x))
    return xp.where((x < eps) | (x > 1 - eps), 0, g / (x * (1 - x)))


logit.grads(_logit_gradient)


@op(promotion="float", in_place=True)
def xlogy(xp: Any, x: Any, other: Any) -> Any:
    """Return `x * log(other)`, elementwise: 0 where x is 0, whatever the logarithm, unless `other` is nan.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.xlogy(tensorlib.tensor([0.0, 2.0]), tensorlib.tensor([0.0, 3.0]))
        tensor([0.0000, 2.1972])
    """
    return evaluated(xp, "xlogy", x, other), (x, other)


xlogy.grads(
    lambda xp, g, x, other: xp.where((x == 0) & (other <= 0), 0, g * _log(xp, other)),
    lambda xp, g, x, other: g * (x / other),
)


def _log(xp: Any, x: Any) -> Any:
    return xp.log(x) if hasattr(x, "dtype") else math.log(x) if x > 0 else -math.inf if x == 0 else math.nan


@op(promotion="float", method=False)
def special_xlog1py(xp: Any, x: Any, other: Any) -> Any:
    """Return `x * log1p(other)`, elementwise: 0 where x is 0, whatever the logarithm, unless `other` is nan.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with it.

    Example:
        >>> tensorlib.special.xlog1py(tensorlib.tensor([0.0, 2.0]), tensorlib.tensor([-1.0, 2.0]))
        tensor([0.0000, 2.1972])
    """
    return evaluated(xp, "xlog1py", x, other), (x, other)


special_xlog1py.grads(
    lambda xp, g, x, other: xp.where((x == 0) & (other <= -1), 0, g * _log(xp, 1 + other)),
    lambda xp, g, x, other: g * (x / (1 + other)),
)


@op(promotion="float", method=False)
def special_entr(xp: Any, x: Any) -> Any:
    """Return `-x * log(x)`, elementwise: 0 at 0, minus infinity below.

    Example:
        >>> tensorlib.special.entr(tensorlib.tensor([0.0, 0.5]))
        tensor([0.0000, 0.3466])
    """
    return evaluated(xp, "entr", x), (x,)


special_entr.grads(lambda xp, g, x: g * (-xp.log(x) - 1))


@op(promotion="float", method=False)
def special_ndtr(xp: Any, x: Any) -> Any:
    """Return the probability that a standard normal number is at most x, elementwise.

    Example:
        >>> tensorlib.special.ndtr(tensorlib.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8413])
    """
    return evaluated(xp, "ndtr", x), (x,)


special_ndtr.grads(lambda xp, g, x: g * (xp.exp(-x * x / 2) / ROOT_TWO_PI))


@op(promotion="float", method=False)
def special_ndtri(xp: Any, x: Any) -> Any:
    """Return the number that a standard normal one is at most with probability x, elementwise.

    Example:
        >>> tensorlib.special.ndtri(tensorlib.tensor([0.5, 0.9]))
        tensor([0.0000, 1.2816])
    """
    y = evaluated(xp, "ndtri", x)
    return y, (y,)


special_ndtri.grads(lambda xp, g, y: g * (ROOT_TWO_PI * xp.exp(y * y / 2)))


@op(promotion="float", method=False)
def special_log_ndtr(xp: Any, x: Any) -> Any:
    """Return the logarithm of `ndtr(x)`, elementwise, exact also far below 0.

    Example:
        >>> tensorlib.special.log_ndtr(tensorlib.tensor([-3.0, 0.0]))
        tensor([-6.6077, -0.6931])
    """
    y = evaluated(xp, "log_ndtr", x)
    return y, (x, y)


special_log_ndtr.grads(lambda xp, g, x, y: g * (xp.exp(-x * x / 2 - y) / ROOT_TWO_PI))
