"""Memory that processes share: without a name, so that nothing is left of it when the last of them has ended."""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import Final

# Nobody can take pages away from under another process, which would be killed where it touched them.
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def create_segment(size: int) -> int:
    """Return a file descriptor of `size` bytes of memory, all zero; they are taken from the system at once.

    Raises:
        OSError: there is not that much memory, or the system does not allow it.
    """
    fd = os.memfd_create("dist-inbox", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.posix_fallocate(fd, 0, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(fd)
        raise
    return fd


class Segment:
    """The memory behind a file descriptor of `create_segment`, mapped; the descriptor stays with the caller.

    Raises:
        OSError: it cannot be mapped, or is not sealed.

    >>> fd = create_segment(4096)
    >>> left, right = Segment(fd), Segment(fd)
    >>> os.close(fd)
    >>> left.view[5] = 7
    >>> right.view[5]
    7
    >>> left.close()
    >>> right.close()
    """

    def __init__(self, fd: int) -> None:
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
            raise OSError("shared memory: it is not sealed, so that it could be taken away")
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self.view = memoryview(self._map)

    def close(self) -> None:
        """Unmap the memory; at once if no part of `view` is in use, else when the last part is let go."""
        self.view.release()
        del self._map  # parts of the view keep it as long as they are there
