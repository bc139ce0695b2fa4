"""Threads that take turns: who is next, what they wait with, and when nobody can go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from dist.scheduler import Scheduler, Task
from dist.threads import current_threads


def run(seed: int, *works: Callable[[], object], seconds: float = 20.0) -> Scheduler:
    scheduler = Scheduler(seed)
    tasks = [scheduler.start(lambda work=work: work() and None, f"task {i}", i) for i, work in enumerate(works)]  # type: ignore[misc]
    scheduler.run(time.monotonic() + seconds)
    assert [task.state for task in tasks] == ["finished"] * len(tasks)
    for task in tasks:
        task.join(5.0)
    return scheduler


def test_one_task_runs_at_a_time_in_an_order_that_the_seed_decides() -> None:
    def work(name: int) -> None:
        for _ in range(5):
            inside.append(name)
            assert len(inside) == 1
            order.append(name)
            inside.remove(name)
            current_threads().pause()

    def order_of(seed: int) -> list[int]:
        order.clear()
        run(seed, *(lambda name=name: work(name) for name in range(4)))  # type: ignore[misc]
        return list(order)

    inside: list[int] = []
    order: list[int] = []
    orders = [tuple(order_of(seed)) for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_locks_and_queues_are_waited_for_in_turns() -> None:
    def work() -> None:
        lock, queue = current_threads().lock(), current_threads().queue()

        def fill() -> None:
            with_lock()
            for number in range(5):
                queue.put(number)

        def take() -> None:
            with_lock()
            taken.extend(queue.get() for _ in range(5))

        def with_lock() -> None:
            assert lock.acquire()
            current_threads().pause()
            lock.release()

        helpers = [current_threads().start(helper, "helper") for helper in (fill, take)]
        for helper in helpers:
            helper.join(10.0)

    for seed in range(4):
        taken: list[int] = []
        run(seed, work)
        assert taken == [0, 1, 2, 3, 4]


def test_a_lock_that_is_held_is_not_waited_for_longer_than_asked() -> None:
    def work() -> None:
        lock = current_threads().lock()
        assert lock.acquire(timeout=0.01)
        assert not lock.acquire(blocking=False)
        assert not lock.acquire(timeout=0.01)
        lock.release()
        assert lock.acquire(blocking=False)
        done.append(True)

    done: list[bool] = []
    run(0, work)
    assert done == [True]


def test_what_a_task_starts_belongs_to_the_same_rank() -> None:
    def work() -> None:
        helper = current_threads().start(lambda: None, "helper")
        helper.join(10.0)
        assert isinstance(helper, Task)
        owners.append(helper.owner)

    owners: list[int] = []
    run(0, work, work, work)
    assert sorted(owners) == [0, 1, 2]


def test_quiet_is_told_once_with_those_that_wait() -> None:
    scheduler, thing, freed = Scheduler(), object(), threading.Event()
    heard: list[list[int]] = []

    def on_quiet(waiting: list[Task]) -> None:
        heard.append(sorted(task.owner for task in waiting))
        freed.set()
        scheduler.wake(thing)

    for rank in range(3):
        scheduler.start(lambda: scheduler.wait(thing, freed.is_set, time.monotonic() + 20) and None, "", rank)
    scheduler.start(lambda: None, "", 3)
    scheduler.run(time.monotonic() + 20, on_quiet)
    assert heard == [[0, 1, 2]]


def test_a_wait_ends_at_its_deadline_although_another_task_has_the_turn() -> None:
    def patient() -> None:
        started = time.monotonic()
        assert not scheduler.wait(object(), lambda: False, started + 0.05)
        ended.append("patient")

    def busy() -> None:
        scheduler.let_others_run()
        while "patient" not in ended:
            sum(range(10_000))
        ended.append("busy")

    ended: list[str] = []
    scheduler = Scheduler()
    for work in (patient, busy):
        scheduler.start(work, work.__name__)
    scheduler.run(time.monotonic() + 20)
    assert ended == ["patient", "busy"]


def test_after_the_end_everybody_runs_without_turns() -> None:
    scheduler, stop = Scheduler(), threading.Event()
    ran: list[str] = []

    def stuck() -> None:
        scheduler.pause()
        while not stop.is_set():
            sum(range(10_000))

    def other() -> None:
        scheduler.let_others_run()
        ran.append("other")

    tasks = [scheduler.start(work, work.__name__) for work in (stuck, other)]
    scheduler.run(time.monotonic() + 0.1)
    assert ran == []
    scheduler.end()
    tasks[1].join(10.0)
    assert ran == ["other"]
    stop.set()
    tasks[0].join(10.0)
    assert not any(task.is_alive() for task in tasks)


@pytest.mark.parametrize("pauses", [1, 3])
def test_letting_others_run_returns_when_they_cannot_go_on(pauses: int) -> None:
    def work() -> None:
        for _ in range(pauses):
            current_threads().pause()
        order.append("work")

    def last() -> None:
        scheduler = current_threads()
        assert isinstance(scheduler, Scheduler)
        scheduler.let_others_run()
        order.append("last")

    order: list[str] = []
    run(5, last, work, work)
    assert order == ["work", "work", "last"]
