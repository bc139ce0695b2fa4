"""Special functions, elementwise: the error function and its relatives, the gamma function and its derivatives.

They are SciPy's, on the GPU CuPy's. Derivatives as in Abramowitz and Stegun, "Handbook of Mathematical Functions".
"""

from __future__ import annotations

import math
from typing import Any

from tensorlib._xp import special_functions
from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError, DeviceError
from tensorlib.tensor import Tensor

TWO_BY_ROOT_PI = 2 / math.sqrt(math.pi)
ROOT_TWO_PI = math.sqrt(2 * math.pi)


def evaluated(xp: Any, name: str, *values: Any, dtype: Any = None) -> Any:
    """Return one of SciPy's functions of arrays and numbers.

    Args:
        xp: the arrays' module.
        name: the function's name in `scipy.special`.
        values: its arguments.
        dtype: of the result; that of the first array unless given.

    Raises:
        DeviceError: CuPy does not have the function.
    """
    function = getattr(special_functions(xp), name, None)
    if function is None:
        raise DeviceError(f"{name}: not available on CUDA; move the tensor to the CPU")
    return xp.asarray(function(*values), dtype or next(value.dtype for value in values if hasattr(value, "dtype")))


def no_derivative(name: str, argument: str) -> Any:
    """Return a pullback for an argument by which nobody has a formula for the derivative."""

    def refuse(xp: Any, g: Any, *saved: Any) -> Any:
        raise NotImplementedError(f"{name}: the derivative with respect to {argument} is not implemented")

    return refuse


@op(promotion="float", in_place=True, ordered=True)
def erf(xp: Any, x: Any) -> Any:
    """Return the error function, elementwise.

    Example:
        >>> tensorlib.erf(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8427])
    """
    return special_functions(xp).erf(x), (x,)


erf.grads(lambda xp, g, x: g * (TWO_BY_ROOT_PI * xp.exp(-x * x)))


@op(promotion="float", in_place=True, ordered=True)
def erfc(xp: Any, x: Any) -> Any:
    """Return `1 - erf(x)`, elementwise, exact also where that is small.

    Example:
        >>> tensorlib.erfc(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 0.1573])
    """
    return evaluated(xp, "erfc", x), (x,)


erfc.grads(lambda xp, g, x: g * (-TWO_BY_ROOT_PI * xp.exp(-x * x)))


@op(promotion="float", in_place=True, ordered=True)
def erfinv(xp: Any, x: Any) -> Any:
    """Return the inverse of the error function, elementwise: infinite at -1 and 1, nan outside.

    Example:
        >>> tensorlib.erfinv(tensorlib.tensor([0.0, 0.5]))
        tensor([0.0000, 0.4769])
    """
    y = special_functions(xp).erfinv(x)
    return y, (y,)


erfinv.grads(lambda xp, g, y: g * (xp.exp(y * y) / TWO_BY_ROOT_PI))


@op(promotion="float", method=False)
def special_erfcx(xp: Any, x: Any) -> Any:
    """Return `exp(x * x) * erfc(x)`, elementwise, without overflow for large x.

    Example:
        >>> tensorlib.special.erfcx(tensorlib.tensor([0.0, 10.0]))
        tensor([1.0000, 0.0561])
    """
    y = evaluated(xp, "erfcx", x)
    return y, (x, y)


special_erfcx.grads(lambda xp, g, x, y: g * (2 * x * y - TWO_BY_ROOT_PI))


@op(promotion="float", in_place=True)
def lgamma(xp: Any, x: Any) -> Any:
    """Return the logarithm of the absolute value of the gamma function, elementwise.

    Example:
        >>> tensorlib.lgamma(tensorlib.tensor([1.0, 4.0]))
        tensor([0.0000, 1.7918])
    """
    return evaluated(xp, "gammaln", x), (x,)


@op(promotion="float", in_place=True)
def digamma(xp: Any, x: Any) -> Any:
    """Return the derivative of `lgamma`, elementwise.

    Example:
        >>> tensorlib.digamma(tensorlib.tensor([1.0, 0.5]))
        tensor([-0.5772, -1.9635])
    """
    return evaluated(xp, "psi", x), (x,)


