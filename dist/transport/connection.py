"""One connection to one peer: messages go out in order, and come in straight to the buffers that wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from dist.errors import DistError, PeerLost, TransportError
from dist.transport.framing import DATA, GOODBYE, HEADER_BYTES, LOAN, TICKET_BYTES, pack_header, unpack_header
from dist.transport.messages import CHUNK_BYTES, Incoming, Outgoing
from dist.transport.progress import GONE, READ, WRITE, ProgressEngine
from dist.transport.stream import Lending, Stream
from dist.transport.transfer import Mailbox, Transfer

# Messages that nobody has asked for yet: small ones are read up to a total per peer; others stay where they are, and
# the sender has to wait. Where a receive waits for what may come behind them, all are read, up to the last limit. While
# all are taken (see `take_all`), reading stops at the last limit, instead of the transport.
STAGED_MESSAGE_BYTES: Final = 64 * 1024
STAGED_TOTAL_BYTES: Final = 1024 * 1024
UNASKED_BYTES: Final = 1024 * 1024 * 1024
# A transfer from this size on may not fit into the buffers on its way, and so needs help to go on in the background.
LARGE_BYTES: Final = 256 * 1024
# A message from this size on is lent where that is possible: to ask for it takes longer than to send a smaller one.
LOAN_BYTES: Final = 512 * 1024
REASON_BYTES: Final = 16 * 1024

Ended = Callable[["Connection", TransportError | None], None]


class Connection:
    """Sends and receives messages on one stream, which belongs to it.

    All methods are called with the engine's lock held. `ended(connection, error)` is called once, when the peer has
    said goodbye (error None), has aborted, is lost, or sends too much that nobody asks for.
    """

    def __init__(
        self,
        stream: Stream,
        rank: int,
        peer: int,
        engine: ProgressEngine,
        mailbox: Mailbox[Incoming],
        ended: Ended,
    ) -> None:
        self.peer = peer
        self.open = True
        self._stream = stream
        self._rank = rank
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
        self._lending = stream.lending
        self._lent: set[Transfer] = set()
        self._borrowing: set[Transfer] = set()
        self._takes_all = False
        self._fetching: set[Incoming] = set()  # loans on their way to memory of our own
        self._fetched_bytes = 0
        stream.start(self._handle)

    # Sending

    def send(self, transfer: Transfer) -> None:
        """Send a message after those already on their way; what goes at once goes at once."""
        length = len(transfer.buffer)
        if length >= LOAN_BYTES and self._lending is not None and self._lend(transfer, self._lending):
            return
        header = pack_header(DATA, self._rank, transfer.tag, transfer.fingerprint, length)
        if self._put([memoryview(header), transfer.buffer], HEADER_BYTES + length, transfer):
            transfer.finish()
        else:
            self._engine.start(large=True)

    def flushed(self) -> bool:
        """Tell whether everything that was sent has gone out."""
        return not self._outgoing and not self._lent

    def cut(self) -> None:
        """Break the connection without a word; both ends then find that it is lost."""
        self._stream.cut()

    def farewell(self, last_words: bytes) -> None:
        """Send a last message, unless another one is half on its way, and then the end of the stream."""
        midway = self._outgoing and self._outgoing[0].started
        self._stream.end(last_words if self.open and not midway else b"")

    def _lend(self, transfer: Transfer, lending: Lending) -> bool:
        """Let the peer copy the message from here; tell whether it can."""

        def returned() -> None:
            self._lent.discard(transfer)
            self._engine.finish(transfer)

        ticket = lending.lend(transfer.buffer, returned)
        if ticket is None:
            return False
        self._lent.add(transfer)
        header = pack_header(LOAN, self._rank, transfer.tag, transfer.fingerprint, len(transfer.buffer))
        gone_out = self._put([memoryview(header + ticket)], HEADER_BYTES + TICKET_BYTES)
        self._engine.start(large=not gone_out)
        return True

    def _put(self, views: list[memoryview], length: int, transfer: Transfer | None = None) -> bool:
        """Send bytes after those already on their way; tell whether all have gone out, or else keep them."""
        sent = 0 if self._outgoing else self._send(views)
        if sent == length:
            return True
        message = Outgoing(views, transfer)
        message.advance(sent)
        self._outgoing.append(message)
        self._watch()
        return False

    def _send(self, views: list[memoryview]) -> int:
        """Send what goes at once, and return the number of bytes."""
        try:
            return self._stream.send(views)
        except BlockingIOError:
            return 0
        except OSError:
            # What the peer sent before it went is still to be read, and tells why it went.
            self._read_to_the_end()
            return 0

    def _flush(self) -> None:
        message = self._outgoing[0]
        if message.advance(self._send(message.next_chunk())):
            self._outgoing.popleft()
            if message.transfer is not None:
                self._engine.finish(message.transfer)
            if not self._outgoing:
                self._watch()

    # Receiving

    def resume(self, message: Incoming) -> None:
        """Read on after `message` was matched with a receive."""
        if message.staged and message.kind == LOAN:
            self._fetched_bytes -= message.length
        elif message.staged:
            self._staged_bytes -= message.length
        if message is self._incoming:
            self._set_paused(False)
        self._take_more()

    def stop_holding_back(self) -> None:
        """Make room for a message that nobody asks for, if something has changed so that it is to be read now."""
        if self._paused and self._incoming is not None and self._is_welcome(self._incoming):
            self._stage(self._incoming)

    def take_all(self, takes_all: bool) -> None:
        """Take in messages that nobody asks for, also lent ones, so that their senders go on; or stop doing so."""
        self._takes_all = takes_all
        self.stop_holding_back()
        self._take_more()

    def borrow(self, ticket: bytes, receive: Transfer, error: DistError | None) -> None:
        """Copy a message that was lent into the receive's buffer, unless there is an error, and end the receive."""
        assert self._lending is not None

        def done(failure: OSError | None) -> None:
            if failure is not None:
                self._end(PeerLost(f"rank {self.peer}: connection lost", self.peer))
            else:
                self._borrowing.discard(receive)
                self._engine.finish(receive)

        if error is None:
            self._borrowing.add(receive)
            self._lending.fetch(ticket, receive.buffer, done)
        else:
            self._lending.give_back(ticket)
            self._engine.finish(receive, error)

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
            if message.kind == LOAN:
                self._take_loan(message)
            elif message.kind != DATA:
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
            message.target = memoryview(bytearray(TICKET_BYTES if kind == LOAN else min(length, REASON_BYTES)))
            message.length, message.lent = len(message.target), length
        elif receive := self._mailbox.arrive(message):
            message.match(receive, self._engine)
        elif self._is_welcome(message):
            self._stage(message)
        else:
            self._set_paused(True)
        return self._incoming

    def _is_welcome(self, message: Incoming) -> bool:
        """Tell whether a message that nobody asks for is to be read now."""
        if self._takes_all and not self._peer_gone:
            return self._has_room()
        return self._peer_gone or self._mailbox.asks(self.peer) or self._fits(message)

    def _has_room(self) -> bool:
        """While all are taken: tell whether one more is, of whatever size."""
        return self._staged_bytes + self._fetched_bytes < UNASKED_BYTES

    def _fits(self, message: Incoming) -> bool:
        return message.length <= STAGED_MESSAGE_BYTES and self._staged_bytes + message.length <= STAGED_TOTAL_BYTES

    def _stage(self, message: Incoming) -> None:
        """Receive a message into memory of our own until somebody asks for it."""
        unasked = self._staged_bytes + message.length
        if unasked > UNASKED_BYTES and not (self._takes_all and self._has_room()):
            complaint = f"rank {self.peer} has sent {unasked} bytes that nobody asks for: need at most {UNASKED_BYTES}"
            self._end(TransportError(complaint, self.peer))
            return
        message.target = memoryview(bytearray(message.length))
        message.staged = True
        self._staged_bytes = unasked
        self._set_paused(False)

    def _take_loan(self, message: Incoming) -> None:
        """The ticket for a message is here: that is as good as the message."""
        if self._lending is None or message.target is None:
            raise TransportError(f"rank {self.peer} lends a message over a stream that does not", self.peer)
        ticket = bytes(message.target)
        loan = Incoming(message.source, message.tag, message.fingerprint, message.lent, LOAN, self, ticket=ticket)
        if receive := self._mailbox.arrive(loan):
            loan.match(receive, self._engine)
        else:
            self._take_more()

    def _take_more(self) -> None:
        """While all are taken, take as much of what was held back as there is room for."""
        if not self._takes_all:
            return
        self.stop_holding_back()
        for message in self._mailbox.messages():
            if message.connection is self and message.ticket and self._has_room():
                self._fetch(message)

    def _fetch(self, message: Incoming) -> None:
        """Copy a message that was lent into memory of our own until somebody asks for it."""
        assert self._lending is not None
        memory = memoryview(bytearray(message.length))

        def done(failure: OSError | None) -> None:
            if failure is not None:
                self._end(PeerLost(f"rank {self.peer}: connection lost", self.peer))
                return
            self._fetching.discard(message)
            message.filled = message.length
            if message.receive is not None:
                message.receive.buffer[:] = memory
                self._engine.finish(message.receive)

        ticket, message.ticket = message.ticket, b""
        message.target, message.staged = memory, True
        self._fetched_bytes += message.length
        self._fetching.add(message)
        self._lending.fetch(ticket, memory, done)

    def _destination(self, message: Incoming) -> memoryview:
        end = min(message.filled + CHUNK_BYTES, message.length)
        if message.target is None:
            return memoryview(bytearray(end - message.filled))
        return message.target[message.filled : end]

    def _receive_into(self, view: memoryview) -> int:
        try:
            count = self._stream.receive_into(view)
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
        """The peer sends no more than is on its way already: no use in holding anything back."""
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
        self._stream.stop()
        for message in self._outgoing:
            if message.transfer is not None:
                self._engine.finish(message.transfer, error)
        self._outgoing.clear()
        self._end_loans(error)
        if self._incoming is not None and self._incoming.receive is not None:
            self._engine.finish(self._incoming.receive, error)
        self._incoming = None

    def _end_loans(self, error: TransportError) -> None:
        """Let go of what is lent and borrowed; nothing of it is copied after that."""
        if self._lending is None:
            return
        self._lending.revoke()
        for transfer in self._lent | self._borrowing:
            self._engine.finish(transfer, error)
        for message in self._mailbox.messages():
            if message in self._fetching or (message.connection is self and message.ticket):
                self._mailbox.take(message)
        for message in self._fetching:
            if message.receive is not None:
                self._engine.finish(message.receive, error)
        for ended in (self._lent, self._borrowing, self._fetching):
            ended.clear()

    def close(self, error: PeerLost) -> None:
        """Close the stream; transfers on the way raise `error`, and what has gone out still arrives."""
        self.fail(error)
        self._stream.close()

    def abandon(self) -> None:
        """See `Inherited.abandon`: the parent's connection goes on."""
        self.open = False
        self._stream.abandon()

    def _set_paused(self, paused: bool) -> None:
        if self._paused != paused:
            self._paused = paused
            self._watch()

    def _watch(self) -> None:
        if self.open:
            reads = 0 if self._paused else READ
            writes = WRITE if self._outgoing and not self._peer_gone else 0
            self._stream.watch(reads | writes)


def closed(rank: int) -> PeerLost:
    """Return the error for a transfer with a rank that has closed its transport."""
    return PeerLost(f"rank {rank} has closed its transport", rank)
