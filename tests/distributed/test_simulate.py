"""Worlds of threads: results, failures, and nothing left behind."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import dist
import dist.simulation
from dist.errors import CollectiveMismatch, DistError, PeerError
from dist.transport.base import Transport
from dist.world import World


def wait_until_threads_are(before: set[threading.Thread]) -> None:
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(threading.enumerate()) - before == set()


def test_results_come_in_rank_order_and_arguments_are_passed_on() -> None:
    before = set(threading.enumerate())

    def work(factor: int) -> tuple[int, int, str]:
        return factor * dist.get_rank(), dist.get_world_size(), dist.get_backend()

    assert dist.simulate(3, work, 10) == [(0, 3, "inproc"), (10, 3, "inproc"), (20, 3, "inproc")]
    assert not dist.is_initialized()
    wait_until_threads_are(before)


def test_the_first_error_is_raised_as_it_was_and_names_the_rank() -> None:
    survivors = []
    before = set(threading.enumerate())

    def work() -> None:
        if dist.get_rank() == 1:
            raise ValueError("bad batch")
        try:
            dist.all_reduce(np.ones(100_000))
        except PeerError as error:
            survivors.append((str(error), error.rank))
            raise

    with pytest.raises(ValueError, match="bad batch") as caught:
        dist.simulate(3, work)
    assert caught.value.__notes__ == ["(raised on rank 1 of the simulated world)"]
    assert len(survivors) == 2
    for message, rank in survivors:
        assert message.startswith("rank 1 raised ValueError: bad batch at ")
        assert "test_simulate.py:" in message
        assert rank == 1
    wait_until_threads_are(before)


def test_a_rank_that_starts_late_learns_of_a_mismatch(monkeypatch: pytest.MonkeyPatch) -> None:
    make_world = dist.simulation.make_world

    def make_slowly(transport: Transport, *args: Any, **settings: Any) -> World:
        time.sleep(0.5 * (transport.rank == 2))
        return make_world(transport, *args, **settings)

    def work() -> str:
        calls = [
            lambda: dist.barrier(dist.new_group([0, 1])),
            lambda: dist.all_reduce(np.ones(1), group=dist.new_group([0, 1])),
            dist.barrier,
        ]
        with pytest.raises(CollectiveMismatch) as caught:
            calls[dist.get_rank()]()
        return str(caught.value)

    monkeypatch.setattr("dist.simulation.make_world", make_slowly)
    assert len(set(dist.simulate(3, work))) == 1


def test_after_a_failure_every_call_raises_the_same_at_once() -> None:
    def work() -> list[str]:
        if dist.get_rank() == 1:
            raise ValueError("bad batch")
        messages = []
        for call in (dist.barrier, lambda: dist.all_reduce(np.ones(1)), lambda: dist.recv(np.ones(1)), dist.new_group):
            started = time.monotonic()
            with pytest.raises(PeerError) as caught:
                call()
            messages.append(str(caught.value))
            assert messages[1:] == [] or time.monotonic() - started < 0.1
        assert len(set(messages)) == 1
        raise RuntimeError("checked")

    with pytest.raises(ValueError, match="bad batch"):
        dist.simulate(2, work)


def test_queued_collectives_fail_too() -> None:
    def work() -> None:
        if dist.get_rank() == 1:
            time.sleep(0.1)
            raise ValueError("bad batch")
        works = [dist.all_reduce(np.ones(4), async_op=True) for _ in range(3)]
        for pending in works:
            assert pending is not None
            with pytest.raises(PeerError, match="rank 1 raised ValueError"):
                pending.wait()
            assert pending.is_completed()
        raise KeyError("checked")

    with pytest.raises(ValueError, match="bad batch"):
        dist.simulate(2, work)


def test_a_rank_that_finished_is_blamed_only_by_those_that_still_need_it() -> None:
    def work() -> str:
        if dist.get_rank() == 0:
            return "done"
        with pytest.raises(PeerError, match="rank 0 finished") as caught:
            dist.barrier()
        return str(caught.value)

    assert dist.simulate(2, work) == ["done", "rank 0 finished"]


def test_a_simulation_that_takes_too_long_shows_where_it_is() -> None:
    before = set(threading.enumerate())

    def work() -> None:
        if dist.get_rank() == 0:
            time.sleep(0.7)
        else:
            dist.barrier()

    with pytest.raises(TimeoutError, match=r"(?s)not done after 0.3 s:.*rank 0:.*time.sleep\(0.7\)"):
        dist.simulate(2, work, timeout=0.3)
    wait_until_threads_are(before)


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (1.5, TypeError)])
def test_wrong_numbers_of_ranks_are_refused(n: int, error: type[Exception]) -> None:
    with pytest.raises(error, match="simulate: n is"):
        dist.simulate(n, dist.barrier)


def test_each_thread_may_leave_its_world() -> None:
    def work() -> None:
        dist.barrier()
        dist.destroy_process_group()
        assert not dist.is_initialized()
        with pytest.raises(DistError, match=r"barrier: there is no process group: call dist\.init_process_group"):
            dist.barrier()

    dist.simulate(2, work)


def differ(rank: int) -> None:
    if rank == 1:
        dist.broadcast(np.ones(4), 0)
    else:
        dist.all_reduce(np.ones(4))
    dist.barrier()


def test_mismatches_are_raised_on_all_ranks_and_show_all_calls() -> None:
    def work() -> str:
        rank = dist.get_rank()
        dist.barrier()
        with pytest.raises(CollectiveMismatch) as caught:
            differ(rank)
        return str(caught.value)

    (message,) = set(dist.simulate(3, work))
    assert message.startswith("call #2 of group world differs: ranks 0, 2 called all_reduce(4 x float64, SUM) at ")
    assert "; rank 1 called broadcast(4 x float64, root 0) at " in message
    assert message.count("test_simulate.py:") == 2
