"""What the other ranks of this host write to: a segment with a ring for each of them.

offset   0  asleep  u64: 1 while the owner sleeps, and wants to be woken when something is written
64  the rings, one after another
"""

from __future__ import annotations

import os
from typing import Final, Protocol

from dist.anonymous_memory import anonymous_memory
from dist.transport.shared_memory.doorbell import Fence
from dist.transport.shared_memory.loans import LEDGER_BYTES
from dist.transport.shared_memory.ring import HEADER_BYTES as RING_HEADER_BYTES
from dist.transport.shared_memory.segment import Segment

HEADER_BYTES: Final = 64
LARGEST_RING: Final = 256 * 1024
SMALLEST_RING: Final = 32 * 1024
# What all rings of an inbox may take, as long as none is smaller than the smallest.
INBOX_BYTES: Final = 4 * 1024 * 1024


class Polled(Protocol):
    """A stream that looks for news itself."""

    def poll(self) -> bool:
        """Handle what is new; tell whether anything was."""
        ...


def ring_bytes(senders: int) -> int:
    """Return the size of each ring of an inbox that has so many: a power of two.

    >>> ring_bytes(1), ring_bytes(31), ring_bytes(1000)
    (262144, 131072, 32768)
    """
    fair = INBOX_BYTES // max(1, senders)
    return max(SMALLEST_RING, min(LARGEST_RING, 1 << (fair.bit_length() - 1)))


class Slot:
    """The part of an inbox that belongs to one sender.

    Args:
        inbox: the memory of the whole inbox.
        number: of the sender.
        size: of the data of each ring.
    """

    def __init__(self, inbox: memoryview, number: int, size: int) -> None:
        start = HEADER_BYTES + number * slot_bytes(size)
        end = start + slot_bytes(size)
        self.ring = inbox[start : end - LEDGER_BYTES]
        self.ledger = inbox[end - LEDGER_BYTES : end]

    def close(self) -> None:
        """Let go of the memory."""
        self.ring.release()
        self.ledger.release()


def slot_bytes(size: int) -> int:
    """Return how much of an inbox belongs to each sender, given the size of the data of a ring."""
    return RING_HEADER_BYTES + size + LEDGER_BYTES


class Inbox:
    """This rank's inbox, and the streams that read from it; implements `dist.transport.progress.Polled`.

    Args:
        senders: how many ranks write to it.

    Attributes:
        fd: of the segment, for the senders, until they have it.

    Raises:
        OSError: there is not enough memory.
    """

    def __init__(self, senders: int) -> None:
        self.ring_bytes = ring_bytes(senders)
        self.fd = anonymous_memory("dist-inbox", HEADER_BYTES + senders * slot_bytes(self.ring_bytes))
        self._segment = Segment(self.fd)
        self._asleep = self._segment.view[:8].cast("Q")
        self._fence = Fence()
        self._streams: tuple[Polled, ...] = ()

    def hide(self) -> None:
        """Close the file descriptor: nobody else will get it."""
        os.close(self.fd)

    def slot(self, number: int) -> Slot:
        """Return the part of one of the senders."""
        return Slot(self._segment.view, number, self.ring_bytes)

    def add(self, stream: Polled) -> None:
        """Poll this stream, too."""
        self._streams += (stream,)

    def remove(self, stream: Polled) -> None:
        """Do not poll this stream any more."""
        self._streams = tuple(other for other in self._streams if other is not stream)

    def poll(self) -> bool:
        """See `Polled.poll`."""
        news = False
        for stream in self._streams:
            news |= stream.poll()
        return news

    def fall_asleep(self) -> bool:
        """See `Polled.fall_asleep`."""
        self._asleep[0] = 1
        self._fence.order()
        if self.poll():
            self._asleep[0] = 0
            return False
        return True

    def wake_up(self) -> None:
        """See `Polled.wake_up`."""
        self._asleep[0] = 0

    def close(self) -> None:
        """Release the memory."""
        self._asleep.release()
        self._segment.close()
