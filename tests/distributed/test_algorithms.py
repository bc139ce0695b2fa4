"""The algorithms against plain loops, for every number of ranks up to eight."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dist.algorithms.barrier import dissemination_barrier
from dist.algorithms.broadcast import binomial_tree, tree_broadcast
from dist.algorithms.choose import ALL_REDUCE, ALL_REDUCE_TABLE, OVERRIDE, all_reduce, choose_all_reduce
from dist.algorithms.gather import all_gather, gather, scatter
from dist.algorithms.reduce import linear_reduce as reduce
from dist.algorithms.segments import SEGMENT_BYTES
from dist.channel import Channel
from dist.errors import TransportTimeout
from dist.reduction import ReduceOp
from dist.transport.base import Transport, Work
from dist.transport.inproc import make_inproc_world

Array = NDArray[Any]
RANKS = range(1, 9)
COUNTS = (0, 1, 7, 1001)
LARGE = 2 * SEGMENT_BYTES // 8 + 13  # float64s in more than two segments
RNG = np.random.default_rng(0)


class CountingTransport:
    """Counts what a rank sends."""

    def __init__(self, transport: Transport) -> None:
        self.rank, self.size = transport.rank, transport.size
        self.transport = transport
        self.messages = 0
        self.bytes = 0

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        assert peer != self.rank, "an algorithm sends to itself"
        self.messages += 1
        self.bytes += len(buffer)
        return self.transport.isend(buffer, peer, tag, fingerprint)

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        return self.transport.irecv(buffer, peer, tag, fingerprint)

    def abort(self, reason: str) -> None:
        self.transport.abort(reason)

    def close(self) -> None:
        self.transport.close()


def on_ranks(size: int, action: Callable[[Channel], object]) -> list[CountingTransport]:
    """Run `action(channel)` on every rank; return the transports, closed. Group ranks are not the transport's."""
    world = [CountingTransport(transport) for transport in make_inproc_world(size)]
    ranks = tuple(reversed(range(size)))

    def run(rank: int) -> None:
        try:
            action(Channel(world[ranks[rank]], ranks, rank, tag=3, fingerprint=5, deadline=time.monotonic() + 20))
        except BaseException:
            world[ranks[rank]].abort("the test failed")
            raise

    with ThreadPoolExecutor(size) as pool:
        for future in [pool.submit(run, rank) for rank in range(size)]:
            future.result()
    for transport in world:
        transport.close()
    return [world[rank] for rank in ranks]


def values(size: int, count: int, dtype: str) -> list[Array]:
    """Return what each rank has: numbers whose sum depends on the order in which it is made."""
    kind = np.dtype(dtype).kind
    if kind == "c":
        return [
            (a + 1j * b).astype(dtype) for a, b in zip(*[values(size, count, "float64") for _ in "ab"], strict=True)
        ]
    if kind == "f":
        return [(RNG.standard_normal(count) * 10.0 ** RNG.integers(-2, 3, count)).astype(dtype) for _ in range(size)]
    high = 2 if kind == "b" else 100
    return [RNG.integers(0, high, count).astype(dtype) for _ in range(size)]


UFUNCS = {
    ReduceOp.SUM: np.add,
    ReduceOp.PRODUCT: np.multiply,
    ReduceOp.MIN: np.minimum,
    ReduceOp.MAX: np.maximum,
    ReduceOp.AVG: np.add,
    ReduceOp.BAND: np.bitwise_and,
    ReduceOp.BOR: np.bitwise_or,
    ReduceOp.BXOR: np.bitwise_xor,
}


@np.errstate(over="ignore")
def in_rank_order(op: ReduceOp, parts: list[Array]) -> Array:
    """Reduce with a plain loop."""
    dtype = parts[0].dtype
    wide = np.dtype(np.float32) if dtype == np.float16 else dtype
    total = parts[0].astype(wide)
    for part in parts[1:]:
        total = UFUNCS[op](total, part.astype(wide))
    return (total / len(parts) if op is ReduceOp.AVG else total).astype(dtype)


def check_all_reduce(name: str, size: int, count: int, dtype: str, op: ReduceOp) -> list[CountingTransport]:
    parts = values(size, count, dtype)
    arrays = [part.copy() for part in parts]
    transports = on_ranks(size, lambda channel: ALL_REDUCE[name](channel, arrays[channel.rank], op))
    expected = in_rank_order(op, parts)
    for array in arrays:
        assert array.tobytes() == expected.tobytes()
    return transports


