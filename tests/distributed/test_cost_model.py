"""The cost model: its formulas say what the algorithms do, and its times follow from them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import dist
from dist.algorithms import MessageCollectives, hierarchical, segments
from dist.algorithms.choose import ALGORITHMS, choose
from dist.algorithms.hierarchical import HierarchicalCollectives
from dist.channel import Channel
from dist.cost_model import FORMULAS, Costs, Load, Work, all_reduce_time, all_reduce_work, count_work, two_level_time
from dist.reduction import ReduceOp

ALL_REDUCE = ALGORITHMS["all_reduce"]
# What these do among other numbers of ranks than powers of two has no simple formula, but a bound.
BOUNDED = {"tree", "doubling"}
UNIT = Costs(call=0, latency=0, shared_latency=0, message=0, byte=0, reduced_byte=0)
CLUSTER = Costs(call=2e-5, latency=3e-5, shared_latency=6e-5, message=1e-5, byte=2e-10, reduced_byte=5e-11)


def numbers(work: Work) -> list[float]:
    return [work.steps, *dataclasses.astuple(work.path), *dataclasses.astuple(work.total), work.link_bytes]


def test_there_is_a_formula_for_every_algorithm() -> None:
    assert set(FORMULAS) == set(ALL_REDUCE)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 13, 16, 32, 64])
@pytest.mark.parametrize("name", FORMULAS)
def test_formulas_say_what_the_algorithms_do(name: str, size: int) -> None:
    if size == 1:
        assert all_reduce_work(1, 4096, name) == Work(0, Load(), Load(), 0)
        return
    for nbytes in (4 * size, 400 * size):
        counted, formula = count_work(ALL_REDUCE[name], size, nbytes), all_reduce_work(size, nbytes, name)
        if name in BOUNDED and size & (size - 1):
            assert np.less_equal(numbers(counted), numbers(formula)).all()
        elif name == "halving":  # of slices that differ by an element
            np.testing.assert_allclose(numbers(counted), numbers(formula), atol=16 * size)
        else:
            assert counted == formula


@pytest.fixture
def _short_segments(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have arrays of some KB cut into many segments."""
    length = 1024
    monkeypatch.setattr(segments.segments, "__defaults__", (length,))
    monkeypatch.setattr("dist.cost_model.formulas.SEGMENT_BYTES", length)
    return length


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8, 12])
def test_formula_of_the_ring_in_many_segments(size: int, _short_segments: int) -> None:  # noqa: PT019 - its value is used
    for count in (2, 3, 4, 5, 6, 9, 13, 24):
        nbytes = count * _short_segments
        assert count_work(ALL_REDUCE["ring"], size, nbytes) == all_reduce_work(size, nbytes, "ring")


@pytest.mark.parametrize(("size", "megabytes"), [(2, 1), (2, 9), (3, 8), (8, 2)])
def test_formulas_in_real_segments(size: int, megabytes: int) -> None:
    for name in ("pairwise", "ring", "halving"):
        nbytes = megabytes << 20
        counted, formula = count_work(ALL_REDUCE[name], size, nbytes), all_reduce_work(size, nbytes, name)
        np.testing.assert_allclose(numbers(counted), numbers(formula), rtol=0.01)


