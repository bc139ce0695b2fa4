"""The other end of `run_world`: a process that loads everything once, and forks into the ranks of a world.

It runs `main` with a job on its standard input. Each rank writes what came of it into a file of its own; so does
this process with the ranks' exit statuses. Nothing here outlives the process that asked for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import pickle
import runpy
import signal
import struct
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any, BinaryIO

# To write down where all threads of a rank are.
_GRACE = 0.3  # seconds
_SHOW_YOURSELF = signal.SIGUSR2
_PR_SET_PDEATHSIG = 1
# Of a rank that has ended: its number, whether it had to be ended, the exit code, and when in `time.monotonic()`.
STATUS = struct.Struct("<i?id")


@dataclass(frozen=True)
class Job:
    """What to run.

    Attributes:
        parent: the process that asked, with which the ranks die.
        main: path of its main script, where `work` refers to it, or "".
        work: the pickled function and its arguments.
        timeout: seconds, from when everything is loaded.
        environments: variables for each rank.
        results, traces: a file descriptor per rank.
        statuses: a file descriptor of a pipe: how each rank has ended, as `STATUS` packs it, and when.
    """

    parent: int
    main: str
    work: bytes
    timeout: float
    environments: list[dict[str, str]]
    results: list[int]
    traces: list[int]
    statuses: int


def main() -> None:
    """Fork into the ranks, and wait for them."""
    job: Job = pickle.load(sys.stdin.buffer)
    _die_with(job.parent)
    import dist.connect
    import dist.shared_memory.backend  # noqa: F401 - loaded here, once for all ranks

    _load_main(job.main)
    fn, args = pickle.loads(job.work)
    ranks: dict[int, int] = {}
    for rank in range(len(job.environments)):
        pid = os.fork()
        if pid == 0:
            _run_rank(job, rank, fn, args)
            return
        ranks[pid] = rank
    _wait_for(ranks, job)


def _wait_for(ranks: dict[int, int], job: Job) -> None:
    """Note how each rank ends, given process numbers and ranks; late ones show where they are, and are killed.

    Ranks that are all that is left, and are stopped, are late: nobody will let them go on.
    """
    overdue = False
    stopped: set[int] = set()

    def send(number: int) -> None:
        nonlocal overdue
        for pid in ranks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        overdue = True

    def end(signum: int, frame: FrameType | None) -> None:
        send(signal.SIGKILL if overdue else _SHOW_YOURSELF)

    signal.signal(signal.SIGALRM, end)
    # Again and again: a signal that comes just before `waitpid` does not interrupt it.
    signal.setitimer(signal.ITIMER_REAL, job.timeout, _GRACE)
    while ranks:
        pid, status = os.waitpid(-1, os.WUNTRACED | os.WCONTINUED)
        if os.WIFSTOPPED(status):
            stopped.add(pid)
        elif os.WIFCONTINUED(status):
            stopped.discard(pid)
        else:
            code = os.waitstatus_to_exitcode(status)
            os.write(job.statuses, STATUS.pack(ranks.pop(pid), overdue, code, time.monotonic()))
        if ranks.keys() <= stopped:
            send(signal.SIGKILL)
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def _run_rank(job: Job, rank: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Be one rank; an exception leaves this function as it would leave the user's script."""
    _die_with(os.getppid())
    os.close(job.statuses)
    os.environ.update(job.environments[rank])
    faulthandler.register(_SHOW_YOURSELF, file=job.traces[rank])
    # The traceback goes to the one who called run_world, and need not be printed here as well.
    sys.excepthook = lambda *raised: None
    with os.fdopen(job.results[rank], "wb") as result:
        try:
            _put(result, fn(*args), "")
        except SystemExit:
            raise
        except BaseException:
            _put(result, None, traceback.format_exc())
            raise


def _put(file: BinaryIO, value: Any, error: str) -> None:
    try:
        data = pickle.dumps((value, error))
    except (pickle.PicklingError, TypeError, AttributeError) as problem:
        raise TypeError(f"run_world: the result, a {type(value).__name__}, cannot be pickled: {problem}") from None
    file.write(data)
    file.flush()


def call_initialized(backend: str | None, timeout: float, fn: Callable[..., Any], *args: Any) -> Any:
    """Call `fn` in a world that is initialised, and destroyed afterwards."""
    import dist

    dist.init_process_group(backend, timeout=timeout)
    result = fn(*args)
    if dist.is_initialized():
        dist.destroy_process_group()
    return result


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def _load_main(path: str) -> None:
    """Run the caller's main script under another name, so that what is defined there can be unpickled."""
    if path:
        module = ModuleType("__mp_main__")
        module.__dict__.update(runpy.run_path(path, run_name="__mp_main__"))
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module
