"""One conformance suite for everything that runs collectives: `check_collectives(run)`.

Each check is a function that every rank of a world runs, with the public functions of `dist`; it knows by itself what
the other ranks have, and so what must come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial, reduce
from typing import Any, Final

import ml_dtypes
import numpy as np

import dist
from dist.arguments import DTYPES
from dist.reduction import ReduceOp
from dist.testing.calls import (
    check_asynchronous,
    check_barrier,
    check_coalesced,
    check_groups,
    check_messages,
    check_schedule,
)
from dist.testing.values import Array, empty_like, here, operators, random, reduced, same, same_all, values

Check = Callable[[], None]
Run = Callable[[int, Check], object]

SIZES: Final = range(1, 10)
COUNTS: Final = (0, 1, 1000, 20_011)


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
    rank, size = here()
    for dtype in DTYPES:
        for op in operators(dtype):
            parts = [values(other, 3 * size, dtype) for other in range(size)]
            expected = reduced(op, parts)
            what = f"{op} of {dtype}"

            x = parts[rank].copy()
            dist.all_reduce(x, op)
            same(x, expected, f"all_reduce, {what}")

            x = parts[rank].copy()
            dist.reduce(x, size - 1, op)
            same(x, expected if rank == size - 1 else parts[rank], f"reduce, {what}")

            y = np.empty(3, dtype)
            dist.reduce_scatter_tensor(y, parts[rank], op)
            same(y, expected[3 * rank : 3 * rank + 3], f"reduce_scatter_tensor, {what}")


def check_functions_in_place() -> None:
    """A function of one's own, which works in place on either array that it is given."""
    rank, size = here()
    for count in (1, 300_001):
        parts = [values(other, count, "float64") for other in range(size)]
        expected = reduced(ReduceOp.SUM, parts)
        for function in (_add_to_left, _add_to_right):
            x = parts[rank].copy()
            dist.all_reduce(x, function)
            same(x, expected, f"all_reduce of {count} by {function.__name__}")


def _add_to_left(left: Array, right: Array) -> Array:
    left += right
    return left


def _add_to_right(left: Array, right: Array) -> Array:
    right += left
    return right


