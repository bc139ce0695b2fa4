"""What tests of algorithms share: ranks as threads whose messages are counted, values, and plain loops to compare with.

`CALLS` calls any algorithm of a collective on every rank and checks what it gives, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.choose import ALGORITHMS, EXACT_ONLY
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Transport, Work
from dist.transport.inproc import make_inproc_world

Array = NDArray[Any]
Algorithm = Callable[..., object]
NAMES = [(collective, name) for collective, algorithms in ALGORITHMS.items() for name in algorithms]
RNG = np.random.default_rng(0)


class CountingTransport:
    """Counts what a rank sends, to whom, and how many messages had to come one after the other.

    Attributes:
        messages, bytes: what was sent.
        to: bytes by the rank that they were sent to.
        depth: the longest chain of messages, each of which left after the one before had come, that ends here.
    """

    def __init__(self, transport: Transport, depths: dict[tuple[int, int], list[int]]) -> None:
        self.rank, self.size = transport.rank, transport.size
        self.transport = transport
        self.messages = 0
        self.bytes = 0
        self.to: dict[int, int] = defaultdict(int)
        self.depth = 0
        self.depths = depths  # of the messages from one rank to another
        self.received: dict[int, int] = defaultdict(int)

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        assert peer != self.rank, "an algorithm sends to itself"
        self.messages += 1
        self.bytes += len(buffer)
        self.to[peer] += len(buffer)
        self.depths[self.rank, peer].append(self.depth + 1)
        return self.transport.isend(buffer, peer, tag, fingerprint)

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        number = self.received[peer]
        self.received[peer] += 1
        return CountedReceive(self, self.transport.irecv(buffer, peer, tag, fingerprint), peer, number)

    def abort(self, reason: str) -> None:
        self.transport.abort(reason)

    def close(self) -> None:
        self.transport.close()


class CountedReceive:
    """A receive that makes its rank's depth that of the message."""

    def __init__(self, end: CountingTransport, work: Work, peer: int, number: int) -> None:
        self.end, self.work, self.peer, self.number = end, work, peer, number

    def wait(self, timeout: float | None = None) -> int:
        self.work.wait(timeout)
        self.end.depth = max(self.end.depth, self.end.depths[self.peer, self.end.rank][self.number])
        return self.peer

    def is_completed(self) -> bool:
        return self.work.is_completed()


def on_ranks(size: int, action: Callable[[Channel], object]) -> list[CountingTransport]:
    """Run `action(channel)` on every rank; return the transports, closed. Group ranks are not the transport's."""
    depths: dict[tuple[int, int], list[int]] = defaultdict(list)
    world = [CountingTransport(transport, depths) for transport in make_inproc_world(size)]
    ranks = tuple(reversed(range(size)))

    def run(rank: int) -> None:
        try:
            action(Channel(world[ranks[rank]], ranks, rank, tag=3, fingerprint=5, deadline=time.monotonic() + 30))
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
    kind = "f" if dtype == "bfloat16" else np.dtype(dtype).kind
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
    wide = np.dtype(np.float32) if dtype.name in ("float16", "bfloat16") else dtype
    total = parts[0].astype(wide)
    for part in parts[1:]:
        total = UFUNCS[op](total, part.astype(wide))
    return (total / len(parts) if op is ReduceOp.AVG else total).astype(dtype)


def dtype_for(collective: str, name: str) -> str:
    """Return a type whose sums an algorithm may make: those of floats tell the order."""
    return "int32" if (collective, name) in EXACT_ONLY else "float32"


def equal(left: Array, right: Array) -> bool:
    return left.dtype == right.dtype and left.tobytes() == right.tobytes()


def all_reduce(run: Algorithm, size: int, parts: list[Array], op: ReduceOp = ReduceOp.SUM) -> list[CountingTransport]:
    arrays = [part.copy() for part in parts]
    transports = on_ranks(size, lambda c: run(c, arrays[c.rank], op))
    expected = in_rank_order(op, parts)
    assert all(equal(array, expected) for array in arrays)
    return transports


