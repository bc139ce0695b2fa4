"""Membership: real processes that are killed, stopped, raise or leave, and what the others learn, and how soon."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from dist.control.exit_codes import EXIT_PEER_FAILED
from dist.control.uncaught import describe
from dist.store import StoreServer
from tests.distributed.control_plane import PATIENCE, SECRET, nothing_left, ranks

EXTERNAL = {"TENSORLIB_STORE": "external", "TENSORLIB_LAUNCHER": "1"}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def server() -> Iterator[StoreServer]:
    """The store as a launcher runs it."""
    server = StoreServer(secret=SECRET)
    yield server
    server.close()


def test_killed_rank_is_known_at_once() -> None:
    with ranks(3, "say_failure()") as (first, second, victim):
        started = time.monotonic()
        victim.process.kill()
        for rank in (first, second):
            number, message = rank.hears()
            assert number == 2
            assert message.startswith("rank 2 (host ")
            assert message.endswith(f", pid {victim.pid}) is gone: it was killed or exited without a word")
        assert time.monotonic() - started < 1.5


def test_launchers_word_comes_first(server: StoreServer) -> None:
    with ranks(3, "say_failure()", port=server.port, **EXTERNAL) as (first, second, victim):
        victim.process.kill()
        started = time.monotonic()
        server.report(2, "was killed by SIGKILL")
        for rank in (first, second):
            number, message = rank.hears()
            assert (number, message.split(") ")[1]) == (2, "was killed by SIGKILL")
        assert time.monotonic() - started < 1


def test_a_job_that_is_given_up_is_nobodys_fault(server: StoreServer) -> None:
    with ranks(2, "say_failure()", port=server.port, **EXTERNAL) as members:
        server.give_up("the job took longer than 5 s")
        server.report(1, "was killed by SIGTERM")
        assert [rank.hears() for rank in members] == [[None, "the job took longer than 5 s"]] * 2


def test_stopped_rank_is_known_after_its_patience() -> None:
    with ranks(3, "say_failure()") as (first, second, stopped):
        started = time.monotonic()
        os.kill(stopped.pid, signal.SIGSTOP)
        for rank in (first, second):
            number, message = rank.hears()
            assert number == 2
            assert message.endswith(f", pid {stopped.pid}) is silent for {PATIENCE:.0f} s: stopped or cut off")
        assert time.monotonic() - started < PATIENCE + 1
        # When it goes on, it learns that the others went on without it.
        os.kill(stopped.pid, signal.SIGCONT)
        number, message = stopped.hears()
        assert number == 2
        assert "this process was stopped for " in message


def test_busy_rank_is_not_taken_for_dead() -> None:
    body = f"""
import ctypes
if rank == 1:
    ctypes.PyDLL(None).usleep({int((PATIENCE + 1) * 1e6)})  # holds the interpreter's lock all the time
    say("done")
else:
    say_failure(within={PATIENCE + 1.5})
"""
    with ranks(2, body) as (waiting, busy):
        assert busy.hears() == "done"
        assert waiting.hears() is None


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGSTOP])
def test_rank_that_runs_the_store_is_lost(signal_number: signal.Signals) -> None:
    with ranks(3, "say_failure()") as (host, first, second):
        started = time.monotonic()
        os.kill(host.pid, signal_number)
        for rank in (first, second):
            number, message = rank.hears()
            assert number == 0
            assert message.startswith("rank 0 (host ")
            assert f", pid {host.pid}) runs the store, and the store at 127.0.0.1:" in message
        assert time.monotonic() - started < (1 if signal_number == signal.SIGKILL else PATIENCE + 1)


def test_launcher_is_lost(server: StoreServer) -> None:
    with ranks(2, "say_failure()", port=server.port, **EXTERNAL) as started:
        server.close()
        for rank in started:
            assert rank.hears() == [
                None,
                f"the launcher runs the store, and the store at 127.0.0.1:{server.port} is gone",
            ]


def test_uncaught_exception_is_told_and_printed_once() -> None:
    body = """
def train():
    if rank == 1:
        raise ValueError("bad\\nbatch")
    say_failure()
