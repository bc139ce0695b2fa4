"""Starting several processes that run one function, and telling which of them failed and why."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>


class ProcessException(Exception):
    """A process that was started by `spawn` failed.

    Attributes:
        error_index: which one.
        error_pid: its process id.
    """

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.error_pid = pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """A process raised an exception; the message holds its traceback."""


class ProcessExitedException(ProcessException):
    """A process was ended by a signal or by an exit code.

    Attributes:
        exit_code: as of `multiprocessing.Process`.
        signal_name: such as "SIGKILL"; None where there was no signal.
    """

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., Any], index: int, args: tuple[Any, ...], report: Connection[Any, Any]) -> None:
    """Run the function in the new process, which ends with its parent; send the traceback of its exception."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted too, and says so
    except Exception:
        report.send_bytes(traceback.format_exc().encode())
        sys.exit(1)


class ProcessContext:
    """The processes that `spawn` started without waiting for them.

    Attributes:
        processes: in the order of their index.
    """

    def __init__(self, processes: Sequence[BaseProcess], reports: Sequence[Connection[Any, Any]]) -> None:
        self.processes = list(processes)
        self._reports = list(reports)
        self._open = set(range(len(processes)))  # whose reports may still come
        self._running = set(range(len(processes)))
        self._traces: dict[int, str] = {}

    def pids(self) -> list[int | None]:
        """Return the ids of the processes."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until one more process has ended; if it failed, end the others.

        Args:
            timeout: seconds to wait; without end unless given.
            grace_period: seconds that the others get to end by themselves after SIGTERM; 30 unless given.

        Returns:
            Whether all have ended.

        Raises:
            ProcessRaisedException: the process raised an exception.
            ProcessExitedException: it was ended by a signal, or by an exit code other than 0.
        """
        if not self._running:
            return True
        sentinels = [self.processes[index].sentinel for index in self._running]
        wait([*sentinels, *(self._reports[index] for index in self._open)], timeout)
        self._read_reports()
        self._running = {index for index in self._running if self.processes[index].exitcode is None}
        failed = [index for index, process in enumerate(self.processes) if process.exitcode]
        if failed:
            self._end_all(30 if grace_period is None else grace_period)
            raise self._failure(failed[0])
        return not self._running

    def _read_reports(self) -> None:
        for index in [index for index in self._open if self._reports[index].poll(0)]:
            try:
                self._traces[index] = self._reports[index].recv_bytes().decode()
            except (EOFError, OSError):
                self._open.discard(index)

    def _end_all(self, grace_period: float) -> None:
        for process in self.processes:
            if process.exitcode is None:
                process.terminate()
        deadline = time.monotonic() + grace_period
        for process in self.processes:
            process.join(max(0, deadline - time.monotonic()))
            if process.exitcode is None:
                process.kill()
                process.join()
        self._read_reports()
        self._running.clear()

    def _failure(self, index: int) -> ProcessException:
        process = self.processes[index]
        pid, code = process.pid or 0, process.exitcode or 0
        if index in self._traces:
            text = f"process {index} raised an exception:\n\n{self._traces[index]}"
            return ProcessRaisedException(text, index, pid)
        if code < 0:
            name = signal.Signals(-code).name
            return ProcessExitedException(f"process {index} was ended by {name}", index, pid, code, name)
        return ProcessExitedException(f"process {index} ended with exit code {code}", index, pid, code, None)


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Do what `spawn` does, with any of the ways to start processes: "spawn", "fork" or "forkserver"."""
    context: Any = multiprocessing.get_context(start_method)
    processes, reports = [], []
    for index in range(nprocs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, index, args, writer), daemon=daemon)
        process.start()
        writer.close()
        processes.append(process)
        reports.append(reader)
    started = ProcessContext(processes, reports)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run `fn(index, *args)` in new processes; if one fails, the others are ended.

    Args:
        fn: a function at the top level of a module, so that it can be pickled.
        args: what it gets after the process's index, 0 up to but without `nprocs`.
        nprocs: how many processes to start.
        join: wait for all.
        daemon: as of `multiprocessing.Process`.
        start_method: "spawn"; see `start_processes` for others.

    Returns:
        None, or with `join=False` a `ProcessContext`.

    Raises:
        ProcessRaisedException: a process raised an exception; the message holds its traceback.
        ProcessExitedException: a process was ended by a signal, or by an exit code other than 0.

    Example:
        >>> tensorlib.multiprocessing.spawn(print, args=("runs",), nprocs=0)
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)
