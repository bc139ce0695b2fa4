"""One conformance suite for every transport: `check_transport(make_world)`.

Each check takes a world, the transports of all its ranks in one process, and drives each rank from a thread of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from dist.errors import CollectiveMismatch, PeerLost, TransportError, TransportTimeout
from dist.transport.base import ANY_SOURCE, Transport, Work

MakeWorld = Callable[[int], Sequence[Transport]]

# No transfer of these checks takes this long, in seconds.
PATIENCE: Final = 20.0
# A failure is known everywhere within this time, in seconds.
PROMPT: Final = 2.0
SIZES: Final = (0, 1, 1021, 1 << 20, 64 << 20)
MEGABYTE: Final = 1 << 20

ResultT = TypeVar("ResultT")


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
    with _World(make_world, 2) as (sender, receiver):
        for size in SIZES:
            message, buffer = _message(size), bytearray(size)
            receive = receiver.irecv(memoryview(buffer), 0)
            send = sender.isend(memoryview(message), 1)
            peers = _together(partial(send.wait, PATIENCE), partial(receive.wait, PATIENCE))
            _expect(peers == [1, 0], f"the peers of {size} bytes are {peers}, not [1, 0]")
            _expect(buffer == message, f"{size} bytes arrived changed")


def check_both_send_first(make_world: MakeWorld) -> None:
    """Two ranks that both start to send before they receive do not block each other."""

    def exchange(size: int, transport: Transport) -> None:
        message, buffer = _message(size, transport.rank), bytearray(size)
        send = transport.isend(memoryview(message), 1 - transport.rank)
        time.sleep(0.02)
        transport.irecv(memoryview(buffer), 1 - transport.rank).wait(PATIENCE)
        send.wait(PATIENCE)
        _expect(buffer == _message(size, 1 - transport.rank), f"{size} bytes sent both ways arrived changed")

    with _World(make_world, 2) as world:
        for size in SIZES:
            _on_each(world, partial(exchange, size))


def check_order(make_world: MakeWorld) -> None:
    """Messages of one sender and tag arrive in the order in which they were sent, whatever their sizes."""
    sizes = [1, 300_000, 0, 17, 70_000] * 4

    def send(transport: Transport) -> None:
        for work in [transport.isend(memoryview(_message(n, i)), 1) for i, n in enumerate(sizes)]:
            work.wait(PATIENCE)

    def receive(transport: Transport) -> None:
        for i, size in enumerate(sizes):
            _expect(_receive(transport, 0, size) == _message(size, i), f"message {i} arrived out of order")

    with _World(make_world, 2) as (sender, receiver):
        _together(partial(send, sender), partial(receive, receiver))


def check_tags(make_world: MakeWorld) -> None:
    """Messages with different tags do not hold each other up, even large ones that are asked for last."""
    big = 8 * MEGABYTE

    def send(transport: Transport) -> None:
        works = [transport.isend(memoryview(_message(big, i)), 1, tag=2**64 - 1) for i in range(2)]
        works += [transport.isend(memoryview(_message(5, i)), 1, tag=5) for i in range(2)]
        for work in works:
            work.wait(PATIENCE)

    def receive(transport: Transport) -> None:
        for size, tag in ((5, 5), (big, 2**64 - 1)):
            for i in range(2):
                _expect(_receive(transport, 0, size, tag) == _message(size, i), f"a message of tag {tag} changed")

    with _World(make_world, 2) as (sender, receiver):
        _together(partial(send, sender), partial(receive, receiver))


def check_any_source(make_world: MakeWorld) -> None:
    """A receive from `ANY_SOURCE` takes each message once and says whose it was."""
    with _World(make_world, 3) as (receiver, *senders):
        buffers = [bytearray(3) for _ in range(4)]
        receives = [receiver.irecv(memoryview(buffer), ANY_SOURCE, tag=1) for buffer in buffers[:2]]
        for sender in senders * 2:
            sender.isend(memoryview(_message(3, sender.rank)), 0, tag=1).wait(PATIENCE)
        receives += [receiver.irecv(memoryview(buffer), ANY_SOURCE, tag=1) for buffer in buffers[2:]]
        peers = [receive.wait(PATIENCE) for receive in receives]
        _expect(sorted(peers) == [1, 1, 2, 2], f"messages of ranks 1 and 2, two each, came from {peers}")
        for peer, buffer in zip(peers, buffers, strict=True):
            _expect(buffer == _message(3, peer), f"the message said to come from rank {peer} is another's")


def check_self_send(make_world: MakeWorld) -> None:
    """A rank may send to itself, before or after it asks for the message, also when it is alone."""
    for size in (1, 2):
        with _World(make_world, size) as world:
            buffer = bytearray(9)
            receive = world[0].irecv(memoryview(buffer), 0, tag=1)
            world[0].isend(memoryview(_message(9)), 0, tag=1).wait(PATIENCE)
            _expect(receive.wait(PATIENCE) == 0 and buffer == _message(9), "a message to oneself arrived changed")
            send = world[0].isend(memoryview(_message(MEGABYTE)), 0, tag=2)
            _expect(_receive(world[0], 0, MEGABYTE, tag=2) == _message(MEGABYTE), "an early message to oneself changed")
            send.wait(PATIENCE)


def check_mismatch(make_world: MakeWorld) -> None:
    """A message of another call or length raises, writes nothing, and does not disturb the next one."""
    for early in (True, False):
        with _World(make_world, 2) as world:
            _check_mismatch(world[0], world[1], early)


def _check_mismatch(sender: Transport, receiver: Transport, early: bool) -> None:
    def send() -> list[Work]:
        return [
            sender.isend(memoryview(_message(8)), 1, tag=1, fingerprint=2),
            sender.isend(memoryview(_message(MEGABYTE)), 1, tag=1, fingerprint=1),
            sender.isend(memoryview(_message(8)), 1, tag=1, fingerprint=1),
        ]

    sends = send() if early else []
    buffers = [bytearray(8) for _ in range(3)]
    receives = [receiver.irecv(memoryview(buffer), 0, tag=1, fingerprint=1) for buffer in buffers]
    sends = sends or send()
    _raises(CollectiveMismatch, "rank 0", lambda: receives[0].wait(PATIENCE))
    error = _raises(TransportError, f"{MEGABYTE} bytes", lambda: receives[1].wait(PATIENCE))
    _expect(error.rank == 0, f"the error about a wrong length blames rank {error.rank}, not 0")
    receives[2].wait(PATIENCE)
    _together(*(partial(work.wait, PATIENCE) for work in sends))
    _expect(buffers == [bytes(8), bytes(8), _message(8)], "a message that does not fit was written into the buffer")


def check_timeout(make_world: MakeWorld) -> None:
    """A wait ends in time, names the peer, and may be taken up again."""
    with _World(make_world, 2) as (receiver, sender):
        buffer = bytearray(4)
        receive = receiver.irecv(memoryview(buffer), 1)
        started = time.monotonic()
        error = _raises(TransportTimeout, "rank 1", lambda: receive.wait(0.1))
        elapsed = time.monotonic() - started
        _expect(0.09 <= elapsed < 0.1 + PROMPT, f"a timeout of 0.1 s took {elapsed:.2f} s")
        _expect(error.rank == 1, f"the timeout blames rank {error.rank}, not 1")
        _raises(TransportTimeout, "any rank", lambda: receiver.irecv(memoryview(bytearray(4)), ANY_SOURCE, 9).wait(0.0))
        sender.isend(memoryview(_message(4)), 0).wait(PATIENCE)
        receive.wait(PATIENCE)
        _expect(buffer == _message(4), "a receive that had timed out got something else")


def check_is_completed(make_world: MakeWorld) -> None:
    """`is_completed` alone brings a transfer to its end, and tells it without raising."""
    with _World(make_world, 2) as (receiver, sender):
        buffer = bytearray(MEGABYTE)
        receive = receiver.irecv(memoryview(buffer), 1)
        _expect(not receive.is_completed(), "a receive is complete before anything was sent")
        send = sender.isend(memoryview(_message(MEGABYTE)), 0)
        _until(lambda: send.is_completed() and receive.is_completed(), "a transfer does not complete by is_completed()")
        _expect(buffer == _message(MEGABYTE), "a message that was polled for arrived changed")


def check_progress(make_world: MakeWorld) -> None:
    """A large transfer goes on while its owner computes, and ends without anybody waiting for it at that end."""
    with _World(make_world, 2) as (sender, receiver):
        size = 64 * MEGABYTE
        message = _message(size)
        send = sender.isend(memoryview(message), 1)
        _expect(_receive(receiver, 0, size) == message, "a message sent in the background arrived changed")
        send.wait(PATIENCE)
        buffer = bytearray(size)
        receive = receiver.irecv(memoryview(buffer), 0)
        sender.isend(memoryview(message), 1).wait(PATIENCE)
        receive.wait(PATIENCE)
        _expect(buffer == message, "a message received in the background arrived changed")


def check_threads(make_world: MakeWorld) -> None:
    """Several threads of a rank use the transport at the same time, each with a tag of its own."""

    def exchange(transport: Transport, tag: int) -> None:
        for i in range(60):
            size = (i % 4) * 90_000 * tag + 4
            send = transport.isend(memoryview(_message(size, i + tag)), 1 - transport.rank, tag)
            _expect(
                _receive(transport, 1 - transport.rank, size, tag) == _message(size, i + tag),
                f"message {i} of tag {tag} arrived changed",
            )
            send.wait(PATIENCE)

    with _World(make_world, 2) as world:
        _together(*(partial(exchange, transport, tag) for transport in world for tag in (1, 2, 3)))


def check_abort(make_world: MakeWorld) -> None:
    """When a rank aborts, every transfer of every rank raises at once, whoever it waits for, and names that rank."""
    with _World(make_world, 3) as world:
        blocked = [_blocked(world[0], 1), _blocked(world[1], ANY_SOURCE), _blocked(world[2], 0)]
        with ThreadPoolExecutor(3) as pool:
            waits = [pool.submit(work.wait, PATIENCE) for work in blocked]
            time.sleep(0.1)
            started = time.monotonic()
            world[2].abort("out of cheese")
            for wait in waits:
                error = _raises(PeerLost, "out of cheese", partial(wait.result, PATIENCE))
                _expect(error.rank == 2, f"the abort of rank 2 is blamed on rank {error.rank}")
            elapsed = time.monotonic() - started
        _expect(elapsed < PROMPT, f"an abort took {elapsed:.1f} s to reach all ranks")
        world[2].abort("again")
        _raises(PeerLost, "out of cheese", lambda: world[2].isend(memoryview(b"x"), 1).wait(PATIENCE))
        _raises(PeerLost, "out of cheese", lambda: _receive(world[1], 0, 1))


def check_abort_of_send(make_world: MakeWorld) -> None:
    """A send that nobody receives ends when either side aborts."""
    for aborting in (0, 1):
        with _World(make_world, 2) as world:
            send = world[0].isend(memoryview(_message(64 * MEGABYTE)), 1)
            with ThreadPoolExecutor(1) as pool:
                wait = pool.submit(send.wait, PATIENCE)
                time.sleep(0.1)
                world[aborting].abort("no more")
                error = _raises(PeerLost, f"rank {aborting}", partial(wait.result, PATIENCE))
                _expect(error.rank == aborting, f"the abort of rank {aborting} is blamed on rank {error.rank}")


def check_close(make_world: MakeWorld) -> None:
    """What was sent before a rank closed still arrives; who waits for more raises; the others go on."""
    with _World(make_world, 3) as world:
        world[2].isend(memoryview(_message(100)), 0, tag=1)
        waiting = _blocked(world[0], 2)
        anyone = world[0].irecv(memoryview(bytearray(3)), ANY_SOURCE, tag=8)
        with ThreadPoolExecutor(1) as pool:
            wait = pool.submit(waiting.wait, PATIENCE)
            time.sleep(0.1)
            world[2].close()
            world[2].close()
            error = _raises(PeerLost, "rank 2", partial(wait.result, PATIENCE))
        _expect(error.rank == 2, f"rank 2 closed, and rank {error.rank} is blamed")
        _expect(_receive(world[0], 2, 100, tag=1) == _message(100), "a message sent before close arrived changed")
        _raises(PeerLost, "rank 2", lambda: _receive(world[0], 2, 1))
        _raises(PeerLost, "rank 2", lambda: _send_until_refused(world[0], 2))
        _raises(PeerLost, "rank 2", lambda: world[2].isend(memoryview(b"x"), 0).wait(PATIENCE))
        world[1].isend(memoryview(b"abc"), 0, tag=8).wait(PATIENCE)
        _expect(anyone.wait(PATIENCE) == 1, "a receive from any rank did not survive the close of one")
        last = world[0].irecv(memoryview(bytearray(3)), ANY_SOURCE, tag=8)
        world[1].close()
        _raises(PeerLost, "closed", lambda: last.wait(PATIENCE))


def check_arguments(make_world: MakeWorld) -> None:
    """Wrong arguments raise at once and say what is needed."""
    with _World(make_world, 2) as (transport, _):
        good = memoryview(bytearray(4))
        _raises(ValueError, "peer 2", lambda: transport.isend(good, 2))
        _raises(ValueError, "peer -1", lambda: transport.isend(good, ANY_SOURCE))
        _raises(ValueError, "peer -2", lambda: transport.irecv(good, -2))
        _raises(ValueError, "tag", lambda: transport.isend(good, 1, tag=-1))
        _raises(ValueError, "fingerprint", lambda: transport.irecv(good, 1, fingerprint=2**64))
        _raises(TypeError, "read-only", lambda: transport.irecv(memoryview(b"abcd"), 1))
        _raises(TypeError, "contiguous", lambda: transport.isend(good[::2], 1))
        _raises(TypeError, "format", lambda: transport.isend(good.cast("i"), 1))


def check_nothing_is_left(make_world: MakeWorld) -> None:
    """After `close` no thread and no file descriptor is left, whether or not the rank had aborted."""
    with _World(make_world, 3):
        pass  # whatever is kept for good is there from now on
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for aborting in (False, True):
        with _World(make_world, 3) as world:
            world[0].isend(memoryview(_message(MEGABYTE)), 1)
            world[1].irecv(memoryview(bytearray(MEGABYTE)), 0)
            if aborting:
                world[1].abort("enough")
        _until(lambda: threading.active_count() <= threads, "threads are left after close")
        _until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors, "file descriptors are left after close")


CHECKS: Final[tuple[Callable[[MakeWorld], None], ...]] = (
    check_sizes,
    check_both_send_first,
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


class _World:
    """The ranks of one check; closes them at its end, all at the same time."""

    def __init__(self, make_world: MakeWorld, size: int) -> None:
        self._transports = list(make_world(size))
        found = [(transport.rank, transport.size) for transport in self._transports]
        _expect(found == [(rank, size) for rank in range(size)], f"a world of {size} ranks has (rank, size) {found}")

    def __enter__(self) -> list[Transport]:
        return self._transports

    def __exit__(self, *_: object) -> None:
        _on_each(self._transports, lambda transport: transport.close())


def _together(*actions: Callable[[], ResultT]) -> list[ResultT]:
    """Run actions in a thread each; return their results, or raise the first error."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result(4 * PATIENCE) for future in [pool.submit(action) for action in actions]]


