"""What an algorithm sends and in how many steps: no more than `docs/algorithms.md` says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dist.algorithms.all_to_all import STEPS_AT_A_TIME
from dist.algorithms.choose import ALGORITHMS
from tests.distributed.algorithm_worlds import CALLS, NAMES, dtype_for, log2, values

COUNT = 5040  # can be divided by all numbers of ranks, and by one less
N = 4 * COUNT

# The most bytes that a rank sends, in units of an array or a row, the steps, and the messages of all, for n ranks. What
# trees and Bruck's all-to-all say about lengths is not counted in: 8 bytes per row.
Cost = Callable[[int], tuple[float, int, int]]


def p(size: int) -> int:
    """Return the largest power of two within `size`."""
    return 1 << (size.bit_length() - 1)


def f(size: int) -> int:
    """Return 0 for a power of two, else 1."""
    return int(size != p(size))


def partners(size: int) -> int:
    """Return the messages of a recursive doubling or halving."""
    return p(size) * log2(p(size)) + 2 * (size - p(size))


def half(size: int) -> int:
    """Return how many ranks the largest subtree of a binomial tree holds, below the root."""
    return 1 << max(0, log2(size) - 1)


COSTS: dict[tuple[str, str], Cost] = {
    ("all_reduce", "exchange"): lambda n: (n - 1, 1, n * (n - 1)),
    ("all_reduce", "star"): lambda n: (n - 1, 2, 2 * (n - 1)),
    ("all_reduce", "tree"): lambda n: (half(n) + log2(n), 2 * log2(n), 2 * (n - 1)),
    ("all_reduce", "bruck"): lambda n: (n - 1, log2(n), n * log2(n)),
    ("all_reduce", "pairwise"): lambda n: (2 * (n - 1) / n, 2, 2 * n * (n - 1)),
    ("all_reduce", "ring"): lambda n: (2, 2 * (n - 1), 2 * (n - 1)),
    ("all_reduce", "doubling"): lambda n: (log2(p(n)) + f(n), log2(p(n)) + 2 * f(n), partners(n)),
    ("all_reduce", "halving"): lambda n: (
        2 - 2 / p(n) + f(n),
        2 * log2(p(n)) + 2 * f(n),
        2 * partners(n) - 2 * (n - p(n)),
    ),
    ("reduce", "linear"): lambda n: (1, 1, n - 1),
    ("reduce", "pairwise"): lambda n: (1, 2, (n + 1) * (n - 1)),
    ("reduce", "tree"): lambda n: (1, log2(n), n - 1),
    ("broadcast", "linear"): lambda n: (n - 1, 1, n - 1),
    ("broadcast", "tree"): lambda n: (log2(n), log2(n), n - 1),
    ("broadcast", "chain"): lambda n: (1, n - 1, n - 1),
    ("broadcast", "scatter"): lambda n: (1, 2, (n - 1) ** 2),
    ("all_gather", "direct"): lambda n: (n - 1, -(-(n - 1) // STEPS_AT_A_TIME), n * (n - 1)),
    ("all_gather", "ring"): lambda n: (n - 1, n - 1, n * (n - 1)),
    ("all_gather", "bruck"): lambda n: (n - 1, log2(n), n * log2(n)),
    ("gather", "linear"): lambda n: (1, 1, n - 1),
    ("gather", "tree"): lambda n: (half(n), 2 * log2(n), 2 * (n - 1)),
    ("scatter", "linear"): lambda n: (n - 1, 1, n - 1),
    ("scatter", "tree"): lambda n: (n - 1, 2 * log2(n), 2 * (n - 1)),
    ("reduce_scatter", "pairwise"): lambda n: (n - 1, 1, n * (n - 1)),
    ("reduce_scatter", "halving"): lambda n: (n + f(n), log2(p(n)) + 2 * f(n), partners(n)),
    ("all_to_all", "pairwise"): lambda n: (n - 1, -(-(n - 1) // STEPS_AT_A_TIME), n * (n - 1)),
    ("all_to_all", "bruck"): lambda n: (log2(n) * n / 2, 2 * log2(n), 2 * n * log2(n)),
    ("barrier", "dissemination"): lambda n: (0, log2(n), n * log2(n)),
}
ANNOUNCES = {("gather", "tree"), ("scatter", "tree"), ("all_to_all", "bruck")}


def test_the_cost_of_every_algorithm_is_stated() -> None:
    assert set(COSTS) == set(NAMES)


@pytest.mark.parametrize(("collective", "name"), NAMES)
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6, 7, 8, 9, 16])
def test_sends_no_more_and_in_no_more_steps_than_stated(collective: str, name: str, size: int) -> None:
    parts = values(size, COUNT, dtype_for(collective, name))
    transports = CALLS[collective](ALGORITHMS[collective][name], size, parts)
    most, steps, messages = COSTS[collective, name](size)
    announced = 8 * size * log2(size) if (collective, name) in ANNOUNCES else 0
    assert max(t.bytes for t in transports) <= most * N + announced
    assert max(t.depth for t in transports) <= steps
    assert sum(t.messages for t in transports) <= messages


@pytest.mark.parametrize("size", [2, 5, 8])
def test_nobody_gets_more_than_once_what_a_broadcast_copies(size: int) -> None:
    for name, run in ALGORITHMS["broadcast"].items():
        transports = CALLS["broadcast"](run, size, values(size, COUNT, "float32"))
        assert sum(t.bytes for t in transports) == (size - 1) * N, name
