"""One conformance suite for everything that runs collectives: `check_collectives(run)`.

Each check is a function that every rank of a world runs, with the public functions of `dist`; it knows by itself what
the other ranks have, and so what must come out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import dist
from dist.arguments import DTYPES
from dist.reduction import OPERATIONS, ReduceOp
from dist.work import Work

Array = NDArray[Any]
Check = Callable[[], None]
Run = Callable[[int, Check], object]

SIZES: Final = range(1, 10)
COUNTS: Final = (0, 1, 1000, 20_011)
_UFUNCS: Final = {
    "SUM": np.add,
    "PRODUCT": np.multiply,
    "MIN": np.minimum,
    "MAX": np.maximum,
    "AVG": np.add,
    "BAND": np.bitwise_and,
    "BOR": np.bitwise_or,
    "BXOR": np.bitwise_xor,
}


def check_collectives(run: Run, sizes: Iterable[int] = SIZES, checks: Sequence[Check] | None = None) -> None:
    """Check that the collectives of a backend keep their promises.

    Args:
        run: given a number of ranks and a function, runs it on every rank of a new world and raises what a rank raised:
            `dist.simulate`, or `dist.testing.run_world` with a backend.
        sizes: numbers of ranks.
        checks: functions that every rank runs, one after the other in one world; by default all that are here.

    Raises:
        AssertionError: a promise is broken; says which.

    >>> check_collectives(dist.simulate, sizes=[2], checks=[check_barrier])
    """
    for size in sizes:
        run(size, partial(run_checks, tuple(CHECKS if checks is None else checks)))


def run_checks(checks: Sequence[Check]) -> None:
    """Run checks on this rank; an error says in which one, and among how many ranks."""
    for check in checks:
        try:
            check()
        except Exception as error:
            error.add_note(f"(in {check.__name__} on rank {dist.get_rank()} of {dist.get_world_size()})")
            raise


def check_operators() -> None:
    """Every operator with every dtype that it is defined for, in all three collectives that reduce."""
    rank, size = _here()
    for dtype in DTYPES:
        for op in _operators(dtype):
            parts = [_values(other, 3 * size, dtype) for other in range(size)]
            expected = _reduced(op, parts)
            what = f"{op} of {dtype}"

            x = parts[rank].copy()
            dist.all_reduce(x, op)
            _same(x, expected, f"all_reduce, {what}")

            x = parts[rank].copy()
            dist.reduce(x, size - 1, op)
            _same(x, expected if rank == size - 1 else parts[rank], f"reduce, {what}")

            y = np.empty(3, dtype)
            dist.reduce_scatter_tensor(y, parts[rank], op)
            _same(y, expected[3 * rank : 3 * rank + 3], f"reduce_scatter_tensor, {what}")


def check_counts() -> None:
    """Every collective that reduces, at several lengths."""
    rank, size = _here()
    for count in COUNTS:
        parts = [_values(other, count * size, "float32") for other in range(size)]
        expected = _reduced(ReduceOp.SUM, parts)
        x = parts[rank].copy()
        dist.all_reduce(x)
        _same(x, expected, f"all_reduce of {count * size}")
        for root in {0, size // 2}:
            x = parts[rank].copy()
            dist.reduce(x, root)
            _same(x, expected if rank == root else parts[rank], f"reduce of {count * size} to {root}")
        y = np.empty(count, np.float32)
        dist.reduce_scatter(y, np.split(parts[rank], size))
        _same(y, np.split(expected, size)[rank], f"reduce_scatter of {count} per rank")


def check_copies() -> None:
    """Every collective that copies, with every dtype, at several lengths."""
    for dtype in DTYPES:
        _check_copies(7, dtype)
    for count in COUNTS:
        _check_copies(count, np.dtype(np.float64))


def _check_copies(count: int, dtype: Any) -> None:
    rank, size = _here()
    rows = [_values(other, count, dtype) for other in range(size)]
    what = f"of {count} {dtype}"
    for root in range(size) if count == 1 else {size // 2, size - 1}:
        x = rows[rank].copy()
        dist.broadcast(x, root)
        _same(x, rows[root], f"broadcast {what} from {root}")
    for root in {0, size - 1} if count == 1 else {size // 3}:
        x = np.zeros(count, dtype)
        dist.scatter(x, rows if rank == root else None, root)
        _same(x, rows[rank], f"scatter {what} from {root}")
        found = _empty_like(rows)
        dist.gather(rows[rank], found if rank == root else None, root)
        _same_all(found, rows if rank == root else _empty_like(rows), f"gather {what} to {root}")
    found = _empty_like(rows)
    dist.all_gather(found, rows[rank])
    _same_all(found, rows, f"all_gather {what}")
    whole = np.zeros((size, count), dtype)
    dist.all_gather_into_tensor(whole, rows[rank])
    _same(whole, np.stack(rows), f"all_gather_into_tensor {what}")
    pieces = [[_values(size * a + b, count, dtype) for b in range(size)] for a in range(size)]  # from a to b
    found = _empty_like(rows)
    dist.all_to_all(found, pieces[rank])
    _same_all(found, [pieces[other][rank] for other in range(size)], f"all_to_all {what}")


def check_uneven() -> None:
    """Tensors that differ in length from rank to rank, some of them empty, a few of them large."""
    for scale in (1, 400_000 // _here()[1] ** 2):
        _check_uneven_rows(scale)
        _check_uneven_all_to_all(scale)


def _check_uneven_rows(scale: int) -> None:
    rank, size = _here()
    counts = [scale * (5 * k % 7) for k in range(size)]
    rows = [_values(k, count, "int64") for k, count in enumerate(counts)]
    found = _empty_like(rows)
    dist.all_gather(found, rows[rank])
    _same_all(found, rows, "uneven all_gather")
    found = _empty_like(rows)
    dist.gather(rows[rank], found if rank == size - 1 else None, size - 1)
    _same_all(found, rows if rank == size - 1 else _empty_like(rows), "uneven gather")
    x = np.zeros_like(rows[rank])
    dist.scatter(x, rows if rank == size - 1 else None, size - 1)
    _same(x, rows[rank], "uneven scatter")
    parts = [_values(other, sum(counts), "float32") for other in range(size)]
    bounds = np.cumsum(counts)[:-1]
    y = np.empty(counts[rank], np.float32)
    dist.reduce_scatter(y, np.split(parts[rank], bounds))
    _same(y, np.split(_reduced(ReduceOp.SUM, parts), bounds)[rank], "uneven reduce_scatter")


def _check_uneven_all_to_all(scale: int) -> None:
    rank, size = _here()
    pieces = [[_values(size * a + b, scale * ((3 * a + b) % 5), "int32") for b in range(size)] for a in range(size)]
    wanted = [pieces[other][rank] for other in range(size)]
    found = _empty_like(wanted)
    dist.all_to_all(found, pieces[rank])
    _same_all(found, wanted, "uneven all_to_all")
    rows_out, rows_in = [[len(piece) for piece in some] for some in (pieces[rank], wanted)]
    whole = np.zeros((sum(rows_in), 2), np.int32)
    dist.all_to_all_single(whole, np.repeat(np.concatenate(pieces[rank]), 2).reshape(-1, 2), rows_in, rows_out)
    _same(whole, np.repeat(np.concatenate(wanted), 2).reshape(-1, 2), "all_to_all_single with split sizes")


def check_shapes() -> None:
    """0-d, empty and non-contiguous arrays; what must only be read may be read-only."""
    for empty in (
        lambda: np.zeros(()),
        lambda: np.zeros((2, 0)),
        lambda: np.zeros((3, 4), order="F"),
        lambda: np.zeros(9)[::3],
        lambda: np.zeros((6, 4))[::2, ::-1],
    ):
        _check_shape(empty)


def _check_shape(empty: Callable[[], Array]) -> None:
    rank, size = _here()

    def filled(other: int) -> Array:
        array = empty()
        array[...] = np.arange(array.size).reshape(array.shape) + 10 * other
        return array

    rows = [filled(other) for other in range(size)]
    mine = filled(rank)
    mine.flags.writeable = False
    what = f"of shape {mine.shape} and strides {mine.strides}"
    x = filled(rank)
    dist.all_reduce(x)
    _same(x, sum(rows), f"all_reduce {what}")
    x = filled(rank)
    dist.broadcast(mine if rank == size - 1 else x, size - 1)
    _same(mine if rank == size - 1 else x, rows[-1], f"broadcast {what}")
    found = [empty() for _ in rows]
    dist.all_gather(found, mine)
    _same_all(found, rows, f"all_gather {what}")
    x = empty()
    dist.scatter(x, rows if rank == 0 else None)
    _same(x, rows[rank], f"scatter {what}")
    x = empty()
    dist.reduce_scatter(x, [mine] * size)
    _same(x, sum(rows), f"reduce_scatter {what}")
    found = [empty() for _ in rows]
    dist.all_to_all(found, [mine] * size)
    _same_all(found, rows, f"all_to_all {what}")


def check_bits() -> None:
    """Floats are added in rank order, whatever their number, with the same bits on all ranks."""
    rank, size = _here()
    for count in (1, 20_000 // size, 300_000 // size):
        parts = [_random(other, count * size) for other in range(size)]
        expected = _reduced(ReduceOp.SUM, parts)
        x = parts[rank].copy()
        dist.all_reduce(x)
        _same(x, expected, f"all_reduce of {count * size} random numbers")
        y = np.empty(count, np.float32)
        dist.reduce_scatter_tensor(y, parts[rank])
        _same(y, expected[count * rank : count * (rank + 1)], f"reduce_scatter of {count} random numbers per rank")
        x = parts[rank].copy()
        dist.reduce(x, 0)
        _same(x, expected if rank == 0 else parts[rank], f"reduce of {count * size} random numbers")


def check_functions() -> None:
    """A function of the user's is applied in rank order."""
    rank, size = _here()
    x = np.array([rank + 1.0, 1.0])
    dist.all_reduce(x, _compose)
    expected = np.array([1.0, 1.0])
    for other in range(1, size):
        expected = _compose(expected, np.array([other + 1.0, 1.0]))
    _same(x, expected, "all_reduce with a function")


