"""Calls of operations on matrices."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, integers, normal, spaced


def pair(left: tuple[int, ...], right: tuple[int, ...]):
    return normal(*left), normal(*right, seed=1)


SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (4, 3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((2, 0, 3), (3, 2)),
]


def contract(tensors, terms, result):
    import torch

    return torch.einsum(f"{','.join(terms)}->{result}", *tensors)


def diagonal_backward(g, shape, offset, dim1, dim2):
    import torch

    return torch.diagonal_scatter(torch.zeros(shape, dtype=g.dtype), g, offset, dim1, dim2)


TRIANGLES = [normal(3, 4), normal(2, 3, 3), spaced(normal(3, 2)), normal(0, 2)]
DIAGONAL = {"shape": (3, 3), "offset": -1, "dim1": 0, "dim2": 1}
OUTER = {"shape": (2, 3, 2), "offset": 0, "dim1": 0, "dim2": 2}

SAMPLES = [
    *[Sample("matmul", pair(*shapes), numpy=numpy.matmul) for shapes in SHAPES],
    Sample("matmul", (spaced(normal(2, 3)), normal(2, 3, seed=1).T), numpy=numpy.matmul),
    Sample("matmul", (spaced(normal(4, 3)).reshape(2, 2, 3).swapaxes(0, 1), normal(3, 2)), numpy=numpy.matmul),
    Sample("matmul", (integers(2, 3), integers(3, 2)), numpy=numpy.matmul),
    Sample("linear", (*pair((4, 3), (2, 3)), normal(2, seed=2)), torch="nn.functional.linear"),
    Sample("linear", pair((2, 4, 3), (2, 3)), torch="nn.functional.linear"),
    Sample("linear", (*pair((3,), (2, 3)), normal(2, seed=2)), torch="nn.functional.linear"),
    Sample("linear", (*pair((0, 3), (2, 3)), normal(2, seed=2)), torch="nn.functional.linear"),
    Sample("linear", pair((2, 3), (3,)), torch="nn.functional.linear"),
    Sample("linear", (spaced(normal(4, 3)), spaced(normal(2, 3))), torch="nn.functional.linear"),
    Sample("contract", (list(pair((2, 3), (3, 4))), ("ab", "bc"), "ac"), torch=contract),
    Sample("contract", (list(pair((2, 3), (3, 4))), ("ab", "bc"), "c"), torch=contract),
    Sample("contract", ([normal(2, 3)], ("ab",), "ba"), torch=contract),
    Sample("contract", ([normal(2, 3)], ("ab",), ""), torch=contract),
    Sample("contract", ([*pair((2, 3), (3, 4)), normal(4, seed=2)], ("ab", "bc", "c"), "a"), torch=contract),
    *[Sample(name, (x, k)) for name in ("tril", "triu") for x in TRIANGLES for k in (0, -1, 1)],
    Sample("diagonal", (normal(3, 4),)),
    Sample("diagonal", (normal(2, 3, 4), -1, 0, 2)),
    Sample("diagonal", (spaced(normal(3, 3)), 1)),
    Sample("diagonal", (normal(2, 3), 5)),
    Sample("diagonal_backward", (normal(2),), DIAGONAL, torch=diagonal_backward),
    Sample("diagonal_backward", (normal(3, 2),), OUTER, torch=diagonal_backward),
]
