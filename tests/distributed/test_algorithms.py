"""The algorithms against plain loops, for many numbers of ranks."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

from dist.algorithms import MessageCollectives, scratch
from dist.algorithms.choose import ALGORITHMS, EXACT_ONLY
from dist.algorithms.exactness import is_exact
from dist.algorithms.segments import SEGMENT_BYTES
from dist.algorithms.tree import binomial_tree
from dist.channel import Channel
from dist.errors import TransportTimeout
from dist.reduction import ReduceOp
from dist.transport.inproc import make_inproc_world
from tests.distributed.algorithm_worlds import CALLS, NAMES, ROOTED, UNEVEN, all_reduce, dtype_for, on_ranks, values

RANKS = [*range(1, 10), 16]
LARGE = 2 * SEGMENT_BYTES // 4 + 13  # 4-byte numbers in more than two segments
REDUCTIONS = ALGORITHMS["all_reduce"]
IN_ORDER = [name for name in REDUCTIONS if ("all_reduce", name) not in EXACT_ONLY]


@pytest.mark.parametrize(("collective", "name"), NAMES)
@pytest.mark.parametrize("size", RANKS)
def test_gives_the_bits_of_a_plain_loop(collective: str, name: str, size: int) -> None:
    algorithm = ALGORITHMS[collective][name]
    for count, root in ((0, 0), (1, size - 1), (301, size // 2)) if collective != "barrier" else ((0, 0),):
        parts = values(size, count, dtype_for(collective, name))
        CALLS[collective](algorithm, size, parts, *([root] if collective in ROOTED else []))


@pytest.mark.parametrize(("collective", "name"), [pair for pair in NAMES if pair[0] in UNEVEN])
@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_rows_of_different_lengths(collective: str, name: str, size: int) -> None:
    lengths = [(7 * rank * rank) % 23 for rank in range(size)]  # the first is empty
    parts = [values(1, length, dtype_for(collective, name))[0] for length in lengths]
    CALLS[collective](ALGORITHMS[collective][name], size, parts)


@pytest.mark.parametrize(("collective", "name"), [pair for pair in NAMES if pair[0] != "barrier"])
@pytest.mark.parametrize("size", [2, 3])
def test_arrays_of_many_segments(collective: str, name: str, size: int) -> None:
    per_rank = collective in ("reduce_scatter", "all_to_all", "all_gather")
    count = 4 * LARGE if name in ("pairwise", "halving", "scatter") and not per_rank else LARGE
    CALLS[collective](ALGORITHMS[collective][name], size, values(size, count, dtype_for(collective, name)))


CASES = [
    (op, dtype)
    for op, dtypes in {
        ReduceOp.SUM: "float16 bfloat16 float64 complex64 complex128 int8 uint8 int64 bool",
        ReduceOp.PRODUCT: "float16 float32 complex64 int32 bool",
        ReduceOp.MIN: "float16 float32 int16 bool",
        ReduceOp.MAX: "float16 bfloat16 float64 uint64 bool",
        ReduceOp.AVG: "float16 bfloat16 float32 float64 complex128",
        ReduceOp.BAND: "int32 uint8 bool",
        ReduceOp.BOR: "int64 bool",
        ReduceOp.BXOR: "int8 bool",
    }.items()
    for dtype in dtypes.split()
]


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(("op", "dtype"), CASES, ids=str)
def test_all_reduce_operations(name: str, op: ReduceOp, dtype: str) -> None:
    if name not in IN_ORDER and not is_exact(op, np.dtype(dtype)):
        return  # never chosen; see test_choose.py
    for size in (2, 3):
        all_reduce(REDUCTIONS[name], size, values(size, 101, dtype), op)


@pytest.mark.parametrize("name", IN_ORDER)
@pytest.mark.parametrize(("dtype", "first", "total"), [("float16", 2048, 2052), ("bfloat16", 256, 260)])
def test_sum_of_halves_is_rounded_once(name: str, dtype: str, first: int, total: int) -> None:
    # In 16 bits 2048 + 1 is 2048, or 256 + 1 is 256: a sum rounded at every step would stay there.
    arrays = [np.full(5, first, dtype)] + [np.ones(5, dtype) for _ in range(3)]
    on_ranks(4, lambda channel: REDUCTIONS[name](channel, arrays[channel.rank], ReduceOp.SUM))
    assert [array.astype(float).tolist() for array in arrays] == [[total] * 5] * 4  # one less, to the nearest even


@pytest.mark.parametrize("name", IN_ORDER)
def test_nan_passes_through_max(name: str) -> None:
    arrays = [np.array([1.0, math.nan, 3.0]), np.array([math.nan, 2.0, 5.0])]
    on_ranks(2, lambda channel: REDUCTIONS[name](channel, arrays[channel.rank], ReduceOp.MAX))
    for array in arrays:
        np.testing.assert_array_equal(array, [math.nan, math.nan, 5.0])


@pytest.mark.parametrize(
    ("op", "dtype", "need"),
    [
        (ReduceOp.AVG, "int32", "floats or complex"),
        (ReduceOp.BXOR, "float32", "integers or bools"),
        (ReduceOp.MAX, "complex64", "real numbers"),
        (ReduceOp.SUM, "datetime64[s]", "numbers or bools"),
    ],
)
def test_operation_that_a_dtype_does_not_have(op: ReduceOp, dtype: str, need: str) -> None:
    with pytest.raises(TypeError, match=f"ReduceOp.{op.name}: .*{need}"):
        op.check(dtype)


@pytest.mark.parametrize("name", ["pairwise", "linear"])
def test_memory_for_what_comes_in_is_bounded(name: str) -> None:
    collective = "reduce" if name == "linear" else "reduce_scatter"
    kept = []

    def call(*arguments: Any) -> None:
        ALGORITHMS[collective][name](*arguments)
        kept.append(scratch._kept.scratch._memory.nbytes)

    CALLS[collective](call, 3, values(3, 5 * SEGMENT_BYTES // 4, "float32"))
    assert 0 < max(kept) <= 2 * 3 * SEGMENT_BYTES


@pytest.mark.parametrize("size", [*RANKS, 13, 64])
def test_binomial_tree_reaches_everybody_once(size: int) -> None:
    for root in {0, size // 2, size - 1}:
        tree = [binomial_tree(rank, size, root) for rank in range(size)]
        edges = {(rank, child) for rank, (_, children) in enumerate(tree) for child in children}
        assert edges == {(parent, rank) for rank, (parent, _) in enumerate(tree) if parent is not None}
        assert [rank for rank, (parent, _) in enumerate(tree) if parent is None] == [root]


def test_a_call_that_one_rank_does_not_make_ends_at_its_deadline() -> None:
    transport, _ = make_inproc_world(2)
    channel = Channel(transport, (0, 1), 0, tag=1, fingerprint=1, deadline=time.monotonic() + 0.1)
    with pytest.raises(TransportTimeout, match="rank 1"):
        MessageCollectives().all_reduce(channel, np.ones(3), ReduceOp.SUM)