train()
"""
    with ranks(3, body) as (first, culprit, second):
        for rank in (first, second):
            number, message = rank.hears()
            assert number == 1
            assert ") raised ValueError: bad batch at <string>:" in message
        code, errors = culprit.ends()
        assert code == 1
        assert errors.count("Traceback (most recent call last)") == errors.count("ValueError: bad\nbatch") == 1
        assert first.ends() == second.ends() == (0, "")


def test_uncaught_exception_in_a_thread_is_told() -> None:
    body = """
if rank == 1:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
say_failure()
"""
    with ranks(2, body) as (other, culprit):
        assert ") raised ZeroDivisionError: division by zero at <string>:" in other.hears()[1]
        assert culprit.hears()[0] == 1
        assert culprit.ends()[1].count("Traceback (most recent call last)") == 1


def test_consequences_are_told_from_causes_under_a_launcher(server: StoreServer) -> None:
    body = """
if rank == 1:
    raise ValueError("bad batch")
failed.wait(10)
raise members.failure()
"""
    with ranks(3, body, port=server.port, **EXTERNAL) as (first, culprit, second):
        for rank in (first, second):
            code, errors = rank.ends()
            assert code == EXIT_PEER_FAILED
            assert len(errors.splitlines()) == 1
            assert errors.startswith("PeerError: rank 1 (host ")
        assert culprit.ends()[0] == 1


def test_peer_error_without_a_launcher_is_printed_as_ever() -> None:
    body = """
if rank == 1:
    os._exit(5)
failed.wait(10)
raise members.failure()
"""
    with ranks(2, body) as (survivor, _):
        code, errors = survivor.ends()
        assert code == 1
        assert errors.startswith("Traceback (most recent call last)")
        assert "PeerError: rank 1 (host " in errors


def test_first_failure_stays() -> None:
    body = """
if rank > 0:
    time.sleep(0.5 * rank)
    members.report(f"raised Error: number {rank}")
say_failure()
time.sleep(1.5)
say_failure()
"""
    with ranks(3, body) as started:
        for rank in started:
            said = [rank.hears(), rank.hears()]
            assert said[0] == said[1]
            assert said[0][0] == 1
            assert said[0][1].endswith(") raised Error: number 1")


def test_leaving_is_no_failure_but_can_be_blamed() -> None:
    body = """
if rank == 2:
    sys.exit(0)
if rank == 1:
    members.leave()
    sys.stdin.read()
failed.wait(0.5)
say(str(members.failure()))
say(str(members.blame(2)))
say(str(members.blame(1)))
"""
    with ranks(3, body) as (first, _, gone):
        assert gone.ends() == (0, "")
        assert first.hears() == "None"
        assert first.hears().endswith(f"pid {gone.pid}) exited")
        assert first.hears().endswith(") left the group")


def test_blame_waits_for_the_word_on_the_cause(server: StoreServer) -> None:
    body = """
if rank == 0:
    say("lost")
    error = members.blame(1)
    say([error.rank, str(error)])
elif rank == 2:
    sys.exit(3)
time.sleep(60)
"""
    with ranks(3, body, port=server.port, **EXTERNAL) as (first, *_):
        assert first.hears() == "lost"
        time.sleep(0.3)
        server.report(2, "exited with code 3")
        number, message = first.hears(timeout=2)
        assert number == 2
        assert message.endswith(") exited with code 3")


def test_blame_without_any_word() -> None:
    body = """
started = time.monotonic()
error = members.blame(1, within=0.3)
say([error.rank, str(error), time.monotonic() - started])
say(str(members.blame(None, within=0.1)))
time.sleep(60)
"""
    with ranks(2, body) as (first, second):
        number, message, seconds = first.hears()
        assert number == 1
        assert f"pid {second.pid}) is cut off from rank 0 (" in message
        assert message.endswith(f"pid {first.pid}): connection lost")
        assert 0.3 <= seconds < 2
        assert first.hears() == "a rank was lost, and nothing is known of the cause"


def test_everyone_says_who_is_where() -> None:
    body = """