def check_counts() -> None:
    """Every collective that reduces, at several lengths."""
    rank, size = here()
    for count in COUNTS:
        parts = [values(other, count * size, "float32") for other in range(size)]
        expected = reduced(ReduceOp.SUM, parts)
        x = parts[rank].copy()
        dist.all_reduce(x)
        same(x, expected, f"all_reduce of {count * size}")
        for root in {0, size // 2}:
            x = parts[rank].copy()
            dist.reduce(x, root)
            same(x, expected if rank == root else parts[rank], f"reduce of {count * size} to {root}")
        y = np.empty(count, np.float32)
        dist.reduce_scatter(y, np.split(parts[rank], size))
        same(y, np.split(expected, size)[rank], f"reduce_scatter of {count} per rank")


def check_copies() -> None:
    """Every collective that copies, with every dtype, at several lengths."""
    for dtype in DTYPES:
        _check_copies(7, dtype)
    for count in COUNTS:
        _check_copies(count, np.dtype(np.float64))


def _check_copies(count: int, dtype: Any) -> None:
    rank, size = here()
    rows = [values(other, count, dtype) for other in range(size)]
    what = f"of {count} {dtype}"
    for root in range(size) if count == 1 else {size // 2, size - 1}:
        x = rows[rank].copy()
        dist.broadcast(x, root)
        same(x, rows[root], f"broadcast {what} from {root}")
    for root in {0, size - 1} if count == 1 else {size // 3}:
        x = np.zeros(count, dtype)
        dist.scatter(x, rows if rank == root else None, root)
        same(x, rows[rank], f"scatter {what} from {root}")
        found = empty_like(rows)
        dist.gather(rows[rank], found if rank == root else None, root)
        same_all(found, rows if rank == root else empty_like(rows), f"gather {what} to {root}")
    found = empty_like(rows)
    dist.all_gather(found, rows[rank])
    same_all(found, rows, f"all_gather {what}")
    whole = np.zeros((size, count), dtype)
    dist.all_gather_into_tensor(whole, rows[rank])
    same(whole, np.stack(rows), f"all_gather_into_tensor {what}")
    pieces = [[values(size * a + b, count, dtype) for b in range(size)] for a in range(size)]  # from a to b
    found = empty_like(rows)
    dist.all_to_all(found, pieces[rank])
    wanted = [pieces[other][rank] for other in range(size)]
    same_all(found, wanted, f"all_to_all {what}")
    dist.all_to_all_single(whole, np.stack(pieces[rank]))
    same_all(whole, wanted, f"all_to_all_single {what}")


def check_uneven() -> None:
    """Tensors that differ in length from rank to rank, some of them empty, a few of them large."""
    for scale in (1, 400_000 // here()[1] ** 2):
        _check_uneven_rows(scale)
        _check_uneven_all_to_all(scale)


def _check_uneven_rows(scale: int) -> None:
    rank, size = here()
    counts = [scale * (5 * k % 7) for k in range(size)]
    rows = [values(k, count, "int64") for k, count in enumerate(counts)]
    found = empty_like(rows)
    dist.all_gather(found, rows[rank])
    same_all(found, rows, "uneven all_gather")
    found = empty_like(rows)
    dist.gather(rows[rank], found if rank == size - 1 else None, size - 1)
    same_all(found, rows if rank == size - 1 else empty_like(rows), "uneven gather")
    x = np.zeros_like(rows[rank])
    dist.scatter(x, rows if rank == size - 1 else None, size - 1)
    same(x, rows[rank], "uneven scatter")
    parts = [values(other, sum(counts), "float32") for other in range(size)]
    bounds = np.cumsum(counts)[:-1]
    y = np.empty(counts[rank], np.float32)
    dist.reduce_scatter(y, np.split(parts[rank], bounds))
    same(y, np.split(reduced(ReduceOp.SUM, parts), bounds)[rank], "uneven reduce_scatter")


def _check_uneven_all_to_all(scale: int) -> None:
    rank, size = here()
    pieces = [[values(size * a + b, scale * ((3 * a + b) % 5), "int32") for b in range(size)] for a in range(size)]
    wanted = [pieces[other][rank] for other in range(size)]
    found = empty_like(wanted)
    dist.all_to_all(found, pieces[rank])
    same_all(found, wanted, "uneven all_to_all")
    rows_out, rows_in = [[len(piece) for piece in some] for some in (pieces[rank], wanted)]
    whole = np.zeros((sum(rows_in), 2), np.int32)
    dist.all_to_all_single(whole, np.repeat(np.concatenate(pieces[rank]), 2).reshape(-1, 2), rows_in, rows_out)
    same(whole, np.repeat(np.concatenate(wanted), 2).reshape(-1, 2), "all_to_all_single with split sizes")


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
    rank, size = here()

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
    same(x, sum(rows), f"all_reduce {what}")
    x = filled(rank)
    dist.broadcast(mine if rank == size - 1 else x, size - 1)
    same(mine if rank == size - 1 else x, rows[-1], f"broadcast {what}")
    found = [empty() for _ in rows]
    dist.all_gather(found, mine)
    same_all(found, rows, f"all_gather {what}")
    x = empty()
    dist.scatter(x, rows if rank == 0 else None)
    same(x, rows[rank], f"scatter {what}")
    x = empty()
    dist.reduce_scatter(x, [mine] * size)
    same(x, sum(rows), f"reduce_scatter {what}")
    found = [empty() for _ in rows]
    dist.all_to_all(found, [mine] * size)
    same_all(found, rows, f"all_to_all {what}")


def check_bits() -> None:
    """Floats are added in rank order, whatever their number, those of 16 bits in 32; all ranks get the same bits."""
    _, size = here()
    for count in (1, 20_000 // size, 300_000 // size):
        _check_bits(count, np.float32)
    for dtype in (np.float16, ml_dtypes.bfloat16, np.complex64):
        _check_bits(100_000 // size, dtype)


def _check_bits(count: int, dtype: Any) -> None:
    rank, size = here()
    parts = [random(other, count * size).astype(dtype) for other in range(size)]
    what = f"of {count * size} random numbers of {np.dtype(dtype)}"
    for op in (ReduceOp.SUM, ReduceOp.AVG):
        expected = reduced(op, parts)
        x = parts[rank].copy()
        dist.all_reduce(x, op)
        same(x, expected, f"all_reduce, {op}, {what}")
        y = np.empty(count, dtype)
        dist.reduce_scatter_tensor(y, parts[rank], op)
        same(y, expected[count * rank : count * (rank + 1)], f"reduce_scatter_tensor, {op}, {what}")
        x = parts[rank].copy()
        dist.reduce(x, 0, op)
        same(x, expected if rank == 0 else parts[rank], f"reduce, {op}, {what}")


def check_functions() -> None:
    """A function of the user's is applied in rank order."""
    rank, size = here()
    for count in (2, 100_000):
        parts = [values(other, count, "float64") for other in range(size)]
        x = parts[rank].copy()
        dist.all_reduce(x, _compose)
        same(x, reduce(_compose, parts), f"all_reduce of {count} with a function")


def _compose(left: Array, right: Array) -> Array:
    """Combine in a way in which order matters."""
    return 2 * left - right


def check_in_place() -> None:
    """An input may be the output, or a part of it."""
    rank, size = here()
    whole = np.full((size, 3), -1)
    whole[rank] = rank
    dist.all_gather_into_tensor(whole, whole[rank])
    same(whole, np.repeat(np.arange(size), 3).reshape(size, 3), "all_gather_into_tensor in place")
    dist.all_to_all(list(whole), list(whole))
    same(whole, np.full((size, 3), rank), "all_to_all in place")
    whole[:] = np.arange(size)[:, None]
    dist.reduce_scatter(whole[rank], list(whole))
    same(whole[rank], np.full(3, rank * size), "reduce_scatter in place")


CHECKS: Final[tuple[Check, ...]] = (
    check_operators,
    check_functions_in_place,
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