@pytest.mark.parametrize(("size", "count"), [(2, 1), (4, 1), (4, 16), (8, 3), (8, 24)])
def test_hosts_do_what_the_ranks_of_a_ring_do(
    size: int,
    count: int,
    _short_segments: int,  # noqa: PT019 - its value is used
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Results go back the way that the partial ones came, and not on in the ring: that takes a little longer."""
    monkeypatch.setattr(hierarchical, "SMALL_BYTES", 0)
    monkeypatch.setattr(hierarchical, "SEGMENT_BYTES", _short_segments)

    def in_two_levels(channel: Channel, array: Any, op: ReduceOp) -> None:
        HierarchicalCollectives(range(channel.size), MessageCollectives()).all_reduce(channel, array, op)

    nbytes = count * _short_segments
    counted, of_ring = count_work(in_two_levels, size, nbytes), all_reduce_work(size, nbytes, "ring")
    assert counted.total == of_ring.total
    assert np.less_equal(numbers(counted), np.multiply(numbers(of_ring), 1.35)).all()


def test_in_two_levels_the_link_of_a_host_carries_each_byte_twice() -> None:
    between = CLUSTER.with_link(latency=1e-5, bandwidth=1e9)
    of_link = 2 * (64 << 20) / 1e9
    for ranks_per_host in (1, 8):
        assert of_link < two_level_time(CLUSTER, between, 8, ranks_per_host, 64 << 20) < 2 * of_link
    flat = dataclasses.replace(between, link_byte=8 * between.link_byte)  # eight ranks share it
    assert flat.time(all_reduce_work(64, 64 << 20, "ring"), 64) > 8 * of_link
    by_size = [two_level_time(CLUSTER, between, 8, 8, nbytes) for nbytes in (4, 16_384, 16_388, 1 << 20)]
    assert by_size[0] < by_size[1]
    assert by_size[2] < by_size[3]


def test_each_cost_counts_what_it_is_named_after() -> None:
    work = all_reduce_work(4, 1000, "pairwise")
    assert work == Work(2, Load(12, 3000, 750), Load(48, 12000, 3000), 1500)
    for change, expected in {
        "call": 1.0,
        "latency": 2.0,
        "message": 8.0,  # of 12, those of two steps are part of the latency
        "byte": 3000.0,
        "reduced_byte": 750.0,
        "link_byte": 1500.0,
    }.items():
        costs = dataclasses.replace(UNIT, **{change: 1.0})
        assert costs.time(work, 4) == costs.time(work, 4, cores=4) == expected


def test_ranks_that_share_cores_take_as_long_as_the_cores_need() -> None:
    work = all_reduce_work(4, 1000, "pairwise")
    assert dataclasses.replace(UNIT, call=1.0).time(work, 4, cores=2) == 2.0
    assert dataclasses.replace(UNIT, shared_latency=1.0, latency=7.0).time(work, 4, cores=2) == 2.0
    assert dataclasses.replace(UNIT, message=1.0).time(work, 4, cores=2) == 24.0
    assert dataclasses.replace(UNIT, byte=1.0).time(work, 4, cores=1) == 12_000.0


def test_a_network_adds_latency_and_limits_bandwidth() -> None:
    remote = CLUSTER.with_link(latency=1e-3, bandwidth=1e8)
    work = all_reduce_work(16, 64 << 20, "pairwise")
    assert remote.time(work, 16) > work.link_bytes / 1e8
    near, far = (all_reduce_time(costs, 16, 4, "ring") for costs in (CLUSTER, remote))
    assert far == pytest.approx(near + 30 * 1e-3, abs=1e-5)


def test_time_grows_with_ranks_and_bytes() -> None:
    for name in FORMULAS:
        by_ranks = [all_reduce_time(CLUSTER, size, 4096, name) for size in (2, 8, 64, 512, 4096)]
        by_bytes = [all_reduce_time(CLUSTER, 64, nbytes, name) for nbytes in (4, 4096, 1 << 20, 64 << 20)]
        assert by_ranks == sorted(by_ranks)
        assert by_bytes == sorted(by_bytes)


def test_without_a_name_it_is_the_algorithm_that_all_reduce_takes() -> None:
    assert all_reduce_time(CLUSTER, 2, 4) == all_reduce_time(CLUSTER, 2, 4, "exchange")
    assert all_reduce_time(CLUSTER, 1000, 1 << 30) == all_reduce_time(CLUSTER, 1000, 1 << 30, "ring")


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(ValueError, match="all_reduce_work: algorithm is 'rings': need one of exchange, star, tree"):
        all_reduce_work(4, 4, "rings")


def test_counting_gives_the_same_as_a_simulation_by_public_functions() -> None:
    """What is counted is what `dist.all_reduce` does: as many messages are sent in a simulated world."""

    def messages(size: int) -> int:
        def work() -> int:
            world = dist.group.WORLD
            assert world is not None
            transport = world._transport
            sent = []
            isend = transport.isend
            transport.isend = lambda *args: sent.append(args) or isend(*args)  # type: ignore[method-assign,func-returns-value]
            dist.all_reduce(np.zeros(100, np.float32))
            return len(sent)

        return sum(dist.simulate(size, work))

    for size in (2, 8, 64):
        name = choose("all_reduce", 400, size)
        assert 2 * messages(size) == all_reduce_work(size, 400, name).total.messages
