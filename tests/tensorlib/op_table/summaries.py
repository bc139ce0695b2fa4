"""Calls of running products and extremes, counts, summaries of data, and functions that put tensors together."""

from __future__ import annotations

import numpy

from tests.tensorlib.op_table.elementwise import SPECIAL
from tests.tensorlib.op_table.sample import Sample, integers, normal, positive, spaced, unary

NAN = numpy.array([[1.0, numpy.nan, 3.0], [0.5, -2.0, numpy.nan]])
ZEROS = numpy.array([[1.0, 0.0, 3.0, 0.0], [0.5, -2.0, 0.0, 1.0]])
X = normal(2, 3, 4)


def method(name):
    """Return the method of PyTorch's tensors."""
    return lambda x, *args, **options: getattr(x, name)(*args, **options)


SAMPLES = [
    *[
        Sample(op, (x, dim)) for op in ("cumprod", "logcumsumexp")
        for x, dim in ((X, 1), (normal(), 0), (normal(0, 3), 1))
    ],
    Sample("cumprod", (ZEROS, 1), second=False),
    Sample("cumprod", (integers(2, 3), -1)),
    Sample("cumprod", (integers(3), 0), {"dtype": None}),
    *[
        Sample(op, (x, dim)) for op in ("cummax", "cummin")
        for x, dim in ((X, 1), (spaced(normal(2, 3)), -1), (normal(), 0))
    ],
    *[Sample(op, (NAN, 1), kink=True) for op in ("cummax", "cummin")],
    *[Sample(op, (integers(3, 4), 0), differentiable=False) for op in ("cummax", "cummin")],
    *[Sample("mode", (numpy.round(normal(3, 4) * 1.5), *args), kink=True) for args in ((), (0,), (1, True), (-2,))],
    Sample("mode", (normal(),)),
    Sample("mode", (integers(2, 5),), differentiable=False),
    Sample("bincount", (integers(6, low=0),)),
    Sample("bincount", (integers(6, low=0), positive(6)), differentiable=False),
    Sample("bincount", (integers(0, low=0),), {"minlength": 3}),
    *[Sample("histc", (normal(20), *args), differentiable=False) for args in ((5,), (4, -1, 1), (3, 0, 2))],
    Sample("histc", (numpy.ones(3),), {"bins": 4}, differentiable=False),
    Sample("histogram", (normal(20), 5), differentiable=False),
    Sample("histogram", (normal(20), 4), {"range": (-1.0, 1.0), "density": True}, differentiable=False),
    Sample(
        "histogram",
        (normal(5), numpy.array([-1.0, 0.0, 3.0])),
        {"weight": positive(5)},
        differentiable=False,
        constants=("weight",),
    ),
    Sample("searchsorted", (numpy.sort(normal(5)), normal(2, 3)), differentiable=False),
    Sample("searchsorted", (numpy.sort(normal(2, 5)), normal(2, 3)), {"right": True}, differentiable=False),
    Sample("searchsorted", (numpy.sort(integers(5)), integers(4)), {"side": "right", "out_int32": True}),
    Sample("searchsorted", (numpy.sort(normal(5)), 0.5), differentiable=False),
    Sample("sorted_places", (numpy.sort(normal(5)), normal(3), "left"), torch=None, numpy=numpy.searchsorted),
    Sample("bucketize", (integers(3, 4), numpy.array([-2, 0, 3])), {"right": True}),
    Sample("bucketize", (normal(3), numpy.array([-0.5, 0.5])), differentiable=False),
    *[Sample("isin", (integers(3, 4), integers(3)), {"invert": flag}) for flag in (False, True)],
    Sample("isin", (integers(4), 2)),
    Sample("isin", (2, integers(4))),
    Sample("isin", (integers(4), integers(0))),
    Sample("unique_consecutive", (integers(12, low=0, high=2),)),
    Sample("unique_consecutive", (integers(3, 4, low=0, high=2), True, True)),
    Sample("unique_consecutive", (integers(6, 1, low=0, high=2), True, True, 0)),
    Sample("unique_consecutive", (integers(0), True, True)),
    *[Sample("aminmax", (X,), options) for options in ({}, {"dim": 1}, {"dim": -1, "keepdim": True})],
    *[Sample(op, (NAN, *args), kink=True) for op in ("nansum", "nanmean") for args in ((), (1,), ((0, 1), True))],
    Sample("nanmedian", (NAN,), kink=True),
    *[Sample("nanmedian", (NAN, dim, keep), kink=True) for dim in (0, 1) for keep in (False, True)],
    *[
        Sample("quantile", (normal(3, 5), q, *args), {"interpolation": kind}, constants=("q",))
        for q, args in ((0.3, ()), (0.5, (1,)), (0.25, (0, True)), (1.0, (None, True)))
        for kind in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    Sample("quantile", (normal(3, 4), numpy.array([0.1, 0.6]), 1), differentiable=False),
    Sample("quantile", (NAN, 0.5, 1), differentiable=False),
    Sample("nanquantile", (NAN, 0.4, 1), kink=True),
    Sample("nanquantile", (NAN, numpy.array([0.0, 0.7, 1.0])), differentiable=False),
    *[Sample("count_nonzero", (ZEROS, *args), differentiable=False) for args in ((), (0,), ((0, 1),))],
    *[Sample(op, (X, *args), options) for op in ("var_mean", "std_mean") for args, options in
      (((), {}), ((1,), {}), (((0, 2),), {"correction": 0, "keepdim": True}))],
    *[Sample("cov", (normal(3, 5),), options) for options in ({}, {"correction": 0})],
    Sample("cov", (normal(4),)),
    Sample("cov", (normal(2, 4),), {"fweights": integers(4, low=1), "aweights": positive(4)}, constants=("aweights",)),
    Sample("corrcoef", (normal(3, 5),), tolerance=128),
    *[Sample("dist", (normal(2, 3), normal(3, seed=1), *p)) for p in ((), (1,), (3,), (float("inf"),))],
    *[Sample("cdist", (normal(3, 4), normal(2, 4, seed=1), p), tolerance=128) for p in (1.0, 2.0, 3.0)],
    Sample("cdist", (normal(2, 3, 4), normal(2, 2, 4, seed=1)), tolerance=128),
    *[Sample("pdist", (normal(4, 3), p)) for p in (1.0, 2.0)],
    *[Sample("renorm", (normal(3, 2, 2) * 2, p, dim, 1.0), tolerance=128) for p, dim in ((2, 0), (1, -1))],
    *[Sample(op, (x,)) for op in ("atleast_1d", "atleast_2d", "atleast_3d") for x in (normal(), normal(2), X)],
    Sample("atleast_2d", ([normal(), normal(2)],)),
    Sample("column_stack", ([normal(2), normal(2, 3)],)),
    Sample("row_stack", ([normal(3), normal(2, 3)],), torch="vstack"),
    Sample("dstack", ([normal(2, 3), normal(2, 3, seed=1)],)),
    Sample("hsplit", (normal(2, 4), 2)),
    Sample("hsplit", (normal(4), [1, 3])),
    Sample("vsplit", (normal(4, 2), 2)),
    Sample("dsplit", (normal(2, 2, 4), 2)),
    Sample("split_with_sizes", (normal(4, 2), [1, 3])),
    *[Sample(op, (spaced(normal(2, 3)),)) for op in ("fliplr", "flipud")],
    *[Sample("diagflat", (normal(2, 2), k)) for k in (0, 1, -2)],
    Sample("block_diag", (normal(2, 3), normal(2), normal(1, 1))),
    Sample("cartesian_prod", (normal(2), normal(3), normal(1))),
    Sample("cartesian_prod", (normal(2),)),
    *[Sample("combinations", (normal(4), *args)) for args in ((), (3,), (2, True))],
    *[Sample("diff", (X, *args)) for args in ((), (2,), (1, 0), (5, 1))],
    Sample("diff", (normal(3),), {"prepend": normal(1), "append": normal(2)}),
    Sample("diff", (numpy.array([True, False, False]),)),
    *[
        Sample(op, args, options)
        for op in ("trapezoid", "cumulative_trapezoid")
        for args, options in (((X,), {}), ((X,), {"dx": 0.5, "dim": 1}), ((X, positive(4)), {}), ((X, X), {"dim": 0}))
    ],
    Sample("trapz", (normal(4),), {"dx": 2.0}),
    Sample("kron", (normal(2, 3), normal(2, 2))),
    Sample("kron", (normal(2), normal(3, 1, 2))),
    *[Sample("tensordot", (normal(2, 3, 4), normal(3, 4, 5), 2)), Sample("tensordot", (normal(2), normal(3), 0))],
    Sample("tensordot", (normal(2, 3, 4), normal(4, 2), ([2, 0], [0, 1]))),
    *[Sample("inner", pair) for pair in ((normal(3), normal(3)), (normal(2, 3), normal(4, 3)), (normal(), normal(2)))],
    Sample("vdot", (normal(3), normal(3, seed=1))),
    *[Sample("vander", (integers(3), *args)) for args in ((), (2,), (4, True))],
    Sample("msort", (normal(3, 2),)),
    Sample("argwhere", (ZEROS,), differentiable=False),
    Sample("adjoint", (X,)),
    *unary("nansum"),
    Sample("nansum", (SPECIAL,), kink=True),
]  # fmt: skip
