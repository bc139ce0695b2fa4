"""Calls of functions on shapes, indices and matrices that are made of several operations."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.sample import Sample, bools, integers, normal, spaced


def method(name):
    """Return the method of PyTorch's tensors."""
    return lambda x, *args, **options: getattr(x, name)(*args, **options)


X = normal(2, 3, 4)
ROWS = numpy.array([1, 0, 1])
UNIQUE = numpy.array([2, 0])

SAMPLES = [
    *[Sample("flatten", (X, *dims)) for dims in ((), (1,), (0, 1), (-2, -1))],
    Sample("flatten", (normal(),)),
    Sample("ravel", (spaced(normal(2, 3)),)),
    Sample("unflatten", (normal(2, 6), 1, (2, -1))),
    Sample("unflatten", (normal(4), -1, (2, 2))),
    *[Sample("t", (x,)) for x in (normal(2, 3), normal(3), normal())],
    Sample("movedim", (X, 0, -1)),
    Sample("moveaxis", (X, (0, 2), (1, 0))),
    Sample("select", (X, 1, -1)),
    Sample("select", (normal(3), 0, 1)),
    Sample("tile", (normal(2, 1), (2,)), torch="tile"),
    Sample("tile", (normal(2), (3, 2)), torch="tile"),
    *[Sample("rot90", (spaced(normal(2, 3)), k)) for k in (0, 1, 2, 3, -1)],
    Sample("rot90", (X, 1, (2, 0))),
    Sample("broadcast_tensors", (normal(3), normal(2, 1))),
    Sample("split", (normal(5, 2), 2)),
    Sample("split", (normal(2, 5), [1, 0, 4], 1)),
    Sample("split", (normal(0, 2), 3)),
    Sample("chunk", (normal(5, 2), 3)),
    Sample("chunk", (normal(2, 0), 2, 1)),
    Sample("unsafe_split", (normal(2, 5), 2, 1)),
    Sample("unsafe_chunk", (normal(2, 5), 3, -1)),
    Sample("tensor_split", (normal(5), 3)),
    Sample("tensor_split", (normal(2, 5), (1, 3, 7), -1)),
    Sample("unbind", (normal(2, 3),)),
    Sample("unbind", (spaced(normal(2, 3)), -1)),
    Sample("hstack", ([normal(2), normal(3)],)),
    Sample("hstack", ([normal(2, 1), normal(2, 2)],)),
    Sample("vstack", ([normal(2), normal(1, 2)],)),
    Sample("meshgrid", (normal(2), normal(3)), {"indexing": "ij"}),
    Sample("meshgrid", ([normal(2), normal(3), normal(2, seed=1)],), {"indexing": "xy"}),
    Sample("index_select", (normal(3, 4), 0, UNIQUE)),
    Sample("index_select", (normal(2, 3), -1, ROWS)),
    Sample("index_fill", (normal(3, 2), 0, UNIQUE, 1.5)),
    Sample("index_copy", (normal(3, 2), 0, UNIQUE, normal(2, 2, seed=1))),
    Sample("masked_select", (normal(2, 3), bools(2, 3))),
    Sample("masked_select", (normal(3), bools(2, 1))),
    Sample("masked_select", (normal(), numpy.array(True))),
    Sample("take", (normal(2, 3), numpy.array([[5, 0], [5, 2]]))),
    Sample("take_along_dim", (normal(2, 3), integers(2, 3, low=0, high=2), 0)),
    Sample("take_along_dim", (normal(2, 3), integers(1, 3, low=0, high=3), 1)),
    Sample("take_along_dim", (normal(2, 3), numpy.array([5, 0]))),
    Sample("repeat_interleave", (normal(2, 3), 2), torch=lambda x, repeats: x.repeat_interleave(repeats)),
    Sample("repeat_interleave", (normal(2, 3), numpy.array([0, 1, 3]), 1)),
    Sample("diag", (normal(3),)),
    Sample("diag", (normal(3, 4), 1)),
    Sample("diag", (normal(2), -1)),
    Sample("diag_embed", (normal(2, 3),)),
    Sample("diag_embed", (normal(2, 3), 1, 0, -1)),
    Sample("trace", (normal(3, 2),)),
    Sample("mm", (normal(2, 3), normal(3, 2, seed=1))),
    Sample("bmm", (normal(2, 2, 3), normal(2, 3, 2, seed=1))),
    Sample("mv", (normal(2, 3), normal(3, seed=1))),
    Sample("dot", (normal(3), normal(3, seed=1))),
    Sample("outer", (normal(3), normal(2, seed=1))),
    Sample("ger", (normal(3), normal(2, seed=1))),
    Sample("addmm", (normal(3), normal(2, 2), normal(2, 3)), {"beta": 0.5, "alpha": 2}),
    Sample("addmm", (normal(2, 3), normal(2, 0), normal(0, 3))),
    Sample("addmv", (normal(2), normal(2, 3), normal(3)), {"alpha": 0.5}),
    Sample("addr", (normal(1, 2), normal(3), normal(2)), {"beta": 2}),
    Sample("baddbmm", (normal(2, 1), normal(3, 2, 2), normal(3, 2, 2))),
    Sample("addbmm", (normal(2, 2), normal(3, 2, 2), normal(3, 2, 2)), {"beta": 3}),
    *[
        Sample("einsum", (equation, *[normal(*shape, seed=k) for k, shape in enumerate(shapes)]))
        for equation, shapes in {
            "ij,jk": ((2, 3), (3, 4)),
            "bij,bjk->bik": ((2, 2, 3), (2, 3, 2)),
            "ii->i": ((3, 3),),
            "ii": ((3, 3),),
            "ij->": ((2, 3),),
            "...ij,...jk->...ik": ((2, 1, 2, 3), (3, 3, 2)),
            "...,...": ((2, 1), (3,)),
            "b n, m -> m n b": ((2, 3), (4,)),
            "ij,j,i": ((2, 3), (3,), (2,)),
            ",": ((), ()),
        }.items()
    ],
]
