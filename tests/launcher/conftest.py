"""Runs `tlrun` on scripts, with real processes, and makes sure that nothing of a job is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARK = "TLRUN_TEST_MARK"


def wait_until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.01)


class Jobs:
    """Starts jobs whose processes can all be found by a mark in their environment."""

    wait_until = staticmethod(wait_until)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen[bytes]] = []

    def script(self, text: str, name: str = "train.py") -> str:
        path = self.folder / name
        path.write_text(textwrap.dedent(text))
        return str(path)

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
        own = {MARK: self.mark, "TMPDIR": str(self.temporary), "FOLDER": str(self.folder), "PYTHONPATH": str(ROOT)}
        return kept | own | variables

    def start(self, *arguments: str, prefix: tuple[str, ...] = (), **options: object) -> subprocess.Popen[bytes]:
        """Start `tlrun`; its output goes to pipes unless the options say otherwise."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        settings.setdefault("env", self.environment())
        command = [*prefix, sys.executable, "-m", "launcher", *arguments]
        process = subprocess.Popen(command, **settings)  # type: ignore[call-overload]
        self.started.append(process)
        return process  # type: ignore[no-any-return]

    def run(self, *arguments: str, timeout: float = 20.0, **options: object) -> tuple[int, str, str]:
        """Run `tlrun` to its end: exit code, stdout, stderr."""
        return self.finish(self.start(*arguments, **options), timeout)

    def finish(self, process: subprocess.Popen[bytes], timeout: float = 20.0) -> tuple[int, str, str]:
        stdout, stderr = process.communicate(timeout=timeout)
        return process.returncode, (stdout or b"").decode(), (stderr or b"").decode()

    def processes(self) -> list[int]:
        """Everything alive that was started by a job of this test, directly or not."""
        wanted = f"{MARK}={self.mark}".encode()
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if wanted in _environment_of(path)]

    def pid(self, name: str) -> int:
        """A process id that a script wrote to a file in FOLDER; waits for it."""
        path = self.folder / name
        wait_until(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text())

    def all_gone(self, within: float) -> None:
        deadline = time.monotonic() + within
        while left := self.processes():
            assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
            time.sleep(0.02)

    def close(self) -> None:
        left = self.processes()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for process in self.started:
            process.kill()
            process.communicate(timeout=5)
        assert left == [], "processes were left"
        assert list(self.temporary.iterdir()) == [], "temporary files were left"


def _environment_of(process: Path) -> bytes:
    try:
        return b"" if _is_zombie(process) else (process / "environ").read_bytes()
    except OSError:  # it has ended meanwhile, or is another user's
        return b""


def _is_zombie(process: Path) -> bool:
    return (process / "stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    started = Jobs(tmp_path)
    try:
        yield started
    finally:
        started.close()
