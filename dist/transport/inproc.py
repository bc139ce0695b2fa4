"""Ranks as threads of one process: messages are copied from buffer to buffer.

A small message is copied when it is sent; a large one when the receive is posted, so that the sender waits for the
receiver as it would on a network, or while the receiver itself waits for a send, so that not all wait for each other.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from dist.errors import DistError, PeerLost
from dist.scheduler import Scheduler
from dist.transport.base import ANY_SOURCE
from dist.transport.transfer import Mailbox, Message, Transfer, check_transfer, mismatch

EAGER_BYTES: Final = 64 * 1024
# Large messages of one sender that nobody asks for are copied until they are as many bytes.
UNASKED_BYTES: Final = 1024 * 1024 * 1024


@dataclass(eq=False, slots=True)
class _Message(Message):
    """A message on its way, and the send that ends when its bytes are copied."""

    payload: memoryview
    send: Transfer


class Hub:
    """What the ranks of one in-process world share: a mailbox per rank, under one lock.

    Args:
        size: number of ranks.
        scheduler: what threads wait with; its tasks run in turns, other threads as they like.
    """

    def __init__(self, size: int, scheduler: Scheduler | None = None) -> None:
        if size < 1:
            raise ValueError(f"Hub: size {size}: need at least 1 rank")
        self.size = size
        self.scheduler = scheduler or Scheduler()
        self.lock = threading.Lock()
        self.mailboxes: list[Mailbox[_Message]] = [Mailbox() for _ in range(size)]
        self.closed = [False] * size
        self.waiting_sends = [0] * size  # per rank
        self.failure: PeerLost | None = None

    def why_not_send(self, source: int, peer: int) -> PeerLost | None:
        """Return why `source` cannot send to `peer`, or None where it can."""
        if self.failure is not None:
            return self.failure
        gone = next((rank for rank in (source, peer) if self.closed[rank]), None)
        return None if gone is None else _closed(gone)

    def why_not_receive(self, rank: int, peer: int) -> PeerLost | None:
        """Return why no further message can come to `rank` from `peer`, or None where one can."""
        if peer != ANY_SOURCE:
            return self.why_not_send(peer, rank)
        senders = [other for other in range(self.size) if other != rank or self.size == 1]
        if any(self.why_not_send(sender, rank) is None for sender in senders):
            return None
        return self.why_not_send(senders[0], rank)

    def finish(self, transfer: Transfer, error: DistError | None = None) -> None:
        """End a transfer, if it has not ended, and wake who waits for it."""
        if not transfer.done:
            transfer.finish(error)
            self.scheduler.wake(transfer)

    def detach(self, message: _Message) -> None:
        """Copy the bytes of a message, so that its sender may have the buffer back."""
        if not message.send.done:
            message.payload = memoryview(bytes(message.payload))
            self.finish(message.send)

    def take_in(self, rank: int) -> None:
        """Copy what was sent to a rank that waits for a send, so that those who sent it may go on."""
        if not self.waiting_sends[rank]:
            return
        messages = self.mailboxes[rank].messages()
        kept = Counter[int]()
        for message in messages:
            if message.send.done:
                kept[message.source] += message.length
        for message in messages:
            if not message.send.done and kept[message.source] < UNASKED_BYTES:
                self.detach(message)
                kept[message.source] += message.length

    def deliver(self, message: _Message, receive: Transfer) -> None:
        """End a receive, and the send it was matched with."""
        receive.peer = message.source
        error = mismatch(receive, message)
        if error is None:
            receive.buffer[:] = message.payload
        self.finish(receive, error)
        self.finish(message.send)


class InprocTransport:
    """The end of one rank in a `Hub`; implements `Transport`.

    Several threads may use it. A rank that aborts fails all ranks of the hub; one that closes fails only the transfers
    that need it.

    >>> left, right = make_inproc_world(2)
    >>> buffer = bytearray(5)
    >>> receive = right.irecv(memoryview(buffer), peer=0)
    >>> left.isend(memoryview(b"hello"), peer=1).wait(), receive.wait(), bytes(buffer)
    (1, 0, b'hello')
    """

    def __init__(self, hub: Hub, rank: int) -> None:
        self._hub = hub
        self.rank = rank
        self.size = hub.size

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.isend`."""
        check_transfer(True, buffer, peer, tag, fingerprint, self.size)
        hub = self._hub
        hub.scheduler.hand_on()
        send = Transfer(self, True, buffer, peer, tag, fingerprint)
        with hub.lock:
            if error := hub.why_not_send(self.rank, peer):
                send.finish(error)
                return send
            message = _Message(self.rank, tag, fingerprint, len(buffer), buffer, send)
            if len(buffer) <= EAGER_BYTES:
                hub.detach(message)
            if receive := hub.mailboxes[peer].arrive(message):
                hub.deliver(message, receive)
            elif not send.done:
                hub.take_in(peer)
        return send

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Transfer:
        """See `Transport.irecv`."""
        check_transfer(False, buffer, peer, tag, fingerprint, self.size)
        hub = self._hub
        receive = Transfer(self, False, buffer, peer, tag, fingerprint)
        with hub.lock:
            mailbox = hub.mailboxes[self.rank]
            if message := mailbox.post(receive):
                hub.deliver(message, receive)
                hub.take_in(self.rank)
            elif error := hub.why_not_receive(self.rank, peer):
                mailbox.drop(receive)
                receive.finish(error)
        return receive

    def abort(self, reason: str) -> None:
        """See `Transport.abort`."""
        self._fail(PeerLost(f"rank {self.rank} aborted: {reason}", self.rank))

    def drop(self, peer: int) -> None:
        """Break the connection to a rank, as if a network had failed: for tests."""
        self._fail(PeerLost(f"the connection of ranks {self.rank} and {peer} is lost", peer))

    def _fail(self, error: PeerLost) -> None:
        hub = self._hub
        with hub.lock:
            if hub.failure is not None or hub.closed[self.rank]:
                return
            hub.failure = error
            for mailbox in hub.mailboxes:
                for transfer in mailbox.receives() + [message.send for message in mailbox.messages()]:
                    hub.finish(transfer, hub.failure)
                mailbox.clear()

    def close(self) -> None:
        """See `Transport.close`."""
        hub = self._hub
        with hub.lock:
            if hub.closed[self.rank]:
                return
            hub.closed[self.rank] = True
            self._settle_sends()
            for rank, mailbox in enumerate(hub.mailboxes):
                for receive in mailbox.receives():
                    if error := hub.why_not_receive(rank, receive.peer):
                        mailbox.drop(receive)
                        hub.finish(receive, error)

    def _settle_sends(self) -> None:
        """Keep what this rank has sent for those who will ask for it; refuse what was sent to it and not asked for."""
        for mailbox in self._hub.mailboxes:
            for message in mailbox.messages():
                if message.source == self.rank:
                    self._hub.detach(message)
        own = self._hub.mailboxes[self.rank]
        for message in own.messages():
            own.take(message)
            self._hub.finish(message.send, _closed(self.rank))

    def wait_for(self, transfer: Transfer, deadline: float) -> None:
        """See `Waiter.wait_for`."""
        hub = self._hub
        if not transfer.sending:
            hub.scheduler.wait(transfer, lambda: transfer.done, deadline)
            return
        with hub.lock:
            hub.waiting_sends[self.rank] += 1
            hub.take_in(self.rank)
        try:
            hub.scheduler.wait(transfer, lambda: transfer.done, deadline)
        finally:
            with hub.lock:
                hub.waiting_sends[self.rank] -= 1

    def make_progress(self) -> None:
        """Let other ranks run: a transfer ends in the thread that posts its other half."""
        self._hub.scheduler.pause()


def make_inproc_world(size: int, scheduler: Scheduler | None = None) -> list[InprocTransport]:
    """Return the transports of `size` ranks that live in this process, in rank order."""
    hub = Hub(size, scheduler)
    return [InprocTransport(hub, rank) for rank in range(size)]


def _closed(rank: int) -> PeerLost:
    return PeerLost(f"rank {rank} has closed its transport", rank)
