"""Bessel functions and orthogonal polynomials, elementwise, by SciPy's (on the GPU CuPy's) implementations."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import Op, op
from tensorlib.ops.special import evaluated


@op(promotion="float", in_place=True)
def i0(xp: Any, x: Any) -> Any:
    """Return the modified Bessel function of the first kind of order 0, elementwise.

    Example:
        >>> tensorlib.i0(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """
    return evaluated(xp, "i0", x), (x,)


@op(promotion="float", method=False)
def special_i0e(xp: Any, x: Any) -> Any:
    """Return `exp(-abs(x)) * i0(x)`, elementwise, without overflow.

    Example:
        >>> tensorlib.special.i0e(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """
    y = evaluated(xp, "i0e", x)
    return y, (x, y)


@op(promotion="float", method=False)
def special_i1(xp: Any, x: Any) -> Any:
    """Return the modified Bessel function of the first kind of order 1, elementwise.

    Example:
        >>> tensorlib.special.i1(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """
    y = evaluated(xp, "i1", x)
    return y, (x, y)


special_i1.grads(lambda xp, g, x, y: g * xp.where(x == 0, 0.5, i0.via(xp, x) - y / _nonzero(xp, x)))


@op(promotion="float", method=False)
def special_i1e(xp: Any, x: Any) -> Any:
    """Return `exp(-abs(x)) * i1(x)`, elementwise, without overflow.

    Example:
        >>> tensorlib.special.i1e(tensorlib.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """
    y = evaluated(xp, "i1e", x)
    return y, (x, y)


def _i1e_gradient(xp: Any, g: Any, x: Any, y: Any) -> Any:
    elsewhere = special_i0e.via(xp, x) - y * (xp.sign(x) + 1 / _nonzero(xp, x))
    return g * xp.where(x == 0, 0.5, elsewhere)


i0.grads(lambda xp, g, x: g * special_i1.via(xp, x))
special_i0e.grads(lambda xp, g, x, y: g * (special_i1e.via(xp, x) - xp.sign(x) * y))
special_i1e.grads(_i1e_gradient)


def _nonzero(xp: Any, x: Any) -> Any:
    return xp.where(x == 0, 1, x)


def _function(name: str, scipy_name: str, about: str, at_one: str) -> Op:
    """Make an operation of one of SciPy's functions that PyTorch does not differentiate either."""

    def forward(xp: Any, x: Any) -> Any:
        value = evaluated(xp, scipy_name, x)
        return value, ()

    forward.__name__ = forward.__qualname__ = f"special_{name}"
    forward.__doc__ = f"""Return {about}, elementwise; it has no gradient.

    Example:
        >>> tensorlib.special.{name}(tensorlib.tensor([1.0]))
        tensor([{at_one}])
    """
    return op(promotion="float", method=False, differentiable=False)(forward)


for _arguments in (
    ("bessel_j0", "j0", "the Bessel function of the first kind of order 0", "0.7652"),
    ("bessel_j1", "j1", "the Bessel function of the first kind of order 1", "0.4401"),
    ("bessel_y0", "y0", "the Bessel function of the second kind of order 0", "0.0883"),
    ("bessel_y1", "y1", "the Bessel function of the second kind of order 1", "-0.7812"),
    ("modified_bessel_i0", "i0", "the modified Bessel function of the first kind of order 0", "1.2661"),
    ("modified_bessel_i1", "i1", "the modified Bessel function of the first kind of order 1", "0.5652"),
    ("modified_bessel_k0", "k0", "the modified Bessel function of the second kind of order 0", "0.4210"),
    ("modified_bessel_k1", "k1", "the modified Bessel function of the second kind of order 1", "0.6019"),
    ("scaled_modified_bessel_k0", "k0e", "`exp(x)` times `modified_bessel_k0(x)`", "1.1445"),
    ("scaled_modified_bessel_k1", "k1e", "`exp(x)` times `modified_bessel_k1(x)`", "1.6362"),
):
    _function(*_arguments)


@op(promotion="float", method=False, differentiable=False)
def special_spherical_bessel_j0(xp: Any, x: Any) -> Any:
    """Return the spherical Bessel function of the first kind of order 0, elementwise; it has no gradient.

    Example:
        >>> tensorlib.special.spherical_bessel_j0(tensorlib.tensor([0.0, 1.0]))
        tensor([1.0000, 0.8415])
    """
    return xp.where(x == 0, x.dtype.type(1), xp.sin(x) / _nonzero(xp, x)), ()


@op(promotion="float", method=False, differentiable=False)
def special_airy_ai(xp: Any, x: Any) -> Any:
    """Return the Airy function Ai, elementwise; it has no gradient.

    Example:
        >>> tensorlib.special.airy_ai(tensorlib.tensor([0.0, 1.0]))
        tensor([0.3550, 0.1353])
    """
    return evaluated(xp, "airy", x)[0], ()


def _result_dtype(x: Any, n: Any) -> Any:
    """Return the type of a polynomial: that of the argument, or of the degree where the argument is a number."""
    return x.dtype if hasattr(x, "dtype") else n.dtype


def _polynomial(name: str, scipy_name: str, about: str, value: str) -> Op:
    """Make an operation of one of SciPy's orthogonal polynomials."""

    def forward(xp: Any, x: Any, n: Any) -> Any:
        return evaluated(xp, scipy_name, xp.asarray(n, "int64"), x, dtype=_result_dtype(x, n)), ()

    forward.__name__ = forward.__qualname__ = f"special_{name}"
    forward.__doc__ = f"""Return the {about} polynomial of degree n at x, elementwise; it has no gradient.

    Args:
        x: a tensor or number.
        n: the degree, a tensor or number.

    Example:
        >>> tensorlib.special.{name}(tensorlib.tensor([0.5]), 3)
        tensor([{value}])
    """
    return op(promotion="float", method=False, differentiable=False)(forward)


for _arguments in (
    ("chebyshev_polynomial_t", "eval_chebyt", "Chebyshev", "-1."),
    ("chebyshev_polynomial_u", "eval_chebyu", "Chebyshev (second kind)", "-1."),
    ("shifted_chebyshev_polynomial_t", "eval_sh_chebyt", "Chebyshev (shifted to 0 to 1)", "-0."),
    ("shifted_chebyshev_polynomial_u", "eval_sh_chebyu", "Chebyshev (second kind, shifted to 0 to 1)", "-0."),
    ("hermite_polynomial_h", "eval_hermite", "Hermite (physicists')", "-5."),
    ("hermite_polynomial_he", "eval_hermitenorm", "Hermite (probabilists')", "-1.3750"),
    ("laguerre_polynomial_l", "eval_laguerre", "Laguerre", "-0.1458"),
    ("legendre_polynomial_p", "eval_legendre", "Legendre", "-0.4375"),
):
    _polynomial(*_arguments)


def _chebyshev(name: str, sign: int, shifted: bool, about: str, value: str) -> Op:
    """Make an operation of a Chebyshev polynomial of the third or fourth kind: a difference or sum of the second."""

    def forward(xp: Any, x: Any, n: Any) -> Any:
        at, degree, dtype = 2 * x - 1 if shifted else x, xp.asarray(n, "int64"), _result_dtype(x, n)
        below = evaluated(xp, "eval_chebyu", degree - 1, at, dtype=dtype)
        return evaluated(xp, "eval_chebyu", degree, at, dtype=dtype) + sign * below, ()

    forward.__name__ = forward.__qualname__ = f"special_{name}"
    forward.__doc__ = f"""Return the Chebyshev polynomial of the {about} of degree n at x, elementwise; no gradient.

    Args:
        x: a tensor or number.
        n: the degree, a tensor or number.

    Example:
        >>> tensorlib.special.{name}(tensorlib.tensor([0.5]), 3)
        tensor([{value}])
    """
    return op(promotion="float", method=False, differentiable=False)(forward)


for _kind in (
    ("chebyshev_polynomial_v", -1, False, "third kind", "-1."),
    ("chebyshev_polynomial_w", 1, False, "fourth kind", "-1."),
    ("shifted_chebyshev_polynomial_v", -1, True, "third kind, shifted to 0 to 1,", "1."),
    ("shifted_chebyshev_polynomial_w", 1, True, "fourth kind, shifted to 0 to 1,", "-1."),
):
    _chebyshev(*_kind)