def _compose(left: Array, right: Array) -> Array:
    """Combine in a way in which order matters."""
    return 2 * left - right


def check_in_place() -> None:
    """An input may be the output, or a part of it."""
    rank, size = _here()
    whole = np.full((size, 3), -1)
    whole[rank] = rank
    dist.all_gather_into_tensor(whole, whole[rank])
    _same(whole, np.repeat(np.arange(size), 3).reshape(size, 3), "all_gather_into_tensor in place")
    dist.all_to_all(list(whole), list(whole))
    _same(whole, np.full((size, 3), rank), "all_to_all in place")
    whole[:] = np.arange(size)[:, None]
    dist.reduce_scatter(whole[rank], list(whole))
    _same(whole[rank], np.full(3, rank * size), "reduce_scatter in place")


def check_asynchronous() -> None:
    """Asynchronous calls run in call order, and a synchronous one does not overtake them."""
    rank, size = _here()
    arrays = [np.full(50 + 100 * i, float(i + rank)) for i in range(12)]
    rows = [np.zeros(4, np.int32) for _ in range(size)]
    works = [dist.all_reduce(x, async_op=True) for x in arrays]
    works.append(dist.all_gather(rows, np.full(4, rank, np.int32), async_op=True))
    works.append(dist.broadcast(arrays[0], 0, async_op=True))
    works.append(dist.barrier(async_op=True))
    dist.broadcast(arrays[-1], 0)
    for work in reversed(works):
        _expect(work is not None and work.wait(60.0) and work.is_completed(), "a work that was waited for is not done")
    _same_all(rows, [np.full(4, k, np.int32) for k in range(size)], "asynchronous all_gather")
    sums = [float(sum(i + other for other in range(size))) for i in range(12)]
    _same_all(arrays, [np.full(50 + 100 * i, sums[i]) for i in range(12)], "asynchronous all_reduce")
    work = dist.all_reduce(arrays[0], async_op=True)
    assert work is not None
    _expect(work.result()[0] is arrays[0], "the result of a work is not the tensor that was given")


