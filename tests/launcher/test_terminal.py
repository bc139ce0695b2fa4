"""`tlrun` at a real terminal: rank 0 has a terminal of its own, the keyboard reaches `tlrun`, nothing floods."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Makes the terminal on stdin the one whose keys send signals, and becomes tlrun.
CONTROL_TERMINAL = (
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])",
)


class Terminal:
    """A pseudo-terminal with a job in its foreground, seen from the side of keyboard and screen."""

    def __init__(self, jobs: Any) -> None:
        self.jobs = jobs
        self.screen = b""
        self.own, self.theirs = os.openpty()
        termios.tcsetwinsize(self.own, (24, 100))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ranks: int, code: str, shell: tuple[str, ...] = CONTROL_TERMINAL, **streams: int) -> None:
        arguments = ("-n", str(ranks), "--grace", "20", self.jobs.script(code))
        settings = {"stdin": self.theirs, "stdout": self.theirs, "stderr": self.theirs, **streams}
        self.process = self.jobs.start(*arguments, prefix=shell, start_new_session=True, **settings)

    def type(self, keys: bytes) -> None:
        os.write(self.own, keys)

    def read(self, timeout: float = 10.0, until: str | None = None) -> str:
        """What was shown, up to a pattern, or to the end of the job; line ends as programs write them."""
        deadline = time.monotonic() + timeout
        while until is None or not re.search(until.encode(), self.screen):
            ended = self.process is not None and self.process.poll() is not None
            if select.select([self.own], [], [], 0.02)[0]:
                self.screen += os.read(self.own, 65536)
            elif ended and until is None:
                break
            assert time.monotonic() < deadline, self.screen
        return self.screen.decode().replace("\r\n", "\n")

    def close(self) -> None:
        os.close(self.own)
        os.close(self.theirs)


@pytest.fixture
def terminal(jobs: Any) -> Iterator[Terminal]:
    opened = Terminal(jobs)
    try:
        yield opened
    finally:
        opened.close()


def test_rank_0_has_a_terminal_and_no_prefix(terminal: Terminal) -> None:
    terminal.start(
        2,
        """
        import os, sys
        print(sys.stdin.isatty(), sys.stdout.isatty(), sys.stderr.isatty(), os.get_terminal_size().columns)
        """,
    )
    assert "True True True 100\n" in terminal.read().splitlines(keepends=True)
    assert "[1] False False False" not in terminal.screen.decode()  # it has no terminal to ask for its size
    assert "[1] OSError: " in terminal.read()


def test_a_progress_bar_is_shown_as_it_is(terminal: Terminal) -> None:
    terminal.start(
        1,
        """
        import sys, time
        for percent in (10, 50, 100):
            sys.stderr.write(f"\\r{percent}%")
            sys.stderr.flush()
            time.sleep(0.1)
        print()
        input("name? ")
        print("\\x1b[1mdone\\x1b[0m")
        """,
    )
    terminal.read(until=r"name\? ")
    terminal.type(b"somebody\n")
    shown = terminal.read()
    assert terminal.process is not None
    assert terminal.process.returncode == 0
    assert shown.startswith("\r10%\r50%\r100%\n")
    assert "name? somebody\n\x1b[1mdone\x1b[0m\n" in shown


def test_lines_of_others_do_not_begin_within_a_line_of_rank_0(terminal: Terminal) -> None:
    terminal.start(
        2,
        """
        import os, sys, time
        if os.environ["RANK"] == "0":
            for step in range(50):
                sys.stdout.write(f"\\r{step}/50")
                time.sleep(0.005)
        else:
            for step in range(50):
                print("line", step)
                time.sleep(0.005)
        """,
    )
    lines = [line for line in terminal.read().splitlines() if line.startswith("[1]")]
    assert lines == [f"[1] line {step}" for step in range(50)]


def test_a_new_size_of_the_terminal_reaches_rank_0(terminal: Terminal) -> None:
    terminal.start(
        1,
        """
        import os, time
        print("ready")
        while os.get_terminal_size().columns != 77:
            time.sleep(0.01)
        print("resized")
        """,
    )
    terminal.read(until="ready")
    termios.tcsetwinsize(terminal.own, (24, 77))
    assert "resized" in terminal.read()


INTERRUPTED = """
    import os, signal, sys, time
    if os.environ["RANK"] == "0":
        print("\\x1b[?25l50%", end="")
    open(f"{os.environ['FOLDER']}/pid{os.environ['RANK']}", "w").write(f"{os.getpid()}\\n")
    IGNORE
    while True:
        time.sleep(60)
