"""Calls of the operations behind sparse tensors, and of functions on embeddings."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, normal, spaced

ROWS, COLUMNS = numpy.array([0, 3, 0, 1, 0]), numpy.array([1, 0, 1, 2, 0])


def dense_product(values, other, rows, columns, length):
    matrix = numpy.zeros((length, len(other)), values.dtype)
    numpy.add.at(matrix, (rows, columns), values)
    return matrix @ other


def product(values, other, rows=ROWS, columns=COLUMNS, length=4):
    options = {"rows": rows, "columns": columns, "length": length}
    return Sample("coo_product", (values, other), options, torch=None, numpy=dense_product, arrays=("rows", "columns"))


NONE = numpy.zeros(0, int)

SAMPLES = [
    product(normal(5), normal(3, 2)),
    product(spaced(normal(5)), spaced(normal(3, 2))),
    product(normal(0), normal(3, 2), NONE, NONE),
    product(normal(0), normal(0, 2), NONE, NONE),
    product(normal(5) * (1 + 2j), normal(3, 2) * (2 - 1j)),
    Sample(
        "rows_sparsely",
        (normal(4, 3),),
        {"index": ROWS},
        torch=None,
        arrays=("index",),
        numpy=lambda weight, index: weight[index],
    ),
    Sample("rows_sparsely", (normal(4),), {"index": ROWS}, torch=None, arrays=("index",)),
    Sample("rows_sparsely", (normal(4, 2, 2),), {"index": ROWS.reshape(5, 1)}, torch=None, arrays=("index",)),
    Sample("rows_sparsely", (normal(4, 3),), {"index": NONE}, torch=None, arrays=("index",)),
    Sample(
        "scale_gradient",
        (normal(2, 3),),
        {"factors": numpy.ones((2, 1))},
        torch=None,
        arrays=("factors",),
        numpy=lambda x, factors: x,
    ),
]
