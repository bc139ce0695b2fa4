"""Calls of special functions, of functions of numbers as such, and of two tensors beyond arithmetic."""

from __future__ import annotations

import functools
import importlib

import numpy
import scipy.special

from tests.tensorlib.op_table.elementwise import SPECIAL, family
from tests.tensorlib.op_table.sample import Sample, binary, fraction, integers, normal, positive, spaced, unary


def chances(*shape, seed=0):
    return numpy.asarray((fraction(*shape, seed=seed) + 1) / 2)


def special(op, make=normal, **fields):
    """Return calls of a function of one float that is below `torch.special`."""
    name = op.removeprefix("special_")
    return unary(op, make, torch=f"special.{name}", tolerance=256, **fields)


def _incomplete(op, x, other):
    return getattr(importlib.import_module("torch"), op)(x.to(other.dtype), other)


def _zeta(x, other):
    return importlib.import_module("torch").special.zeta(x.to(other.dtype), other)


PLAIN = {
    "bessel_j0": "j0", "bessel_j1": "j1", "bessel_y0": "y0", "bessel_y1": "y1", "modified_bessel_i0": "i0",
    "modified_bessel_i1": "i1", "modified_bessel_k0": "k0", "modified_bessel_k1": "k1",
    "scaled_modified_bessel_k0": "k0e", "scaled_modified_bessel_k1": "k1e",
}  # fmt: skip
POLYNOMIALS = [f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"] + [
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
]

SAMPLES = [
    *family("erfc", numpy=scipy.special.erfc),
    *special("special_erfcx", numpy=scipy.special.erfcx),
    *unary("lgamma", positive, numpy=scipy.special.gammaln, tolerance=256),
    *unary("digamma", positive, numpy=scipy.special.digamma, torch=None),
    *[
        Sample("special_polygamma", (positive(2, 3), n), torch=None, numpy=lambda x, n: scipy.special.polygamma(n, x))
        for n in (0, 1, 2)
    ],
    *[Sample("polygamma", (n, positive(3)), torch=None, numpy=scipy.special.polygamma) for n in (0, 1, 3)],
    Sample("mvlgamma", (positive(2, 3) + 2, 3), tolerance=256),
    *[
        Sample(op, (integers(2, 3, low=1), positive(2, 3)), torch=functools.partial(_incomplete, op), tolerance=256)
        for op in ("igamma", "igammac")
    ],
    Sample("special_zeta", (integers(2, 3, low=2), positive(2, 3)), torch=_zeta, tolerance=256),
    *family("i0", numpy=scipy.special.i0, tolerance=256),
    *special("special_i0e", numpy=scipy.special.i0e),
    *special("special_i1", numpy=scipy.special.i1),
    *special("special_i1e", numpy=scipy.special.i1e),
    Sample("special_i1", (numpy.zeros(2),), torch="special.i1", kink=True),
    Sample("special_i1e", (numpy.zeros(2),), torch="special.i1e", kink=True),
    *[
        Sample(
            f"special_{name}",
            (positive(2, 3),),
            torch=f"special.{name}",
            tolerance=2048,
            numpy=getattr(scipy.special, function),
            differentiable=False,
        )
        for name, function in PLAIN.items()
    ],
    *special("special_spherical_bessel_j0", differentiable=False, numpy=lambda x: numpy.sinc(x / numpy.pi)),
    *special("special_airy_ai", differentiable=False, numpy=lambda x: scipy.special.airy(x)[0], cuda=False),
    *[
        Sample(
            f"special_{name}",
            (chances(2, 3), integers(3, low=0)),
            torch=f"special.{name}",
            tolerance=512,
            cuda=False,
            differentiable=False,
        )
        for name in POLYNOMIALS
    ],
    *unary("logit", chances, numpy=scipy.special.logit, tolerance=128),
    Sample("logit", (numpy.array([0.0, 0.05, 0.5, 1.0]), 0.1), kink=True),
    *binary("xlogy", normal, positive, numpy=scipy.special.xlogy),
    Sample("xlogy", (numpy.array([0.0, 0.0, 0.0, 1.0]), numpy.array([0.0, -1.0, numpy.nan, 2.0])), kink=True),
    Sample("xlogy", (2, positive(3))),
    Sample("xlogy", (normal(3), 2)),
    *binary("special_xlog1py", normal, positive, numpy=scipy.special.xlog1py, torch="special.xlog1py"),
    Sample("special_xlog1py", (normal(3), 2), torch="special.xlog1py"),
    *special("special_entr", positive, numpy=scipy.special.entr),
    *special("special_ndtr", numpy=scipy.special.ndtr),
    *special("special_ndtri", chances, numpy=scipy.special.ndtri),
    *special("special_log_ndtr", numpy=scipy.special.log_ndtr),
    *binary("copysign", numpy=numpy.copysign),
    Sample("copysign", (normal(3), -1.0)),
    Sample("copysign", (integers(3), -0.0)),
    Sample("copysign", (numpy.array([0.0, -0.0]), numpy.array([-1.0, 1.0])), kink=True),
    *[Sample("signbit", (x,)) for x in (SPECIAL, integers(4), numpy.array([True, False]))],
    *binary("nextafter", numpy=None, differentiable=False),
    *binary("ldexp", normal, normal),
    Sample("ldexp", (normal(3), integers(3))),
    Sample("frexp", (normal(2, 3) * 100,)),
    Sample("frexp", (numpy.array([0.0, 4.0]),), kink=True),
    *[Sample(op, (integers(2, 3, low=0), integers(3, low=0, seed=1))) for op in ("gcd", "lcm")],
    *unary("nan_to_num"),
    Sample("nan_to_num", (SPECIAL,), kink=True),
    Sample("nan_to_num", (SPECIAL, 1.0, 2.0, 3.0), kink=True),
    Sample("nan_to_num", (integers(3),)),
    *family("deg2rad", numpy=numpy.deg2rad),
    *family("rad2deg", numpy=numpy.rad2deg),
    *unary("sinc", numpy=numpy.sinc),
    Sample("sinc", (numpy.array([0.0, 1.0]),), kink=True, tolerance=64),
    Sample("positive", (normal(3),)),
    *binary("hypot", numpy=numpy.hypot),
    *binary("logaddexp", numpy=numpy.logaddexp),
    *binary("logaddexp2", numpy=numpy.logaddexp2),
    *binary("fmax", numpy=numpy.fmax),
    *binary("fmin", numpy=numpy.fmin),
    *[Sample(op, (SPECIAL, SPECIAL[::-1].copy()), differentiable=False) for op in ("fmax", "fmin")],
    Sample("heaviside", (SPECIAL, normal(1)), differentiable=False),
    Sample("heaviside", (integers(4), integers(1))),
    *[Sample(op, (spaced(normal(2, 3)), 0.1)) for op in ("clamp_min", "clamp_max")],
    *[Sample(op, (normal(2, 3), fraction(3, seed=1))) for op in ("clamp_min", "clamp_max")],
    Sample("true_divide", (integers(3), 2)),
    Sample("float_power", (positive(3), normal(2, 1, seed=1))),
    Sample("float_power", (2, normal(3))),
    Sample("rsub", (normal(3), normal(3, seed=1)), {"alpha": 2}),
    Sample("rsub", (normal(3), 2)),
]
