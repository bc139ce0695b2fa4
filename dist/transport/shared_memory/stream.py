"""A stream through shared memory, beside a socket that tells when the other end is gone."""

from __future__ import annotations

import socket

from dist.transport.progress import GONE, READ, WRITE, Handler, ProgressEngine
from dist.transport.shared_memory.inbox import Inbox, Slot
from dist.transport.shared_memory.pairing import Neighbour
from dist.transport.shared_memory.ring import RingReader, RingWriter
from dist.transport.stream import SocketStream


class RingStream:
    """Two rings; implements `Stream`.

    Only the end of the stream goes over the socket: the last words, or nothing where a process dies. What is in the
    ring when the socket says something was sent before that, and so is received before it.

    Args:
        sock: connected to the peer; owned by the stream.
        engine: serves the socket, and polls `inbox`.
        inbox: this rank's own.
        incoming: the part of it that the peer writes to.
        neighbour: the peer, with the part of its inbox that this rank writes to; owned by the stream.
    """

    def __init__(
        self,
        sock: socket.socket,
        engine: ProgressEngine,
        inbox: Inbox,
        incoming: Slot,
        neighbour: Neighbour,
    ) -> None:
        self._socket = sock
        self._rest = SocketStream(sock, engine)
        self._engine = engine
        self._inbox = inbox
        self._neighbour = neighbour
        self._incoming = incoming
        self._reader = RingReader(incoming.ring, neighbour.doorbell)
        self._writer = RingWriter(neighbour.outgoing.ring, neighbour.doorbell)
        self.lending = self._loans = neighbour.loans(incoming.ledger, engine.look_again)
        self._handler: Handler = lambda events: None
        self._events = 0
        self._ending = False
        self._closed = False
        self.send = self._writer.write

    def start(self, handler: Handler) -> None:
        """See `Stream.start`."""
        self._handler = handler
        self._events = READ
        self._rest.start(self._note_end)
        self._inbox.add(self)

    def watch(self, events: int) -> None:
        """See `Stream.watch`."""
        if (events ^ self._events) & WRITE:
            self._writer.want(bool(events & WRITE))
        if events & ~self._events:
            self._engine.look_again()
        self._events = events

    def stop(self) -> None:
        """See `Stream.stop`."""
        self._events = 0
        self._rest.stop()
        self._inbox.remove(self)

    def poll(self) -> bool:
        """See `inbox.Polled.poll`."""
        news, watched = 0, self._events
        if watched & READ and self._reader.has_bytes():
            news = READ
        if watched & WRITE and self._writer.has_room():
            news |= WRITE
        if news:
            self._handler(news)
        return self._loans.poll() or news != 0

    def receive_into(self, view: memoryview, /) -> int:
        """See `Stream.receive_into`."""
        if count := self._reader.read_into(view):
            return count
        if self._ending:
            return self._socket.recv_into(view)
        raise BlockingIOError("nothing is there yet")

    def end(self, last_words: bytes) -> None:
        """See `Stream.end`."""
        self._rest.end(last_words)

    def cut(self) -> None:
        """See `Stream.cut`."""
        self._rest.cut()

    def close(self) -> None:
        """See `Stream.close`. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._rest.close()
        self._reader.close()
        self._writer.close()
        self._loans.close()
        self._incoming.close()
        self._neighbour.close()

    def abandon(self) -> None:
        """See `Stream.abandon`."""
        self.close()

    def _note_end(self, events: int) -> None:
        self._ending = True
        self._handler(GONE)
