"""Messages on their way over a stream: what of them has come, and what has not gone out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from dist.errors import DistError
from dist.transport.framing import DATA
from dist.transport.progress import ProgressEngine
from dist.transport.transfer import Message, Transfer, mismatch

# One step moves no more than this, so that both directions and all peers get their turn.
CHUNK_BYTES: Final = 1024 * 1024


class Receiver(Protocol):
    """The connection that a message comes over."""

    def borrow(self, ticket: bytes, receive: Transfer, error: DistError | None) -> None:
        """Copy a message that was lent into the receive's buffer, unless there is an error, and end the receive."""
        ...

    def resume(self, message: Incoming) -> None:
        """Read on after `message` was matched with a receive."""
        ...


@dataclass(eq=False, slots=True)
class Incoming(Message):
    """A message that is being received, or was and waits to be asked for.

    Attributes:
        staged: the payload goes, or went, to memory of our own.
        target: where the payload goes: the receive's buffer, or memory of our own; None to throw it away.
        filled: how many bytes of it have come.
        receive: the receive that this message was matched with.
        ticket: for a loan, what its payload is got with; nothing of that comes over the stream.
        lent: while the ticket is being received, how many bytes it is for.
    """

    kind: int = DATA
    connection: Receiver | None = None
    staged: bool = False
    target: memoryview | None = None
    filled: int = 0
    receive: Transfer | None = None
    ticket: bytes = b""
    lent: int = 0

    def is_complete(self) -> bool:
        """Tell whether the whole payload has come."""
        return self.filled == self.length

    def match(self, receive: Transfer, engine: ProgressEngine) -> None:
        """Let the payload go to this receive from now on, and end the receive if all of it is there."""
        receive.peer = self.source
        error = mismatch(receive, self)
        if self.ticket and self.connection is not None:
            self.connection.borrow(self.ticket, receive, error)
            return
        if error:
            self.target = None
            engine.finish(receive, error)
            return
        if self.filled and self.target is not None:
            receive.buffer[: self.filled] = self.target[: self.filled]
        self.target, self.receive = receive.buffer, receive
        if self.is_complete():
            engine.finish(receive)


@dataclass(eq=False, slots=True)
class Outgoing:
    """A message that is being sent, and what of it has not gone out."""

    remaining: list[memoryview]
    transfer: Transfer | None
    started: bool = False

    def advance(self, count: int) -> bool:
        """Take note that `count` more bytes went out; tell whether that was all."""
        self.started |= count > 0
        while self.remaining and count >= len(self.remaining[0]):
            count -= len(self.remaining.pop(0))
        if self.remaining:
            self.remaining[0] = self.remaining[0][count:]
        return not self.remaining

    def next_chunk(self) -> list[memoryview]:
        """Return what to send next."""
        return [view[:CHUNK_BYTES] for view in self.remaining]
