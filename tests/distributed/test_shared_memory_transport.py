"""Shared memory keeps the promises of every transport; also beside TCP, and among processes that are killed."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

import dist
from dist.algorithms import MessageCollectives
from dist.backends import Backend, register
from dist.errors import LengthMismatch, PeerError, PeerLost, TransportError, TransportTimeout
from dist.testing import run_ranks, transport
from dist.testing.transport import CHECKS, MakeWorld
from dist.transport.bootstrap import Bootstrap
from dist.transport.shared_memory import backend, pairing
from dist.transport.shared_memory.loans import Loans
from dist.transport.shared_memory.rounds import Rounds
from dist.transport.shared_memory.transport import SharedMemoryTransport, connect_shared_memory
from tests.distributed.stores import MemoryStore

MEGABYTE = 1 << 20
CheckOf = Callable[[MakeWorld], None]


def connect_world(size: int) -> list[SharedMemoryTransport]:
    store = MemoryStore()
    with ThreadPoolExecutor(size) as pool:
        ranks = [
            pool.submit(connect_shared_memory, Bootstrap(rank, size, store, b"secret", timeout=10.0))
            for rank in range(size)
        ]
        return [rank.result() for rank in ranks]


def make_world(size: int) -> list[SharedMemoryTransport]:
    world = connect_world(size)
    assert neighbours(world) == {rank: set(range(size)) - {rank} for rank in range(size)}
    return world


def neighbours(world: list[SharedMemoryTransport]) -> dict[int, set[int]]:
    return {transport.rank: set(transport.neighbours) for transport in world}


def close(world: list[SharedMemoryTransport]) -> None:
    with ThreadPoolExecutor(len(world)) as pool:
        list(pool.map(lambda transport: transport.close(), world))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conformance(check: CheckOf) -> None:
    check(make_world)


SOME_CHECKS = [
    transport.check_both_send_first,
    transport.check_blocking_sends_first,
    transport.check_order,
    transport.check_tags,
    transport.check_mismatch,
    transport.check_abort_of_send,
    transport.check_close,
]


@pytest.mark.parametrize("check", SOME_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conformance_where_no_process_may_read_another(check: CheckOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "_can_read", lambda *_: False)
    monkeypatch.setattr(transport, "SIZES", (0, 1021, 5 * MEGABYTE))
    monkeypatch.setattr(transport, "BLOCKING_SIZES", (1021, 5 * MEGABYTE))
    check(make_world)


class Hosts:
    """Has the ranks of a world believe that they are on two hosts, in turns: by the order in which they ask."""

    def __init__(self) -> None:
        self._asked = 0

    def place(self) -> bytes:
        self._asked += 1
        return bytes([1 + self._asked % 2]) * 32


@pytest.mark.parametrize(
    "check", [transport.check_any_source, transport.check_abort, transport.check_close, transport.check_nothing_is_left]
)
def test_conformance_of_a_world_on_two_hosts(check: CheckOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(size: int) -> list[SharedMemoryTransport]:
        monkeypatch.setattr(pairing, "place", Hosts().place)
        world = connect_world(size)
        assert sorted(map(len, neighbours(world).values())) == [0, 1, 1][:size]
        return world

    check(make)


def test_ranks_that_do_not_know_where_they_are_keep_to_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(path: str) -> os.stat_result:
        raise FileNotFoundError(path)

    monkeypatch.setattr(pairing.os, "stat", unknown)
    assert pairing.place() == bytes(32)
    monkeypatch.undo()
    monkeypatch.setattr(pairing, "place", lambda: bytes(32))
    world = connect_world(2)
    assert neighbours(world) == {0: set(), 1: set()}
    close(world)


def exchange(world: list[SharedMemoryTransport]) -> None:
    """Have all ranks send to all, and close the world."""

    def run(transport: SharedMemoryTransport) -> None:
        for size in (3, 300_000, 600_000):
            buffers = [bytearray(size) for _ in world]
            works = [transport.isend(memoryview(bytes([transport.rank]) * size), peer) for peer in range(len(world))]
            works += [transport.irecv(memoryview(buffer), peer) for peer, buffer in enumerate(buffers)]
            for work in works:
                work.wait(20)
            assert buffers == [bytes([peer]) * size for peer in range(len(world))]

    with ThreadPoolExecutor(len(world)) as pool:
        list(pool.map(run, world))
    close(world)


def test_messages_go_over_tcp_where_there_is_no_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made, allocate = [], os.posix_fallocate

    def refuse_the_second(fd: int, offset: int, length: int) -> None:
        made.append(fd)
        if len(made) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        allocate(fd, offset, length)

    monkeypatch.setattr(os, "posix_fallocate", refuse_the_second)
    with caplog.at_level(logging.WARNING, "dist.transport"):
        world = connect_world(2)
    assert neighbours(world) == {0: set(), 1: set()}
    assert "cannot make an inbox, and so messages go over TCP: [Errno 28] No space left on device" in caplog.text
    exchange(world)


def test_one_who_cannot_map_what_it_was_given_and_its_peers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    receive, received = pairing._receive, []

    def refuse_the_second(*arguments: object) -> object:
        received.append(1)
        if len(received) == 2:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return receive(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pairing, "_receive", refuse_the_second)
    world = connect_world(3)
    found = neighbours(world)
    assert sum(map(len, found.values())) == 4  # two of three pairs
    assert all(rank in found[peer] for rank in found for peer in found[rank])
    exchange(world)


def test_strangers_who_call_change_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    strangers: list[socket.socket] = []
    call = pairing.Pairing._call

    def call_with_strangers(self: pairing.Pairing) -> set[int]:
        for name, _ in self._offers.values():
            for words in (b"", b"GET / HTTP/1.1\r\n\r\n" + bytes(100)):
                stranger = socket.socket(socket.AF_UNIX)
                strangers.append(stranger)
                stranger.connect(pairing._address(name))
                stranger.sendall(words)
        return call(self)

    monkeypatch.setattr(pairing.Pairing, "_call", call_with_strangers)
    monkeypatch.setattr(socket.socket, "listen", lambda self, backlog, listen=socket.socket.listen: listen(self, 16))
    with caplog.at_level(logging.WARNING, "dist.transport"):
        world = make_world(2)
    for stranger in strangers:
        stranger.close()
    assert "a stranger has called" in caplog.text
    exchange(world)


def test_a_rank_that_is_lost_or_silent_meanwhile_is_named() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        rounds = Rounds(0, {1: ours}, time.monotonic() + 0.1, lambda: None)
        with theirs, pytest.raises(TransportTimeout, match="rank 0: no word of rank 1") as silent:
            rounds.exchange({1: b"hello"})
        with pytest.raises(TransportError, match="the connection with rank 1 was lost") as lost:
            rounds.exchange({1: b"hello"})
        assert silent.value.rank == lost.value.rank == 1


def test_waiting_ends_when_a_rank_is_known_to_have_failed() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        rounds = Rounds(0, {1: ours}, time.monotonic() + 20, lambda: PeerError("rank 2 raised", 2))
        with pytest.raises(PeerError, match="rank 2 raised"):
            rounds.exchange({1: b"hello"})


@pytest.mark.parametrize("size", [300_000, MEGABYTE])
def test_a_thread_that_sleeps_in_the_transport_moves_what_another_asks_for(size: int) -> None:
    """Rank 0 sleeps, waiting for rank 2, while a message of rank 1 stays where it is, until somebody asks for it."""
    world = make_world(3)
    message, buffer = os.urandom(size), bytearray(size)
    with ThreadPoolExecutor(1) as pool:
        sleeping = pool.submit(world[0].irecv(memoryview(bytearray(1)), 2).wait, 20.0)
        sending = world[1].isend(memoryview(message), 0)
        time.sleep(0.1)
        assert not sending.is_completed()
        receiving = world[0].irecv(memoryview(buffer), 1)
        deadline = time.monotonic() + 20
        while not (receiving.is_completed() and sending.is_completed()):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert buffer == message
        world[2].isend(memoryview(b"x"), 0).wait(20.0)
        assert sleeping.result(20.0) == 2
    close(world)


class Gate:
    """Nobody copies what was lent, until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._is_open = False
        poll = Loans.poll
        monkeypatch.setattr(Loans, "poll", lambda loans: self._is_open and poll(loans))

    def open(self, world: list[SharedMemoryTransport]) -> None:
        self._is_open = True
        for rank in world:
            with rank._engine.lock:
                rank._engine.look_again()