members.publish_call(f"all_reduce number {rank}")
barrier("all have published")
everyone = members.everyone()
say(sorted(everyone.items()))
sys.stdin.read()
"""
    with ranks(3, body) as started:
        for rank in started:
            assert rank.hears() == [[number, f"all_reduce number {number}"] for number in range(3)]


def test_who_listens_late_hears_what_was_announced_before() -> None:
    body = """
if rank == 0:
    members.announce("count", "1")
barrier("announced")
time.sleep(0.2)
heard = []
members.listen(lambda *announcement: heard.append(announcement))
members.announce("count", "2")
while len(heard) < 1 + size:
    time.sleep(0.01)
say(heard)
sys.stdin.read()
"""
    with ranks(2, body) as started:
        for rank in started:
            first, *others = rank.hears()
            assert first == [0, "count", "1"]
            assert sorted(others) == [[0, "count", "2"], [1, "count", "2"]]


def test_announcements_come_in_one_order() -> None:
    body = """
heard = []
members.listen(lambda *announcement: heard.append(announcement))
barrier("all listen")
for number in range(10):
    members.announce("count", str(number))
while len(heard) < 10 * size:
    time.sleep(0.01)
say(heard)
sys.stdin.read()
"""
    with ranks(3, body) as started:
        heard = [rank.hears() for rank in started]
        assert heard[0] == heard[1] == heard[2]
        assert sorted(heard[0]) == sorted([rank, "count", str(number)] for rank in range(3) for number in range(10))


def test_after_an_announced_failure_the_store_is_not_kept_for_long() -> None:
    body = """
import dist.control.membership
dist.control.membership.LINGER_AFTER_FAILURE_SECONDS = 0.5
if rank == 0:
    members.announce("TransportTimeout")
    started = time.monotonic()
    meeting.close()
    say(time.monotonic() - started)
sys.stdin.read()
"""
    with ranks(2, body) as (first, _):
        assert 0.4 < first.hears(timeout=20) < 5


def test_orderly_end_leaves_no_thread_and_no_descriptor() -> None:
    body = """
def held():
    return len(os.listdir("/proc/self/fd")), threading.active_count()

members.leave()
meeting.close()
before = held()
again = rendezvous(timeout=20)
second = Membership(again)
hooks = UncaughtExceptions(second)
previous = sys.excepthook, threading.excepthook
hooks.install()
hooks.uninstall()
second.leave()
again.close()
say([held() == before, before[1], previous == (sys.excepthook, threading.excepthook)])
"""
    with ranks(2, body) as started:
        for rank in started:
            assert rank.hears() == [True, 1, True]
            assert rank.ends() == (0, "")


def test_forked_child_ends_at_once_and_says_nothing() -> None:
    body = """
if rank == 0:
    child = os.fork()
    if child == 0:
        sys.exit(0)
    started = time.monotonic()
    os.waitpid(child, 0)
    say(time.monotonic() - started < 2)
    members.announce("ready")
    sys.stdin.read()
else:
    failed.wait(1)
    say([members.failure(), str(members.blame(0, within=0.1))])
"""
    with ranks(2, body) as (parent, other):
        assert parent.hears() is True
        failure, message = other.hears()
        assert failure is None
        assert message.startswith(f"rank 0 (host {socket.gethostname()}, pid {parent.pid}) is cut off from rank 1 (")


def test_three_jobs_fail_apart() -> None:
    with ranks(2, "say_failure(2)") as one, ranks(2, "say_failure()") as two, ranks(2, "say_failure(2)") as three:
        two[1].process.kill()
        assert two[0].hears()[0] == 1
        assert [rank.hears() for rank in (*one, *three)] == [None] * 4


def test_description_names_the_users_line() -> None:
    with pytest.raises(ValueError, match="seven") as caught:
        int("seven")
    assert describe(caught.value).startswith(
        "raised ValueError: invalid literal for int() with base 10: 'seven' at tests/"
    )
    assert describe(KeyError()) == "raised KeyError"
    assert len(describe(ValueError("x" * 10_000))) < 400
