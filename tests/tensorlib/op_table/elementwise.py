"""Calls of powers, exponentials, trigonometric functions and rounding."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, fraction, integers, normal, positive, unary

SPECIAL = numpy.array([0.0, -0.0, 1.0, -1.0, numpy.inf, -numpy.inf, numpy.nan])


def above_one(*shape, seed=0):
    return numpy.asarray(positive(*shape, seed=seed) + 1)


def family(op, make=normal, **fields):
    """Return calls of a function of one float, also with integers and what is not finite."""
    return [
        *unary(op, make, **fields),
        Sample(op, (integers(4, low=-1, high=2),)),
        Sample(op, (SPECIAL,), kink=True),
    ]


SAMPLES = [
    *binary("pow", positive, normal, numpy=numpy.power),
    *[Sample("pow", (normal(2, 3), exponent)) for exponent in (0, 1, 2, 3, -1, 2.0)],
    *[Sample("pow", (positive(2, 3), exponent)) for exponent in (0.5, -1.5)],
    Sample("pow", (2, normal(3))),
    Sample("pow", (integers(3), 2)),
    Sample("pow", (integers(3), 2.0)),
    Sample("pow", (integers(3), integers(3, low=0, seed=1))),
    Sample("pow", (numpy.array([0.0, 0.0, 0.0]), numpy.array([0.0, 1.0, 2.0])), kink=True),
    *family("square", numpy=numpy.square),
    *family("sqrt", positive, numpy=numpy.sqrt),
    *family("rsqrt", positive),
    *family("exp", numpy=numpy.exp),
    *family("exp2", numpy=numpy.exp2),
    *family("expm1", numpy=numpy.expm1),
    *family("log", positive, numpy=numpy.log),
    *family("log1p", positive, numpy=numpy.log1p),
    *family("log2", positive, numpy=numpy.log2),
    *family("log10", positive, numpy=numpy.log10),
    *family("sin", numpy=numpy.sin),
    *family("cos", numpy=numpy.cos),
    *family("tan", fraction, numpy=numpy.tan),
    *family("asin", fraction, numpy=numpy.arcsin),
    *family("acos", fraction, numpy=numpy.arccos),
    *family("atan", numpy=numpy.arctan),
    *family("sinh", numpy=numpy.sinh),
    *family("cosh", numpy=numpy.cosh),
    *family("tanh", numpy=numpy.tanh),
    *family("asinh", numpy=numpy.arcsinh),
    *family("acosh", above_one, numpy=numpy.arccosh),
    *family("atanh", fraction, numpy=numpy.arctanh),
    *family("erf"),
    *unary("erfinv", fraction),
    *binary("atan2", numpy=numpy.arctan2),
    *family("floor", numpy=numpy.floor),
    *family("ceil", numpy=numpy.ceil),
    *family("trunc", numpy=numpy.trunc),
    *family("round", numpy=numpy.round),
    Sample("round", (normal(5) * 100,), {"decimals": 1}),
    *unary("frac"),
    *[
        Sample(op, (values,))
        for op in ("isnan", "isinf", "isfinite")
        for values in (SPECIAL, integers(3), normal(), normal(0))
    ],
]
