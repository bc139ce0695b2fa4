"""What worlds of processes leave behind: processes, threads, sockets, shared memory, temporary files."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "LEFTOVERS_MARK"


def held() -> set[str]:
    """Return the threads and sockets of this process."""
    found = {f"thread {thread.name}" for thread in threading.enumerate()}
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the one that the folder was read with
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@contextmanager
def observed(**variables: str) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder to use, and a list that in the end says what is left of the processes started meanwhile.

    Args:
        variables: to set in the environment meanwhile.
    """
    mark, left = uuid.uuid4().hex, list[str]()
    folder = Path(tempfile.mkdtemp(prefix="observed-"))
    temporary = folder / "tmp"
    temporary.mkdir()
    shared = segments()
    variables |= {MARK: mark, "TMPDIR": str(temporary)}
    previous = {name: os.environ.get(name) for name in variables}
    previous_folder, tempfile.tempdir = tempfile.tempdir, str(temporary)
    os.environ.update(variables)
    try:
        yield folder, left
        left += _left(mark, temporary, shared)
    finally:
        tempfile.tempdir = previous_folder
        for name, value in previous.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder)


def _left(mark: str, temporary: Path, shared: set[str]) -> list[str]:
    deadline = time.monotonic() + 2.0
    while ((found := _processes(mark)) or segments() - shared) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [f"a process is left: {pid}" for pid in found]
    left += [f"shared memory is left: {name}" for name in sorted(_unused(segments() - shared))]
    return left + [f"a temporary file is left: {path.name}" for path in temporary.iterdir()]


def segments() -> set[str]:
    """Return the names of shared memory, but for that of shared tensors and of MPI: other programs may have some."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith(("tensorlib-", "mpich", "sm_segment"))}


def _unused(names: set[str]) -> set[str]:
    """Return those that no process maps: what others have made meanwhile is theirs."""
    used = set()
    for path in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
            text = path.read_text() if names else ""
            used |= {name for name in names if f"/dev/shm/{name}" in text}
    return names - used


def _processes(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    own = os.getpid()
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if wanted in _environment(path, own)]


def _environment(process: Path, own: int) -> bytes:
    """Return the environment that a living process was started with; this one's is its own affair."""
    try:
        ended = (process / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"
        return b"" if ended or process.name == str(own) else (process / "environ").read_bytes()
    except OSError:  # it has ended meanwhile, or is another user's
        return b""
