"""Keeps freed memory with the process, so that the arrays of the next training step need no new pages.

glibc gives large freed blocks back to the system and gets them again, page by page, in the next step: for a small
convnet that can take longer than the step itself.
"""

from __future__ import annotations

import ctypes

# Parameters of mallopt, from <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# The largest block that glibc takes from its heap; it maps larger ones one by one.
_LARGEST_HEAP_BLOCK = 32 << 20


def keep_freed_memory(limit: int = 512 << 20) -> bool:
    """Let the process keep up to this much freed memory, instead of giving it back to the system at once.

    Arrays above 32 MiB are not affected. Where the C library has no such setting nothing happens.

    Args:
        limit: Bytes of free memory that the process may hold.

    Returns:
        Whether the setting was made.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_HEAP_BLOCK) and mallopt(_M_TRIM_THRESHOLD, limit))
