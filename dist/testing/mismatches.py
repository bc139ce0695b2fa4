"""Conformance of collectives where ranks disagree: `check_mismatches(run)`.

Each case is a function that every rank of a world of three runs; the ranks make calls that do not fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import dist
from dist.testing.collectives import Check, Run

RANKS: Final = 3


def check_mismatches(run: Run, cases: Sequence[Check] | None = None) -> None:
    """Check that every rank raises `CollectiveMismatch` where the calls of the ranks do not fit together.

    Args:
        run: see `check_collectives`.
        cases: by default all that are here; each needs a world of its own, because a mismatch ends it.

    Raises:
        AssertionError: a rank did not raise, or the error does not show the calls.
    """
    for case in CASES if cases is None else cases:
        run(RANKS, case)


def mismatch_of_operation() -> None:
    """One rank broadcasts, the others reduce."""
    _disagree(lambda rank: dist.broadcast(_zeros(4), 0) if rank == 1 else dist.all_reduce(_zeros(4)))


def mismatch_of_dtype() -> None:
    """One rank has another dtype."""
    _disagree(lambda rank: dist.all_reduce(np.zeros(4, np.float32 if rank == 1 else np.float64)))


def mismatch_of_count() -> None:
    """One rank has more elements."""
    _disagree(lambda rank: dist.all_reduce(_zeros(4 + (rank == 1))))


def mismatch_of_operator() -> None:
    """One rank has another operator."""
    _disagree(lambda rank: dist.all_reduce(_zeros(4), dist.ReduceOp.MAX if rank == 1 else None))


def mismatch_of_function() -> None:
    """One rank has another function."""
    _disagree(lambda rank: dist.all_reduce(_zeros(4), _first if rank == 1 else _second))


def mismatch_of_root() -> None:
    """One rank has another root."""
    _disagree(lambda rank: dist.broadcast(_zeros(4), int(rank == 1)))


def mismatch_of_all_gather() -> None:
    """One rank expects other lengths in an all_gather."""
    _disagree(lambda rank: dist.all_gather([_zeros(1), _zeros(2), _zeros(3 + (rank == 1))], _zeros(rank + 1)))


def mismatch_of_gather() -> None:
    """One rank sends more than the root expects."""
    _disagree(lambda rank: dist.gather(_zeros(2 + (rank == 1)), _rows(2, 2, 2) if rank == 0 else None))


def mismatch_of_scatter() -> None:
    """One rank expects more than the root sends."""
    _disagree(lambda rank: dist.scatter(_zeros(2 + (rank == 1)), _rows(2, 2, 2) if rank == 0 else None))


def mismatch_of_reduce_scatter() -> None:
    """One rank cuts its array in another way."""
    _disagree(lambda rank: dist.reduce_scatter(_zeros(2), _rows(2, 2, 3) if rank == 1 else _rows(2, 2, 2)))


def mismatch_of_all_to_all() -> None:
    """One rank sends more than another one expects."""
    _disagree(lambda rank: dist.all_to_all(_rows(2, 2, 2), _rows(3, 2, 2) if rank == 1 else _rows(2, 2, 2)))


def mismatch_of_split_sizes() -> None:
    """One rank splits what it sends in another way than the others expect."""
    sizes = [2, 2, 2], [3, 2, 1]
    _disagree(lambda rank: dist.all_to_all_single(_zeros(6), _zeros(6), None, sizes[rank == 1]))


def mismatch_of_coalesced() -> None:
    """One rank has its tensors in another order."""
    _disagree(lambda rank: dist.all_reduce_coalesced(_rows(2, 3) if rank == 1 else _rows(3, 2)))


CASES: Final[tuple[Check, ...]] = (
    mismatch_of_operation,
    mismatch_of_dtype,
    mismatch_of_count,
    mismatch_of_operator,
    mismatch_of_function,
    mismatch_of_root,
    mismatch_of_all_gather,
    mismatch_of_gather,
    mismatch_of_scatter,
    mismatch_of_reduce_scatter,
    mismatch_of_all_to_all,
    mismatch_of_split_sizes,
    mismatch_of_coalesced,
)


def _disagree(call: Callable[[int], object]) -> None:
    """Make a call and a barrier, one of which must fail; ranks that only send may be through with theirs."""
    try:
        call(dist.get_rank())
        dist.barrier()
    except dist.CollectiveMismatch as error:
        if "differs: rank" not in str(error) or "called" not in str(error):
            raise AssertionError(f"the error does not show the calls of the ranks: {error}") from None
    else:
        raise AssertionError("nothing was raised, need CollectiveMismatch")


def _zeros(count: int) -> NDArray[Any]:
    return np.zeros(count)


def _rows(*counts: int) -> list[NDArray[Any]]:
    return [np.zeros(count) for count in counts]


def _first(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return left


def _second(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    return right
