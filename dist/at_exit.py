"""What is done when this process ends, also where `multiprocessing` has forked it and `atexit` is not run."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.util import Finalize

Function = Callable[[], object]

_finalizers: dict[Function, Finalize[object]] = {}


def register(function: Function) -> None:
    """Have `function()` called when this process ends in order: what was registered last is called first."""
    atexit.register(function)
    _register_in_child(function, 0)


def register_in_child(function: Function) -> None:
    """In a process of `multiprocessing` alone, have `function()` called before all those that `register` was given.

    If an exception ends the process, that is before it is shown, and `sys.exception()` returns it.
    """
    _register_in_child(function, 1)


def unregister(function: Function) -> None:
    """Forget about `function`."""
    atexit.unregister(function)
    finalizer = _finalizers.pop(function, None)
    if finalizer is not None:
        finalizer.cancel()


def _register_in_child(function: Function, priority: int) -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        _finalizers[function] = Finalize(None, function, exitpriority=priority)
