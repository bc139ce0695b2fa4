"""A table of bytes kept in a file as the sequence of its changes, so that a writer that dies midway spoils nothing.

Before the sequence grows too long, the whole table is written to its end once more, and a number at the beginning of
the file says that one need not read what comes before. Those bytes are given back to the file system: the file seems
to grow for ever, and takes little space.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import zlib
from typing import Final

from dist.errors import StoreError

MAGIC: Final = b"tensorlib store 2\n"
# Behind it: where to begin to read.
_START: Final = struct.Struct("<Q")
_HEADER_BYTES: Final = len(MAGIC) + _START.size
# Checksum of what follows; bytes of the key; bytes of the value, or -1 where the key is deleted.
_HEAD: Final = struct.Struct("<IIi")
_CHECKED_FROM: Final = 4
# The table is written again when what is to be read has so many bytes, and is several times as long as it need be.
COMPACT_BYTES: Final = 1 << 20
_COMPACT_RATIO: Final = 4
_PUNCH_HOLE_KEEP_SIZE: Final = 0x03


class Journal:
    """The table in an open file. Whoever calls has the file to itself: the store's lock sees to it."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.values: dict[str, bytes] = {}
        self._descriptor = descriptor
        self._path = path
        self._start = self._end = 0
        self._needed = 0  # bytes of the records of all values

    def clear(self) -> None:
        """Make the file an empty table; it must be empty or have been a table.

        Raises:
            StoreError: it is something else, and is left as it is.
        """
        self.check()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, MAGIC + _START.pack(_HEADER_BYTES), 0)
        self._begin(_HEADER_BYTES)

    def check(self) -> None:
        """Raise StoreError where the file is neither a table, nor the beginning of one."""
        begins = os.pread(self._descriptor, len(MAGIC), 0)
        if not MAGIC.startswith(begins):
            raise StoreError(f"{self._path} is a file with other contents: remove it, or name another file")

    def catch_up(self) -> None:
        """Read what others wrote since the last time, and cut off what somebody who died did not write to its end."""
        size = os.fstat(self._descriptor).st_size
        if size < max(self._end, _HEADER_BYTES):
            raise StoreError(f"{self._path} was cut off by somebody else while it was in use")
        (start,) = _START.unpack(os.pread(self._descriptor, _START.size, len(MAGIC)))
        if start > self._end:
            self._begin(start)
        self._start = start
        data = os.pread(self._descriptor, size - self._end, self._end)
        read = self._replay(data)
        self._end += read
        if read < len(data):
            os.ftruncate(self._descriptor, self._end)

    def write(self, key: str, value: bytes | None) -> None:
        """Set `key`, or delete it where `value` is None; `catch_up` comes before.

        Raises:
            StoreError: the file system is full.
        """
        self._append(_record(key, value))
        self._apply(key, value)
        if self._end - self._start > COMPACT_BYTES + _COMPACT_RATIO * self._needed:
            self._compact()

    def _compact(self) -> None:
        """Write the table to the end once more; whoever dies before the last step has changed nothing."""
        start = self._end
        self._append(b"".join(_record(key, value) for key, value in self.values.items()))
        os.pwrite(self._descriptor, _START.pack(start), len(MAGIC))
        _release(self._descriptor, _HEADER_BYTES, start - _HEADER_BYTES)
        self._start = start

    def _append(self, records: bytes) -> None:
        written = os.pwrite(self._descriptor, records, self._end)
        if written < len(records):
            raise StoreError(f"{self._path}: the file system took {written} of {len(records)} bytes")
        self._end += written

    def _begin(self, start: int) -> None:
        """Have an empty table, to be read from `start` on."""
        self.values, self._start, self._end, self._needed = {}, start, start, 0

    def _replay(self, data: bytes) -> int:
        """Apply the whole records that `data` begins with; return how many bytes they are."""
        start = 0
        while len(data) - start >= _HEAD.size:
            checksum, key_bytes, value_bytes = _HEAD.unpack_from(data, start)
            value_start = start + _HEAD.size + key_bytes
            end = value_start + max(0, value_bytes)
            if end > len(data) or zlib.crc32(data[start + _CHECKED_FROM : end]) != checksum:
                break
            key = data[start + _HEAD.size : value_start].decode()
            self._apply(key, None if value_bytes < 0 else data[value_start:end])
            start = end
        return start

    def _apply(self, key: str, value: bytes | None) -> None:
        before = self.values.pop(key, None)
        self._needed -= 0 if before is None else _size(key, before)
        if value is not None:
            self.values[key] = value
            self._needed += _size(key, value)


def _record(key: str, value: bytes | None) -> bytes:
    name = key.encode()
    record = _HEAD.pack(0, len(name), -1 if value is None else len(value)) + name + (value or b"")
    return struct.pack("<I", zlib.crc32(record[_CHECKED_FROM:])) + record[_CHECKED_FROM:]


def _size(key: str, value: bytes) -> int:
    return _HEAD.size + len(key) + len(value)


def _release(descriptor: int, start: int, count: int) -> None:
    """Give bytes of a file back to the file system; where it cannot take them, the file stays as large as it is."""
    with contextlib.suppress(AttributeError):
        fallocate = ctypes.CDLL(None).fallocate
        offset = ctypes.c_int64
        fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, offset(start), offset(count))
