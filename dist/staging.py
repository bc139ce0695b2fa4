"""Arrays that are not in this process's memory: they are copied to it, and results back, without knowing their library.

A tensor on a device has `cpu()` and `copy_()`, as tensorlib's and PyTorch's have; an array of CuPy has `get()` and
`set()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


class Staged(NamedTuple):
    """A copy in host memory, and how its values get back to where they came from."""

    array: Array
    put_back: Callable[[], None]


def stage(tensor: Any) -> Staged | None:
    """Copy what lies on a device; None where this is nothing that does."""
    if all(hasattr(tensor, name) for name in ("get", "set", "device", "flags")):
        array = tensor.get()
        return Staged(array, lambda: _set(tensor, array)) if isinstance(array, np.ndarray) else None
    if all(hasattr(tensor, name) for name in ("detach", "cpu", "copy_")):
        there = tensor.detach()
        here = there.cpu()
        array = here.numpy()
        return Staged(array, lambda: there.copy_(here)) if isinstance(array, np.ndarray) else None
    return None


def _set(target: Any, array: Array) -> None:
    with target.device:
        if target.flags.c_contiguous:
            target.set(array)
        else:  # only memory without gaps can be copied to
            whole = target.copy()
            whole.set(array)
            target[...] = whole
