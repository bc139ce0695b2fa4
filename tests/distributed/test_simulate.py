"""Worlds of threads: results, failures, and nothing left behind."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pytest

import dist
from dist.errors import CollectiveMismatch, Deadlock, DistError, PeerError, TransportTimeout
from dist.scheduler import Task
from dist.testing import Fault, FaultPlan


def wait_until_threads_are(before: set[threading.Thread]) -> None:
    deadline = time.monotonic() + 30
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


def test_a_rank_that_starts_late_learns_of_a_mismatch() -> None:
    def work() -> str:
        time.sleep(0.2 * (dist.get_rank() == 2))
        calls = [
            lambda: dist.barrier(dist.new_group([0, 1])),
            lambda: dist.all_reduce(np.ones(1), group=dist.new_group([0, 1])),
            dist.barrier,
        ]
        with pytest.raises(CollectiveMismatch) as caught:
            calls[dist.get_rank()]()
        return str(caught.value)

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


def senders_in_order() -> list[int]:
    """Return, on rank 0, whom its receives from any rank were answered by."""
    rank, size = dist.get_rank(), dist.get_world_size()
    if rank:
        for _ in range(2):
            dist.send(np.array([rank]), 0)
        return []
    return [dist.recv(np.empty(1, np.int64)) for _ in range(2 * (size - 1))]


def test_equal_seeds_give_equal_runs_and_other_seeds_other_ones() -> None:
    runs = {seed: [tuple(dist.simulate(6, senders_in_order, seed=seed)[0]) for _ in range(3)] for seed in range(8)}
    assert all(len(set(of_one_seed)) == 1 for of_one_seed in runs.values())
    orders = {of_one_seed[0] for of_one_seed in runs.values()}
    assert len(orders) > 4
    assert {order[0] for order in orders} > {1, 2}
    # Now and then a rank is interrupted between its sends.
    assert any(order != tuple(np.repeat(order[::2], 2)) for order in orders)


def test_runs_with_asynchronous_calls_and_polling_are_equal_too() -> None:
    def work() -> tuple[list[int], float]:
        rank = dist.get_rank()
        events.append(("begin", rank))
        x = np.full(3, float(rank))
        reducing = dist.all_reduce(x, async_op=True)
        assert reducing is not None
        polls = 0
        while not reducing.is_completed():
            polls += 1
        events.append((f"polled {polls} times", rank))
        message = np.empty(1)
        receiving = dist.irecv(message, (rank - 1) % 4)
        dist.send(x[:1], (rank + 1) % 4)
        while not receiving.is_completed():
            events.append(("not yet", rank))
        receiving.wait()
        return senders_in_order(), float(message[0])

    def run(seed: int) -> tuple[object, ...]:
        events.clear()
        return tuple(dist.simulate(4, work, seed=seed)), tuple(events)

    events: list[tuple[str, int]] = []
    first, again, other = run(3), run(3), run(4)
    assert str(first) == str(again) != str(other)
    assert [message for _, message in first[0]] == [6.0] * 4  # type: ignore[attr-defined]


def test_a_rank_that_a_fault_delays_is_last_whatever_the_seed() -> None:
    late = FaultPlan(Fault("delay", rank=1, call=1, seconds=0.002))
    orders = [dist.simulate(4, senders_in_order, seed=seed, faults=late)[0] for seed in range(6)]
    assert all(order[-2:] == [1, 1] for order in orders)
    assert len(set(map(tuple, orders))) > 1


def test_512_ranks_take_a_thread_each_and_little_memory() -> None:
    before = set(threading.enumerate())
    memory = psutil.Process().memory_info().rss
    most_threads = []

    def work() -> tuple[float, float]:
        rank = dist.get_rank()
        x, y = np.full(1000, float(rank)), np.array([rank])
        dist.all_reduce(x)
        dist.broadcast(y, 17)
        dist.barrier()
        if rank == 0:
            most_threads.append(threading.active_count())
            assert psutil.Process().memory_info().rss - memory < 250e6
        return float(x[999]), int(y[0])

    assert set(dist.simulate(512, work, timeout=200)) == {(511 * 512 / 2, 17)}
    assert most_threads[0] <= len(before) + 512
    wait_until_threads_are(before)


def test_a_deadlock_is_noticed_at_once_and_says_who_waits_for_whom() -> None:
    def work() -> None:
        rank = dist.get_rank()
        if rank < 3:
            dist.recv(np.empty(2), (rank + 1) % 3)
        elif rank == 3:
            dist.send(np.ones(100_000), 4)
        else:
            dist.recv(np.empty(1), tag=7)

    started = time.monotonic()
    with pytest.raises(Deadlock) as caught:
        dist.simulate(5, work)
    assert time.monotonic() - started < 20.0
    message = str(caught.value)
    assert message.startswith("simulate: all ranks wait:\n  rank 0 is in recv(2 x float64, from 1) at ")
    assert message.count("test_simulate.py:") == 5
    for rank, peer in enumerate(["rank 1 to send", "rank 2 to send", "rank 0 to send", "rank 4 to receive"]):
        assert f"\n  rank {rank} " in message
        assert f"and waits for {peer}" in message
    assert message.endswith("and waits for any rank to send")


def test_a_deadlock_in_asynchronous_calls_is_noticed_too() -> None:
    def work() -> None:
        rank = dist.get_rank()
        groups = [dist.new_group([0, 1]), dist.new_group([0, 1])]
        with pytest.raises(Deadlock, match=rf"rank {rank} .*all_reduce.*waits for rank {1 - rank} to send"):
            dist.all_reduce(np.ones(1), group=groups[rank], async_op=True).wait()  # type: ignore[union-attr]

    dist.simulate(2, work)


def test_ranks_that_wait_for_a_timeout_of_their_own_are_no_deadlock() -> None:
    def work() -> bool:
        rank, x = dist.get_rank(), np.empty(1)
        receiving = dist.irecv(x, 1 - rank)
        with pytest.raises(TransportTimeout, match=r"not done after 0.05 s"):
            receiving.wait(0.05)
        dist.barrier()
        dist.send(np.ones(1), 1 - rank)
        return receiving.wait()

    assert dist.simulate(2, work) == [True, True]


def test_ranks_may_wait_for_each_other_by_other_means() -> None:
    def work() -> float:
        rank, x = dist.get_rank(), np.ones(1)
        if rank == 0:
            assert others_began.wait(20.0)
        else:
            others_began.set()
        barrier.wait(20.0)
        dist.all_reduce(x)
        return float(x[0])

    others_began, barrier = threading.Event(), threading.Barrier(3)
    for seed in range(3):
        others_began.clear()
        assert dist.simulate(3, work, seed=seed) == [3.0] * 3


def test_a_rank_may_communicate_from_threads_of_its_own() -> None:
    def work() -> list[float]:
        groups = [dist.new_group() for _ in range(3)]
        arrays = [np.full(1000, float(dist.get_rank())) for _ in groups]

        def reduce(k: int) -> None:
            time.sleep(0.02)
            for _ in range(5):
                groups[k].all_reduce(arrays[k])

        threads = [threading.Thread(target=reduce, args=(k,)) for k in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30.0)
        return [float(array[0]) for array in arrays]

    assert dist.simulate(3, work) == [[3.0**5] * 3] * 3


def test_a_message_from_a_thread_of_its_own_is_waited_for() -> None:
    def work() -> float:
        x, group = np.zeros(1), dist.group.WORLD
        assert group is not None
        if dist.get_rank() == 0:
            threading.Timer(0.1, lambda: group.send(np.ones(1), 1)).start()
            dist.barrier(group=dist.new_group([0, 1]))
        else:
            dist.recv(x, 0)
            dist.barrier(group=dist.new_group([0, 1]))
        return float(x[0])

    assert dist.simulate(2, work) == [0.0, 1.0]


def test_nothing_is_left_where_not_all_threads_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def start_three(task: Task) -> None:
        if task.owner == 3:
            raise RuntimeError("can't start new thread")
        start(task)

    start = Task.start
    monkeypatch.setattr(Task, "start", start_three)
    before = set(threading.enumerate())
    with pytest.raises(RuntimeError, match="can't start new thread"):
        dist.simulate(5, dist.barrier)
    wait_until_threads_are(before)


def test_seed_must_be_an_integer() -> None:
    with pytest.raises(TypeError, match=r"simulate: seed is 0\.5: need an integer"):
        dist.simulate(2, dist.barrier, seed=0.5)  # type: ignore[arg-type]
