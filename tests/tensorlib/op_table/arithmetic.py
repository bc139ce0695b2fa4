"""Calls of arithmetic."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, bools, integers, normal, positive, spaced, unary

INTEGERS = (integers(2, 3), integers(3, seed=1))
DIVISORS = integers(3, low=1, seed=1)


def divided(op, **options):
    """Return calls of what integers by zero are refused for."""
    return [
        *binary(op, normal, positive, options=options),
        Sample(op, (integers(2, 3), DIVISORS), options),
        Sample(op, (integers(2, 3), -DIVISORS), options),
        Sample(op, (integers(3), 2.5), options),
        Sample(op, (normal(3), 2), options),
        Sample(op, (-normal(3), -0.75), options),
    ]


SAMPLES = [
    *binary("add", numpy=numpy.add),
    Sample("add", (normal(3), normal(3, seed=1)), {"alpha": 2.5}),
    Sample("add", (normal(3), 2)),
    Sample("add", INTEGERS),
    Sample("add", (integers(3), 2.5)),
    Sample("add", (bools(3), bools(3, seed=1))),
    Sample("add", (integers(3, dtype=numpy.int32), normal())),
    *binary("sub", numpy=numpy.subtract),
    Sample("sub", (normal(3), normal(3, seed=1)), {"alpha": -2}),
    Sample("sub", INTEGERS),
    *binary("mul", numpy=numpy.multiply),
    Sample("mul", (normal(3), 2.5)),
    Sample("mul", INTEGERS),
    *unary("neg", numpy=numpy.negative),
    Sample("neg", (integers(3),)),
    *divided("div"),
    *binary("div", normal, positive, numpy=numpy.divide),
    Sample("div", (2.5, positive(3)), torch=lambda x, y: x / y),
    Sample("div", (integers(2, 3), DIVISORS.astype(numpy.int32)), {}),
    *divided("div", rounding_mode="trunc"),
    *divided("div", rounding_mode="floor"),
    *[Sample(s.op, s.args, differentiable=False) for s in divided("floor_divide")],
    *divided("remainder"),
    *divided("fmod"),
    *unary("abs", numpy=numpy.abs),
    Sample("abs", (integers(5),)),
    Sample("abs", (numpy.array([0.0, -0.0, numpy.inf, -numpy.inf]),), kink=True),
    *unary("sign", numpy=numpy.sign),
    Sample("sign", (integers(5),)),
    *unary("reciprocal", positive, numpy=numpy.reciprocal),
    Sample("reciprocal", (DIVISORS,)),
    Sample("lerp", (normal(2, 3), normal(3, seed=1), 0.25)),
    Sample("lerp", (normal(2, 3), spaced(normal(2, 3, seed=1)), normal(2, 1, seed=2))),
    Sample("addcmul", (normal(2, 3), normal(3, seed=1), normal(2, 1, seed=2)), {"value": 0.5}),
    Sample("addcmul", (integers(3), integers(3, seed=1), integers(3, seed=2)), {"value": 2}),
    Sample("addcdiv", (normal(2, 3), normal(3, seed=1), positive(2, 1, seed=2)), {"value": 0.5}),
]
