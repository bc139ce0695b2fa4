"""Memory that processes can share, and that no name leads to: it is gone when the last of them has ended.

Many Python interpreters are built against a C library that is older than the system's, and then leave out
`os.memfd_create`; the system has it all the same.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from typing import Final

_MFD_CLOEXEC, _MFD_ALLOW_SEALING = 1, 2
_F_ADD_SEALS: Final = getattr(fcntl, "F_ADD_SEALS", 1033)
_F_GET_SEALS: Final = getattr(fcntl, "F_GET_SEALS", 1034)
# Its size cannot be changed: nobody can take pages away from under another process, which would be killed for touching
# them.
_SEALS: Final = getattr(fcntl, "F_SEAL_SHRINK", 2) | getattr(fcntl, "F_SEAL_GROW", 4)


def anonymous_memory(name: str, nbytes: int) -> int:
    """Return a file descriptor of `nbytes` of memory, all zero, whose size is fixed; `name` is shown by the system.

    The memory is there at once, so that a lack of it is an error here and not a signal later.

    Raises:
        OSError: there is not that much memory, or the system does not offer this.

    >>> fd = anonymous_memory("example", 4096)
    >>> is_fixed(fd)
    True
    >>> os.close(fd)
    """
    fd = _create(name)
    try:
        os.posix_fallocate(fd, 0, nbytes)
        fcntl.fcntl(fd, _F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_fixed(fd: int) -> bool:
    """Tell whether the size of this memory cannot be changed any more."""
    return bool(fcntl.fcntl(fd, _F_GET_SEALS) & _SEALS == _SEALS)


def _create(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name, _MFD_CLOEXEC | _MFD_ALLOW_SEALING)
    create = getattr(ctypes.CDLL(None, use_errno=True), "memfd_create", None)
    if create is None:
        raise OSError("memfd_create: the C library does not have it")
    fd: int = create(name.encode(), _MFD_CLOEXEC | _MFD_ALLOW_SEALING)
    if fd < 0:
        raise OSError(ctypes.get_errno(), f"memfd_create: {os.strerror(ctypes.get_errno())}")
    return fd
