"""Special functions, elementwise."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import special_functions
from tensorlib.autograd.op import op


@op(promotion="float", in_place=True)
def erf(xp: Any, x: Any) -> Any:
    """Return the error function, elementwise.

    Example:
        >>> tensorlib.erf(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """
    return special_functions(xp).erf(x), (x,)


erf.grads(lambda xp, g, x: g * (1.1283791670955126 * xp.exp(-x * x)))  # 2 / sqrt(pi)


@op(promotion="float", in_place=True)
def erfinv(xp: Any, x: Any) -> Any:
    """Return the inverse of the error function, elementwise: infinite at -1 and 1, nan outside.

    Example:
        >>> tensorlib.erfinv(tensorlib.tensor([0.0, 0.5]))
        tensor([0.0000, 0.4769])
    """
    y = special_functions(xp).erfinv(x)
    return y, (y,)


erfinv.grads(lambda xp, g, y: g * (0.8862269254527580 * xp.exp(y * y)))  # sqrt(pi) / 2
