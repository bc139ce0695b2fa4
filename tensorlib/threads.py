"""How many threads compute: those of the linear algebra behind NumPy, and of compiled kernels."""

from __future__ import annotations

import os
import sys
from typing import Any

from tensorlib.errors import ArgumentError


class _Chosen:
    count: int | None = None
    limits: Any = None  # keeps threadpoolctl's setting in force


def get_num_threads() -> int:
    """Return how many threads an operation may use: as set, or by OMP_NUM_THREADS, or one per core.

    Example:
        >>> tensorlib.get_num_threads() >= 1
        True
    """
    if _Chosen.count is not None:
        return _Chosen.count
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else len(os.sched_getaffinity(0))


def set_num_threads(num: int) -> None:
    """Set how many threads an operation may use.

    Raises:
        ArgumentError: it is not one or more.
        TypeError: it is no integer.

    Example:
        >>> before = tensorlib.get_num_threads()
        >>> tensorlib.set_num_threads(1)
        >>> tensorlib.get_num_threads()
        1
        >>> tensorlib.set_num_threads(before)
    """
    if not isinstance(num, int):
        raise TypeError(f"set_num_threads: needs an integer, not {type(num).__name__}")
    if num < 1:
        raise ArgumentError(f"set_num_threads: needs one thread or more, not {num}")
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    _Chosen.limits = threadpool_limits(num)
    _Chosen.count = num
    numba = sys.modules.get("numba")
    if numba is not None:
        numba.set_num_threads(min(num, numba.config.NUMBA_NUM_THREADS))
