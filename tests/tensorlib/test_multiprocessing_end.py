"""What shared tensors leave behind when processes end, normally or killed: nothing; and what they need."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import tensorlib
from tensorlib import multiprocessing
from tensorlib.multiprocessing import segments
from tests.tensorlib.processes import ROOT, SECONDS, Running, named_by, received


def send_and_end(pipe):
    pipe.send(tensorlib.ones(2))


def test_the_sender_must_live_with_descriptors():
    with Running("fork", send_and_end) as other:
        other.process.join(SECONDS)
        with pytest.raises(ConnectionError, match=r"the process that sent it has ended.*file_system"):
            received(other.pipe)


def test_the_sender_may_end_with_names():
    multiprocessing.set_sharing_strategy("file_system")
    try:
        with Running("fork", send_and_end) as other:
            other.process.join(SECONDS)
            assert len(named_by([other.process.pid])) == 1
            got = received(other.pipe)
            assert got.tolist() == [1, 1]
            del got
            assert named_by([other.process.pid]) == []
    finally:
        multiprocessing.set_sharing_strategy("file_descriptor")


PROGRAM = """
import os, signal, sys, time
import tensorlib
import tensorlib.multiprocessing as mp

def work(pipe, mine):
    got, theirs = pipe.recv(), tensorlib.ones(1000).share_memory_()
    got += 1
    pipe.send(theirs)
    time.sleep(0.1 if sys.argv[3] == "normal" else 60)

if __name__ == "__main__":
    mp.set_sharing_strategy(sys.argv[1])
    context = mp.get_context(sys.argv[2])
    pipe, other = context.Pipe()
    queue = context.Queue()
    argument = tensorlib.zeros(1000).share_memory_()
    process = context.Process(target=work, args=(other, argument))
    process.start()
    whole = tensorlib.zeros(1000)
    pipe.send(whole)
    got = pipe.recv()
    assert whole[0] == 1 and got.is_shared()
    queue.put(tensorlib.ones(3))  # the queue sends it from a thread, at the latest at the end
    print(os.getpid(), process.pid, flush=True)
    if sys.argv[3] == "worker killed":
        os.kill(process.pid, signal.SIGKILL)
    if sys.argv[3] == "all killed":
        time.sleep(60)
    process.join()
    queue.get()
"""


@pytest.mark.parametrize("end", ["normal", "worker killed", "all killed"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["file_descriptor", "file_system"])
def test_nothing_is_left(name, method, end, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    main, pids = started(script, name, method, end)
    if end == "all killed":
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    _, errors = main.communicate(timeout=SECONDS)
    if end == "normal":
        assert (main.returncode, errors) == (0, "")
    deadline = time.monotonic() + SECONDS
    while (left := named_by(pids)) and time.monotonic() < deadline:
        time.sleep(0.02)  # the resource tracker ends a moment after the others
    assert left == []


def started(*command):
    """Start a program, and return it with the process ids that it prints."""
    program = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return program, [int(pid) for pid in program.stdout.readline().split()]


MANY = """
import os, resource, sys
import tensorlib
import tensorlib.multiprocessing as mp

mp.set_sharing_strategy(sys.argv[1])
print(os.getpid(), flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
tensors = [tensorlib.ones(2).share_memory_() for _ in range(200)]
"""


@pytest.mark.parametrize("name", ["file_descriptor", "file_system"])
def test_names_need_no_descriptors(name, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MANY)
    program, pids = started(script, name)
    _, errors = program.communicate(timeout=SECONDS)
    if name == "file_system":
        assert (program.returncode, errors) == (0, "")
    else:
        assert "shared memory of 8 bytes: Too many open files; raise `ulimit -n`, or use set_sharing_strategy" in errors
    assert named_by(pids) == []


def allocate_named(size):
    multiprocessing.set_sharing_strategy("file_system")
    try:
        segments.allocate(size)
    finally:
        multiprocessing.set_sharing_strategy("file_descriptor")


def test_too_much_memory():
    room = os.statvfs("/dev/shm")
    with pytest.raises(OSError, match=r"shared memory of \d+ bytes: No space left on device"):
        allocate_named(room.f_blocks * room.f_frsize + 1)
    assert named_by([os.getpid()]) == []


LATE = """
import psutil
import tensorlib
import tensorlib.multiprocessing as mp

def work():
    mp.set_sharing_strategy("file_system")

if __name__ == "__main__":
    tensorlib.zeros(2).share_memory_()
    for parent_chooses in (False, True):
        if parent_chooses:
            mp.set_sharing_strategy("file_system")
        process = mp.get_context("fork").Process(target=work)
        process.start()
        process.join()
        print(process.exitcode, len(psutil.Process().children()))
    process = mp.get_context("spawn").Process(target=work)
    process.start()
    process.join()
    print(process.exitcode)
"""


def test_names_are_chosen_before_processes_are_forked(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(LATE)
    command, environment = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=True)
    assert done.stdout.split("\n") == ["1 0", "0 1", "0", ""]  # with file descriptors there is no further process
    assert (
        "ArgumentError: set_sharing_strategy: 'file_system' must be chosen before processes are forked" in done.stderr
    )
