"""Calls that return copies with other elements in some places, and views by strides."""

from __future__ import annotations

import numpy

import tensorlib
from tests.tensorlib.op_table.sample import Sample, bools, integers, normal, quiet

X, SRC = normal(3, 4), normal(2, 4, seed=1)
ROWS = numpy.array([[0, 1, 2, 0], [0, 2, 2, 1]])
WALK = ((3, 2), (1, 2), 1)


SAMPLES = [
    *[Sample("index_put", (X, (numpy.array([0, 2, 0]),), normal(3, 4, seed=1), flag)) for flag in (True,)],
    Sample("index_put", (X, (numpy.array([0, 2]), numpy.array([1, 1])), normal(2, seed=1))),
    Sample("put", (X, numpy.array([0, 5, 11]), normal(3, seed=1))),
    Sample("put", (X, numpy.array([[0, 5, 5]]), normal(1, 3, seed=1), True)),
    *[Sample("masked_scatter", (X, mask, normal(12, seed=1))) for mask in (bools(3, 4), bools(4), X > 9)],
    *[
        Sample("scatter_reduce", (X, 0, ROWS, SRC, reduce), {"include_self": flag})
        for reduce in ("sum", "mean", "prod", "amax", "amin")
        for flag in (True, False)
    ],
    Sample("scatter_reduce", (X, 1, ROWS[:, :2] + 1, SRC[:, :2], "amax")),
    *[
        Sample("index_reduce", (X, *call, reduce), {"include_self": flag}, torch=quiet("index_reduce"))
        for reduce in ("mean", "prod", "amax", "amin")
        for flag in (True, False)
        for call in ((0, numpy.array([2, 0]), SRC), (-1, numpy.array([1, 3, 1]), normal(3, 3, seed=1)))
    ],
    *[Sample("fill", (x, value)) for x in (X, normal()) for value in (1.5, numpy.array(2.5))],
    Sample("fill", (normal(0, 2), 1.5)),
    Sample("fill", (integers(3), 2)),
    Sample("select_scatter", (X, normal(4, seed=1), 0, -1)),
    Sample("slice_scatter", (X, normal(3, 2, seed=1), 1, 1, None, 2)),
    Sample("diagonal_scatter", (X, normal(3, seed=1)), {"offset": 1}),
    Sample("as_strided_scatter", (X, normal(2, 2, seed=1), (2, 2), (4, 1), 1), torch=None),
    Sample("as_strided", (X, *WALK)),
    Sample("as_strided", (X, (4, 3), (2, 1))),
    Sample("walk", (X,), {"given": ((3, 4), (4, 1), 0), "wanted": WALK}, torch=None),
    Sample("restride", (normal(3, 2),), {"given": WALK, "wanted": ((4,), (2,), 0)}, torch=None),
    Sample("view_as_type", (X,), {"dtype": tensorlib.int64}, torch=None),
    Sample("unravel_index", (numpy.array([[0, 5], [11, 3]]), (3, 4))),
]