def reduce(run: Algorithm, size: int, parts: list[Array], root: int = 0) -> list[CountingTransport]:
    arrays = [part.copy() for part in parts]
    transports = on_ranks(size, lambda c: run(c, arrays[c.rank], root, ReduceOp.SUM))
    expected = [*parts[:root], in_rank_order(ReduceOp.SUM, parts), *parts[root + 1 :]]
    assert all(equal(array, wanted) for array, wanted in zip(arrays, expected, strict=True))
    return transports


def broadcast(run: Algorithm, size: int, parts: list[Array], root: int = 0) -> list[CountingTransport]:
    arrays = [part.copy() for part in parts]
    transports = on_ranks(size, lambda c: run(c, arrays[c.rank], root))
    assert all(equal(array, parts[root]) for array in arrays)
    return transports


def all_gather(run: Algorithm, size: int, parts: list[Array]) -> list[CountingTransport]:
    rows = [[np.empty_like(part) for part in parts] for _ in range(size)]
    transports = on_ranks(size, lambda c: run(c, rows[c.rank], parts[c.rank]))
    assert all(equal(row, part) for gathered in rows for row, part in zip(gathered, parts, strict=True))
    return transports


def gather(run: Algorithm, size: int, parts: list[Array], root: int = 0) -> list[CountingTransport]:
    rows = [np.empty_like(part) for part in parts]
    transports = on_ranks(size, lambda c: run(c, rows if c.rank == root else None, parts[c.rank], root))
    assert all(equal(row, part) for row, part in zip(rows, parts, strict=True))
    return transports


def scatter(run: Algorithm, size: int, parts: list[Array], root: int = 0) -> list[CountingTransport]:
    arrays = [np.empty_like(part) for part in parts]
    transports = on_ranks(size, lambda c: run(c, arrays[c.rank], parts if c.rank == root else None, root))
    assert all(equal(array, part) for array, part in zip(arrays, parts, strict=True))
    return transports


def reduce_scatter(run: Algorithm, size: int, parts: list[Array]) -> list[CountingTransport]:
    """Each row has the length of that part."""
    rows = [[values(1, len(part), part.dtype.name)[0] for part in parts] for _ in range(size)]
    before = [[row.copy() for row in mine] for mine in rows]
    arrays = [np.empty_like(part) for part in parts]
    transports = on_ranks(size, lambda c: run(c, arrays[c.rank], rows[c.rank], ReduceOp.SUM))
    for rank, array in enumerate(arrays):
        assert equal(array, in_rank_order(ReduceOp.SUM, [mine[rank] for mine in before]))
    assert all(
        equal(row, old) for mine, kept in zip(rows, before, strict=True) for row, old in zip(mine, kept, strict=True)
    )
    return transports


def all_to_all(run: Algorithm, size: int, parts: list[Array]) -> list[CountingTransport]:
    """What rank k sends to any other has the length of part k."""
    sent = [[values(1, len(part), part.dtype.name)[0] for _ in range(size)] for part in parts]
    received = [[np.empty_like(part) for part in parts] for _ in range(size)]
    transports = on_ranks(size, lambda c: run(c, received[c.rank], sent[c.rank]))
    assert all(equal(received[r][k], sent[k][r]) for r in range(size) for k in range(size))
    return transports


def barrier(run: Algorithm, size: int, parts: list[Array]) -> list[CountingTransport]:
    arrived: list[float] = []
    left: list[float] = []

    def late(channel: Channel) -> None:
        time.sleep(0.02 if channel.rank == size - 1 else 0.0)
        arrived.append(time.monotonic())
        run(channel)
        left.append(time.monotonic())

    transports = on_ranks(size, late)
    assert max(arrived) <= min(left)
    return transports


CALLS: dict[str, Callable[..., list[CountingTransport]]] = {
    "all_reduce": all_reduce,
    "reduce": reduce,
    "broadcast": broadcast,
    "all_gather": all_gather,
    "gather": gather,
    "scatter": scatter,
    "reduce_scatter": reduce_scatter,
    "all_to_all": all_to_all,
    "barrier": barrier,
}
ROOTED = ("reduce", "broadcast", "gather", "scatter")
UNEVEN = ("all_gather", "gather", "scatter", "reduce_scatter", "all_to_all")


def log2(size: int) -> int:
    """Return how often `size` ranks can be halved until one is left, rounded up."""
    return math.ceil(math.log2(size))
