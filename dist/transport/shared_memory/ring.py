"""A ring of bytes in shared memory: one process writes, another reads, and neither takes a lock.

    offset    0  head   u64: how many bytes were ever written; changed by the writer alone
             64  tail   u64: how many bytes were ever read, as far as the reader has told; changed by it alone
            128  wants  u64: 1 while the writer waits for room
            192  data   the byte numbered n is at n modulo the size, a power of two

The three numbers are in cache lines of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dist.transport.shared_memory.doorbell import STRONGLY_ORDERED, Doorbell, Fence

HEADER_BYTES: Final = 192
_HEAD, _TAIL, _WANTS = 0, 8, 16  # in words of 8 bytes

# The other side learns of progress at least each so many parts of the ring, so that both copy at the same time.
PARTS: Final = 4


class _RingEnd:
    """What the two ends of a ring have in common.

    Args:
        memory: the ring, as it is described above; all zero at first.
        doorbell: of the process that has the other end.
    """

    def __init__(self, memory: memoryview, doorbell: Doorbell) -> None:
        self._words = memory[:HEADER_BYTES].cast("Q")
        self._data = memory[HEADER_BYTES:]
        self._size = len(self._data)
        self._mask = self._size - 1
        self._part = self._size // PARTS
        self._doorbell = doorbell
        self._fence = Fence()
        self._tail = 0
        self._told = 0

    def close(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._data.release()


class RingWriter(_RingEnd):
    """The end of a ring that is written to."""

    def __init__(self, memory: memoryview, doorbell: Doorbell) -> None:
        super().__init__(memory, doorbell)
        self._head = 0

    def write(self, views: Sequence[memoryview]) -> int:
        """Write as many of these bytes as there is room for, and return how many that were."""
        before = self._head
        for view in views:
            if self._copy(view) < len(view):
                break
        if self._told != self._head:
            self._tell()
        return self._head - before

    def has_room(self) -> bool:
        """Tell whether anything can be written."""
        self._tail = self._words[_TAIL]
        return self._head - self._tail < self._size

    def want(self, wanted: bool) -> None:
        """Say whether the reader shall ring when there is room."""
        self._words[_WANTS] = wanted

    def _copy(self, view: memoryview) -> int:
        length, place = len(view), self._head & self._mask
        if length <= self._part and place + length <= self._size and self._head + length - self._tail <= self._size:
            self._data[place : place + length] = view
            self._head += length
            return length
        return self._copy_parts(view)

    def _copy_parts(self, view: memoryview) -> int:
        """Copy what does not fit, or not in one piece, or takes long."""
        done, length = 0, len(view)
        while done < length and self.has_room():
            place = self._head & self._mask
            room = self._size - self._head + self._tail
            count = min(length - done, room, self._size - place, self._part)
            self._data[place : place + count] = view[done : done + count]
            done += count
            self._head += count
            if self._head - self._told >= self._part:
                self._tell()
        return done

    def _tell(self) -> None:
        if not STRONGLY_ORDERED:
            self._fence.order()
        self._words[_HEAD] = self._told = self._head
        self._doorbell.ring()


class RingReader(_RingEnd):
    """The end of a ring that is read from."""

    def has_bytes(self) -> bool:
        """Tell whether there is anything to read."""
        return bool(self._words[_HEAD] != self._tail)

    def read_into(self, view: memoryview) -> int:
        """Read what is there, at most as much as fits, and return the number of bytes."""
        length, place = len(view), self._tail & self._mask
        if length > self._part or place + length > self._size or length > self._words[_HEAD] - self._tail:
            return self._read_parts(view)
        if not STRONGLY_ORDERED:
            self._fence.order()
        view[:] = self._data[place : place + length]
        self._advance(length)
        return length

    def _read_parts(self, view: memoryview) -> int:
        """Read what is not all there, or not in one piece, or takes long."""
        done, length = 0, len(view)
        while done < length and (available := self._words[_HEAD] - self._tail):
            if not STRONGLY_ORDERED:
                self._fence.order()
            place = self._tail & self._mask
            count = min(length - done, available, self._size - place, self._part)
            view[done : done + count] = self._data[place : place + count]
            done += count
            self._advance(count)
        return done

    def _advance(self, count: int) -> None:
        self._tail += count
        if self._tail - self._told >= self._part:
            self._tell()

    def _tell(self) -> None:
        """Give the room back. A writer that waits has filled the ring, so that this comes while it is read."""
        if not STRONGLY_ORDERED:
            self._fence.order()
        self._words[_TAIL] = self._told = self._tail
        self._fence.order()
        if self._words[_WANTS]:
            self._doorbell.ring()
