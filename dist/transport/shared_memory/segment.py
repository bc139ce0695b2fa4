"""Anonymous memory that is mapped."""

from __future__ import annotations

import mmap
import os

from dist.anonymous_memory import is_fixed


class Segment:
    """The memory behind a file descriptor of `anonymous_memory`, mapped; the descriptor stays with the caller.

    Raises:
        OSError: it cannot be mapped, or its size can still be changed.

    >>> from dist.anonymous_memory import anonymous_memory
    >>> fd = anonymous_memory("example", 4096)
    >>> left, right = Segment(fd), Segment(fd)
    >>> os.close(fd)
    >>> left.view[5] = 7
    >>> right.view[5]
    7
    >>> left.close()
    >>> right.close()
    """

    def __init__(self, fd: int) -> None:
        if not is_fixed(fd):
            raise OSError("shared memory: its size is not fixed, so that it could be taken away")
        self._map = mmap.mmap(fd, os.fstat(fd).st_size)
        self.view = memoryview(self._map)

    def close(self) -> None:
        """Unmap the memory; at once if no part of `view` is in use, else when the last part is let go."""
        self.view.release()
        del self._map  # parts of the view keep it as long as they are there
