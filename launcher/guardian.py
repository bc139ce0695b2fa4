"""The process between `tlrun` and one rank: it sees to it that nothing of the rank is left, however either ends.

It is run as a script, needs the standard library only, and is the parent of its rank. It holds one end of a socket, its
lifeline, whose other end only `tlrun` has. What the lifeline carries:

    tlrun -> guardian   one line of JSON, the command; then bytes, each the number of a signal for the rank's group
    guardian -> tlrun   lines of JSON: {"pid": 71} once the rank runs, {"code": 1, "at": 12.5} once it has ended

    the rank ends             the guardian ends whatever the rank has started and left
    the lifeline ends         tlrun is gone, even by kill -9: the guardian ends the rank and all that it has started
    the guardian is killed    the kernel kills the rank (PR_SET_PDEATHSIG); tlrun inherits and ends the rest

Processes that a rank started cannot get away by a session of their own or by losing their parent: the guardian is their
subreaper, so orphans become its children.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
EXIT_CANNOT_RUN = 127
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
# Between asking what a rank has left to end and killing it: Python's resource tracker tidies /dev/shm in this time.
PATIENCE = 0.5
# Python loses an interrupt that meets it at some points of its start, and hears of SIGTERM at all of them.
START_SECONDS = 2.0
TERMINATE_AFTER_SECONDS = 1.0
# A process in an uninterruptible system call outlives even SIGKILL for a while.
KILL_PATIENCE = 5.0


def main() -> None:
    """Guard one rank; the argument is the file descriptor of the lifeline."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's handler would swallow one that meets the rank unborn
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    command = json.loads(_read_line(lifeline))
    adopt_orphans(True)
    ended_children = _listen_for_ended_children()
    rank = _start(command)
    _forward_signals(rank)
    _tell(lifeline, pid=rank)
    code = _watch(rank, lifeline, ended_children)
    _ignore_signals()  # the rank's number may belong to another process from now on
    if code is not None:
        _tell(lifeline, code=code, at=time.monotonic())
    end_children()


def adopt_orphans(adopt: bool) -> None:
    """Make this process the one that inherits the processes below it whose parent has ended; or no longer so."""
    _prctl(PR_SET_CHILD_SUBREAPER, int(adopt))


def end_children(spared: frozenset[int] = frozenset()) -> None:
    """End every child of this process but those spared, and every orphan that so becomes its child.

    They are asked by SIGTERM first, and killed half a second later.
    """
    start = time.monotonic()
    signalled: set[tuple[int, signal.Signals]] = set()
    while time.monotonic() < start + PATIENCE + KILL_PATIENCE:
        remaining = [pid for pid in children() if pid not in spared and not _has_ended(pid)]
        if not remaining:
            return
        number = signal.SIGTERM if time.monotonic() < start + PATIENCE else signal.SIGKILL
        for pid in remaining:
            if (pid, number) not in signalled:
                signalled.add((pid, number))
                _signal_process(pid, number)  # not reaped yet, so its number means no other process
        time.sleep(0.01)


def children() -> list[int]:
    """The children of this process, those included that have ended and wait to be reaped."""
    if not _has_children():
        return []
    own_pid = os.getpid()
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _parent_of(name) == own_pid]


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _parent_of(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            status = file.read()
    except OSError:  # it has ended meanwhile
        return None
    return int(status.rpartition(b")")[2].split()[1])


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}, {value}): {os.strerror(error)}")


def _read_line(file: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(file, 1)
        if not byte:
            raise SystemExit(EXIT_CANNOT_RUN)
        line += byte
    return line


def _listen_for_ended_children() -> int:
    """A file descriptor that becomes readable when a child has ended."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


def _start(command: list[str]) -> int:
    guardian = os.getpid()
    rank = os.fork()
    if rank == 0:
        try:
            _become(command, guardian)
        finally:
            os._exit(EXIT_CANNOT_RUN)
    return rank


def _become(command: list[str], guardian: int) -> None:
    """Turn the forked child into the rank: in a session of its own, and bound to the life of its guardian."""
    os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guardian:  # it died before the kernel knew of the bond
        return
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these, and what is ignored stays so
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"tlrun: error: cannot run {command[0]}: {error.strerror}\n".encode())


def _forward_signals(rank: int) -> None:
    """Who takes the guardian for the rank and sends it a signal reaches the rank."""

    def forward(number: int, frame: FrameType | None) -> None:
        _signal_group(rank, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    signal.signal(signal.SIGALRM, lambda number, frame: _signal_group(rank, signal.SIGTERM))


def _ignore_signals() -> None:
    for number in (*FORWARDED, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)


def _watch(rank: int, lifeline: int, ended_children: int) -> int | None:
    """Wait for the end of the rank, and return its exit code or minus the signal; None where `tlrun` is gone first."""
    started = time.monotonic()
    while True:
        ready, _, _ = select.select([lifeline, ended_children], [], [])
        if ended_children in ready:
            os.read(ended_children, 4096)
            code = _reap_until(rank)
            if code is not None:
                return code
        if lifeline in ready:
            numbers = _read(lifeline)
            if not numbers:
                return None
            for number in numbers:
                _pass_on(rank, number, started)


def _pass_on(rank: int, number: int, started: float) -> None:
    _signal_group(rank, number)
    if number == signal.SIGINT and time.monotonic() < started + START_SECONDS:
        signal.setitimer(signal.ITIMER_REAL, TERMINATE_AFTER_SECONDS)


def _reap_until(rank: int) -> int | None:
    """Reap orphans that have ended, until it is the rank: then return its exit code, or minus the signal."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == rank:
            return os.waitstatus_to_exitcode(status)
        if pid == 0:
            return None


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def _signal_group(rank: int, number: int) -> None:
    try:
        os.killpg(rank, number)
    except ProcessLookupError:  # the rank has no group of its own yet
        _signal_process(rank, number)


def _signal_process(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # it has ended, or runs as another user
        return


def _read(lifeline: int) -> bytes:
    try:
        return os.read(lifeline, 64)
    except ConnectionError:
        return b""


def _tell(lifeline: int, **news: float) -> None:
    try:
        os.write(lifeline, json.dumps(news).encode() + b"\n")
    except ConnectionError:  # tlrun is gone, which the next look at the lifeline shows
        return


if __name__ == "__main__":
    main()
