"""How arrays are cut: into segments that follow each other through a pipeline, and into one slice per rank."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from numpy.typing import NDArray

# Large enough to make a system call worth its while, small enough that a few of them stay in a core's cache.
SEGMENT_BYTES: Final = 1024 * 1024


def segments(array: NDArray[Any], nbytes: int = SEGMENT_BYTES) -> list[NDArray[Any]]:
    """Cut a 1-D array into views of at most `nbytes` each, and at least one.

    >>> import numpy as np
    >>> [len(segment) for segment in segments(np.zeros(5, np.int32), nbytes=8)]
    [2, 2, 1]
    """
    length = max(1, nbytes // array.itemsize)
    return [array[start : start + length] for start in range(0, max(1, len(array)), length)]


def slices(array: NDArray[Any], count: int) -> list[NDArray[Any]]:
    """Cut a 1-D array into `count` views whose lengths differ by one at most.

    >>> import numpy as np
    >>> [len(part) for part in slices(np.zeros(5), 3)]
    [1, 2, 2]
    """
    bounds = [len(array) * i // count for i in range(count + 1)]
    return [array[start:stop] for start, stop in pairwise(bounds)]
