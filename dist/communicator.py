"""The thread that runs a group's asynchronous collectives, in call order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from dist.threads import current_threads

if TYPE_CHECKING:
    from dist.work import CollectiveWork


class Communicator:
    """One thread and its queue.

    Args:
        execute: runs one collective; what it raises is kept for the collective's `wait`.
        name: of the thread.
    """

    def __init__(self, execute: Callable[[CollectiveWork], None], name: str) -> None:
        self._execute = execute
        threads = current_threads()
        self._queue = threads.queue()
        self.put: Callable[[CollectiveWork], None] = self._queue.put
        self._thread = threads.start(self._run, name)

    def close(self, timeout: float) -> None:
        """Let what is queued run, and end the thread."""
        self._queue.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                self._execute(work)
            except BaseException as error:  # belongs to whoever waits for the collective
                work.finish(error)
            else:
                work.finish()