def begin_to_fetch(world: list[SharedMemoryTransport], messages: int) -> None:
    """Return when rank 0, some thread of which waits for a send, takes in messages of rank 1."""
    deadline = time.monotonic() + 20
    while len(world[0]._connections[1]._fetching) < messages:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_waits_for_a_send_copies_what_is_lent_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, world = Gate(monkeypatch), make_world(2)
    messages, buffers = [os.urandom(MEGABYTE) for _ in range(3)], [bytearray(MEGABYTE) for _ in range(4)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world[0].isend(memoryview(messages[0]), 1).wait, 20.0)
        sends = [world[1].isend(memoryview(message), 0) for message in messages]
        begin_to_fetch(world, 3)
        first = world[0].irecv(memoryview(buffers[0]), 1)  # asked for on its way
        assert not first.is_completed()
        with pytest.raises(LengthMismatch):
            world[0].irecv(memoryview(bytearray(5)), 1).wait(20.0)
        gate.open(world)
        for work in [first, *sends]:
            work.wait(20.0)
        assert not waiting.done()
        world[0].irecv(memoryview(buffers[2]), 1).wait(0.0)  # all of it is here
        world[1].irecv(memoryview(buffers[3]), 0).wait(20.0)
        assert waiting.result(20.0) == 1
    assert buffers == [messages[0], bytes(MEGABYTE), messages[2], messages[0]]
    assert world[0]._connections[1]._fetched_bytes == 0
    close(world)


