"""A rank dies, stops, raises, exits or makes another call: every other rank raises within seconds, and names it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import dist
from dist.errors import CollectiveMismatch, DistError, PeerError, TransportTimeout
from dist.process_group import ProcessGroup
from dist.testing import Outcome, run_ranks, run_world

SECONDS = 5.0
VICTIM = 4
LARGE = 3_000_000


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def fail() -> None:
    raise ValueError("bad batch")


def leave() -> None:
    sys.exit(3)


def blocked_in(rank: int) -> Callable[[], object]:
    """Each survivor is blocked in something else, alone with the victim."""
    pairs = [dist.new_group([other, VICTIM]) for other in range(VICTIM)]
    if rank == VICTIM:
        return lambda: None
    waits: list[Callable[[], object]] = [
        lambda: dist.all_reduce(np.ones(1), group=pairs[0]),
        lambda: dist.all_reduce(np.ones(LARGE), group=pairs[1]),
        lambda: dist.recv(np.ones(1), VICTIM),
        lambda: dist.barrier(group=pairs[3]),
    ]
    return waits[rank]


def survive(happening: Callable[[], None]) -> tuple[str, int | None, float, float] | None:
    dist.init_process_group(timeout=60)
    rank = dist.get_rank()
    wait = blocked_in(rank)
    dist.barrier()
    started = time.monotonic()
    if rank == VICTIM:
        time.sleep(0.1)
        happening()
        return None
    with pytest.raises(PeerError) as caught:
        wait()
    seconds = time.monotonic() - started
    with pytest.raises(PeerError) as again:
        dist.all_reduce(np.ones(1))
    assert str(again.value) == str(caught.value)
    again_after = time.monotonic() - started - seconds
    if rank == 0 and happening is stop:
        end_what_is_stopped(str(caught.value))
    return str(caught.value), caught.value.rank, seconds, again_after


def end_what_is_stopped(message: str) -> None:
    pid = re.search(r"pid (\d+)", message)
    assert pid is not None
    os.kill(int(pid[1]), signal.SIGKILL)


def check_survivors(outcomes: list[Outcome], reason: str) -> None:
    for outcome in outcomes[:VICTIM]:
        assert not outcome.failed, str(outcome)
        message, rank, seconds, second_call = outcome.value
        assert rank == VICTIM, message
        assert message.startswith(f"rank {VICTIM} (host "), message
        assert re.search(reason, message), message
        assert seconds < SECONDS
        assert second_call < 0.5


@pytest.mark.parametrize(
    ("happening", "reason", "code"),
    [
        (kill, "is gone", -signal.SIGKILL),
        (fail, "raised ValueError: bad batch at tests/distributed/test_failures.py:", 1),
        (leave, "exited", 3),
        (stop, r"is silent for \d+ s: stopped or cut off", -signal.SIGKILL),
    ],
)
def test_whatever_the_others_are_blocked_in_they_raise_within_seconds(
    happening: Callable[[], None], reason: str, code: int
) -> None:
    outcomes = run_ranks(VICTIM + 1, survive, happening, timeout=20)
    check_survivors(outcomes, reason)
    assert outcomes[VICTIM].code == code


def fail_while_others_are_busy() -> float | None:
    if dist.get_rank() == 0:
        os._exit(7)
    time.sleep(1.5)
    started = time.monotonic()
    with pytest.raises(PeerError, match=r"^rank 0 \(host .*\) is gone"):
        dist.all_reduce(np.ones(1), async_op=True)
    return time.monotonic() - started


def test_a_rank_that_was_busy_raises_at_its_next_call() -> None:
    outcomes = run_ranks(3, initialized, fail_while_others_are_busy)
    assert all(outcome.value < 0.5 for outcome in outcomes[1:])


def initialized(fn: Callable[[], object]) -> object:
    dist.init_process_group()
    return fn()


def mismatch(first: Callable[[], object], second: Callable[[], object]) -> tuple[str, float]:
    dist.barrier()
    started = time.monotonic()
    with pytest.raises(CollectiveMismatch) as caught:
        in_turn(second if dist.get_rank() == 1 else first, dist.barrier)
    return str(caught.value), time.monotonic() - started


def in_turn(*calls: Callable[[], object]) -> None:
    for call in calls:
        call()


def sum_of_four() -> None:
    dist.all_reduce(np.ones(4))


def sum_of_five() -> None:
    dist.all_reduce(np.ones(5))


def single_precision_sum() -> None:
    dist.all_reduce(np.ones(4, np.float32))


def maximum() -> None:
    dist.all_reduce(np.ones(4), dist.ReduceOp.MAX)


def from_0() -> None:
    dist.broadcast(np.ones(4), 0)


def from_1() -> None:
    dist.broadcast(np.ones(4), 1)


def to_0() -> None:
    dist.reduce(np.ones(4), 0)


def to_1() -> None:
    dist.reduce(np.ones(4), 1)


def large_sum() -> None:
    dist.all_reduce(np.ones(LARGE))


MISMATCHES = [
    (sum_of_four, from_0, "all_reduce(4 x float64, SUM)", "broadcast(4 x float64, root 0)"),
    (sum_of_four, sum_of_five, "all_reduce(4 x float64, SUM)", "all_reduce(5 x float64, SUM)"),
    (sum_of_four, single_precision_sum, "all_reduce(4 x float64, SUM)", "all_reduce(4 x float32, SUM)"),
    (sum_of_four, maximum, "all_reduce(4 x float64, SUM)", "all_reduce(4 x float64, MAX)"),
    (sum_of_four, large_sum, "all_reduce(4 x float64, SUM)", f"all_reduce({LARGE} x float64, SUM)"),
    (from_0, from_1, "broadcast(4 x float64, root 0)", "broadcast(4 x float64, root 1)"),
    (to_0, to_1, "reduce(4 x float64, root 0, SUM)", "reduce(4 x float64, root 1, SUM)"),
]


@pytest.mark.parametrize("case", MISMATCHES, ids=lambda case: f"{case[0].__name__}-{case[1].__name__}")
def test_mismatches_raise_on_all_ranks_and_show_both_calls(
    case: tuple[Callable[[], None], Callable[[], None], str, str],
) -> None:
    results = dist.simulate(3, mismatch, *case[:2])
    check_mismatch([message for message, _ in results], *case[2:])
    assert all(seconds < SECONDS for _, seconds in results)


@pytest.mark.parametrize("case", [MISMATCHES[0], MISMATCHES[4], MISMATCHES[6]], ids=["op", "count", "root"])
def test_mismatches_between_processes(case: tuple[Callable[[], None], Callable[[], None], str, str]) -> None:
    results = run_world(3, mismatch, *case[:2])
    check_mismatch([message for message, _ in results], *case[2:])
    assert all(seconds < SECONDS for _, seconds in results)


def check_mismatch(messages: list[str], first: str, second: str) -> None:
    (message,) = set(messages)
    assert message.startswith(f"call #2 of group world differs: ranks 0, 2 called {first} at ")
    assert f"; rank 1 called {second} at " in message
    assert message.count("test_failures.py:") == 2


def unequal_message() -> None:
    if dist.get_rank() == 0:
        dist.send(np.ones(4), 1)
    else:
        dist.recv(np.ones(5), 0)


def unequal_messages() -> str:
    with pytest.raises(CollectiveMismatch) as caught:
        in_turn(unequal_message, dist.barrier)
    return str(caught.value)


def test_messages_that_do_not_fit_show_the_receiver() -> None:
    (message,) = set(dist.simulate(2, unequal_messages))
    assert message.startswith("a message differs: rank 0 called send(4 x float64, to 1) at ")
    assert "; rank 1 called recv(5 x float64, from 0) at " in message


def groups_that_differ(call: Callable[[ProcessGroup], object]) -> str:
    group = dist.new_group([0, 1] if dist.get_rank() == 0 else [0, 1, 2])
    dist.barrier()
    with pytest.raises(CollectiveMismatch) as caught:
        in_turn(*([partial(call, group)] * (dist.get_rank() < 2)), dist.barrier)
    return str(caught.value)


def sum_in(group: ProcessGroup) -> None:
    dist.all_reduce(np.ones(4), group=group)


def message_in(group: ProcessGroup) -> None:
    x = np.ones(4)
    dist.send(x, 1, group) if dist.get_rank() == 0 else dist.recv(x, 0, group)


@pytest.mark.parametrize(
    ("call", "subject"), [(sum_in, "call #1 of group world/1 differs"), (message_in, "a message differs")]
)
def test_groups_that_differ_are_told(call: Callable[[ProcessGroup], object], subject: str) -> None:
    (message,) = set(dist.simulate(3, groups_that_differ, call))
    assert message.startswith(f"{subject}: rank 0 called ")
    assert " in a group of ranks 0, 1; rank 1 called " in message
    assert message.endswith(" in a group of ranks 0, 1, 2")


def messages_in_two_groups() -> str:
    one, other = dist.new_group(), dist.new_group()
    calls = [
        [partial(dist.send, np.ones(n), 1, group) for n, group in ((4, one), (3, one), (6, other))],
        [partial(dist.recv, np.ones(n), 0, one) for n in (4, 5)],
    ][dist.get_rank()]
    with pytest.raises(CollectiveMismatch) as caught:
        in_turn(*calls, dist.barrier)
    return str(caught.value)


def test_of_several_messages_those_that_differ_are_shown() -> None:
    (message,) = set(dist.simulate(2, messages_in_two_groups))
    assert message.startswith("a message differs: rank 0 called send(3 x float64, to 1) at ")
    assert "; rank 1 called recv(5 x float64, from 0) at " in message


def be_late() -> str:
    dist.init_process_group(timeout=1.0)
    if dist.get_rank() == 2:
        time.sleep(2.5)
    with pytest.raises(TransportTimeout if dist.get_rank() < 2 else DistError) as caught:
        in_turn(lambda: dist.all_reduce(np.ones(2)), dist.barrier)
    return str(caught.value)


def test_a_timeout_says_who_is_where() -> None:
    outcomes = run_ranks(3, be_late)
    assert not any(outcome.failed for outcome in outcomes), "\n".join(map(str, outcomes))
    said = [outcome.value for outcome in outcomes if "where the ranks are" in outcome.value]
    assert said
    assert said[0].startswith("all_reduce(2 x float64, SUM) #1 at tests/distributed/test_failures.py:")
    assert "not done after 1 s: rank 2 has not called it" in said[0]
    assert "\n  rank 2: has made no call" in said[0]
    assert "\n  rank 0: " in said[0]
    assert "all_reduce(2 x float64, SUM) #1 at tests/" in said[0]


def wait_for_rank_2(wait: Callable[[ProcessGroup], object]) -> tuple[int | None, str]:
    group = dist.new_group([0, 2], timeout=1.0)
    calls = [partial(wait, group), partial(dist.recv, np.ones(1), 0), partial(time.sleep, 2.0)]
    with pytest.raises(TransportTimeout) as caught:
        in_turn(calls[dist.get_rank()], dist.barrier)
    return caught.value.rank, str(caught.value)


def sum_of_three(group: ProcessGroup) -> None:
    dist.all_reduce(np.ones(3), group=group)


def message_to_rank_2(group: ProcessGroup) -> None:
    dist.send(np.ones(LARGE), 2, group)


@pytest.mark.parametrize(
    ("wait", "call", "why"),
    [
        (sum_of_three, "all_reduce(3 x float64, SUM) #1 in world/1 at ", "rank 2 has not called it"),
        (message_to_rank_2, f"send({LARGE} x float64, to 2) in world/1 at ", "rank 2 has not received it"),
    ],
)
def test_a_timeout_tells_all_ranks_who_did_not_come(
    wait: Callable[[ProcessGroup], object], call: str, why: str
) -> None:
    ((rank, message),) = set(dist.simulate(3, wait_for_rank_2, wait))
    assert rank == 2
    assert message.startswith(call)
    assert f": not done after 1 s: {why}; where the ranks are:\n  rank 0: " in message


def interrupt_a_collective() -> str:
    if dist.get_rank() == 0:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            dist.barrier()
        with pytest.raises(DistError, match=r"barrier\(\) #1 at .* was interrupted by KeyboardInterrupt") as caught:
            dist.barrier()
        return str(caught.value)
    time.sleep(1.0)
    with pytest.raises(PeerError, match=r"^rank 0 .* gave up: barrier\(\) #1 at .* was interrupted") as lost:
        dist.barrier()
    return str(lost.value)


def test_an_interrupted_collective_ends_the_group() -> None:
    run_world(2, interrupt_a_collective)


def die_before_connecting(die: Callable[[], None]) -> str:
    if os.environ["RANK"] == "1":
        die()
    started = time.monotonic()
    with pytest.raises(PeerError, match=r"^rank 1 \(host .*\) is gone") as caught:
        dist.init_process_group()
    assert time.monotonic() - started < SECONDS
    assert not dist.is_initialized()
    return str(caught.value)


def die_after_meeting() -> None:
    from dist.rendezvous import rendezvous

    rendezvous()
    time.sleep(0.2)
    os._exit(9)


def die_after_publishing_its_address() -> None:
    from dist.transport import tcp

    tcp.connect_mesh = lambda *_: os._exit(9)
    dist.init_process_group()


@pytest.mark.parametrize("die", [die_after_meeting, die_after_publishing_its_address])
def test_a_rank_that_dies_while_the_others_connect_is_named(die: Callable[[], None]) -> None:
    outcomes = run_ranks(3, die_before_connecting, die)
    assert [outcome.code for outcome in outcomes] == [0, 9, 0], "\n".join(map(str, outcomes))
