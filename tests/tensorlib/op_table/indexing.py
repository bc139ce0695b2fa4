"""Calls of operations that take parts by index."""

from __future__ import annotations

import operator

import numpy

from tests.tensorlib.op_table.sample import Sample, bools, integers, normal, spaced

MASK = numpy.array([[True, False, True], [False, True, True]])
ROWS = numpy.array([2, 0, 2])
INDICES = [
    0,
    -1,
    (0, 1),
    (slice(1, None), slice(None, None, 2)),
    (None, ..., 1, None),
    ...,
    (slice(0, 0),),
    ROWS,
    (ROWS, numpy.array([0, -1, 1])),
    (slice(None), ROWS),
    (0, slice(None), ROWS),
    (ROWS, slice(None), numpy.array([[0], [1]])),
    (slice(1, 3), None, ROWS),
    numpy.array([], numpy.int64),
    [0, 2],
    numpy.array(1),
]


def getitem(x, index):
    return x[index]


def add_at(g, basic, advanced, shape):
    import torch

    result = torch.zeros(shape, dtype=g.dtype)
    part = result[basic]
    if advanced is None:
        return torch.zeros(shape, dtype=g.dtype).index_put(tuple(torch.where(marks(shape, basic))), g.reshape(-1))
    return part.index_put(tuple(advanced), g, accumulate=True)


def marks(shape, basic):
    import torch

    marked = torch.zeros(shape, dtype=bool)
    marked[basic] = True
    return marked


def put(x, value, index):
    import torch

    value = torch.as_tensor(value, dtype=x.dtype)
    return x.index_put(tuple(index), value)


EVERY = slice(None)

SAMPLES = [
    *[Sample("getitem", (normal(3, 4, 3), index), torch=getitem) for index in INDICES],
    *[Sample("getitem", (spaced(normal(2, 3)), index), torch=getitem) for index in (MASK, (0, MASK[0]), [True, False])],
    Sample("getitem", (normal(), 0), torch=lambda x, index: x[()]),
    Sample("getitem", (normal(), (None, ...)), torch=getitem),
    Sample("getitem", (normal(0, 2), (EVERY, 1)), torch=getitem),
    Sample("getitem_backward", (normal(3),), {"basic": (1, ...), "advanced": None, "shape": (2, 3)}, torch=add_at),
    Sample("getitem_backward", (normal(3, 4),), {"basic": (...,), "advanced": (ROWS,), "shape": (4, 4)}, torch=None),
    Sample("getitem_backward", (normal(3),), {"basic": (...,), "advanced": (ROWS,), "shape": (4,)}, torch=add_at),
    Sample("put_elements", (normal(3, 2), normal(3, 2, seed=1)), {"index": (numpy.array([2, 0, 1]),)}, torch=put),
    Sample("put_elements", (normal(2, 3), normal(seed=1)), {"index": (MASK,)}, torch=put),
    Sample("put_elements", (spaced(normal(2, 3)), 1.5), {"index": (MASK,)}, torch=put),
    Sample("put_elements", (normal(3, 2), normal(1, seed=1)), {"index": (numpy.array([0, 2]),)}, torch=put),
    *[Sample("nonzero", (x,)) for x in (integers(2, 3, low=0, high=2), normal(3), normal(), bools(2, 2), normal(0, 2))],
    Sample("nonzero", (bools(2, 3),), {"as_tuple": True}),
]
INDEX = integers(2, 3, low=0, high=3)
SOURCE = normal(2, 3, seed=4)
UNIQUE = numpy.array([[2, 0, 1], [0, 2, 1]])


def under(name):
    """PyTorch has no gradient where the source is larger than the index."""

    def call(x, dim, index, source):
        return getattr(x, name)(dim, index, source[tuple(slice(length) for length in index.shape)])

    return call


