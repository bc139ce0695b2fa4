"""One connection to one peer: messages go out in order, and come in straight to the buffers that wait for them."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dist.errors import PeerLost, TransportError
from dist.transport.framing import DATA, GOODBYE, HEADER_BYTES, unpack_header
from dist.transport.progress import GONE, READ, WRITE, ProgressEngine
from dist.transport.transfer import Mailbox, Message, Transfer, mismatch

# A system call moves no more than this, so that both directions and all peers get their turn.
CHUNK_BYTES: Final = 1024 * 1024
# Messages that nobody has asked for yet: small ones are read up to a total per peer; others stay with the kernel, and
# TCP makes the sender wait. Where a receive waits for what may come behind them, all are read, up to the last limit.
STAGED_MESSAGE_BYTES: Final = 64 * 1024
STAGED_TOTAL_BYTES: Final = 1024 * 1024
UNASKED_BYTES: Final = 1024 * 1024 * 1024
# A transfer from this size on may not fit into the kernel's buffers, and so needs help to go on in the background.
LARGE_BYTES: Final = 256 * 1024
REASON_BYTES: Final = 16 * 1024

Ended = Callable[["Connection", TransportError | None], None]


@dataclass(eq=False, slots=True)
class Incoming(Message):
    """A message that is being received, or was and waits to be asked for.

    Attributes:
        staged: the payload goes, or went, to memory of our own.
        target: where the payload goes: the receive's buffer, or memory of our own; None to throw it away.
        filled: how many bytes of it have come.
        receive: the receive that this message was matched with.
    """

    kind: int = DATA
    connection: Connection | None = None
    staged: bool = False
    target: memoryview | None = None
    filled: int = 0
    receive: Transfer | None = None

    def is_complete(self) -> bool:
        """Tell whether the whole payload has come."""
        return self.filled == self.length

    def match(self, receive: Transfer, engine: ProgressEngine) -> None:
        """Let the payload go to this receive from now on, and end the receive if all of it is there."""
        receive.peer = self.source
        if error := mismatch(receive, self):
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
    """A message that is being sent, and what of it has not been given to the kernel."""

    remaining: list[memoryview]
    transfer: Transfer
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
        """Return what to give to the kernel next."""
        return [view[:CHUNK_BYTES] for view in self.remaining]


class Connection:
    """Sends and receives on one authenticated, non-blocking socket.

    All methods are called with the engine's lock held. `ended(connection, error)` is called once, when the peer has
    said goodbye (error None), has aborted, is lost, or sends too much that nobody asks for.
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: int,
        engine: ProgressEngine,
        mailbox: Mailbox[Incoming],
        ended: Ended,
    ) -> None:
        self.peer = peer
        self.open = True
        self._socket = sock
        self._fd = sock.fileno()
        self._engine = engine
        self._mailbox = mailbox
        self._ended = ended
        self._outgoing: deque[Outgoing] = deque()
        self._header = memoryview(bytearray(HEADER_BYTES))
        self._header_filled = 0
        self._incoming: Incoming | None = None
        self._paused = False  # the head message has nowhere to go
        self._staged_bytes = 0
        self._peer_gone = False
        engine.add(self._fd, self._handle)

    # Sending

    def send(self, header: bytes, transfer: Transfer) -> None:
        """Send a message after those already on their way; what the kernel takes at once goes at once."""
        message = Outgoing([memoryview(header), transfer.buffer], transfer)
        if not self._outgoing and self._write(message):
            transfer.finish()
            return
        self._outgoing.append(message)
        self._engine.start(large=True)
        self._watch()

    def flushed(self) -> bool:
        """Tell whether the kernel has everything that was sent."""
        return not self._outgoing

    def cut(self) -> None:
        """Break the connection without a word; both ends then find that it is lost."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def farewell(self, last_words: bytes) -> None:
        """Send a last message, unless another one is half on its way, and then the end of the stream."""
        with contextlib.suppress(OSError):
            if self.open and not (self._outgoing and self._outgoing[0].started):
                self._socket.send(last_words)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def _write(self, message: Outgoing) -> bool:
        """Give the kernel what it takes; tell whether that was the rest of the message."""
        try:
            return message.advance(self._socket.sendmsg(message.next_chunk()))
        except BlockingIOError:
            return False
        except OSError:
            # What the peer sent before it went is still to be read, and tells why it went.
            self._read_to_the_end()
            return False

    def _flush(self) -> None:
        if self._write(self._outgoing[0]):
            self._engine.finish(self._outgoing.popleft().transfer)
            if not self._outgoing:
                self._watch()

    # Receiving

    def resume(self, message: Incoming) -> None:
        """Read on after `message` was matched with a receive."""
        if message.staged:
            self._staged_bytes -= message.length
        if message is self._incoming:
            self._set_paused(False)

    def stop_holding_back(self) -> None:
        """Make room for a message that nobody asks for, because a receive waits for one behind it."""
        if self._paused and self._incoming is not None:
            self._stage(self._incoming)

    def _read(self) -> None:
        """Read one header, or a chunk of payload, or both."""
        message = self._incoming or self._read_header()
        if message is None or self._paused:
            return
        if not message.is_complete():
            message.filled += self._receive_into(self._destination(message))
            if message.is_complete() and message.receive is not None:
                self._engine.finish(message.receive)
        if message.is_complete():
            self._incoming = None
            if message.kind != DATA:
                self._take_leave(message)

    def _read_header(self) -> Incoming | None:
        """Read towards the next header; once it is there, decide where its payload goes."""
        self._header_filled += self._receive_into(self._header[self._header_filled :])
        if self._header_filled < HEADER_BYTES:
            return None
        self._header_filled = 0
        kind, source, tag, fingerprint, length = unpack_header(self._header)
        if source != self.peer:
            raise TransportError(f"a message of rank {source} came over the connection of rank {self.peer}", self.peer)
        message = Incoming(source, tag, fingerprint, length, kind=kind, connection=self)
        self._incoming = message
        if kind != DATA:
            message.target = memoryview(bytearray(min(length, REASON_BYTES)))
            message.length = len(message.target)
        elif receive := self._mailbox.arrive(message):
            message.match(receive, self._engine)
        elif self._peer_gone or self._mailbox.asks(self.peer) or self._fits(message):
            self._stage(message)
        else:
            self._set_paused(True)
        return self._incoming

    def _fits(self, message: Incoming) -> bool:
        return message.length <= STAGED_MESSAGE_BYTES and self._staged_bytes + message.length <= STAGED_TOTAL_BYTES

    def _stage(self, message: Incoming) -> None:
        """Receive a message into memory of our own until somebody asks for it."""
        unasked = self._staged_bytes + message.length
        if unasked > UNASKED_BYTES:
            complaint = f"rank {self.peer} has sent {unasked} bytes that nobody asks for: need at most {UNASKED_BYTES}"
            self._end(TransportError(complaint, self.peer))
            return
        message.target = memoryview(bytearray(message.length))
        message.staged = True
        self._staged_bytes = unasked
        self._set_paused(False)

    def _destination(self, message: Incoming) -> memoryview:
        end = min(message.filled + CHUNK_BYTES, message.length)
        if message.target is None:
            return memoryview(bytearray(end - message.filled))
        return message.target[message.filled : end]

    def _receive_into(self, view: memoryview) -> int:
        try:
            count = self._socket.recv_into(view)
        except BlockingIOError:
            return 0
        if count == 0:
            raise ConnectionResetError("end of stream")
        return count

    # The end

    def _handle(self, events: int) -> None:
        try:
            if events & GONE:
                self._read_to_the_end()
            if events & WRITE and self._outgoing:
                self._flush()
            if events & (READ | GONE) and self.open:
                self._read()
        except OSError:
            self._end(PeerLost(f"rank {self.peer}: connection lost", self.peer))
        except TransportError as error:
            self._end(PeerLost(f"rank {self.peer}: connection given up: {error}", self.peer))

    def _read_to_the_end(self) -> None:
        """The peer sends no more than the kernel holds already: no use in holding anything back."""
        self._peer_gone = True
        self.stop_holding_back()
        self._watch()

    def _take_leave(self, message: Incoming) -> None:
        """The peer has closed, or has failed: then it says why, and its tag is the rank to blame."""
        if message.kind == GOODBYE or message.target is None:
            self._end(None)
        else:
            self._end(PeerLost(bytes(message.target).decode(errors="replace"), message.tag))

    def _end(self, error: TransportError | None) -> None:
        self.fail(error or closed(self.peer))
        self._ended(self, error)

    def fail(self, error: TransportError) -> None:
        """Stop, and let all transfers on the way over this connection raise `error`."""
        self.open = False
        self._engine.remove(self._fd)
        for message in self._outgoing:
            self._engine.finish(message.transfer, error)
        self._outgoing.clear()
        if self._incoming is not None and self._incoming.receive is not None:
            self._engine.finish(self._incoming.receive, error)
        self._incoming = None

    def close(self, error: PeerLost) -> None:
        """Close the socket; transfers on the way raise `error`, and what the kernel has taken still goes out."""
        self.fail(error)
        self._socket.close()

    def abandon(self) -> None:
        """See `Inherited.abandon`: the parent's connection goes on."""
        self.open = False
        self._socket.close()

    def _set_paused(self, paused: bool) -> None:
        if self._paused != paused:
            self._paused = paused
            self._watch()

    def _watch(self) -> None:
        if self.open:
            reads = 0 if self._paused else READ
            writes = WRITE if self._outgoing and not self._peer_gone else 0
            self._engine.watch(self._fd, reads | writes)


def closed(rank: int) -> PeerLost:
    """Return the error for a transfer with a rank that has closed its transport."""
    return PeerLost(f"rank {rank} has closed its transport", rank)
