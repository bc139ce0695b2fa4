"""A transport made of streams, one to each other rank: what TCP and shared memory have in common.

A message that nobody has asked for waits in a small buffer or with its sender. Where a receive waits for a later one
it is kept, up to 1 GB per peer, beyond which the transport fails. It is kept, too, while a thread of this end waits for
a send: ranks that all wait for their sends take in each other's messages, and so none of them waits for ever; beyond
1 GB per peer further messages then wait with their sender. Linux only: it uses epoll and eventfd.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from dist.errors import PeerLost, TransportError
from dist.forks import abandon_in_children
from dist.transport.base import ANY_SOURCE
from dist.transport.connection import LARGE_BYTES, REASON_BYTES, Connection, closed
from dist.transport.framing import ABORT, GOODBYE, pack_header
from dist.transport.messages import Incoming
from dist.transport.progress import ProgressEngine
from dist.transport.stream import Stream
from dist.transport.transfer import Mailbox, Transfer, check_transfer

# How long `close` waits for what was sent to go out.
FLUSH_SECONDS: Final = 5.0

# How long a send may take until this end takes in what nobody asks for: then the others may all be sending, too. Sends
# that get on, as in most collectives, end before, and what comes meanwhile needs no memory and no second copy.
SEND_PATIENCE_SECONDS: Final = 1e-3
SEND_PATIENCE_PER_BYTE: Final = 1e-9

log = logging.getLogger(__name__)


class MeshTransport:
    """The end of one rank in a full mesh of streams; implements `Transport`.

    Several threads may use it. When a peer aborts, or its connection breaks, all transfers of this end fail at once and
    name it; when a peer closes, only those that need it.

    Args:
        rank: this rank.
        engine: serves the streams; owned by the transport from now on.
        streams: one to each other rank; owned by the transport from now on.
        hosts: where each rank is, the same on all ranks; by default all are in one place.

    Attributes:
        hosts: where each rank is, for those who choose algorithms.
    """

    def __init__(
        self, rank: int, engine: ProgressEngine, streams: Mapping[int, Stream], hosts: Sequence[str] = ()
    ) -> None:
        self.rank = rank
        self.size = len(streams) + 1
        self.hosts = tuple(hosts) or ("",) * self.size
        self._engine = engine
        self._mailbox: Mailbox[Incoming] = Mailbox()
        self._failure: TransportError | None = None
        self._closed = False
        self._waiting_sends = 0  # threads that have waited for a send for long
        with self._engine.lock:
            self._connections = {
                peer: Connection(stream, rank, peer, engine, self._mailbox, self._connection_ended)
                for peer, stream in streams.items()
            }
        abandon_in_children(self)

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.isend`."""
        check_transfer(True, buffer, peer, tag, fingerprint, self.size)
        send = Transfer(self, True, buffer, peer, tag, fingerprint)
        with self._engine.lock:
            if error := self._why_not(peer):
                send.finish(error)
            elif peer == self.rank:
                self._send_to_self(send)
            else:
                self._connections[peer].send(send)
        return send

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.irecv`."""
        check_transfer(False, buffer, peer, tag, fingerprint, self.size)
        receive = Transfer(self._engine, False, buffer, peer, tag, fingerprint)
        with self._engine.lock:
            if self._failure or self._closed:
                receive.finish(self._failure or closed(self.rank))
            elif message := self._mailbox.post(receive):
                self._engine.start(len(buffer) >= LARGE_BYTES)
                message.match(receive, self._engine)
                if message.connection is not None:
                    message.connection.resume(message)
            elif error := self._why_not(peer):
                self._mailbox.drop(receive)
                receive.finish(error)
            else:
                self._engine.start(len(buffer) >= LARGE_BYTES)
                for connection in self._sources(peer):
                    connection.stop_holding_back()
        return receive

    def wait_for(self, transfer: Transfer, deadline: float) -> None:
        """See `Waiter.wait_for`; for sends, which take in the others' messages when they take long."""
        patience = SEND_PATIENCE_SECONDS + SEND_PATIENCE_PER_BYTE * len(transfer.buffer)
        with self._engine.lock:
            self._engine.wait_until(lambda: transfer.done, min(deadline, time.monotonic() + patience))
            if transfer.done:
                return
            self._count_waiting_sends(1)
            try:
                self._engine.wait_until(lambda: transfer.done, deadline)
            finally:
                self._count_waiting_sends(-1)

    def make_progress(self) -> None:
        """See `Waiter.make_progress`."""
        self._engine.make_progress()

    def abort(self, reason: str) -> None:
        """See `Transport.abort`."""
        with self._engine.lock:
            self._fail(PeerLost(f"rank {self.rank} aborted: {reason}", self.rank))

    def drop(self, peer: int) -> None:
        """Break the connection to a rank, as if the network had failed: for tests."""
        with self._engine.lock:
            self._connections[peer].cut()

    def close(self) -> None:
        """See `Transport.close`."""
        with self._engine.lock:
            if self._closed:
                return
            self._closed = True
            self._fail_receives(closed(self.rank))
            connections = list(self._connections.values())
            self._engine.wait_until(
                lambda: all(connection.flushed() for connection in connections), time.monotonic() + FLUSH_SECONDS
            )
            for connection in connections:
                if not connection.flushed():
                    log.warning("rank %d closes before rank %d has taken all that was sent", self.rank, connection.peer)
                elif not self._failure:
                    connection.farewell(pack_header(GOODBYE, self.rank))
                connection.close(closed(self.rank))
        self._engine.close()

    def abandon(self) -> None:
        """See `Inherited.abandon`."""
        self._closed = True
        self._engine.abandon()
        for connection in self._connections.values():
            connection.abandon()

    def _send_to_self(self, send: Transfer) -> None:
        """Copy a message to this rank's own mailbox, or straight to the receive that waits for it."""
        length = len(send.buffer)
        message = Incoming(self.rank, send.tag, send.fingerprint, length, target=send.buffer, filled=length)
        if receive := self._mailbox.arrive(message):
            message.match(receive, self._engine)
        else:
            message.target = memoryview(bytes(send.buffer))
        send.finish()

    def _count_waiting_sends(self, change: int) -> None:
        """Take all that comes as long as a send waits."""
        before = self._waiting_sends > 0
        self._waiting_sends += change
        if before != (self._waiting_sends > 0):
            for connection in self._connections.values():
                connection.take_all(not before)

    def _sources(self, peer: int) -> list[Connection]:
        """Return the connections that a message from `peer` can come over."""
        if peer == ANY_SOURCE:
            return list(self._connections.values())
        return [] if peer == self.rank else [self._connections[peer]]

    def _why_not(self, peer: int) -> TransportError | None:
        """Return why no message can go to `peer` or come from it, or None."""
        if self._failure:
            return self._failure
        if self._closed:
            return closed(self.rank)
        if peer == ANY_SOURCE:
            reachable = not self._connections or any(connection.open for connection in self._connections.values())
            return None if reachable else PeerLost("all other ranks have closed their transports")
        return None if peer == self.rank or self._connections[peer].open else closed(peer)

    def _connection_ended(self, connection: Connection, error: TransportError | None) -> None:
        """A peer has closed its transport (no error), or has failed; see `Connection`."""
        if error is not None:
            self._fail(error)
            return
        for receive in self._mailbox.receives():
            if why := self._why_not(receive.peer):
                self._mailbox.drop(receive)
                self._engine.finish(receive, why)

    def _fail(self, error: TransportError) -> None:
        """Let every transfer, pending or later, raise `error`, here and at the peers.

        A peer that hears of it from us first still names the right rank: else it would see no more than our own end.
        """
        if self._failure or self._closed:
            return
        self._failure = error
        reason = str(error).encode()[:REASON_BYTES]
        blamed = self.rank if error.rank is None else error.rank
        last_words = pack_header(ABORT, self.rank, tag=blamed, length=len(reason)) + reason
        for connection in self._connections.values():
            connection.farewell(last_words)
            connection.fail(error)
        self._fail_receives(error)

    def _fail_receives(self, error: TransportError) -> None:
        for receive in self._mailbox.receives():
            self._engine.finish(receive, error)
        self._mailbox.clear()
