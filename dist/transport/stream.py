"""Byte streams between two ranks: what a connection sends and receives on without ever blocking."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Protocol

from dist.transport.progress import Handler, ProgressEngine


class Lending(Protocol):
    """Messages that the receiver copies straight from the sender's memory. Called with the engine's lock held."""

    def lend(self, buffer: memoryview, returned: Callable[[], None]) -> bytes | None:
        """Return a ticket that lets the peer copy `buffer`, or None where that cannot be done now.

        `returned()` is called once the buffer is not needed any more, unless all is revoked before.
        """
        ...

    def revoke(self) -> None:
        """Take back all that is lent, and copy nothing that is borrowed any more."""
        ...

    def fetch(self, ticket: bytes, view: memoryview, done: Callable[[OSError | None], None]) -> None:
        """Start to copy what the peer has lent; call `done` with None, or with why it could not be copied."""
        ...

    def give_back(self, ticket: bytes) -> None:
        """Let the peer know that this ticket will not be used."""
        ...


class Stream(Protocol):
    """Bytes to one peer, and bytes from it. All methods are called with the engine's lock held.

    Attributes:
        lending: what large messages can be lent with instead, or None.
    """

    @property
    def lending(self) -> Lending | None: ...  # noqa: D102 - see above

    def start(self, handler: Handler) -> None:
        """Call `handler(events)` whenever there is news: READ at first, and always GONE."""
        ...

    def watch(self, events: int) -> None:
        """Change what is news, beside GONE: READ, WRITE, both, or 0."""
        ...

    def stop(self) -> None:
        """Call the handler no more. Idempotent."""
        ...

    def send(self, views: Sequence[memoryview], /) -> int:
        """Send as many of these bytes as go at once, and return how many that were.

        Raises:
            BlockingIOError: none, where that does not return 0.
            OSError: the peer is gone.
        """
        ...

    def receive_into(self, view: memoryview, /) -> int:
        """Receive what is there, at most as much as fits; return the number of bytes, 0 at the end of the stream.

        Raises:
            BlockingIOError: nothing is there yet.
            OSError: the peer is gone.
        """
        ...

    def end(self, last_words: bytes) -> None:
        """Send `last_words`, if they go at once, and then the end of the stream; it goes well or not."""
        ...

    def cut(self) -> None:
        """Break the stream, as if the network had failed: for tests."""
        ...

    def close(self) -> None:
        """Release what is held; what was sent still goes out."""
        ...

    def abandon(self) -> None:
        """See `Inherited.abandon`."""
        ...


class SocketStream:
    """A connected, non-blocking TCP socket; owns it."""

    lending: Lending | None = None

    def __init__(self, sock: socket.socket, engine: ProgressEngine) -> None:
        self._socket = sock
        self._fd = sock.fileno()
        self._engine = engine
        self.send = sock.sendmsg
        self.receive_into = sock.recv_into

    def start(self, handler: Handler) -> None:
        """See `Stream.start`."""
        self._engine.add(self._fd, handler)

    def watch(self, events: int) -> None:
        """See `Stream.watch`."""
        self._engine.watch(self._fd, events)

    def stop(self) -> None:
        """See `Stream.stop`."""
        self._engine.remove(self._fd)

    def end(self, last_words: bytes) -> None:
        """See `Stream.end`."""
        with contextlib.suppress(OSError):
            if last_words:
                self._socket.send(last_words)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """See `Stream.cut`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """See `Stream.close`."""
        self._socket.close()

    def abandon(self) -> None:
        """See `Stream.abandon`."""
        self._socket.close()