@op(promotion="float", method=False)
def special_polygamma(xp: Any, x: Any, *, n: int) -> Any:
    """Return the n-th derivative of `digamma`, elementwise; `polygamma` has its arguments the other way round.

    Args:
        x: a tensor.
        n: how many times to derive, at least 0.

    Example:
        >>> tensorlib.special_polygamma(tensorlib.tensor([1.0, 0.5]), 1)
        tensor([1.6449, 4.9348])
    """
    if n == 0:
        return evaluated(xp, "psi", x), (x, n)
    factor = (-1.0) ** (n + 1) * math.factorial(n)
    return factor * evaluated(xp, "zeta", n + 1, x), (x, n)


lgamma.grads(lambda xp, g, x: g * digamma.via(xp, x))
digamma.grads(lambda xp, g, x: g * special_polygamma.via(xp, x, n=1))
special_polygamma.grads(lambda xp, g, x, n: g * special_polygamma.via(xp, x, n=n + 1))


@public_function
def polygamma(n: int, input: Tensor) -> Tensor:
    """Return the n-th derivative of `digamma`, elementwise.

    Args:
        n: how many times to derive, at least 0.
        input: a tensor.

    Raises:
        ArgumentError: `n` is negative.

    Example:
        >>> tensorlib.polygamma(1, tensorlib.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    require_tensor("polygamma", input)
    if n < 0:
        raise ArgumentError(f"polygamma: n is {n}, but must be 0 or more")
    result: Tensor = special_polygamma(input, n)
    return result


def _polygamma_of(self: Tensor, n: int) -> Tensor:
    """Return the n-th derivative of `digamma`, elementwise."""
    return polygamma(n, self)


_polygamma_of.__name__ = "polygamma"
in_place_method(tensor_method(_polygamma_of))


@public_function
@in_place_method
@tensor_method
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """Return the logarithm of the multivariate gamma function of dimension p, elementwise.

    Args:
        input: a tensor of numbers greater than (p - 1) / 2.
        p: the dimension, at least 1.

    Raises:
        ArgumentError: `p` is less than 1.

    Example:
        >>> tensorlib.mvlgamma(tensorlib.tensor([2.0]), 2)
        tensor([0.4516])
    """
    require_tensor("mvlgamma", input)
    if p < 1:
        raise ArgumentError(f"mvlgamma: p is {p}, but must be 1 or more")
    total: Tensor = lgamma(input)
    for k in range(1, p):
        total = total + lgamma(input - k / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@op(promotion="float", in_place=True)
def igamma(xp: Any, x: Any, other: Any) -> Any:
    """Return the regularised lower incomplete gamma function, elementwise; only `other` has a gradient.

    Args:
        x: the shape parameter, positive.
        other: the upper limit of the integral, not negative.

    Example:
        >>> tensorlib.igamma(tensorlib.tensor([4.0]), tensorlib.tensor([3.0]))
        tensor([0.3528])
    """
    return evaluated(xp, "gammainc", x, other), (x, other)


def _incomplete_slope(xp: Any, x: Any, other: Any) -> Any:
    return xp.exp((x - 1) * xp.log(other) - other - lgamma.via(xp, x))


igamma.grads(no_derivative("igamma", "input"), lambda xp, g, x, other: g * _incomplete_slope(xp, x, other))


@op(promotion="float", in_place=True)
def igammac(xp: Any, x: Any, other: Any) -> Any:
    """Return the regularised upper incomplete gamma function, elementwise; only `other` has a gradient.

    Args:
        x: the shape parameter, positive.
        other: the lower limit of the integral, not negative.

    Example:
        >>> tensorlib.igammac(tensorlib.tensor([4.0]), tensorlib.tensor([3.0]))
        tensor([0.6472])
    """
    return evaluated(xp, "gammaincc", x, other), (x, other)


igammac.grads(no_derivative("igammac", "input"), lambda xp, g, x, other: -g * _incomplete_slope(xp, x, other))


@op(promotion="float", method=False)
def special_zeta(xp: Any, x: Any, other: Any) -> Any:
    """Return the Hurwitz zeta function, elementwise; only `other` has a gradient.

    Args:
        x: the exponent.
        other: the summand.

    Example:
        >>> tensorlib.special.zeta(tensorlib.tensor([2.0, 4.0]), 1.0)
        tensor([1.6449, 1.0823])
    """
    return evaluated(xp, "zeta", x, other), (x, other)


special_zeta.grads(
    no_derivative("zeta", "input"), lambda xp, g, x, other: g * (-x * special_zeta.via(xp, x + 1, other))
)
