"""Real rank processes for the tests of the control plane, and a check that a test leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRET = bytes(range(32))
PATIENCE = 1.0

# What every rank runs first; `say` writes one line for the test to read.
PRELUDE = f"""
import json, os, signal, sys, threading, time
from dist.control.membership import Membership
from dist.control.uncaught import UncaughtExceptions
from dist.errors import *
from dist.rendezvous import rendezvous

def say(value):
    sys.stdout.write(json.dumps(value) + "\\n")  # in one go, as two processes may say something at once
    sys.stdout.flush()

meeting = rendezvous(timeout=20, patience={PATIENCE})
members = Membership(meeting)
UncaughtExceptions(members).install()
rank, size = meeting.rank, meeting.size
failed = threading.Event()
members.subscribe(lambda error: failed.set())
say("ready")

def barrier(name):
    meeting.store.set(f"{{name}}/{{rank}}", b"")
    meeting.store.wait([f"{{name}}/{{other}}" for other in range(size)], timeout=20)

def say_failure(within=10.0):
    failed.wait(within)
    error = members.failure()
    say([error.rank, str(error)] if error else None)

"""


def without_job_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what launchers and schedulers may have set for the process that runs the tests."""
    for name in os.environ:
        if re.match(r"(RANK|WORLD_SIZE|MASTER_|TENSORLIB_|SLURM_|OMPI_|PMIX?_|MV2_|KUBERNETES_|JOB_COMPLETION)", name):
            monkeypatch.delenv(name)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that nobody uses, and that the system gives to nobody who does not ask for it by number."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    while True:
        port = random.randrange(10_000, int(given[0]))
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


class Rank:
    """A rank's process; reads what it says line by line, never for longer than it should take."""

    def __init__(self, rank: int, size: int, port: int, program: str, **environment: str) -> None:
        variables = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        variables |= {"TENSORLIB_JOB_SECRET": SECRET.hex(), "PYTHONPATH": ROOT, "PYTHONUNBUFFERED": 1}
        self.rank = rank
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            env=os.environ | {name: str(value) for name, value in variables.items()} | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        self._buffer = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    def hears(self, timeout: float = 15.0) -> Any:
        """Return the next thing the rank says."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert chunk, f"rank {self.rank} said nothing: {self.end()}"
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def ends(self, timeout: float = 15.0) -> tuple[int, str]:
        """Wait for the process; return its exit code and what it wrote to stderr."""
        _, errors = self.process.communicate(timeout=timeout)
        return self.process.returncode, errors.decode()

    def end(self) -> str:
        """Kill the process in whatever state it is; return what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        try:
            return self.ends()[1]
        except ValueError:
            return ""


@contextmanager
def ranks(size: int, body: str, prelude: str = PRELUDE, port: int = 0, **environment: str) -> Iterator[list[Rank]]:
    """Start `size` ranks that meet and then run `body`; yield when all have met; kill what is left at the end."""
    port = port or free_port()
    started = [Rank(rank, size, port, prelude + body, **environment) for rank in range(size)]
    try:
        for rank in started:
            assert rank.hears() == "ready"
        yield started
    finally:
        for rank in started:
            rank.end()


def in_threads(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Return what `call(0)`, `call(1)`, ... return or raise, all run at once."""
    results: list[Any] = [None] * count

    def run(index: int) -> None:
        try:
            results[index] = call(index)
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert not any(thread.is_alive() for thread in threads)
    return results


@contextmanager
def nothing_left() -> Iterator[None]:
    """Fail if threads or file descriptors are left behind."""

    def held() -> tuple[set[threading.Thread], int]:
        return set(threading.enumerate()), len(os.listdir("/proc/self/fd"))

    threads, descriptors = held()
    yield
    now_threads, now_descriptors = held()
    assert now_threads <= threads
    assert now_descriptors <= descriptors


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run code in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that the process prints."""
    assert process.stdout
    return process.stdout.readline().rstrip("\n")


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the process as `kill -9` does."""
    process.kill()
    process.communicate(timeout=20)
