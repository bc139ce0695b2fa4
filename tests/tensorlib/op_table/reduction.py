"""Calls of reductions."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, bools, integers, normal, unary

SAMPLES = [
    *unary("sum", numpy=numpy.sum),
    Sample("sum", (normal(2, 3, 2),), {"dim": 1}),
    Sample("sum", (normal(2, 3, 2),), {"dim": (0, -1), "keepdim": True}),
    Sample("sum", (integers(2, 3, dtype=numpy.int32),), {"dim": 0}),
    Sample("sum", (bools(2, 3),)),
]
