"""What the checks of a transport are made of: worlds, ranks in threads, messages, and what is expected of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from dist.transport.base import Transport, Work

MakeWorld = Callable[[int], Sequence[Transport]]

# No transfer of these checks takes this long, in seconds.
PATIENCE: Final = 20.0

ResultT = TypeVar("ResultT")


class World:
    """The ranks of one check; closes them at its end, all at the same time."""

    def __init__(self, make_world: MakeWorld, size: int) -> None:
        self._transports = list(make_world(size))
        found = [(transport.rank, transport.size) for transport in self._transports]
        expect(found == [(rank, size) for rank in range(size)], f"a world of {size} ranks has (rank, size) {found}")

    def __enter__(self) -> list[Transport]:
        return self._transports

    def __exit__(self, *_: object) -> None:
        on_each(self._transports, lambda transport: transport.close())


def together(*actions: Callable[[], ResultT]) -> list[ResultT]:
    """Run actions in a thread each; return their results, or raise the first error."""
    with ThreadPoolExecutor(len(actions)) as pool:
        return [future.result(4 * PATIENCE) for future in [pool.submit(action) for action in actions]]


def on_each(world: Sequence[Transport], action: Callable[[Transport], ResultT]) -> list[ResultT]:
    """Run an action for every rank in a thread each; return their results, or raise the first error."""
    return together(*(partial(action, transport) for transport in world))


def pattern(size: int, seed: int = 0) -> bytes:
    """Return `size` bytes that differ by place and by seed."""
    repeated = bytes((seed * 37 + i * i) % 251 for i in range(509))
    return (repeated * (size // len(repeated) + 1))[:size]


def received(transport: Transport, peer: int, size: int, tag: int = 0) -> bytearray:
    """Receive a message and return it."""
    buffer = bytearray(size)
    transport.irecv(memoryview(buffer), peer, tag).wait(PATIENCE)
    return buffer


def blocked(transport: Transport, peer: int) -> Work:
    """Return a receive of a message that nobody sends."""
    return transport.irecv(memoryview(bytearray(1)), peer, tag=99)


def send_until_refused(transport: Transport, peer: int) -> None:
    """Send for as long as the transport may not yet know that the peer has gone."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        transport.isend(memoryview(b"x"), peer).wait(PATIENCE)


def until(condition: Callable[[], bool], complaint: str) -> None:
    """Return once the condition holds; complain if that takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        expect(time.monotonic() < deadline, complaint)
        time.sleep(0.001)


ErrorT = TypeVar("ErrorT", bound=Exception)


def raises(kind: type[ErrorT], text: str, action: Callable[[], object]) -> ErrorT:
    """Return the error that `action` raises, which must be of this kind and contain this text."""
    try:
        action()
    except kind as error:
        expect(text in str(error), f"the error {error!r} does not say {text!r}")
        return error
    raise AssertionError(f"nothing was raised, need {kind.__name__} with {text!r}")


def expect(condition: bool, complaint: str) -> None:
    """Raise an AssertionError that says what is wrong, unless the condition holds."""
    if not condition:
        raise AssertionError(complaint)
