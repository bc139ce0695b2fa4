"""Locks on single bytes of a file: fcntl locks that belong to an open file, and not, as older ones do, to a process.

So threads that opened the file each for themselves exclude each other too, and closing another handle of the same file
releases nothing. The kernel releases them when a process ends, however it ends; on a network file system the server
does. Bytes beyond the end of a file can be locked like any others.
"""

from __future__ import annotations

import errno
import fcntl
import struct
from typing import Final

# struct flock: type, whence, start, length, process.
_FLOCK: Final = struct.Struct("@hhqqi4x")
_TAKEN: Final = (errno.EAGAIN, errno.EACCES)


def try_lock(descriptor: int, byte: int) -> bool:
    """Lock a byte of an open file for it alone; tell whether that succeeded, at once."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, 0, byte, 1, 0))
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def unlock(descriptor: int, byte: int) -> None:
    """Release a byte; nothing happens where it was not locked."""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, 0, byte, 1, 0))


def is_locked_elsewhere(descriptor: int, first: int, count: int = 1) -> bool:
    """Tell whether any of `count` bytes, beginning with `first`, is locked through another open file."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, 0, first, count, 0)
    return bool(_FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))[0] != fcntl.F_UNLCK)