@pytest.mark.parametrize("name", ALL_REDUCE)
@pytest.mark.parametrize("size", RANKS)
def test_all_reduce_gives_the_bits_of_a_loop_in_rank_order(name: str, size: int) -> None:
    for count in COUNTS:
        check_all_reduce(name, size, count, "float32", ReduceOp.SUM)


@pytest.mark.parametrize("name", ALL_REDUCE)
@pytest.mark.parametrize("size", [2, 3])
def test_all_reduce_of_many_segments(name: str, size: int) -> None:
    check_all_reduce(name, size, LARGE * size, "float64", ReduceOp.SUM)


CASES = [
    (op, dtype)
    for op, dtypes in {
        ReduceOp.SUM: "float16 float64 complex64 complex128 int8 uint8 int64 bool",
        ReduceOp.PRODUCT: "float16 float32 complex64 int32 bool",
        ReduceOp.MIN: "float16 float32 int16 bool",
        ReduceOp.MAX: "float16 float64 uint64 bool",
        ReduceOp.AVG: "float16 float32 float64 complex128",
        ReduceOp.BAND: "int32 uint8 bool",
        ReduceOp.BOR: "int64 bool",
        ReduceOp.BXOR: "int8 bool",
    }.items()
    for dtype in dtypes.split()
]


@pytest.mark.parametrize("name", ALL_REDUCE)
@pytest.mark.parametrize(("op", "dtype"), CASES, ids=str)
def test_all_reduce_operations(name: str, op: ReduceOp, dtype: str) -> None:
    for size in (2, 3):
        check_all_reduce(name, size, 101, dtype, op)


@pytest.mark.parametrize("name", ALL_REDUCE)
def test_sum_of_halves_is_rounded_once(name: str) -> None:
    # In 16 bits 2048 + 1 is 2048, so that a sum rounded at every step would stay there.
    arrays = [np.full(5, 2048, np.float16)] + [np.ones(5, np.float16) for _ in range(3)]
    on_ranks(4, lambda channel: ALL_REDUCE[name](channel, arrays[channel.rank], ReduceOp.SUM))
    assert [array.tolist() for array in arrays] == [[2052.0] * 5] * 4  # 2051, to the nearest even


@pytest.mark.parametrize("name", ALL_REDUCE)
def test_nan_passes_through_max(name: str) -> None:
    arrays = [np.array([1.0, math.nan, 3.0]), np.array([math.nan, 2.0, 5.0])]
    on_ranks(2, lambda channel: ALL_REDUCE[name](channel, arrays[channel.rank], ReduceOp.MAX))
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


