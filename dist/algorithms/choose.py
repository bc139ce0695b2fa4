"""Which algorithm for which call: one table, and a variable that overrides it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from dist.algorithms.all_gather import direct_all_gather, ring_all_gather
from dist.algorithms.all_reduce import (
    exchange_all_reduce,
    pairwise_all_reduce,
    ring_all_reduce,
    star_all_reduce,
)
from dist.algorithms.all_to_all import pairwise_all_to_all
from dist.algorithms.barrier import dissemination_barrier
from dist.algorithms.broadcast import chain_broadcast, linear_broadcast, scatter_broadcast, tree_broadcast
from dist.algorithms.bruck import bruck_all_gather, bruck_all_reduce, bruck_all_to_all
from dist.algorithms.doubling import doubling_all_reduce, halving_all_reduce, halving_reduce_scatter
from dist.algorithms.gather import linear_gather, linear_scatter
from dist.algorithms.reduce import linear_reduce, pairwise_reduce
from dist.algorithms.reduce_scatter import pairwise_reduce_scatter
from dist.algorithms.tree import tree_all_reduce, tree_gather, tree_reduce, tree_scatter

Algorithm = Callable[..., None]

OVERRIDE: Final = "TENSORLIB_DIST_ALGO"

# Arguments: those of the method of `dist.collectives.Collectives`.
ALGORITHMS: Final[Mapping[str, Mapping[str, Algorithm]]] = {
    "all_reduce": {
        "exchange": exchange_all_reduce,
        "star": star_all_reduce,
        "tree": tree_all_reduce,
        "bruck": bruck_all_reduce,
        "pairwise": pairwise_all_reduce,
        "ring": ring_all_reduce,
        "doubling": doubling_all_reduce,
        "halving": halving_all_reduce,
    },
    "reduce": {"linear": linear_reduce, "pairwise": pairwise_reduce, "tree": tree_reduce},
    "broadcast": {
        "linear": linear_broadcast,
        "tree": tree_broadcast,
        "chain": chain_broadcast,
        "scatter": scatter_broadcast,
    },
    "all_gather": {"direct": direct_all_gather, "ring": ring_all_gather, "bruck": bruck_all_gather},
    "gather": {"linear": linear_gather, "tree": tree_gather},
    "scatter": {"linear": linear_scatter, "tree": tree_scatter},
    "reduce_scatter": {"pairwise": pairwise_reduce_scatter, "halving": halving_reduce_scatter},
    "all_to_all": {"pairwise": pairwise_all_to_all, "bruck": bruck_all_to_all},
    "barrier": {"dissemination": dissemination_barrier},
}

# They add in another order than that of the ranks.
EXACT_ONLY: Final = frozenset(
    {("all_reduce", "doubling"), ("all_reduce", "halving"), ("reduce", "tree"), ("reduce_scatter", "halving")}
)


class Row(NamedTuple):
    """One row of the table: for calls of a collective with at most so many bytes and ranks, this algorithm.

    Attributes:
        collective: a key of `ALGORITHMS`.
        most_bytes: of a rank's array, or of the longest row. Only where all ranks know it: in gather, scatter and
            all_to_all a rank knows its own lengths only.
        most_ranks: in the group.
        hosts: where the ranks are: on "one" host, on "several", or "any".
        exact: only for operations that give the same bits in every order.
        algorithm: its name.
    """

    collective: str
    most_bytes: float
    most_ranks: float
    hosts: str
    exact: bool
    algorithm: str


KB, MB, ANY = 1024, 1024**2, math.inf

# The first row that fits. Measured, or predicted where that takes many hosts; see docs/algorithms.md.
TABLE: Final[tuple[Row, ...]] = (
    Row("all_reduce", 1 * MB, 2, "any", False, "exchange"),
    Row("all_reduce", 256 * KB, 16, "one", False, "star"),
    Row("all_reduce", 16 * KB, ANY, "one", False, "tree"),
    Row("all_reduce", 16 * KB, 8, "several", False, "exchange"),
    Row("all_reduce", 16 * KB, ANY, "several", True, "doubling"),
    Row("all_reduce", 16 * KB, ANY, "several", False, "bruck"),
    Row("all_reduce", 128 * KB, ANY, "several", True, "halving"),
    Row("all_reduce", 128 * KB, 512, "several", False, "bruck"),
    Row("all_reduce", ANY, 32, "any", False, "pairwise"),
    Row("all_reduce", ANY, ANY, "any", True, "halving"),
    Row("all_reduce", 16 * MB, ANY, "several", False, "pairwise"),
    Row("all_reduce", ANY, ANY, "any", False, "ring"),
    Row("reduce", ANY, 8, "one", False, "linear"),
    Row("reduce", ANY, ANY, "any", True, "tree"),
    Row("reduce", 64 * KB, ANY, "any", False, "linear"),
    Row("reduce", ANY, ANY, "any", False, "pairwise"),
    Row("broadcast", 256 * KB, 8, "one", False, "linear"),
    Row("broadcast", ANY, ANY, "one", False, "tree"),
    Row("broadcast", 256 * KB, ANY, "several", False, "tree"),
    Row("broadcast", ANY, 32, "several", False, "scatter"),
    Row("broadcast", ANY, ANY, "several", False, "chain"),
    Row("all_gather", ANY, 4, "any", False, "direct"),
    Row("all_gather", 8 * KB, ANY, "any", False, "bruck"),
    Row("all_gather", ANY, ANY, "any", False, "ring"),
    Row("gather", ANY, 64, "any", False, "linear"),
    Row("gather", ANY, ANY, "any", False, "tree"),
    Row("scatter", ANY, 64, "any", False, "linear"),
    Row("scatter", ANY, ANY, "any", False, "tree"),
    Row("reduce_scatter", 16 * KB, ANY, "any", True, "halving"),
    Row("reduce_scatter", ANY, ANY, "any", False, "pairwise"),
    Row("all_to_all", ANY, ANY, "any", False, "pairwise"),
    Row("barrier", ANY, ANY, "any", False, "dissemination"),
)


@lru_cache(maxsize=4096)
def choose(
    collective: str, nbytes: int, ranks: int, exact: bool = False, hosts: int = 1, override: str | None = None
) -> str:
    """Return the name of the algorithm for a call; given the same on all ranks, it is the same on all of them.

    Args:
        collective: a key of `ALGORITHMS`.
        nbytes: of the array, or of the longest row; 0 where a rank knows its own lengths only.
        ranks: how many ranks take part.
        exact: whether the operation gives the same bits in every order; see `is_exact`.
        hosts: how many hosts the ranks are on.
        override: the algorithm that the user wants, of those that `overrides` returned.

    Raises:
        ValueError: the one that the user wants would change the order in which floats are added.

    >>> choose("all_reduce", nbytes=4, ranks=2), choose("all_reduce", nbytes=64 << 20, ranks=4)
    ('exchange', 'pairwise')
    """
    if override is not None:
        if (collective, override) in EXACT_ONLY and not exact:
            others = [name for name in ALGORITHMS[collective] if (collective, name) not in EXACT_ONLY]
            raise ValueError(
                f"{OVERRIDE}: {collective} by {override} would change the order of a sum that is rounded: need one of "
                f"{', '.join(others)} for anything but integers and bools"
            )
        return override
    where = "one" if hosts == 1 else "several"
    return next(
        row.algorithm
        for row in TABLE
        if row.collective == collective
        and nbytes <= row.most_bytes
        and ranks <= row.most_ranks
        and row.hosts in (where, "any")
        and exact >= row.exact
    )


def overrides(text: str | None = None) -> dict[str, str]:
    """Return the algorithms that the user wants, by collective, from TENSORLIB_DIST_ALGO unless `text` is given.

    A name alone stands for all collectives that have an algorithm of that name.

    Raises:
        ValueError: a collective or an algorithm does not exist.

    >>> overrides("all_reduce=ring,broadcast=tree")
    {'all_reduce': 'ring', 'broadcast': 'tree'}
    >>> overrides("pairwise")
    {'all_reduce': 'pairwise', 'reduce': 'pairwise', 'reduce_scatter': 'pairwise', 'all_to_all': 'pairwise'}
    """
    text = os.environ.get(OVERRIDE, "") if text is None else text
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        found |= _override(entry)
    return found


def _override(entry: str) -> dict[str, str]:
    collective, equals, name = (part.strip() for part in entry.rpartition("="))
    if equals and collective not in ALGORITHMS:
        raise ValueError(f"{OVERRIDE}: {entry}: there is no {collective!r}: need one of {', '.join(ALGORITHMS)}")
    wanted = [collective] if equals else list(ALGORITHMS)
    known = dict.fromkeys(algorithm for key in wanted for algorithm in ALGORITHMS[key])
    if name not in known:
        raise ValueError(f"{OVERRIDE}: {entry}: there is no algorithm {name!r}: need one of {', '.join(known)}")
    return {key: name for key in wanted if name in ALGORITHMS[key]}
