"""Calls of operations that join and split."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, integers, normal, spaced

SAMPLES = [
    Sample("cat", ([normal(2, 3), normal(1, 3, seed=1)],), numpy=numpy.concatenate),
    Sample("cat", ([normal(2, 3), normal(2, 0), spaced(normal(2, 2))], -1)),
    Sample("cat", ([normal(0), normal(2, 3)], 1)),
    Sample("cat", ([integers(2), normal(3)],)),
    Sample("cat", ([normal(2)],)),
    Sample("stack", ([normal(2, 3), spaced(normal(2, 3, seed=1))],), numpy=numpy.stack),
    Sample("stack", ([normal(2, 3), normal(2, 3, seed=1)], -1)),
    Sample("stack", ([normal(), normal(seed=1)],)),
    Sample("stack", ([normal(0, 2)], 1)),
    Sample("split_pieces", (normal(5, 2), (2, 0, 3), 0), torch="split_with_sizes"),
    Sample("split_pieces", (spaced(normal(2, 3)), (1, 2), 1), torch="split_with_sizes"),
]
