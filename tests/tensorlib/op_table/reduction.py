"""Calls of reductions."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, bools, integers, normal, positive, spaced, unary

WITH_ZEROS = numpy.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [1.5, 0.5, -2.0]])
TIED = numpy.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])
WITH_NAN = numpy.array([[1.0, numpy.nan, 3.0], [2.0, 2.0, 0.0]])


def along(op, torch="", make=normal):
    """Return calls along one dimension and along several."""
    return [
        Sample(op, (make(2, 3, 2),), {"dim": 1}, torch=torch),
        Sample(op, (make(2, 3, 2),), {"dim": (0, -1), "keepdim": True}, torch=torch),
        Sample(op, (spaced(make(2, 3)), 0), torch=torch),
        Sample(op, (make(),), {"dim": 0}, torch=torch),
    ]


def along_one(op):
    """Return calls along one dimension."""
    return [
        Sample(op, (normal(2, 3, 2), 1)),
        Sample(op, (normal(2, 3, 2), -1), {"keepdim": True}),
        Sample(op, (spaced(normal(2, 3)), 0)),
        Sample(op, (normal(), 0)),
        Sample(op, (normal(0, 3), 1)),
        Sample(op, (integers(2, 3), 1)),
    ]


SAMPLES = [
    *unary("sum", numpy=numpy.sum),
    *along("sum"),
    Sample("sum", (normal(2, 3), ())),
    Sample("sum", (integers(2, 3, dtype=numpy.int32),), {"dim": 0}),
    Sample("sum", (integers(3, low=0, dtype=numpy.uint8),)),
    Sample("sum", (bools(2, 3),)),
    Sample("sum", (integers(2, 3),), {"dtype": numpy.float32}, torch=None),
    *unary("mean", numpy=lambda x: x.mean() if x.size else numpy.nan),
    *along("mean"),
    *unary("prod", positive, numpy=numpy.prod),
    *along_one("prod"),
    Sample("prod", (WITH_ZEROS, 0)),
    Sample("prod", (WITH_ZEROS, 1), {"keepdim": True}),
    Sample("prod", (WITH_ZEROS,)),
    Sample("all", (bools(2, 3),)),
    Sample("all", (bools(2, 3), 1)),
    Sample("all", (bools(2, 3),), {"dim": 0, "keepdim": True}),
    Sample("all", (bools(0),)),
    Sample("all", (normal(2, 3),)),
    Sample("all", (integers(3, low=0, dtype=numpy.uint8),)),
    Sample("any", (bools(2, 3),)),
    Sample("any", (bools(2, 3), (0, 1))),
    Sample("any", (bools(0),)),
    Sample("any", (integers(2, 3), -1)),
    *[
        sample
        for op in ("var", "std")
        for sample in (
            Sample(op, (normal(2, 3),)),
            Sample(op, (normal(2, 3), 1)),
            Sample(op, (normal(2, 3), False)),
            Sample(op, (spaced(normal(2, 3)),), {"dim": (0, 1), "unbiased": False, "keepdim": True}),
            Sample(op, (normal(2, 3),), {"dim": 0, "correction": 0.5}),
        )
    ],
    Sample("std", (numpy.ones((2, 2)),), kink=True),
    Sample("norm", (normal(2, 3),)),
    Sample("norm", (normal(),)),
    Sample("norm", (spaced(normal(2, 3)), 2, 1)),
    *[Sample("norm", (normal(2, 3), p), {"dim": 1, "keepdim": True}) for p in (1, 3, float("inf"), -float("inf"))],
    Sample("norm", (positive(2, 3), 1.5)),
    Sample("norm", (normal(2, 3), 0), {"dim": 1, "keepdim": True}, torch=None),
    Sample("norm", (numpy.zeros(3),), kink=True),
    *along("logsumexp")[:3],
    Sample("logsumexp", (normal(), 0)),
    Sample("logsumexp", (normal(2, 0), 1)),
    Sample("logsumexp", (numpy.array([1000.0, -1000.0]), 0)),
    *[
        sample
        for op in ("amax", "amin")
        for sample in (
            *along(op),
            Sample(op, (normal(2, 3),)),
            Sample(op, (TIED, 1), kink=True),
            Sample(op, (WITH_NAN, 1), differentiable=False),
            Sample(op, (integers(2, 3),)),
        )
    ],
    *[
        sample
        for op in ("max", "min")
        for sample in (
            *along_one(op),
            Sample(op, (normal(2, 3),)),
            Sample(op, (TIED,), kink=True),
            Sample(op, (TIED, 0), kink=True),
            Sample(op, (WITH_NAN, 1), kink=True),
            Sample(op, (normal(2, 3), normal(3, seed=1))),
        )
    ],
    *along_one("median"),
    Sample("median", (normal(2, 3),)),
    Sample("median", (WITH_NAN, 1), differentiable=False),
    Sample("max_along", (normal(2, 3), 1), torch="max"),
    Sample("min_along", (normal(2, 3), 1), torch="min"),
    Sample("median_along", (normal(2, 3), 1), torch="median"),
    *[
        sample
        for op in ("argmax", "argmin")
        for sample in (
            *along_one(op),
            Sample(op, (normal(2, 3),)),
            Sample(op, (normal(2, 3),), {"keepdim": True}),
            Sample(op, (TIED, 1)),
            Sample(op, (WITH_NAN, 1)),
        )
    ],
    Sample("cumsum", (normal(2, 3), 1)),
    Sample("cumsum", (spaced(normal(2, 3)), 0)),
    Sample("cumsum", (normal(), 0)),
    Sample("cumsum", (normal(0, 3), 1)),
    Sample("cumsum", (integers(4, dtype=numpy.int32), -1)),
]
