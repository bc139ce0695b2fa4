"""One conformance suite for every transport: `check_transport(make_world)`.

Each check takes a world, the transports of all its ranks in one process, and drives each rank from a thread of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from dist.errors import CollectiveMismatch, PeerLost, TransportError, TransportTimeout
from dist.testing.transport_world import (
    PATIENCE,
    MakeWorld,
    World,
    blocked,
    expect,
    on_each,
    pattern,
    raises,
    received,
    send_until_refused,
    together,
    until,
)
from dist.transport.base import ANY_SOURCE, Transport, Work

# A failure is known everywhere within this time, in seconds.
PROMPT: Final = 2.0
SIZES: Final = (0, 1, 1021, 1 << 20, 64 << 20)
BLOCKING_SIZES: Final = (1 << 10, 1 << 20, 16 << 20)
MEGABYTE: Final = 1 << 20


def check_transport(make_world: MakeWorld) -> None:
    """Check that a transport keeps every promise of `dist.transport.base.Transport`.

    Args:
        make_world: returns the connected transports of `size` ranks, in rank order; the checks close them.

    Raises:
        AssertionError: a promise is broken; says which.

    >>> from dist.transport.inproc import make_inproc_world
    >>> check_transport(make_inproc_world)
    """
    for check in CHECKS:
        check(make_world)


def check_sizes(make_world: MakeWorld) -> None:
    """Messages of any size arrive whole, and their ends say which peer they went to and came from."""
    with World(make_world, 2) as (sender, receiver):
        for size in SIZES:
            message, buffer = pattern(size), bytearray(size)
            receive = receiver.irecv(memoryview(buffer), 0)
            send = sender.isend(memoryview(message), 1)
            peers = together(partial(send.wait, PATIENCE), partial(receive.wait, PATIENCE))
            expect(peers == [1, 0], f"the peers of {size} bytes are {peers}, not [1, 0]")
            expect(buffer == message, f"{size} bytes arrived changed")


def check_both_send_first(make_world: MakeWorld) -> None:
    """Two ranks that both start to send before they receive do not block each other."""

    def exchange(size: int, transport: Transport) -> None:
        message, buffer = pattern(size, transport.rank), bytearray(size)
        send = transport.isend(memoryview(message), 1 - transport.rank)
        time.sleep(0.02)
        transport.irecv(memoryview(buffer), 1 - transport.rank).wait(PATIENCE)
        send.wait(PATIENCE)
        expect(buffer == pattern(size, 1 - transport.rank), f"{size} bytes sent both ways arrived changed")

    with World(make_world, 2) as world:
        for size in SIZES:
            on_each(world, partial(exchange, size))


def check_blocking_sends_first(make_world: MakeWorld) -> None:
    """Ranks that all wait for the end of a send before they receive do not block each other, in pairs or in rings."""

    def shift(size: int, transport: Transport) -> None:
        right, left = (transport.rank + 1) % transport.size, (transport.rank - 1) % transport.size
        for length in (size, 17, size // 2):
            transport.isend(memoryview(pattern(length, transport.rank)), right).wait(PATIENCE)
        for length in (size, 17, size // 2):
            expect(received(transport, left, length) == pattern(length, left), f"{length} bytes arrived changed")

    for ranks in (2, 3):
        with World(make_world, ranks) as world:
            for size in BLOCKING_SIZES:
                on_each(world, partial(shift, size))


def check_order(make_world: MakeWorld) -> None:
    """Messages of one sender and tag arrive in the order in which they were sent, whatever their sizes."""
    sizes = [1, 300_000, 0, 17, 70_000] * 4

    def send(transport: Transport) -> None:
        for work in [transport.isend(memoryview(pattern(n, i)), 1) for i, n in enumerate(sizes)]:
            work.wait(PATIENCE)

    def receive(transport: Transport) -> None:
        for i, size in enumerate(sizes):
            expect(received(transport, 0, size) == pattern(size, i), f"message {i} arrived out of order")

    with World(make_world, 2) as (sender, receiver):
        together(partial(send, sender), partial(receive, receiver))


def check_tags(make_world: MakeWorld) -> None:
    """Messages with different tags do not hold each other up, even large ones that are asked for last."""
    big = 8 * MEGABYTE

    def send(transport: Transport) -> None:
        works = [transport.isend(memoryview(pattern(big, i)), 1, tag=2**64 - 1) for i in range(2)]
        works += [transport.isend(memoryview(pattern(5, i)), 1, tag=5) for i in range(2)]
        for work in works:
            work.wait(PATIENCE)

    def receive(transport: Transport) -> None:
        for size, tag in ((5, 5), (big, 2**64 - 1)):
            for i in range(2):
                expect(received(transport, 0, size, tag) == pattern(size, i), f"a message of tag {tag} changed")

    with World(make_world, 2) as (sender, receiver):
        together(partial(send, sender), partial(receive, receiver))


def check_any_source(make_world: MakeWorld) -> None:
    """A receive from `ANY_SOURCE` takes each message once and says whose it was."""
    with World(make_world, 3) as (receiver, *senders):
        buffers = [bytearray(3) for _ in range(4)]
        receives = [receiver.irecv(memoryview(buffer), ANY_SOURCE, tag=1) for buffer in buffers[:2]]
        for sender in senders * 2:
            sender.isend(memoryview(pattern(3, sender.rank)), 0, tag=1).wait(PATIENCE)
        receives += [receiver.irecv(memoryview(buffer), ANY_SOURCE, tag=1) for buffer in buffers[2:]]
        peers = [receive.wait(PATIENCE) for receive in receives]
        expect(sorted(peers) == [1, 1, 2, 2], f"messages of ranks 1 and 2, two each, came from {peers}")
        for peer, buffer in zip(peers, buffers, strict=True):
            expect(buffer == pattern(3, peer), f"the message said to come from rank {peer} is another's")


def check_self_send(make_world: MakeWorld) -> None:
    """A rank may send to itself, before or after it asks for the message, also when it is alone."""
    for size in (1, 2):
        with World(make_world, size) as world:
            buffer = bytearray(9)
            receive = world[0].irecv(memoryview(buffer), 0, tag=1)
            world[0].isend(memoryview(pattern(9)), 0, tag=1).wait(PATIENCE)
            expect(receive.wait(PATIENCE) == 0 and buffer == pattern(9), "a message to oneself arrived changed")
            send = world[0].isend(memoryview(pattern(MEGABYTE)), 0, tag=2)
            expect(received(world[0], 0, MEGABYTE, tag=2) == pattern(MEGABYTE), "an early message to oneself changed")
            send.wait(PATIENCE)


def check_mismatch(make_world: MakeWorld) -> None:
    """A message of another call or length raises, writes nothing, and does not disturb the next one."""
    for early in (True, False):
        with World(make_world, 2) as world:
            _check_mismatch(world[0], world[1], early)


def _check_mismatch(sender: Transport, receiver: Transport, early: bool) -> None:
    def send() -> list[Work]:
        return [
            sender.isend(memoryview(pattern(8)), 1, tag=1, fingerprint=2),
            sender.isend(memoryview(pattern(MEGABYTE)), 1, tag=1, fingerprint=1),
            sender.isend(memoryview(pattern(8)), 1, tag=1, fingerprint=1),
        ]

    sends = send() if early else []
    buffers = [bytearray(8) for _ in range(3)]
    receives = [receiver.irecv(memoryview(buffer), 0, tag=1, fingerprint=1) for buffer in buffers]
    sends = sends or send()
    raises(CollectiveMismatch, "rank 0", lambda: receives[0].wait(PATIENCE))
    error = raises(TransportError, f"{MEGABYTE} bytes", lambda: receives[1].wait(PATIENCE))
    expect(error.rank == 0, f"the error about a wrong length blames rank {error.rank}, not 0")
    receives[2].wait(PATIENCE)
    together(*(partial(work.wait, PATIENCE) for work in sends))
    expect(buffers == [bytes(8), bytes(8), pattern(8)], "a message that does not fit was written into the buffer")


def check_timeout(make_world: MakeWorld) -> None:
    """A wait ends in time, names the peer, and may be taken up again."""
    with World(make_world, 2) as (receiver, sender):
        buffer = bytearray(4)
        receive = receiver.irecv(memoryview(buffer), 1)
        started = time.monotonic()
        error = raises(TransportTimeout, "rank 1", lambda: receive.wait(0.1))
        elapsed = time.monotonic() - started
        expect(0.09 <= elapsed < 0.1 + PROMPT, f"a timeout of 0.1 s took {elapsed:.2f} s")
        expect(error.rank == 1, f"the timeout blames rank {error.rank}, not 1")
        raises(TransportTimeout, "any rank", lambda: receiver.irecv(memoryview(bytearray(4)), ANY_SOURCE, 9).wait(0.0))
        sender.isend(memoryview(pattern(4)), 0).wait(PATIENCE)
        receive.wait(PATIENCE)
        expect(buffer == pattern(4), "a receive that had timed out got something else")


def check_is_completed(make_world: MakeWorld) -> None:
    """`is_completed` alone brings a transfer to its end, and tells it without raising."""
    with World(make_world, 2) as (receiver, sender):
        buffer = bytearray(MEGABYTE)
        receive = receiver.irecv(memoryview(buffer), 1)
        expect(not receive.is_completed(), "a receive is complete before anything was sent")
        send = sender.isend(memoryview(pattern(MEGABYTE)), 0)
        until(lambda: send.is_completed() and receive.is_completed(), "a transfer does not complete by is_completed()")
        expect(buffer == pattern(MEGABYTE), "a message that was polled for arrived changed")


def check_progress(make_world: MakeWorld) -> None:
    """A large transfer goes on while its owner computes, and ends without anybody waiting for it at that end."""
    with World(make_world, 2) as (sender, receiver):
        size = 64 * MEGABYTE
        message = pattern(size)
        send = sender.isend(memoryview(message), 1)
        expect(received(receiver, 0, size) == message, "a message sent in the background arrived changed")
        send.wait(PATIENCE)
        buffer = bytearray(size)
        receive = receiver.irecv(memoryview(buffer), 0)
        sender.isend(memoryview(message), 1).wait(PATIENCE)
        receive.wait(PATIENCE)
        expect(buffer == message, "a message received in the background arrived changed")


def check_threads(make_world: MakeWorld) -> None:
    """Several threads of a rank use the transport at the same time, each with a tag of its own."""

    def exchange(transport: Transport, tag: int) -> None:
        for i in range(60):
            size = (i % 4) * 90_000 * tag + 4
            send = transport.isend(memoryview(pattern(size, i + tag)), 1 - transport.rank, tag)
            expect(
                received(transport, 1 - transport.rank, size, tag) == pattern(size, i + tag),
                f"message {i} of tag {tag} arrived changed",
            )
            send.wait(PATIENCE)

    with World(make_world, 2) as world:
        together(*(partial(exchange, transport, tag) for transport in world for tag in (1, 2, 3)))


def check_abort(make_world: MakeWorld) -> None:
    """When a rank aborts, every transfer of every rank raises at once, whoever it waits for, and names that rank."""
    with World(make_world, 3) as world:
        works = [blocked(world[0], 1), blocked(world[1], ANY_SOURCE), blocked(world[2], 0)]
        with ThreadPoolExecutor(3) as pool:
            waits = [pool.submit(work.wait, PATIENCE) for work in works]
            time.sleep(0.1)
            started = time.monotonic()
            world[2].abort("out of cheese")
            for wait in waits:
                error = raises(PeerLost, "out of cheese", partial(wait.result, PATIENCE))
                expect(error.rank == 2, f"the abort of rank 2 is blamed on rank {error.rank}")
            elapsed = time.monotonic() - started
        expect(elapsed < PROMPT, f"an abort took {elapsed:.1f} s to reach all ranks")
        world[2].abort("again")
        raises(PeerLost, "out of cheese", lambda: world[2].isend(memoryview(b"x"), 1).wait(PATIENCE))
        raises(PeerLost, "out of cheese", lambda: received(world[1], 0, 1))


def check_abort_of_send(make_world: MakeWorld) -> None:
    """A send that nobody receives ends when either side aborts."""
    for aborting in (0, 1):
        with World(make_world, 2) as world:
            send = world[0].isend(memoryview(pattern(64 * MEGABYTE)), 1)
            with ThreadPoolExecutor(1) as pool:
                wait = pool.submit(send.wait, PATIENCE)
                time.sleep(0.1)
                world[aborting].abort("no more")
                error = raises(PeerLost, f"rank {aborting}", partial(wait.result, PATIENCE))
                expect(error.rank == aborting, f"the abort of rank {aborting} is blamed on rank {error.rank}")


def check_close(make_world: MakeWorld) -> None:
    """What was sent before a rank closed still arrives; who waits for more raises; the others go on."""
    with World(make_world, 3) as world:
        world[2].isend(memoryview(pattern(100)), 0, tag=1)
        waiting = blocked(world[0], 2)
        anyone = world[0].irecv(memoryview(bytearray(3)), ANY_SOURCE, tag=8)
        with ThreadPoolExecutor(1) as pool:
            wait = pool.submit(waiting.wait, PATIENCE)
            time.sleep(0.1)
            world[2].close()
            world[2].close()
            error = raises(PeerLost, "rank 2", partial(wait.result, PATIENCE))
        expect(error.rank == 2, f"rank 2 closed, and rank {error.rank} is blamed")
        expect(received(world[0], 2, 100, tag=1) == pattern(100), "a message sent before close arrived changed")
        raises(PeerLost, "rank 2", lambda: received(world[0], 2, 1))
        raises(PeerLost, "rank 2", lambda: send_until_refused(world[0], 2))
        raises(PeerLost, "rank 2", lambda: world[2].isend(memoryview(b"x"), 0).wait(PATIENCE))
        world[1].isend(memoryview(b"abc"), 0, tag=8).wait(PATIENCE)
        expect(anyone.wait(PATIENCE) == 1, "a receive from any rank did not survive the close of one")
        last = world[0].irecv(memoryview(bytearray(3)), ANY_SOURCE, tag=8)
        world[1].close()
        raises(PeerLost, "closed", lambda: last.wait(PATIENCE))


def check_arguments(make_world: MakeWorld) -> None:
    """Wrong arguments raise at once and say what is needed."""
    with World(make_world, 2) as (transport, _):
        good = memoryview(bytearray(4))
        raises(ValueError, "peer 2", lambda: transport.isend(good, 2))
        raises(ValueError, "peer -1", lambda: transport.isend(good, ANY_SOURCE))
        raises(ValueError, "peer -2", lambda: transport.irecv(good, -2))
        raises(ValueError, "tag", lambda: transport.isend(good, 1, tag=-1))
        raises(ValueError, "fingerprint", lambda: transport.irecv(good, 1, fingerprint=2**64))
        raises(TypeError, "read-only", lambda: transport.irecv(memoryview(b"abcd"), 1))
        raises(TypeError, "contiguous", lambda: transport.isend(good[::2], 1))
        raises(TypeError, "format", lambda: transport.isend(good.cast("i"), 1))


def check_nothing_is_left(make_world: MakeWorld) -> None:
    """After `close` no thread and no file descriptor is left, whether or not the rank had aborted."""
    with World(make_world, 3):
        pass  # whatever is kept for good is there from now on
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for aborting in (False, True):
        with World(make_world, 3) as world:
            world[0].isend(memoryview(pattern(MEGABYTE)), 1)
            world[1].irecv(memoryview(bytearray(MEGABYTE)), 0)
            if aborting:
                world[1].abort("enough")
        until(lambda: threading.active_count() <= threads, "threads are left after close")
        until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "file descriptors are left after close")


CHECKS: Final[tuple[Callable[[MakeWorld], None], ...]] = (
    check_sizes,
    check_both_send_first,
    check_blocking_sends_first,
    check_order,
    check_tags,
    check_any_source,
    check_self_send,
    check_mismatch,
    check_timeout,
    check_is_completed,
    check_progress,
    check_threads,
    check_abort,
    check_abort_of_send,
    check_close,
    check_arguments,
    check_nothing_is_left,
)
