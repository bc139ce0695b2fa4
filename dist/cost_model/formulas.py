"""How much each all_reduce does, as formulas; `docs/algorithms.md` explains the algorithms.

Arrays of N bytes, n ranks; slices and segments are taken as equally long, and trees as full: of a power of two of
ranks. `count_work` runs the algorithms themselves, and a test compares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from dist.algorithms.choose import choose
from dist.algorithms.segments import SEGMENT_BYTES
from dist.algorithms.slice_reduction import PIECE_BYTES, piece_bytes
from dist.cost_model.costs import Costs, Load, Work
from dist.shared_memory.collectives import SMALL_BYTES

Formula = Callable[[int, int], Work]


def exchange(size: int, nbytes: int) -> Work:
    """Everybody sends everything to everybody, and adds up n arrays."""
    others = (size - 1) * nbytes
    load = Load(messages=2 * (size - 1), bytes=2 * others, reduced=others)
    return Work(steps=1, path=load, total=load * size, link_bytes=others)


def star(size: int, nbytes: int) -> Work:
    """Rank 0 gets everything, adds it up, and sends everybody the result."""
    others = (size - 1) * nbytes
    path = Load(messages=2 * size, bytes=2 * others, reduced=others)
    total = Load(messages=4 * (size - 1), bytes=4 * others, reduced=others)
    return Work(steps=2, path=path, total=total, link_bytes=2 * others)


def tree(size: int, nbytes: int) -> Work:
    """Everything goes up a binomial tree to rank 0, which adds it up, and the result comes down."""
    levels = (size - 1).bit_length()
    full = 1 << levels
    path = Load(
        messages=levels * (levels + 1) // 2 + 3 * levels,
        bytes=2 * (full - 1) * nbytes,
        reduced=(size - 1) * nbytes,
    )
    handled = (levels * full + 2 * (full - 1)) * nbytes
    total = Load(messages=4 * (size - 1), bytes=handled, reduced=path.reduced)
    return Work(steps=2 * levels, path=path, total=total, link_bytes=(full - 1 + levels) * nbytes)


def bruck(size: int, nbytes: int) -> Work:
    """Everybody gets everything, in steps that double what a rank has, and adds it up."""
    steps = (size - 1).bit_length()
    others = (size - 1) * nbytes
    load = Load(messages=2 * steps, bytes=2 * others, reduced=others)
    return Work(steps=steps, path=load, total=load * size, link_bytes=others)


def pairwise(size: int, nbytes: int) -> Work:
    """Everybody adds up one slice, in segments of which two are under way."""
    segments = _count(nbytes, piece_bytes(size))
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


def doubling(size: int, nbytes: int) -> Work:
    """Partners exchange what they have and add it up, in steps of doubled distance."""
    steps = size.bit_length() - 1
    load = Load(messages=2 * steps, bytes=2 * steps * nbytes, reduced=steps * nbytes)
    return _with_stand_ins(size, nbytes, Work(steps, load, load * (1 << steps), steps * nbytes))


def halving(size: int, nbytes: int) -> Work:
    """Partners exchange and add halves of halves, and then exchange the results."""
    steps, pieces = size.bit_length() - 1, _count(nbytes, PIECE_BYTES)
    given = nbytes * (1 - 1 / (1 << steps))
    load = Load(messages=4 * steps * pieces, bytes=4 * given, reduced=given)
    among_powers_of_two = Work(2 * steps * pieces, load, load * (1 << steps), 2 * given)
    return _with_stand_ins(size, nbytes, among_powers_of_two, pieces)


def _with_stand_ins(size: int, nbytes: int, work: Work, pieces: int = 1) -> Work:
    """Add what it takes that the ranks beyond a power of two give others what they have, and get the result."""
    beyond = size - (1 << (size.bit_length() - 1))
    if not beyond:
        return work
    return Work(
        work.steps + 2 * pieces,
        work.path + Load(messages=4 * pieces, bytes=2 * nbytes, reduced=nbytes),
        work.total + Load(messages=4 * pieces, bytes=4 * nbytes, reduced=nbytes) * beyond,
        work.link_bytes + 2 * nbytes,
    )


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
FORMULAS: Final[Mapping[str, Formula]] = {
    "exchange": exchange,
    "star": star,
    "tree": tree,
    "bruck": bruck,
    "pairwise": pairwise,
    "ring": ring,
    "doubling": doubling,
    "halving": halving,
}


def all_reduce_work(size: int, nbytes: int, algorithm: str) -> Work:
    """Return how much an all_reduce does.

    Args:
        size: number of ranks.
        nbytes: of the array on each rank.
        algorithm: one of `FORMULAS`.

    Raises:
        ValueError: there is no formula for the algorithm.

    >>> all_reduce_work(4, 1000, "ring").steps
    6
    """
    if algorithm not in FORMULAS:
        raise ValueError(f"all_reduce_work: algorithm is {algorithm!r}: need one of {', '.join(FORMULAS)}")
    return FORMULAS[algorithm](size, nbytes) if size > 1 else Work(0, Load(), Load(), 0)


def all_reduce_time(
    costs: Costs, size: int, nbytes: int, algorithm: str | None = None, cores: int | None = None, hosts: int = 1
) -> float:
    """Return how long an all_reduce is expected to take, in seconds.

    Args:
        costs: of the machine.
        size: number of ranks.
        nbytes: of the array on each rank.
        algorithm: one of `FORMULAS`; None means the one that `dist.all_reduce` takes for sums of floats.
        cores: see `Costs.time`.
        hosts: how many there are, where the algorithm is to be chosen.
    """
    name = choose("all_reduce", nbytes, size, hosts=hosts) if algorithm is None else algorithm
    return costs.time(all_reduce_work(size, nbytes, name), size, cores)


def _count(nbytes: int, segment: int) -> int:
    return max(1, math.ceil(nbytes / segment))
