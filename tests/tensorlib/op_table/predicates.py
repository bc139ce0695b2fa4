"""Calls of plain questions, and of functions made of others."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, normal

ODD = numpy.array([numpy.inf, -numpy.inf, numpy.nan, 1.0])
GRID = numpy.array([0.0, 1.0, 3.0, 3.5])

SAMPLES = [
    *[Sample(op, (x,), differentiable=False) for op in ("isposinf", "isneginf") for x in (ODD, numpy.array([1, 2]))],
    *[Sample("cosine_similarity", (normal(2, 3), normal(2, 3, seed=1), dim)) for dim in (0, -1)],
    Sample("cosine_similarity", (normal(2, 3), normal(3, seed=1))),
    *[Sample("pairwise_distance", (normal(2, 3), normal(3, seed=1), p)) for p in (1.0, 2.0, 3.0)],
    Sample("pairwise_distance", (normal(2, 3), normal(2, 3, seed=1)), {"keepdim": True}),
    *[Sample("gradient", (normal(4, 5),), {"edge_order": order, "spacing": 0.5}) for order in (1, 2)],
    Sample("gradient", (normal(4, 5),), {"dim": 0, "spacing": (GRID,), "edge_order": 2}, constants=("spacing",)),
]