"""


def test_control_c(terminal: Terminal) -> None:
    terminal.start(4, INTERRUPTED.replace("IGNORE", ""))
    for rank in range(4):
        terminal.jobs.pid(f"pid{rank}")
    start = time.monotonic()
    terminal.type(b"\x03")
    shown = terminal.read()
    assert terminal.process is not None
    assert terminal.process.returncode == 130
    assert time.monotonic() - start < 5
    assert shown.endswith("tlrun: stopped by SIGINT; ranks 0-3 were stopped\n")
    assert shown.count("\n") == 2  # the one that ends the progress bar and that of the message
    assert "Traceback" not in shown
    assert "\x1b[?25h" in shown  # rank 0 had hidden the cursor
    assert terminal.jobs.processes() == []


def test_control_c_twice(terminal: Terminal) -> None:
    terminal.start(2, INTERRUPTED.replace("IGNORE", "signal.signal(signal.SIGINT, lambda *_: print('no'))"))
    for rank in range(2):
        terminal.jobs.pid(f"pid{rank}")
    terminal.type(b"\x03")
    terminal.read(until="no")
    start = time.monotonic()
    terminal.type(b"\x03")
    terminal.read()
    assert time.monotonic() - start < 5
    assert terminal.process is not None
    assert terminal.process.returncode == 130
    assert terminal.jobs.processes() == []


# A shell in the small: it puts tlrun in the foreground, hears of its suspension, and after a line lets it go on.
SHELL = (
    sys.executable,
    "-c",
    """if True:
    import fcntl, os, signal, subprocess, sys, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = subprocess.Popen(sys.argv[1:], process_group=0)
    os.tcsetpgrp(0, job.pid)
    _, status = os.waitpid(job.pid, os.WUNTRACED)
    os.tcsetpgrp(0, os.getpid())
    print("suspended", os.WIFSTOPPED(status))
    input()
    os.tcsetpgrp(0, job.pid)
    os.kill(job.pid, signal.SIGCONT)
    sys.exit(job.wait())
    """,
)


def test_control_z_suspends_the_ranks(terminal: Terminal) -> None:
    def states() -> set[str]:
        return {Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in ranks}

    terminal.start(
        2,
        """
        import os, time
        open(f"{os.environ['FOLDER']}/pid{os.environ['RANK']}", "w").write(f"{os.getpid()}\\n")
        while not os.path.exists(f"{os.environ['FOLDER']}/go"):
            time.sleep(0.01)
        """,
        shell=SHELL,
    )
    ranks = [terminal.jobs.pid("pid0"), terminal.jobs.pid("pid1")]
    terminal.type(b"\x1a")
    terminal.read(until="suspended True")
    terminal.jobs.wait_until(lambda: states() == {"T"})
    terminal.type(b"\n")
    terminal.jobs.wait_until(lambda: "T" not in states())
    (terminal.jobs.folder / "go").touch()
    terminal.read()
    assert terminal.process is not None
    assert terminal.process.returncode == 0


def test_a_failure_of_rank_0_is_told_in_full(terminal: Terminal) -> None:
    terminal.start(2, "raise ValueError('bad batch')")
    shown = terminal.read()
    assert shown.count("Traceback (most recent call last):\n") == 1
    assert "ValueError: bad batch (train.py:1); rank " in shown.splitlines()[-1]


def test_a_closed_terminal_ends_the_job(terminal: Terminal) -> None:
    terminal.start(2, INTERRUPTED.replace("IGNORE", ""))
    for rank in range(2):
        terminal.jobs.pid(f"pid{rank}")
    os.close(terminal.theirs)
    os.close(terminal.own)
    terminal.own, terminal.theirs = os.openpty()
    assert terminal.process is not None
    assert terminal.process.wait(5) == 128 + signal.SIGHUP
    assert terminal.jobs.processes() == []


def test_only_the_stream_that_goes_to_the_terminal_has_one(terminal: Terminal) -> None:
    terminal.start(1, "import sys; print(sys.stdout.isatty(), sys.stderr.isatty())", stdout=subprocess.PIPE)
    assert terminal.process is not None
    assert terminal.process.communicate(timeout=10)[0] == b"[0] False True\n"
