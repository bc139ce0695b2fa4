"""The worker processes of a DataLoader, seen from the process that wants the batches.

Batches go round the workers: batch k is asked of the worker after that of batch k - 1, and each worker answers in
order. So the next batch is always the next answer of a known worker, and the order does not depend on who is faster.
"""

from __future__ import annotations

import os
import signal
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any

from tensorlib.utils.data.fetch import Fetch
from tensorlib.utils.data.worker import Failure, NothingLeft, WorkerInfo, receive, run_worker

SECONDS_TO_STOP = 1.0  # for a worker in the middle of a batch, before it is killed


class WorkerTimeout(TimeoutError, RuntimeError):
    """A worker took longer for a batch than the DataLoader's timeout."""


class Worker:
    """One worker process and the connection to it.

    Args:
        context: how processes are started.
        info: what the worker is to know of itself.
        make_fetch: turns the data set into the function that fetches.
        init: called first in the worker, with its number.
    """

    def __init__(
        self, context: Any, info: WorkerInfo, make_fetch: Callable[[Any], Fetch], init: Callable[[int], Any] | None
    ) -> None:
        self.id = info.id
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=run_worker, args=(theirs, info, make_fetch, init), name=f"DataLoader-{info.id}", daemon=True
        )
        with warnings.catch_warnings():
            # Python 3.12 and later warn of forking beside threads. A worker uses none of their locks.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()

    def request(self, kind: str, value: Any) -> None:
        """Ask for a batch, or start an epoch."""
        try:
            self.connection.send((kind, value))
        except OSError:
            raise self._death() from None

    def batch(self, timeout: float) -> Any:
        """Return the next batch, or NothingLeft.

        Raises:
            WorkerTimeout: it did not come in `timeout` seconds, where 0 stands for no limit.
            RuntimeError: the worker died.
            Exception: what the data set raised in the worker.
        """
        answer = self.answer(timeout)
        if isinstance(answer, Failure):
            answer.error.add_note(f"Traceback of DataLoader worker {self.id}:\n{answer.trace}")
            raise answer.error
        return answer

    def answer(self, timeout: float) -> Any:
        """Return the next batch, NothingLeft or Failure.

        Raises:
            WorkerTimeout: it did not come in `timeout` seconds, where 0 stands for no limit.
            RuntimeError: the worker died.
        """
        ready = wait([self.connection, self.process.sentinel], timeout or None)
        if not ready:
            raise WorkerTimeout(f"DataLoader: no batch from {self} for {timeout:g} s")
        if self.connection not in ready:
            raise self._death()
        try:
            return receive(self.connection)
        except (EOFError, OSError):
            raise self._death() from None

    def _death(self) -> RuntimeError:
        self.process.join(1.0)
        code = self.process.exitcode
        how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"exited with code {code}"
        return RuntimeError(f"DataLoader: {self} {how}")

    def __str__(self) -> str:
        return f"worker {self.id} (pid {self.process.pid})"


class WorkerPool:
    """Workers that fetch from their copies of one data set.

    Args:
        dataset: the data set.
        count: how many workers.
        make_fetch: turns the data set into the function that fetches.
        init: called first in each worker, with its number.
        context: how they are started; forked unless given.
    """

    def __init__(
        self,
        dataset: Any,
        count: int,
        make_fetch: Callable[[Any], Fetch],
        init: Callable[[int], Any] | None,
        context: str | BaseContext | None,
    ) -> None:
        self._workers: list[Worker] = []
        self._outstanding: deque[Worker] = deque()
        self._epoch = 0
        self.close = weakref.finalize(self, stop_workers, self._workers, os.getpid())
        chosen = context if isinstance(context, BaseContext) else get_context(context or "fork")
        for k in range(count):
            self._workers.append(Worker(chosen, WorkerInfo(k, count, 0, dataset), make_fetch, init))

    @property
    def is_open(self) -> bool:
        """Whether the workers are there: `close` was not called."""
        return self.close.alive

    def batches(self, indices: Iterator[Any], seed: int, ahead: int, timeout: float, keep: bool) -> Iterator[Any]:
        """Start an epoch; return an iterator over its batches.

        Args:
            indices: what to ask for, one item per batch.
            seed: of the first worker's random numbers; the others have the numbers that follow.
            ahead: batches that each worker prepares before they are wanted.
            timeout: seconds to wait for a batch; 0 for no limit.
            keep: let the workers live after the epoch.
        """
        self._epoch += 1
        try:
            while self._outstanding:  # of an epoch that was left early
                self._outstanding.popleft().answer(timeout)
            for worker in self._workers:
                worker.request("epoch", seed + worker.id)
            for worker in self._workers * ahead:
                self._ask(worker, indices)
        except BaseException:
            self.close()
            raise
        return self._received(indices, timeout, keep, self._epoch)

    def _ask(self, worker: Worker, indices: Iterator[Any]) -> None:
        for wanted in indices:
            worker.request("batch", wanted)
            self._outstanding.append(worker)
            return

    def _received(self, indices: Iterator[Any], timeout: float, keep: bool, epoch: int) -> Iterator[Any]:
        try:
            while self._outstanding and epoch == self._epoch:
                worker = self._outstanding.popleft()
                batch = worker.batch(timeout)
                if not isinstance(batch, NothingLeft):
                    self._ask(worker, indices)
                    yield batch
        except GeneratorExit:  # left early
            raise
        except BaseException:
            self.close()
            raise
        finally:
            if not keep:
                self.close()
        if epoch != self._epoch:
            raise RuntimeError("DataLoader: with persistent workers a new iteration ends the one before")


def stop_workers(workers: list[Worker], owner: int) -> None:
    """Ask workers to end, and kill those that do not; done by the process `owner` only, not by its forked children."""
    if os.getpid() != owner:
        return
    for worker in workers:
        try:
            worker.connection.send(None)
        except OSError:
            continue  # it is dead already
    deadline = time.monotonic() + SECONDS_TO_STOP
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(SECONDS_TO_STOP)
        worker.connection.close()
        worker.process.close()
    workers.clear()
