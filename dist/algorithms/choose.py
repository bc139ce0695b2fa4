"""Which all-reduce for how many bytes and ranks: one table, and a variable that overrides it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from numpy.typing import NDArray

from dist.algorithms.all_reduce import exchange_all_reduce, pairwise_all_reduce, ring_all_reduce
from dist.channel import Channel
from dist.reduction import ReduceOp

AllReduce = Callable[[Channel, NDArray[Any], ReduceOp], None]

OVERRIDE: Final = "TENSORLIB_DIST_ALGO"

ALL_REDUCE: Final[Mapping[str, AllReduce]] = {
    "exchange": exchange_all_reduce,
    "pairwise": pairwise_all_reduce,
    "ring": ring_all_reduce,
}

# The first row that fits: at most so many bytes, at most so many ranks. Measured; see docs/algorithms.md.
ALL_REDUCE_TABLE: Final[tuple[tuple[float, float, str], ...]] = (
    (1024 * 1024, 2, "exchange"),
    (256 * 1024, 4, "exchange"),
    (16 * 1024, 8, "exchange"),
    (1024 * 1024, 8, "ring"),
    (math.inf, 32, "pairwise"),
    (math.inf, math.inf, "ring"),
)


def all_reduce(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
    """Reduce `array` over all ranks in the way that suits its size. Args: as in `exchange_all_reduce`."""
    if channel.size > 1:
        choose_all_reduce(array.nbytes, channel.size)(channel, array, op)


@lru_cache(maxsize=1024)
def choose_all_reduce(nbytes: int, size: int) -> AllReduce:
    """Return the all-reduce for `nbytes` among `size` ranks; every rank must be given the same.

    Remembers what it chose: the environment is to be set before the first call.

    Raises:
        ValueError: the environment variable TENSORLIB_DIST_ALGO names none.

    >>> choose_all_reduce(4, 2).__name__
    'exchange_all_reduce'
    """
    if name := os.environ.get(OVERRIDE):
        if name not in ALL_REDUCE:
            raise ValueError(f"{OVERRIDE}={name}: need one of {', '.join(ALL_REDUCE)}")
        return ALL_REDUCE[name]
    for most_bytes, most_ranks, name in ALL_REDUCE_TABLE:
        if nbytes <= most_bytes and size <= most_ranks:
            return ALL_REDUCE[name]
    raise AssertionError("the last row of the table fits everything")
