"""Calls of comparisons and logic."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, binary, bools, fresh, integers, normal

NUMBERS = integers(2, 3, low=0, high=3)
OTHERS = integers(3, low=0, high=3, seed=1)
WITH_NAN = numpy.array([1.0, numpy.nan, numpy.inf])

SAMPLES = [
    *[
        Sample(op, args)
        for op in ("eq", "ne", "lt", "le", "gt", "ge")
        for args in (
            (NUMBERS, OTHERS),
            (NUMBERS.astype(float), OTHERS),
            (NUMBERS, 1),
            (NUMBERS, 0.5),
            (WITH_NAN, fresh(WITH_NAN)),
            (normal(), normal()),
            (normal(0), normal()),
            (bools(3), bools(3, seed=1)),
        )
    ],
    *[
        Sample(op, args)
        for op in ("logical_and", "logical_or", "logical_xor")
        for args in ((NUMBERS, OTHERS), (NUMBERS.astype(float), OTHERS), (bools(), bools(3, seed=1)))
    ],
    *[Sample("logical_not", (values,)) for values in (NUMBERS, NUMBERS.astype(float), bools(3), bools())],
    *[
        Sample(op, args)
        for op in ("bitwise_and", "bitwise_or", "bitwise_xor")
        for args in ((NUMBERS, OTHERS), (NUMBERS, 1), (bools(3), bools(3, seed=1)), (bools(), bools()))
    ],
    *[
        Sample(op, args)
        for op in ("bitwise_left_shift", "bitwise_right_shift")
        for args in ((NUMBERS, OTHERS), (NUMBERS, 1))
    ],
    *[Sample("bitwise_not", (values,)) for values in (NUMBERS, bools(3), bools())],
    *binary("isclose", numpy=numpy.isclose),
    Sample("isclose", (WITH_NAN, WITH_NAN), {"equal_nan": True}),
    Sample("isclose", (normal(3), normal(3) + 1e-3), {"rtol": 0.0, "atol": 1e-2}),
]
