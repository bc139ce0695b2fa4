"""How much each all_reduce does, as formulas; `docs/algorithms.md` explains the algorithms.

Arrays of N bytes, n ranks; slices and segments are taken as equally long. `count_work` runs the algorithms themselves,
and a test compares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from dist.algorithms.all_reduce import PAIRWISE_BYTES
from dist.algorithms.choose import ALL_REDUCE, choose_all_reduce
from dist.algorithms.segments import SEGMENT_BYTES
from dist.cost_model.costs import Costs, Load, Work
from dist.shared_memory.collectives import SMALL_BYTES

Formula = Callable[[int, int], Work]


def exchange(size: int, nbytes: int) -> Work:
    """Everybody sends everything to everybody, and adds up n arrays."""
    others = (size - 1) * nbytes
    load = Load(messages=2 * (size - 1), bytes=2 * others, reduced=others)
    return Work(steps=1, path=load, total=load * size, link_bytes=others)


def pairwise(size: int, nbytes: int) -> Work:
    """Everybody adds up one slice, in segments of which two are under way."""
    segments = _count(nbytes, min(SEGMENT_BYTES * size, PAIRWISE_BYTES))
    others = (size - 1) * nbytes / size
    load = Load(messages=4 * (size - 1) * segments, bytes=4 * others, reduced=others)
    return Work(steps=2 + (segments - 1) // 2, path=load, total=load * size, link_bytes=2 * others)


def ring(size: int, nbytes: int) -> Work:
    """Partial sums go round to the last rank, and results from there, in segments that follow each other.

    Few segments take as long as the way of the first one, and what the others need to follow. Of many, the ranks in the
    middle handle each four times: the partial sum and the result, coming and going.
    """
    segments = _count(nbytes, SEGMENT_BYTES)
    segment = nbytes / segments
    hops = 2 * (size - 1)
    following = segments - 1
    times = min(size, 4)  # that some rank handles each segment
    far = max(0, size - 4)
    path = Load(
        messages=max(2 * hops + 2 * following, times * segments + 2 + 2 * far),
        bytes=max(hops + 2 * following, times * segments + far) * segment,
        reduced=(size - 1 + following) * segment,
    )
    in_links = max(hops + following, 2 * segments + size - 3)
    total = Load(messages=2 * hops * segments, bytes=2 * hops * nbytes, reduced=(size - 1) * nbytes)
    # Rank 0 is one round ahead of the results that it passes on.
    steps = hops + size * (following // (size + 1))
    return Work(steps=steps, path=path, total=total, link_bytes=(in_links if size > 2 else segments + 1) * segment)


def shared_memory(size: int, nbytes: int) -> Work:
    """Small arrays are shown to all, and everybody adds up n; of large ones everybody adds up a slice.

    A step is a round, after which all have seen what all showed. The rounds of a large array follow each other closely:
    all that waits for the others is the first and the last one.
    """
    others = (size - 1) * nbytes
    small = nbytes <= SMALL_BYTES // size
    load = Load(bytes=nbytes, reduced=others) if small else Load(bytes=2 * nbytes, reduced=others / size)
    return Work(steps=1 if small else 2, path=load, total=load * size, link_bytes=0)


# By the names that `dist.algorithms.choose` has.
FORMULAS: Final[Mapping[str, Formula]] = {"exchange": exchange, "pairwise": pairwise, "ring": ring}


def all_reduce_work(size: int, nbytes: int, algorithm: str | None = None) -> Work:
    """Return how much an all_reduce does.

    Args:
        size: number of ranks.
        nbytes: of the array on each rank.
        algorithm: one of `FORMULAS`; None means the one that `dist.all_reduce` takes.

    Raises:
        ValueError: there is no formula for the algorithm.

    >>> all_reduce_work(4, 1000, "ring").steps
    6
    """
    name = chosen(size, nbytes) if algorithm is None else algorithm
    if name not in FORMULAS:
        raise ValueError(f"all_reduce_work: algorithm is {name!r}: need one of {', '.join(FORMULAS)}")
    return FORMULAS[name](size, nbytes) if size > 1 else Work(0, Load(), Load(), 0)


def all_reduce_time(
    costs: Costs, size: int, nbytes: int, algorithm: str | None = None, cores: int | None = None
) -> float:
    """Return how long an all_reduce is expected to take, in seconds; see `all_reduce_work` and `Costs.time`."""
    return costs.time(all_reduce_work(size, nbytes, algorithm), size, cores)


def chosen(size: int, nbytes: int) -> str:
    """Return the name of the algorithm that `dist.all_reduce` takes.

    >>> chosen(1000, 1 << 30)
    'ring'
    """
    function = choose_all_reduce(nbytes, size)
    return next(name for name, other in ALL_REDUCE.items() if other is function)


def _count(nbytes: int, segment: int) -> int:
    return max(1, math.ceil(nbytes / segment))
