"""Jobs of `tlrun` that run the example, and the proof that they leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
DIGITS = str(ROOT / "examples" / "digits.py")
MARK = "DIGITS_TEST_MARK"

# What stands in for scikit-learn, whose import takes longer than most of these jobs train.
QUICK_DATASETS = """
from pathlib import Path
from types import SimpleNamespace
import numpy

def load_digits():
    return SimpleNamespace(**numpy.load(Path(__file__).with_name("digits.npz")))
"""


@dataclass
class Result:
    """How a job ended."""

    code: int
    out: str
    err: str
    seconds: float


class Jobs:
    """Starts jobs whose processes can be told from all others by a variable of their environment."""

    def __init__(self, temporary: Path, quick: Path) -> None:
        self.temporary = temporary
        self.quick = quick
        self.mark = uuid.uuid4().hex
        self.started: list[subprocess.Popen[str]] = []

    def start(
        self, *arguments: str, ranks: int | None = 4, script: str = DIGITS, quick: bool = True
    ) -> subprocess.Popen[str]:
        """Start the example under `tlrun`, or as a plain program where `ranks` is None.

        The digits come from scikit-learn itself, or where `quick` from a stand-in that has just them.
        """
        launcher = [] if ranks is None else ["-m", "launcher", "-n", str(ranks)]
        modules = os.pathsep.join([str(self.quick), str(ROOT)] if quick else [str(ROOT)])
        environment = {**os.environ, MARK: self.mark, "PYTHONPATH": modules, "TMPDIR": str(self.temporary)}
        process = subprocess.Popen(
            [sys.executable, *launcher, script, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], timeout: float = 50) -> Result:
        """Wait for a job to end."""
        started = time.monotonic()
        out, err = process.communicate(timeout=timeout)
        return Result(process.returncode, out, err, time.monotonic() - started)

    def run(self, *arguments: str, ranks: int | None = 4, script: str = DIGITS, quick: bool = True) -> Result:
        """Run a job to its end."""
        return self.finish(self.start(*arguments, ranks=ranks, script=script, quick=quick))

    def processes(self) -> list[psutil.Process]:
        """Return the processes of all jobs that still run."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def rank(self, number: int, timeout: float = 20) -> psutil.Process:
        """Return the process of a rank, once it runs."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for process in self.processes():
                try:
                    own = process.environ().get("RANK") == str(number)
                    if own and DIGITS in process.cmdline() and "guardian" not in " ".join(process.cmdline()):
                        return process
                except psutil.Error:
                    continue
            time.sleep(0.02)
        raise TimeoutError(f"rank {number} did not start")

    def left(self, within: float = 3) -> list[psutil.Process]:
        """Return the processes that are left after a moment."""
        deadline = time.monotonic() + within
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that stands in for scikit-learn: it has the digits, and nothing else."""
    datasets = pytest.importorskip("sklearn.datasets", reason="the embedded digits come with scikit-learn")
    folder = tmp_path_factory.mktemp("quick")
    package = folder / "sklearn"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "datasets.py").write_text(QUICK_DATASETS)
    digits = datasets.load_digits()
    np.savez(package / "digits.npz", data=digits.data, images=digits.images, target=digits.target)
    return folder


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, quick: Path) -> Iterator[Jobs]:
    """Jobs of one module; whatever runs at its end is killed, and fails."""
    made = Jobs(tmp_path_factory.mktemp("temporary"), quick)
    yield made
    left = made.left()
    for process in left:
        process.send_signal(signal.SIGKILL)
    for job in made.started:
        job.communicate()
    assert left == []
