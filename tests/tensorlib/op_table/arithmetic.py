"""Calls of arithmetic."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, bools, integers, normal, unary

INTEGERS = (integers(2, 3), integers(3, seed=1))

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
]
