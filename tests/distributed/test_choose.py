"""Which algorithm runs: the table, and the variable that overrides it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dist.algorithms import MessageCollectives
from dist.algorithms.choose import ALGORITHMS, EXACT_ONLY, OVERRIDE, TABLE, choose, overrides
from dist.algorithms.exactness import is_exact
from dist.channel import Channel
from dist.cost_model import FORMULAS, Costs, all_reduce_time
from dist.reduction import ReduceOp
from tests.distributed.algorithm_worlds import CALLS, in_rank_order, on_ranks, values

TREES = ("reduce", "broadcast", "gather", "scatter")


def test_every_row_is_chosen_for_some_call_and_names_an_algorithm() -> None:
    for row in TABLE:
        nbytes, ranks = int(min(row.most_bytes, 1 << 40)), int(min(row.most_ranks, 4096))
        hosts = 2 if row.hosts == "several" else 1
        assert choose(row.collective, nbytes, ranks, row.exact, hosts) == row.algorithm, row
        assert row.algorithm in ALGORITHMS[row.collective]


@pytest.mark.parametrize("collective", ALGORITHMS)
@pytest.mark.parametrize("hosts", [1, 2])
def test_there_is_an_algorithm_for_every_call_and_it_keeps_the_order(collective: str, hosts: int) -> None:
    for ranks in (1, 2, 4, 9, 100, 4096):
        for nbytes in (0, 4, 1 << 12, 1 << 18, 1 << 30):
            assert (collective, choose(collective, nbytes, ranks, False, hosts)) not in EXACT_ONLY
            assert choose(collective, nbytes, ranks, True, hosts) in ALGORITHMS[collective]


def test_floats_are_exact_in_no_operation_and_integers_in_all_but_the_average() -> None:
    ops = [ReduceOp.SUM, ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.MAX, ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR]
    for op in ops:
        assert is_exact(op, np.dtype(np.uint8))
        assert is_exact(op, np.dtype(np.bool_))
    for dtype in ("float16", "float64", "complex64"):
        assert not any(is_exact(op, np.dtype(dtype)) for op in ops)
    assert not is_exact(ReduceOp.AVG, np.dtype(np.float32))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("ring", {"all_reduce": "ring", "all_gather": "ring"}),
        ("all_reduce=ring, broadcast=tree", {"all_reduce": "ring", "broadcast": "tree"}),
        ("tree,all_reduce=star", dict.fromkeys(TREES, "tree") | {"all_reduce": "star"}),
    ],
)
def test_variable_is_understood(text: str, found: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, text)
    assert overrides() == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rings", "rings: there is no algorithm 'rings': need one of exchange, star, .*dissemination"),
        ("broadcast=ring", "broadcast=ring: there is no algorithm 'ring': need one of linear, tree, chain, scatter"),
        ("reduce=linear,allreduce=ring", "allreduce=ring: there is no 'allreduce': need one of all_reduce, reduce"),
        ("all_reduce=", "all_reduce=: there is no algorithm ''"),
    ],
)
def test_variable_that_names_nothing_is_refused_at_once(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OVERRIDE, text)
    with pytest.raises(ValueError, match=f"TENSORLIB_DIST_ALGO: {message}"):
        MessageCollectives()


def test_variable_decides_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, "all_reduce=ring,all_gather=ring")
    collectives = MessageCollectives()
    parts = values(4, 5, "float32")
    for collective, messages in (("all_reduce", 6), ("all_gather", 12)):
        transports = CALLS[collective](getattr(collectives, collective), 4, parts)
        assert sum(t.messages for t in transports) == messages


def test_an_order_that_floats_need_cannot_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, "all_reduce=doubling")
    collectives = MessageCollectives()
    parts = values(2, 5, "int64")
    CALLS["all_reduce"](collectives.all_reduce, 2, parts)
    with pytest.raises(ValueError, match=r"all_reduce by doubling would change the order .* need one of exchange"):
        on_ranks(1, lambda channel: collectives.all_reduce(channel, np.ones(3), ReduceOp.SUM))


def test_transport_says_on_how_many_hosts_the_ranks_are() -> None:
    # Bruck's way among ten ranks in two places, a star among as many in one.
    for hosts, messages in ((("a", "b") * 5, 40), (("a",) * 10, 18)):
        collectives = MessageCollectives()

        def call(channel: Channel, array: NDArray[Any], op: ReduceOp) -> None:
            channel.transport.hosts = hosts  # noqa: B023
            collectives.all_reduce(channel, array, op)  # noqa: B023

        transports = CALLS["all_reduce"](call, 10, values(10, 5, "float32"))
        assert sum(t.messages for t in transports) == messages


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("hosts", [1, 2])
def test_bits_do_not_depend_on_what_is_chosen(size: int, hosts: int) -> None:
    collectives = MessageCollectives(hosts)
    parts = values(size, 300_000, "float32")  # more than a megabyte
    expected = in_rank_order(ReduceOp.SUM, parts)
    for count in (1, 2_000, 20_000, 300_000):
        arrays = [part[:count].copy() for part in parts]
        on_ranks(size, lambda c: collectives.all_reduce(c, arrays[c.rank], ReduceOp.SUM))  # noqa: B023
        assert all(array.tobytes() == expected[:count].tobytes() for array in arrays)


@pytest.mark.parametrize("nbytes", [4, 16 << 10, 128 << 10, 1 << 20, 16 << 20, 256 << 20])
@pytest.mark.parametrize("ranks", [16, 64, 512, 4096])
def test_among_hosts_the_choice_is_not_far_from_the_best_that_the_cost_model_knows(ranks: int, nbytes: int) -> None:
    costs = Costs(call=2e-5, latency=3e-5, shared_latency=5e-5, message=2e-5, byte=2e-10, reduced_byte=3e-11)
    costs = costs.with_link(latency=1e-5, bandwidth=3e9)
    names = [name for name in FORMULAS if ("all_reduce", name) not in EXACT_ONLY]
    # Gathering everything takes memory for everything.
    names = [name for name in names if ranks * nbytes <= 64 << 20 or name in ("pairwise", "ring")]
    best = min(all_reduce_time(costs, ranks, nbytes, name) for name in names)
    assert all_reduce_time(costs, ranks, nbytes, hosts=2) < 1.5 * best
