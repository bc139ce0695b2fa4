"""Calls of operations on shapes."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, integers, normal, spaced

FLIPPED = spaced(normal(3, 2))

SAMPLES = [
    Sample("reshape", (normal(2, 3), (3, 2))),
    Sample("reshape", (normal(2, 3), (6,))),
    Sample("reshape", (normal(), (1, 1))),
    Sample("reshape", (normal(0, 3), (0, 5))),
    Sample("reshape", (spaced(normal(2, 3)), (-1,))),
    Sample("view", (normal(2, 6), (3, -1)), torch=lambda x, shape: x.view(shape)),
    Sample("view", (normal(), (1,)), torch=lambda x, shape: x.view(shape)),
    Sample("view", (normal(0, 2), (2, 0)), torch=lambda x, shape: x.view(shape)),
    *[Sample("squeeze", (x,)) for x in (normal(), normal(1, 3, 1), normal(1), normal(0, 1), spaced(normal(3, 1)))],
    Sample("squeeze", (normal(1, 3, 1), 0)),
    Sample("squeeze", (normal(1, 3, 1), 1)),
    Sample("squeeze", (normal(1, 3, 1), (0, -1))),
    Sample("unsqueeze", (normal(), 0)),
    Sample("unsqueeze", (normal(2, 3), -1)),
    Sample("unsqueeze", (normal(0, 3), 1)),
    Sample("transpose", (normal(2, 3), 0, 1), numpy=numpy.swapaxes),
    Sample("transpose", (normal(2, 3, 4), -1, 0), numpy=numpy.swapaxes),
    Sample("transpose", (normal(), 0, -1)),
    Sample("permute", (normal(2, 3, 4), (2, 0, 1)), numpy=numpy.transpose),
    Sample("permute", (normal(2, 0), (-1, 0)), numpy=numpy.transpose),
    Sample("permute", (normal(), ())),
    Sample("expand", (normal(3, 1), (2, 3, 4)), torch=lambda x, shape: x.expand(shape)),
    Sample("expand", (normal(3, 1), (-1, 2)), torch=lambda x, shape: x.expand(shape)),
    Sample("expand", (normal(), (2, 2)), torch=lambda x, shape: x.expand(shape)),
    Sample("expand", (normal(2, 3), (1, 2, 3)), torch=lambda x, shape: x.expand(shape)),
    Sample("expand", (normal(1, 3), (0, 3)), torch=lambda x, shape: x.expand(shape)),
    Sample("narrow", (normal(4, 3), 0, 1, 2)),
    Sample("narrow", (normal(4, 3), -1, -2, 2)),
    Sample("narrow", (spaced(normal(4, 3)), 1, 3, 0)),
    Sample("narrow_copy", (spaced(normal(4, 3)), 1, 1, 2)),
    Sample("detach", (normal(4, 3),), differentiable=False),
    *[Sample("clone", (x,)) for x in (normal(), normal(0, 2), spaced(normal(2, 3)), integers(3))],
    Sample("repeat", (normal(2, 3), (2, 1, 3)), torch=lambda x, repeats: x.repeat(repeats)),
    Sample("repeat", (normal(), (2, 2)), torch=lambda x, repeats: x.repeat(repeats)),
    Sample("repeat", (normal(2), (0,)), torch=lambda x, repeats: x.repeat(repeats)),
    Sample("flip", (normal(2, 3), (0, 1)), numpy=numpy.flip),
    Sample("flip", (FLIPPED, (-1,)), numpy=numpy.flip),
    Sample("flip", (normal(0, 2), (0,)), numpy=numpy.flip),
    Sample("flip", (normal(), ())),
    Sample("roll", (normal(2, 3), 1)),
    Sample("roll", (normal(2, 3), (1, -2), (0, 1))),
    Sample("roll", (spaced(normal(2, 3)), 2, 1)),
    Sample("roll", (normal(0, 3), 1, 0)),
    Sample("astype", (normal(2, 3),), {"dtype": numpy.float32}, torch=None, differentiable=False),
    Sample("astype", (normal(2, 3),), {"dtype": "float64"}, torch=None),
    Sample("astype", (integers(2, 3), "float32"), torch=None),
    Sample("to_device", (normal(2, 3),), {"device": "cpu"}, torch=None),
]
