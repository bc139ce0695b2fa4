"""Calls of operations on shapes."""

from __future__ import annotations

from tests.tensorlib.op_table.sample import Sample, normal, spaced

SAMPLES = [
    Sample("reshape", (normal(2, 3), (3, 2))),
    Sample("reshape", (normal(2, 3), (6,))),
    Sample("reshape", (normal(), (1, 1))),
    Sample("reshape", (normal(0, 3), (0, 5))),
    Sample("reshape", (spaced(normal(2, 3)), (-1,))),
]