def _on_each(world: Sequence[Transport], action: Callable[[Transport], ResultT]) -> list[ResultT]:
    return _together(*(partial(action, transport) for transport in world))


def _message(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that differ by place and by seed."""
    pattern = bytes((seed * 37 + i * i) % 251 for i in range(509))
    return (pattern * (size // len(pattern) + 1))[:size]


def _receive(transport: Transport, peer: int, size: int, tag: int = 0) -> bytearray:
    buffer = bytearray(size)
    transport.irecv(memoryview(buffer), peer, tag).wait(PATIENCE)
    return buffer


def _blocked(transport: Transport, peer: int) -> Work:
    """Return a receive of a message that nobody sends."""
    return transport.irecv(memoryview(bytearray(1)), peer, tag=99)


def _send_until_refused(transport: Transport, peer: int) -> None:
    """Send for as long as the transport may not yet know that the peer has gone."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        transport.isend(memoryview(b"x"), peer).wait(PATIENCE)


def _until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        _expect(time.monotonic() < deadline, complaint)
        time.sleep(0.001)


ErrorT = TypeVar("ErrorT", bound=Exception)


def _raises(kind: type[ErrorT], text: str, action: Callable[[], object]) -> ErrorT:
    """Return the error that `action` raises, which must be of this kind and contain this text."""
    try:
        action()
    except kind as error:
        _expect(text in str(error), f"the error {error!r} does not say {text!r}")
        return error
    raise AssertionError(f"nothing was raised, need {kind.__name__} with {text!r}")


def _expect(condition: bool, complaint: str) -> None:
    if not condition:
        raise AssertionError(complaint)
