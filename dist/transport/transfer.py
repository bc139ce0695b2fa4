"""Transfers, and which message goes to which receive: the part that every transport shares."""

from __future__ import annotations

import copy
import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from dist.errors import CollectiveMismatch, DistError, LengthMismatch, TransportTimeout
from dist.timeouts import DEFAULT_TIMEOUT
from dist.transport.base import ANY_SOURCE

_MAX_UINT64: Final = 2**64 - 1


class Waiter(Protocol):
    """The part of a transport that a transfer waits with."""

    def wait_for(self, transfer: Transfer, deadline: float) -> None:
        """Return once `transfer.done`, or at `deadline` (seconds of `time.monotonic`)."""
        ...

    def make_progress(self) -> None:
        """Move what can be moved without blocking."""
        ...


class Transfer:
    """One send or receive that was started; implements `Work`.

    The transport's lock guards all attributes. A transfer that timed out goes on and can be waited for again.
    """

    __slots__ = ("_waiter", "buffer", "done", "error", "fingerprint", "peer", "sending", "tag")

    def __init__(
        self, waiter: Waiter, sending: bool, buffer: memoryview, peer: int, tag: int, fingerprint: int
    ) -> None:
        self._waiter = waiter
        self.sending = sending
        self.buffer = buffer
        self.peer = peer
        self.tag = tag
        self.fingerprint = fingerprint
        self.done = False
        self.error: DistError | None = None

    def wait(self, timeout: float | None = None) -> int:
        """See `Work.wait`."""
        if not self.done:
            allowed = DEFAULT_TIMEOUT if timeout is None else timeout
            self._waiter.wait_for(self, time.monotonic() + allowed)
            if not self.done:
                peer = None if self.peer == ANY_SOURCE else self.peer
                raise TransportTimeout(f"{self}: not done after {allowed:.1f} s", peer)
        if self.error is not None:
            # A copy, because several threads may raise one failure, each with its own traceback.
            raise copy.copy(self.error)
        return self.peer

    def is_completed(self) -> bool:
        """See `Work.is_completed`."""
        if not self.done:
            self._waiter.make_progress()
        return self.done

    def finish(self, error: DistError | None = None) -> None:
        """Mark the end, good or bad; the transport wakes whoever waits."""
        self.error = error
        self.done = True

    def __str__(self) -> str:
        peer = "any rank" if self.peer == ANY_SOURCE else f"rank {self.peer}"
        verb = "send to" if self.sending else "receive from"
        return f"{verb} {peer} (tag {self.tag}, {len(self.buffer)} bytes)"


@dataclass(eq=False, slots=True)
class Message:
    """A message as its receiver sees it; `length` counts the bytes of its payload."""

    source: int
    tag: int
    fingerprint: int
    length: int


MessageT = TypeVar("MessageT", bound=Message)


class Mailbox(Generic[MessageT]):
    """Pairs the messages for one rank with its receives: by sender and tag, in order of arrival and of posting."""

    def __init__(self) -> None:
        self._arrived: dict[int, deque[MessageT]] = {}
        self._posted: dict[int, deque[Transfer]] = {}

    def arrive(self, message: MessageT) -> Transfer | None:
        """Take the oldest receive that asks for this message; without one, keep the message."""
        posted = self._posted.get(message.tag, ())
        for receive in posted:
            if receive.peer in (message.source, ANY_SOURCE):
                _remove(self._posted, message.tag, receive)
                return receive
        self._arrived.setdefault(message.tag, deque()).append(message)
        return None

    def post(self, receive: Transfer) -> MessageT | None:
        """Take the oldest message that this receive asks for; without one, keep the receive."""
        for message in self._arrived.get(receive.tag, ()):
            if receive.peer in (message.source, ANY_SOURCE):
                _remove(self._arrived, receive.tag, message)
                return message
        self._posted.setdefault(receive.tag, deque()).append(receive)
        return None

    def asks(self, source: int) -> bool:
        """Tell whether some receive waits for a message that `source` may send."""
        return any(receive.peer in (source, ANY_SOURCE) for posted in self._posted.values() for receive in posted)

    def receives(self) -> list[Transfer]:
        """Return the receives that no message has come for."""
        return [receive for posted in self._posted.values() for receive in posted]

    def messages(self) -> list[MessageT]:
        """Return the messages that no receive has asked for."""
        return [message for arrived in self._arrived.values() for message in arrived]

    def drop(self, receive: Transfer) -> None:
        """Forget a receive that was posted."""
        _remove(self._posted, receive.tag, receive)

    def take(self, message: MessageT) -> None:
        """Forget a message that was kept."""
        _remove(self._arrived, message.tag, message)

    def clear(self) -> None:
        """Forget everything."""
        self._arrived.clear()
        self._posted.clear()


ItemT = TypeVar("ItemT")


def _remove(queues: dict[int, deque[ItemT]], tag: int, item: ItemT) -> None:
    queues[tag].remove(item)
    if not queues[tag]:
        del queues[tag]


def mismatch(receive: Transfer, message: Message) -> DistError | None:
    """Return the error to raise when `message` is not what `receive` asks for, or None."""
    if message.fingerprint != receive.fingerprint:
        return CollectiveMismatch(
            f"receive from rank {message.source} (tag {message.tag}): the message belongs to call "
            f"{message.fingerprint:#x}, this rank is in call {receive.fingerprint:#x}"
        )
    if message.length != len(receive.buffer):
        return LengthMismatch(
            f"receive from rank {message.source} (tag {message.tag}): the message has {message.length} bytes, "
            f"the buffer {len(receive.buffer)}",
            message.source,
        )
    return None


def check_transfer(sending: bool, buffer: memoryview, peer: int, tag: int, fingerprint: int, size: int) -> None:
    """Check the arguments of `isend` and `irecv`.

    Raises:
        TypeError: the buffer is not a contiguous memoryview of bytes, or cannot be written to by a receive.
        ValueError: the peer, tag or fingerprint is out of range.
    """
    operation = "isend" if sending else "irecv"
    if not isinstance(buffer, memoryview) or buffer.format != "B" or buffer.ndim != 1 or not buffer.c_contiguous:
        raise TypeError(f"{operation}: need a contiguous memoryview of format 'B', got {buffer!r}")
    if not sending and buffer.readonly:
        raise TypeError("irecv: the buffer is read-only, need a writable one")
    if not (0 <= peer < size or (peer == ANY_SOURCE and not sending)):
        raise ValueError(f"{operation}: peer {peer} is not a rank of 0..{size - 1}")
    if not (0 <= tag <= _MAX_UINT64 and 0 <= fingerprint <= _MAX_UINT64):
        raise ValueError(f"{operation}: tag {tag} and fingerprint {fingerprint} need to be in 0..2**64-1")