def test_what_was_being_copied_for_later_is_lost_with_its_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    Gate(monkeypatch)
    world = make_world(2)
    message, buffer = os.urandom(MEGABYTE), bytearray(MEGABYTE)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world[0].isend(memoryview(message), 1).wait, 20.0)
        sends = [world[1].isend(memoryview(message), 0, tag=tag) for tag in (1, 2)]
        begin_to_fetch(world, 2)
        asked = world[0].irecv(memoryview(buffer), 1, tag=1)
        world[1].abort("enough")
        for wait in (waiting.result, asked.wait, *(send.wait for send in sends)):
            with pytest.raises(PeerLost, match="rank 1 aborted: enough"):
                wait(20.0)
        with pytest.raises(PeerLost, match="rank 1 aborted: enough"):
            world[0].irecv(memoryview(buffer), 1, tag=2).wait(20.0)
    close(world)


def start() -> SharedMemoryTransport:
    """Initialise with messages through shared memory for everything, and return the transport."""
    connected = []

    def connect(*arguments: object) -> SharedMemoryTransport:
        connected.append(backend.connect(*arguments))  # type: ignore[arg-type]
        return connected[0]

    register("rings", Backend(connect, MessageCollectives))
    dist.init_process_group("rings", timeout=30)
    return connected[0]


def segments(name: str = "memfd:dist-inbox") -> int:
    """Return how many segments this process has mapped."""
    with open("/proc/self/maps") as maps:
        return sum(name in line for line in maps)


def use_everything() -> tuple[set[int], list[int]]:
    """Exchange messages; return the neighbours, and how many segments there are now, in a child, and at the end."""
    transport = start()
    rank, size = dist.get_rank(), dist.get_world_size()
    for count in (1, 50_000, 3 * MEGABYTE):
        array = np.full(count, rank, np.float32)
        dist.all_reduce(array)
        assert (array == sum(range(size))).all()
        received = np.empty(count, np.float32)
        sending = dist.isend(np.full(count, rank, np.float32), (rank + 1) % size)
        assert dist.recv(received) == (rank - 1) % size
        sending.wait()
        assert (received == (rank - 1) % size).all()
    pid = os.fork()
    if pid == 0:
        os._exit(segments())
    found = [segments(), segments("/dev/shm/"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
    dist.destroy_process_group()
    return set(transport.neighbours), [*found, segments()]


def test_processes_exchange_messages_through_memory_without_a_name_and_leave_nothing() -> None:
    for rank, outcome in enumerate(run_ranks(3, use_everything)):
        assert not outcome.failed, outcome
        assert outcome.value == ({0, 1, 2} - {rank}, [3, 0, 0, 0])


def repeat(action: Callable[[], object]) -> None:
    while True:
        action()


def meet_death(may_read: bool) -> tuple[float, int | None, str]:
    """Rank 1 is killed while rank 0 sends to it, rank 2 receives from it, and rank 3 waits for rank 0."""
    if not may_read:
        pairing._can_read = lambda *_: False
    start()
    large = np.zeros(64 * MEGABYTE, np.uint8)
    dist.barrier()
    if dist.get_rank() == 1:
        dist.isend(large, 2)
        dist.irecv(large, 0)
        time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGKILL)
    started = time.monotonic()
    blocked = {0: partial(dist.send, large, 1), 2: partial(dist.recv, large, 1), 3: partial(dist.recv, large, 0)}
    with pytest.raises(PeerError) as caught:
        repeat(blocked[dist.get_rank()])
    return time.monotonic() - started, caught.value.rank, str(caught.value)


@pytest.mark.parametrize("may_read", [True, False])
def test_a_rank_that_is_killed_in_the_middle_of_a_message_is_named(may_read: bool) -> None:
    outcomes = run_ranks(4, meet_death, may_read)
    assert outcomes[1].code == -signal.SIGKILL
    for rank in (0, 2, 3):
        assert outcomes[rank].value, outcomes[rank]
        seconds, blamed, message = outcomes[rank].value
        assert (seconds < 5, blamed) == (True, 1)
        assert message.startswith("rank 1 (host ")


def test_a_fork_closes_nothing_of_a_world_that_was_left() -> None:
    """The descriptors of a transport that was closed may be something else by then."""
    world = make_world(2)
    close(world)
    pipes = [os.pipe() for _ in range(50)]
    for rank in world:
        rank.abandon()
    for reading, writing in pipes:
        os.close(reading)
        os.close(writing)
