"""A process that fetches batches for a DataLoader, and the pipe between both.

A batch goes to the parent in anonymous shared memory (memfd): the worker writes the arrays there and sends the file
descriptor, the parent maps it, and the arrays lie in the mapping. Nothing has a name that could be left behind, and
what goes through the pipe is so short that a worker never waits for the parent.
"""

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import os
import pickle
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import numpy

from tensorlib.utils.data.fetch import Exhausted, Fetch

ALIGNMENT = 64  # bytes; where arrays start in shared memory
PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker process knows of itself.

    Attributes:
        id: its number, from 0.
        num_workers: how many there are.
        seed: what its random number generators were seeded with.
        dataset: its copy of the data set.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Current:
    info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return what this worker process of a DataLoader knows of itself; None in the main process.

    Example:
        >>> get_worker_info() is None
        True
    """
    return _Current.info


class NothingLeft:
    """Answer of a worker whose iterable data set has no more samples."""


@dataclass(frozen=True)
class Failure:
    """An exception in a worker: itself where it can be pickled, and its traceback."""

    error: BaseException
    trace: str


def run_worker(
    connection: Connection[Any, Any],
    info: WorkerInfo,
    make_fetch: Callable[[Any], Fetch],
    init: Callable[[int], Any] | None,
) -> None:
    """Answer requests for batches until None comes. This is the main function of a worker process.

    Args:
        connection: brings `("batch", indices)`, `("epoch", seed)` and None; takes the answers to "batch".
        info: what `get_worker_info` is to return, but for the seed.
        make_fetch: turns the data set into the function from indices to a batch; called for every epoch.
        init: called first, with the worker's number.
    """
    _prepare_process()
    fetch: Fetch | Failure = Failure(RuntimeError("no epoch was started"), "")
    while (request := connection.recv()) is not None:
        kind, value = request
        if kind == "epoch":
            fetch = _start_epoch(info, value, make_fetch, init)
            init = None
        else:
            send(connection, _answer(fetch, value))


def _prepare_process() -> None:
    """Tie the worker's life to its parent's, and leave signals to the parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is None or not parent.is_alive():  # it died before this was asked for
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the parent then stops its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _start_epoch(
    info: WorkerInfo,
    seed: int,
    make_fetch: Callable[[Any], Fetch],
    init: Callable[[int], Any] | None,
) -> Fetch | Failure:
    from tensorlib.random import manual_seed

    try:
        _Current.info = WorkerInfo(info.id, info.num_workers, seed, info.dataset)
        random.seed(seed)
        numpy.random.seed(seed % 2**32)
        manual_seed(seed)
        if init is not None:
            init(info.id)
        return make_fetch(info.dataset)
    except Exception as error:
        return _failure(error)


def _answer(fetch: Fetch | Failure, indices: Any) -> Any:
    if isinstance(fetch, Failure):
        return fetch
    try:
        return fetch(indices)
    except Exhausted:
        return NothingLeft()
    except Exception as error:
        return _failure(error)


def _failure(error: Exception) -> Failure:
    trace = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return Failure(RuntimeError(f"{type(error).__name__}: {error}"), trace)
    return Failure(error.with_traceback(None), trace)


def send(connection: Connection[Any, Any], value: Any) -> None:
    """Send a value through shared memory; what cannot be pickled is answered by a Failure that says so."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    except Exception as error:
        body, buffers = pickle.dumps(_failure(error)), []
    parts: list[Any] = [body, *(buffer.raw() for buffer in buffers)]
    sizes = [len(part) for part in parts]
    descriptor = os.memfd_create("tensorlib-batch")
    try:
        for part, start in zip(parts, _starts(sizes), strict=True):
            _write_at(descriptor, part, start)
        connection.send(sizes)
        reduction.send_handle(connection, descriptor, None)
    finally:
        os.close(descriptor)


def receive(connection: Connection[Any, Any]) -> Any:
    """Receive what `send` sent; arrays in it lie in the shared memory."""
    sizes = connection.recv()
    descriptor = reduction.recv_handle(connection)
    try:
        starts = _starts(sizes)
        memory = memoryview(mmap.mmap(descriptor, max(1, starts[-1] + sizes[-1])))
    finally:
        os.close(descriptor)
    body, *buffers = [memory[start : start + size] for start, size in zip(starts, sizes, strict=True)]
    return pickle.loads(body, buffers=buffers)


def _starts(sizes: list[int]) -> list[int]:
    starts, end = [], 0
    for size in sizes:
        starts.append(end)
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return starts


def _write_at(descriptor: int, part: Any, start: int) -> None:
    rest = memoryview(part)
    while rest:
        written = os.pwrite(descriptor, rest, start)
        rest, start = rest[written:], start + written