def check_coalesced() -> None:
    """Lists of small tensors give what each alone would give."""
    rank, size = _here()
    kinds = [(3, "float32"), (0, "float32"), (2, "int64"), (5, "float32"), (1, "float16")]
    parts = [[_values(other, count, dtype) for count, dtype in kinds] for other in range(size)]
    expected = [_reduced(ReduceOp.SUM, list(each)) for each in zip(*parts, strict=True)]
    x = [part.copy() for part in parts[rank]]
    dist.all_reduce_coalesced(x)
    _same_all(x, expected, "all_reduce_coalesced")
    y = [part.copy() for part in parts[rank]]
    with dist.coalescing(async_op=True) as together:
        for part in y:
            together.all_reduce(part)
    together.wait()
    _same_all(y, expected, "coalescing")
    found = [_empty_like(x) for _ in range(size)]
    dist.all_gather_coalesced(found, [np.full_like(part, rank) for part in x])
    for other, row in enumerate(found):
        _same_all(row, [np.full_like(part, other) for part in x], "all_gather_coalesced")


def check_groups() -> None:
    """Groups that overlap, one after the other and at the same time, from a thread each."""
    rank, size = _here()
    members = [list(range(size)), list(range(0, size, 2)), list(range(size // 2, size)), [size - 1]]
    groups = [dist.new_group(ranks) for ranks in members]
    mine = [(group, ranks) for group, ranks in zip(groups, members, strict=True) if rank in ranks]

    def use(group: Any, ranks: list[int]) -> None:
        for i in range(5):
            x = np.full(100, rank + i)
            dist.all_reduce(x, group=group)
            _same(x, np.full(100, sum(ranks) + i * len(ranks)), f"all_reduce of ranks {ranks}")
            y = np.full(3, rank)
            dist.broadcast(y, ranks[-1], group)
            _same(y, np.full(3, ranks[-1]), f"broadcast among ranks {ranks}")

    for group, ranks in mine:
        use(group, ranks)
    with ThreadPoolExecutor(len(mine)) as pool:
        for done in [pool.submit(use, group, ranks) for group, ranks in mine]:
            done.result()
    dist.barrier()
    for group in groups:
        dist.destroy_process_group(group)


def check_barrier() -> None:
    """Nobody leaves a barrier before everybody has come; the ranks share a clock, that of their host."""
    rank, size = _here()
    for late in {0, size - 1}:
        time.sleep(0.02 * (rank == late))
        came = time.monotonic()
        dist.barrier()
        left = time.monotonic()
        times = np.empty((size, 2))
        dist.all_gather_into_tensor(times, np.array([came, left]))
        _expect(times[:, 0].max() <= times[:, 1].min(), "a rank left a barrier before another one came")
    dist.monitored_barrier(timeout=60.0)


def check_messages() -> None:
    """Messages between ranks: both sides send first, tags keep messages apart, and a receive from any rank names it."""
    rank, size = _here()
    right, left = (rank + 1) % size, (rank - 1) % size
    if size > 1:
        for count in (0, 1, 200_000):
            x = np.empty(count)
            sending, receiving = dist.isend(np.full(count, float(rank)), right), dist.irecv(x, left)
            _expect(receiving.wait(60.0) and sending.wait(60.0), "a message did not come")
            _same(x, np.full(count, float(left)), f"message of {count}")
        works: list[Work] = [dist.isend(np.array([rank, tag]), right, tag=tag) for tag in (1, 2)]
        for tag in (2, 1):
            y = np.empty(2, int)
            dist.recv(y, left, tag=tag)
            _same(y, np.array([left, tag]), f"message with tag {tag}")
        for work in works:
            work.wait()
    if rank:
        dist.send(np.array([rank]), 0, tag=3)
    else:
        boxes = [np.empty(1, int) for _ in range(size - 1)]
        senders = [dist.irecv(box, tag=3).source_rank() for box in boxes]
        _expect(senders == [int(box[0]) for box in boxes], f"messages {boxes} are said to come from {senders}")


def check_schedule() -> None:
    """A long random mixture of calls, the same on all ranks, some of them asynchronous."""
    rank, size = _here()
    random = np.random.default_rng(size)
    pending: list[tuple[Work | None, Array, Array]] = []
    for _ in range(60):
        count, root, later = int(random.integers(0, 3000)), int(random.integers(size)), bool(random.integers(2))
        parts = [_values(other, count, "int32") for other in range(size)]
        x = parts[rank].copy()
        if random.integers(2):
            pending.append((dist.all_reduce(x, async_op=later), x, _reduced(ReduceOp.SUM, parts)))
        else:
            pending.append((dist.broadcast(x, root, async_op=later), x, parts[root]))
    for work, x, expected in pending:
        _expect(work is None or work.wait(60.0), "a work did not end")
        _same(x, expected, "a call of a random schedule")


CHECKS: Final[tuple[Check, ...]] = (
    check_operators,
    check_counts,
    check_copies,
    check_uneven,
    check_shapes,
    check_bits,
    check_functions,
    check_in_place,
    check_asynchronous,
    check_coalesced,
    check_groups,
    check_barrier,
    check_messages,
    check_schedule,
)


def _here() -> tuple[int, int]:
    return dist.get_rank(), dist.get_world_size()


@lru_cache(maxsize=1000)
def _values(rank: int, count: int, dtype: Any) -> Array:
    """Return small whole numbers, whose sums are exact in every dtype and so do not depend on their order."""
    return _read_only(np.random.default_rng((rank, count)).integers(0, 4, count).astype(dtype))


@lru_cache(maxsize=30)
def _random(rank: int, count: int) -> Array:
    return _read_only(np.random.default_rng(rank).normal(size=count).astype(np.float32))


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _operators(dtype: np.dtype[Any]) -> list[ReduceOp]:
    """Return the operators that are defined for a dtype."""
    found = []
    for op in OPERATIONS:
        try:
            op.check(dtype)
        except TypeError:
            continue
        found.append(op)
    return found


def _reduced(op: ReduceOp, parts: Sequence[Array]) -> Array:
    """Compute a reduction plainly, in rank order; floats of 16 bits in 32 bits."""
    dtype = parts[0].dtype
    narrow = DTYPES[dtype] in ("float16", "bfloat16")
    total = parts[0].astype(np.float32 if narrow else dtype)
    for part in parts[1:]:
        total = _UFUNCS[op.name](total, part.astype(total.dtype))
    return (total / len(parts) if op is ReduceOp.AVG else total).astype(dtype)


def _empty_like(arrays: Sequence[Array]) -> list[Array]:
    return [np.zeros_like(array) for array in arrays]


def _same(found: Array, expected: Any, what: str) -> None:
    if found.shape != np.shape(expected) or not np.array_equal(found, expected):
        raise AssertionError(f"{what}: got {found!r}, need {expected!r}")


def _same_all(found: Sequence[Array], expected: Sequence[Array], what: str) -> None:
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        _same(one, other, f"{what}, place {k}")


def _expect(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)
