"""A client's request as the server's parts see it: answered once, at once or later."""

from __future__ import annotations

from collections.abc import Callable

OK = b"ok"
TIMEOUT = b"timeout"
ERROR = b"error"
GONE = b"gone"
PEER_FAILED = b"peer failed"
# What stands in place of a request's number in messages that belong to no request.
EVENT = b""
# What stands in place of a rank where a failure is no rank's.
NO_RANK = -1

Send = Callable[[bytes, list[bytes]], bool]


class Request:
    """What a client asked: arguments, and the way back to the client."""

    def __init__(self, send: Send, peer: bytes, number: bytes, arguments: list[bytes]) -> None:
        self._send = send
        self._number = number
        self.peer = peer
        self.arguments = arguments

    def answer(self, *values: bytes) -> None:
        """Tell the client the result."""
        self._reply(OK, *values)

    def fail(self, message: str, status: bytes = ERROR) -> None:
        """Make the client's call raise `StoreError(message)`, or the error that belongs to another status."""
        self._reply(status, message.encode())

    def _reply(self, *frames: bytes) -> None:
        if self._number != EVENT:
            self._send(self.peer, [self._number, *frames])
