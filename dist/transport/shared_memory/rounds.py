"""Rounds: every rank says a few bytes to every other one and hears as many, over sockets that are not in use yet."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Mapping

from dist.errors import TransportError, TransportTimeout
from dist.transport.bootstrap import Failure
from dist.transport.handshake import POLL_SECONDS


class Rounds:
    """Exchanges small messages whose lengths all know.

    Args:
        rank: this rank.
        sockets: a connected, non-blocking socket per other rank.
        deadline: when all must be over, in seconds of `time.monotonic()`.
        failure: returns the error that ends the waiting, once it is known that a rank will never answer.
    """

    def __init__(self, rank: int, sockets: Mapping[int, socket.socket], deadline: float, failure: Failure) -> None:
        self._rank = rank
        self._sockets = sockets
        self._deadline = deadline
        self._failure = failure

    @property
    def peers(self) -> list[int]:
        """The other ranks."""
        return list(self._sockets)

    def exchange(self, messages: Mapping[int, bytes]) -> dict[int, bytes]:
        """Send a message to each of some ranks, which do the same; return theirs, each as long as what it was sent.

        Raises:
            TransportTimeout: a rank did not answer in time; names it.
            TransportError: a rank is gone; names it.
        """
        for peer, message in messages.items():
            try:
                self._sockets[peer].sendall(message)
            except OSError as error:
                raise self._lost(peer) from error
        return {peer: self._receive(peer, len(message)) for peer, message in messages.items()}

    def _receive(self, peer: int, length: int) -> bytes:
        data = b""
        while len(data) < length:
            self._wait(peer)
            try:
                part = self._sockets[peer].recv(length - len(data))
            except OSError as error:
                raise self._lost(peer) from error
            if not part:
                raise self._lost(peer)
            data += part
        return data

    def _wait(self, peer: int) -> None:
        """Wait until there is something to receive."""
        waiting = select.poll()
        waiting.register(self._sockets[peer], select.POLLIN)
        while not waiting.poll(POLL_SECONDS * 1000):
            if error := self._failure():
                raise error
            if time.monotonic() > self._deadline:
                raise TransportTimeout(f"rank {self._rank}: no word of rank {peer} on shared memory", peer)

    def _lost(self, peer: int) -> TransportError:
        return TransportError(f"rank {self._rank}: the connection with rank {peer} was lost", peer)
