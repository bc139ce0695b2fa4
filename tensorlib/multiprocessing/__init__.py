"""The standard library's `multiprocessing`, in which tensors are sent as handles of shared memory, not as copies.

Everything of `multiprocessing` is here under its name: `Process`, `Queue`, `Pool`, `get_context` and so on. A tensor
that goes through a queue or a pipe, or is an argument of a process that is spawned, is moved to shared memory, where
it stays: what one process writes the others see. A model for processes that are forked is moved there beforehand:
`model.share_memory()`. Gradients are not sent; tensors on CUDA devices are copied.

There are two strategies, see `set_sharing_strategy`.
"""

from __future__ import annotations

import multiprocessing as _multiprocessing
from multiprocessing import *  # noqa: F403 - it is all of it
from typing import Any

from tensorlib.multiprocessing.reductions import register as _register
from tensorlib.multiprocessing.segments import get_all_sharing_strategies as get_all_sharing_strategies
from tensorlib.multiprocessing.segments import get_sharing_strategy as get_sharing_strategy
from tensorlib.multiprocessing.segments import set_sharing_strategy as set_sharing_strategy
from tensorlib.multiprocessing.spawning import ProcessContext as ProcessContext
from tensorlib.multiprocessing.spawning import ProcessException as ProcessException
from tensorlib.multiprocessing.spawning import ProcessExitedException as ProcessExitedException
from tensorlib.multiprocessing.spawning import ProcessRaisedException as ProcessRaisedException
from tensorlib.multiprocessing.spawning import spawn as spawn
from tensorlib.multiprocessing.spawning import start_processes as start_processes

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
__all__ += _multiprocessing.__all__

_register()


def __getattr__(name: str) -> Any:
    """Find the submodules of `multiprocessing`: pool, connection, shared_memory and so on."""
    return getattr(_multiprocessing, name)
