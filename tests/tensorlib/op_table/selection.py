"""Calls of choices between elements."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, bools, integers, normal, spaced

TIED = numpy.array([1.0, 2.0, numpy.nan, 0.0]), numpy.array([1.0, 1.0, 0.0, numpy.nan])

SAMPLES = [
    Sample("where", (bools(2, 3), normal(2, 3), normal(2, 3, seed=1))),
    Sample("where", (bools(2, 1), normal(3), normal(seed=1))),
    Sample("where", (bools(), spaced(normal(2, 3)), 2.0)),
    Sample("where", (bools(3), 1, normal(3))),
    Sample("where", (bools(3), 1.0, 0.0)),
    Sample("where", (bools(0, 3), normal(0, 3), normal(3, seed=1))),
    Sample("where", (bools(3), integers(3), normal())),
    Sample("where", (bools(2, 3),)),
    Sample("masked_fill", (normal(2, 3), bools(3), 2.5)),
    Sample("masked_fill", (normal(2, 3), bools(2, 3), normal())),
    Sample("masked_fill", (spaced(normal(2, 3)), bools(), float("-inf")), kink=True),
    Sample("masked_fill", (integers(3), bools(3), 7)),
    *[
        sample
        for op, reference in (("maximum", numpy.maximum), ("minimum", numpy.minimum))
        for sample in (
            *binary(op, numpy=reference),
            Sample(op, TIED, kink=True),
            Sample(op, (integers(2, 3), integers(3, seed=1))),
        )
    ],
    Sample("clamp", (normal(2, 3), -0.5, 0.5)),
    Sample("clamp", (normal(2, 3),), {"min": 0.1}),
    Sample("clamp", (spaced(normal(2, 3)),), {"max": 0.1}),
    Sample("clamp", (normal(), -0.5, 0.5)),
    Sample("clamp", (normal(0, 3), -0.5, 0.5)),
    Sample("clamp", (normal(3), 0.5, -0.5)),
    Sample("clamp", (normal(2, 3), normal(3, seed=1), normal(2, 1, seed=2))),
    Sample("clamp", (normal(2, 3),), {"max": normal(3, seed=1)}),
    Sample("clamp", (integers(5), -2, 2)),
    Sample("clamp", (integers(5), 0.5)),
]