@pytest.mark.parametrize("size", RANKS)
def test_bytes_sent_by_all_reduce(size: int) -> None:
    count = 8 * 9 * 5 * 7 * 4
    nbytes = 8 * count
    sent = {name: check_all_reduce(name, size, count, "int64", ReduceOp.SUM) for name in ALL_REDUCE}
    assert [t.bytes for t in sent["exchange"]] == [(size - 1) * nbytes] * size
    assert [t.bytes for t in sent["pairwise"]] == [2 * (size - 1) * nbytes // size] * size
    partial = [nbytes] * (size - 1) + [0]
    result = [0 if (rank + 1) % size == size - 1 else nbytes for rank in range(size)]
    if size > 1:
        assert [t.bytes for t in sent["ring"]] == [a + b for a, b in zip(partial, result, strict=True)]


@pytest.mark.parametrize("size", RANKS)
def test_broadcast(size: int) -> None:
    for root in range(size):
        for count in (0, 1, 7, LARGE if root == size - 1 else 99):
            parts = values(size, count, "float64")
            arrays = [part.copy() for part in parts]
            transports = on_ranks(size, lambda channel: tree_broadcast(channel, arrays[channel.rank], root))  # noqa: B023
            assert all(array.tobytes() == parts[root].tobytes() for array in arrays)
            assert sum(t.bytes for t in transports) == (size - 1) * parts[0].nbytes
            assert max(t.bytes for t in transports) <= math.ceil(math.log2(size)) * parts[0].nbytes


@pytest.mark.parametrize("size", [*RANKS, 13, 64])
def test_binomial_tree_reaches_everybody_once(size: int) -> None:
    for root in {0, size // 2, size - 1}:
        tree = [binomial_tree(rank, size, root) for rank in range(size)]
        edges = {(rank, child) for rank, (_, children) in enumerate(tree) for child in children}
        assert edges == {(parent, rank) for rank, (parent, _) in enumerate(tree) if parent is not None}
        assert [rank for rank, (parent, _) in enumerate(tree) if parent is None] == [root]
        for rank in range(size):
            steps = 0
            while (parent := tree[rank][0]) is not None:
                rank, steps = parent, steps + 1
            assert steps <= math.ceil(math.log2(size))


@pytest.mark.parametrize("size", RANKS)
def test_reduce(size: int) -> None:
    for root in {0, size // 2, size - 1}:
        for count in (0, 1, 7, LARGE if root == size - 1 else 99):
            parts = values(size, count, "float64")
            arrays = [part.copy() for part in parts]
            transports = on_ranks(size, lambda c: reduce(c, arrays[c.rank], root, ReduceOp.SUM))  # noqa: B023
            assert arrays[root].tobytes() == in_rank_order(ReduceOp.SUM, parts).tobytes()
            for rank, transport in enumerate(transports):
                assert transport.bytes == (0 if rank == root else parts[0].nbytes)
                assert rank == root or arrays[rank].tobytes() == parts[rank].tobytes()


@pytest.mark.parametrize("size", RANKS)
def test_gathers_and_scatter(size: int) -> None:
    for count in (0, 1, 1001):
        parts = values(size, count, "float32")
        whole = np.stack(parts)
        everywhere = np.empty((size, size, count), np.float32)
        transports = on_ranks(size, lambda c: all_gather(c, everywhere[c.rank], parts[c.rank]))  # noqa: B023
        assert all(rows.tobytes() == whole.tobytes() for rows in everywhere)
        assert [t.bytes for t in transports] == [(size - 1) * parts[0].nbytes] * size
        for root in {0, size - 1}:
            rows = np.empty((size, count), np.float32)
            on_ranks(size, lambda c: gather(c, rows if c.rank == root else None, parts[c.rank], root))  # noqa: B023
            assert rows.tobytes() == whole.tobytes()
            pieces = [np.empty(count, np.float32) for _ in range(size)]
            on_ranks(size, lambda c: scatter(c, pieces[c.rank], whole if c.rank == root else None, root))  # noqa: B023
            assert np.stack(pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize("size", RANKS)
def test_barrier_waits_for_the_last(size: int) -> None:
    arrived: list[float] = []
    left: list[float] = []

    def late(channel: Channel) -> None:
        time.sleep(0.05 if channel.rank == size - 1 else 0.0)
        arrived.append(time.monotonic())
        dissemination_barrier(channel)
        left.append(time.monotonic())

    transports = on_ranks(size, late)
    assert max(arrived) <= min(left)
    assert [t.messages for t in transports] == [math.ceil(math.log2(size))] * size
    assert sum(t.bytes for t in transports) == 0


def test_a_call_that_one_rank_does_not_make_ends_at_its_deadline() -> None:
    transport, _ = make_inproc_world(2)
    channel = Channel(transport, (0, 1), 0, tag=1, fingerprint=1, deadline=time.monotonic() + 0.1)
    with pytest.raises(TransportTimeout, match="rank 1"):
        all_reduce(channel, np.ones(3), ReduceOp.SUM)


@pytest.fixture
def _nothing_chosen() -> Iterator[None]:
    choose_all_reduce.cache_clear()
    yield
    choose_all_reduce.cache_clear()


@pytest.mark.usefixtures("_nothing_chosen")
def test_table_chooses_for_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE, raising=False)
    for most_bytes, most_ranks, name in ALL_REDUCE_TABLE[:4]:
        assert choose_all_reduce(int(most_bytes), int(most_ranks)) is ALL_REDUCE[name]
        assert choose_all_reduce(int(most_bytes) + 1, int(most_ranks)) is not ALL_REDUCE[name]
    assert choose_all_reduce(64 << 20, 2) is ALL_REDUCE["pairwise"]
    assert choose_all_reduce(1 << 40, 1000) is ALL_REDUCE["ring"]


@pytest.mark.usefixtures("_nothing_chosen")
def test_variable_overrides_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, "ring")
    assert choose_all_reduce(4, 2) is ALL_REDUCE["ring"]
    choose_all_reduce.cache_clear()
    monkeypatch.setenv(OVERRIDE, "rings")
    with pytest.raises(ValueError, match="TENSORLIB_DIST_ALGO=rings: need one of exchange, pairwise, ring"):
        choose_all_reduce(4, 2)