SAMPLES += [
    Sample("gather", (normal(3, 3), 0, INDEX)),
    Sample("gather", (spaced(normal(3, 3)), -1, INDEX)),
    Sample("gather", (normal(4), 0, numpy.array([3, 3, 0, 1, 2]))),
    Sample("gather", (normal(), 0, numpy.array(0))),
    Sample("gather", (normal(3, 2), 0, integers(0, 2, low=0))),
    Sample("gather_backward", (SOURCE,), {"dim": 0, "index": INDEX, "shape": (3, 3)}, torch=None),
    Sample("gather_backward", (normal(),), {"dim": 0, "index": numpy.array(0), "shape": ()}, torch=None),
    Sample("scatter", (normal(3, 3), 1, UNIQUE, SOURCE)),
    Sample("scatter", (normal(3, 3), 1, UNIQUE, 2.5), torch=lambda x, dim, index, value: x.scatter(dim, index, value)),
    Sample("scatter", (normal(3, 3), 0, UNIQUE[:1, :2], SOURCE), torch=under("scatter")),
    Sample("scatter", (normal(), 0, numpy.array(0), normal(seed=1))),
    Sample("scatter_add", (normal(3, 3), 0, INDEX, SOURCE)),
    Sample("scatter_add", (normal(3, 3), 1, INDEX[:, :2], SOURCE), torch=under("scatter_add")),
    Sample("scatter_add", (normal(5), 0, numpy.array([4, 4, 0]), normal(3, seed=1))),
    Sample("scatter_add", (normal(3, 3), 0, integers(0, 3, low=0), SOURCE), torch=under("scatter_add")),
    Sample("index_add", (normal(3, 2), 0, ROWS, normal(3, 2, seed=1)), {"alpha": 0.5}),
    Sample("index_add", (normal(2, 3), 1, ROWS, normal(2, 3, seed=1))),
    Sample("index_add", (normal(3), 0, ROWS, normal(3, seed=1))),
]


def values(name):
    return lambda x, *args, **options: tuple(operator.methodcaller(name, *args, **options)(x))


TIES = numpy.array([[3, 1, 3, 2], [0, 0, -1, 5]])
SAMPLES += [
    Sample("sort", (normal(3, 4),), torch=values("sort")),
    Sample("sort", (spaced(normal(3, 4)),), {"dim": 0, "descending": True}, torch=values("sort")),
    Sample("sort", (TIES,), {"descending": True, "stable": True}, torch=values("sort")),
    Sample("sort", (numpy.array([1.0, numpy.nan, -numpy.inf, 2.0]),), torch=values("sort"), differentiable=False),
    Sample("sort", (normal(),), torch=values("sort")),
    Sample("sort", (normal(0, 2),), torch=values("sort")),
    Sample("argsort", (normal(3, 4),), {"dim": 0}),
    Sample("argsort", (TIES,), {"descending": True, "stable": True}),
    Sample("argsort", (normal(),)),
    Sample("topk", (normal(3, 5), 2), torch=values("topk")),
    Sample("topk", (spaced(normal(3, 2)), 2), {"dim": 0, "largest": False}, torch=values("topk")),
    Sample("topk", (normal(4), 0), torch=values("topk")),
    Sample("topk", (normal(3, 40), 3), torch=values("topk")),
    Sample("topk", (spaced(normal(40, 2)), 4), {"dim": 0, "largest": False}, torch=values("topk")),
    Sample("topk", (numpy.array([numpy.nan, *range(20)]), 2), torch=values("topk"), kink=True),
    Sample("topk", (normal(), 1), torch=values("topk")),
    Sample("kthvalue", (normal(3, 5), 2), torch=values("kthvalue")),
    Sample("kthvalue", (normal(3, 5), 3), {"dim": 0, "keepdim": True}, torch=values("kthvalue")),
    Sample("kthvalue", (normal(), 1), torch=values("kthvalue")),
    Sample("unique", (TIES,)),
    Sample("unique", (TIES,), {"return_inverse": True, "return_counts": True}),
    Sample("unique", (TIES,), {"dim": 1, "return_inverse": True}),
    Sample("unique", (normal(0),), differentiable=False),
]
