"""A table of bytes kept in a file as the sequence of its changes, so that a writer that dies midway spoils nothing."""

from __future__ import annotations

import os
import struct
import zlib
from typing import Final

from dist.errors import StoreError

MAGIC: Final = b"tensorlib store 1\n"
# Checksum of what follows; bytes of the key; bytes of the value, or -1 where the key is deleted.
_HEAD: Final = struct.Struct("<IIi")
_CHECKED_FROM: Final = 4


class Journal:
    """The table in an open file. Whoever calls has the file to itself: the store's lock sees to it."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.values: dict[str, bytes] = {}
        self._descriptor = descriptor
        self._path = path
        self._end = 0

    def clear(self) -> None:
        """Make the file an empty table; it must be empty or have been a table.

        Raises:
            StoreError: it is something else, and is left as it is.
        """
        self.check()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, MAGIC, 0)
        self.values, self._end = {}, len(MAGIC)

    def check(self) -> None:
        """Raise StoreError where the file is neither a table, nor the beginning of one."""
        begins = os.pread(self._descriptor, len(MAGIC), 0)
        if not MAGIC.startswith(begins):
            raise StoreError(f"{self._path} is a file with other contents: remove it, or name another file")

    def catch_up(self) -> None:
        """Read what others wrote since the last time, and cut off what somebody who died did not write to its end."""
        size = os.fstat(self._descriptor).st_size
        if size < self._end:
            raise StoreError(f"{self._path} was cut off by somebody else while it was in use")
        self._end = self._end or len(MAGIC)
        data = os.pread(self._descriptor, size - self._end, self._end)
        read = self._replay(data)
        self._end += read
        if read < len(data):
            os.ftruncate(self._descriptor, self._end)

    def write(self, key: str, value: bytes | None) -> None:
        """Set `key`, or delete it where `value` is None; `catch_up` comes before."""
        name = key.encode()
        record = _HEAD.pack(0, len(name), -1 if value is None else len(value)) + name + (value or b"")
        record = struct.pack("<I", zlib.crc32(record[_CHECKED_FROM:])) + record[_CHECKED_FROM:]
        written = os.pwrite(self._descriptor, record, self._end)
        if written < len(record):
            raise StoreError(f"{self._path}: the file system took {written} of {len(record)} bytes")
        self._end += written
        self._apply(key, value)

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
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value
