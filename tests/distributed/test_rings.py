"""The parts of shared memory one by one: segments, rings, doorbells, loans."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dist.anonymous_memory import anonymous_memory, is_fixed
from dist.transport.shared_memory import doorbell, ring
from dist.transport.shared_memory.doorbell import Doorbell
from dist.transport.shared_memory.inbox import Inbox, ring_bytes, slot_bytes
from dist.transport.shared_memory.loans import LEDGER_BYTES, Loans
from dist.transport.shared_memory.remote_memory import address_of, read_memory
from dist.transport.shared_memory.ring import RingReader, RingWriter
from dist.transport.shared_memory.segment import Segment


class Bell:
    """A doorbell, the word that says whether anybody sleeps, and how often it has rung."""

    def __init__(self) -> None:
        self.asleep = memoryview(bytearray(8)).cast("Q")
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self.doorbell = Doorbell(self.asleep, self.fd)

    def rings(self) -> int:
        try:
            return os.eventfd_read(self.fd)
        except BlockingIOError:
            return 0


@contextmanager
def bells() -> Iterator[tuple[Bell, Bell]]:
    pair = Bell(), Bell()
    try:
        yield pair
    finally:
        for bell in pair:
            bell.doorbell.close()


@contextmanager
def ring_of(size: int) -> Iterator[tuple[RingWriter, RingReader, Bell, Bell]]:
    """Yield both ends of a ring, and the doorbells of the reader and the writer."""
    memory = memoryview(bytearray(ring.HEADER_BYTES + size))
    with bells() as (readers, writers):
        yield RingWriter(memory, readers.doorbell), RingReader(memory, writers.doorbell), readers, writers


@pytest.mark.parametrize("strongly_ordered", [True, False])
def test_bytes_come_out_of_a_ring_as_they_went_in(monkeypatch: pytest.MonkeyPatch, strongly_ordered: bool) -> None:
    monkeypatch.setattr(ring, "STRONGLY_ORDERED", strongly_ordered)
    monkeypatch.setattr(doorbell, "STRONGLY_ORDERED", strongly_ordered)
    draw = random.Random(5)
    sent, received = bytearray(), bytearray()
    with ring_of(64) as (writer, reader, _, _):
        for _ in range(2000):
            views = [memoryview(draw.randbytes(draw.choice([0, 1, 7, 16, 63, 64, 200]))) for _ in range(2)]
            count = writer.write(views)
            sent += b"".join(views)[:count]
            assert len(sent) - len(received) <= 64
            assert count == sum(map(len, views)) or not writer.has_room() or len(sent) - len(received) < 64
            assert reader.has_bytes() == (len(sent) > len(received))
            buffer = bytearray(draw.choice([1, 5, 30, 64, 100]))
            received += buffer[: reader.read_into(memoryview(buffer))]
            assert received == sent[: len(received)]
    assert len(received) > 30_000


def test_a_full_ring_takes_no_more_until_a_part_of_it_was_read() -> None:
    with ring_of(64) as (writer, reader, _, writers):
        assert writer.write([memoryview(bytes(100))]) == 64
        assert not writer.has_room()
        assert writer.write([memoryview(b"x")]) == 0
        writers.asleep[0] = 1
        writer.want(True)
        assert reader.read_into(memoryview(bytearray(15))) == 15
        assert (writer.has_room(), writers.rings()) == (False, 0)
        assert reader.read_into(memoryview(bytearray(1))) == 1
        assert (writer.has_room(), writers.rings()) == (True, 1)
        assert writer.write([memoryview(bytes(100))]) == 16


def test_only_who_sleeps_is_woken_and_only_once() -> None:
    with ring_of(64) as (writer, reader, readers, writers):
        writer.write([memoryview(b"a")])
        assert readers.rings() == 0
        readers.asleep[0] = 1
        writer.write([memoryview(b"b")])
        writer.write([memoryview(b"c")])
        assert readers.rings() == 1
        writers.asleep[0] = 1
        reader.read_into(memoryview(bytearray(32)))
        assert writers.rings() == 0  # it sleeps, but not because it waits for room


def test_memory_that_is_not_there_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    open_files = len(os.listdir("/proc/self/fd"))

    def refuse(fd: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space left"):
        anonymous_memory("test", 4096)
    assert len(os.listdir("/proc/self/fd")) == open_files


@pytest.mark.parametrize("c_library_has_it", [True, False])
def test_an_interpreter_without_memfd_create_does_without(
    monkeypatch: pytest.MonkeyPatch, c_library_has_it: bool
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    if c_library_has_it:
        fd = anonymous_memory("test", 4096)
        assert is_fixed(fd)
        assert os.fstat(fd).st_size == 4096
        assert not os.get_inheritable(fd)
        os.close(fd)
        return
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: None)
    with pytest.raises(OSError, match="memfd_create: the C library does not have it"):
        anonymous_memory("test", 4096)


def test_memory_that_could_be_taken_away_is_not_mapped() -> None:
    open_files = len(os.listdir("/proc/self/fd"))
    fd = os.memfd_create("tensorlib", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4096)
    with pytest.raises(OSError, match="its size is not fixed"):
        Segment(fd)
    os.close(fd)
    sealed = anonymous_memory("test", 4096)
    with pytest.raises(PermissionError):
        os.ftruncate(sealed, 0)
    os.close(sealed)
    assert len(os.listdir("/proc/self/fd")) == open_files


def test_inboxes_stay_small_and_their_parts_do_not_overlap() -> None:
    assert [ring_bytes(n) for n in (1, 16, 17, 128, 1000)] == [1 << 18, 1 << 18, 1 << 17, 1 << 15, 1 << 15]
    inbox = Inbox(3)
    slots = [inbox.slot(number) for number in range(3)]
    for number, slot in enumerate(slots):
        assert len(slot.ring) + len(slot.ledger) == slot_bytes(inbox.ring_bytes)
        slot.ring[:] = bytes([number + 1]) * len(slot.ring)
        slot.ledger[:] = bytes([number + 101]) * len(slot.ledger)
    for number, slot in enumerate(slots):
        assert set(bytes(slot.ring)) == {number + 1}
        assert set(bytes(slot.ledger)) == {number + 101}
        slot.close()
    inbox.hide()
    assert inbox.fall_asleep()
    inbox.wake_up()
    inbox.close()


def test_memory_of_a_process_that_is_gone_cannot_be_read() -> None:
    data, copy = memoryview(b"hello"), bytearray(5)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(OSError, match="No such process"):
        read_memory(pid, address_of(data), memoryview(copy))
    with pytest.raises(OSError, match="Bad address"):
        read_memory(os.getpid(), 16, memoryview(copy))
    assert copy == bytes(5)


class Pair:
    """A lender and a borrower, both in this process."""

    def __init__(self, permitted: bool = True) -> None:
        ledgers = [memoryview(bytearray(LEDGER_BYTES)) for _ in range(2)]
        self.bells = Bell(), Bell()
        mine, theirs = ledgers
        self.lender = Loans(mine, theirs, self.bells[1].doorbell, lambda: None, os.getpid(), permitted)
        self.borrower = Loans(theirs, mine, self.bells[0].doorbell, lambda: None, os.getpid(), permitted)
        self.returned: list[int] = []
        self.fetched: list[OSError | None] = []

    def lend(self, data: bytes) -> bytes | None:
        number = len(data)
        return self.lender.lend(memoryview(data), lambda: self.returned.append(number))

    def close(self) -> None:
        for bell in self.bells:
            bell.doorbell.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    both = Pair()
    yield both
    both.close()


def test_loans_are_fetched_and_given_back_in_any_order(pair: Pair) -> None:
    messages = [bytes([n]) * (n + 1) for n in range(100)]
    tickets = [pair.lend(message) for message in messages]
    assert tickets[64:] == [None] * 36  # more than a ledger has place for
    for n in (5, 3, 63):
        ticket = tickets[n]
        assert ticket is not None
        buffer = bytearray(n + 1)
        pair.borrower.fetch(ticket, memoryview(buffer), pair.fetched.append)
        while not pair.fetched:
            assert pair.borrower.poll()
        assert (buffer, pair.fetched.pop()) == (messages[n], None)
    unwanted = tickets[0]
    assert unwanted is not None
    pair.bells[0].asleep[0] = 1
    pair.borrower.give_back(unwanted)
    assert pair.bells[0].rings() == 1
    assert pair.lender.poll()
    assert sorted(pair.returned) == [1, 4, 6, 64]
    assert not pair.lender.poll()
    assert [pair.lend(b"again") is not None for _ in range(5)] == [True] * 4 + [False]


def test_nothing_is_taken_for_a_message_once_its_lender_has_its_memory_back(pair: Pair) -> None:
    ticket = pair.lend(bytes(5))
    assert ticket is not None
    pair.borrower.fetch(ticket, memoryview(bytearray(5)), pair.fetched.append)
    pair.lender.revoke()
    pair.borrower.poll()
    assert (pair.fetched, pair.returned) == ([], [])
    assert not pair.borrower.poll()
    assert pair.lend(b"more") is None


def test_what_was_given_back_before_all_is_revoked_counts_as_copied(pair: Pair) -> None:
    ticket = pair.lend(bytes(5))
    assert ticket is not None
    pair.borrower.give_back(ticket)
    pair.lender.revoke()
    assert pair.returned == [5]


def test_a_loan_that_cannot_be_read_is_an_error(pair: Pair) -> None:
    pair.borrower.fetch(bytes(16), memoryview(bytearray(5)), pair.fetched.append)
    pair.borrower.poll()
    (error,) = pair.fetched
    assert error is not None
    assert error.errno == errno.EFAULT


def test_nothing_is_lent_where_the_neighbour_may_not_read() -> None:
    pair = Pair(permitted=False)
    assert pair.lend(b"hello") is None
    pair.close()


def test_this_processor_is_known_to_keep_the_order_or_not() -> None:
    assert (platform.machine() == "x86_64") <= doorbell.STRONGLY_ORDERED
