"""What the ranks write arrives, whole and in its place: with real processes and pipes."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_streams_stay_apart_and_lines_stay_whole(jobs: Any) -> None:
    script = jobs.script("""
        import os, sys
        rank = os.environ["RANK"]
        for number in range(300):
            for file in (sys.stdout, sys.stderr):
                for piece in (f"rank {rank} ", f"line {number} ", "x" * number):
                    file.write(piece); file.flush()
                file.write("\\n")
    """)
    code, stdout, stderr = jobs.run("-n", "3", script)
    expected = Counter(f"[{r}] rank {r} line {n} {'x' * n}" for r in range(3) for n in range(300))
    assert code == 0
    assert Counter(stdout.splitlines()) == expected
    assert Counter(stderr.splitlines()) == expected


def test_output_appears_while_the_ranks_run(jobs: Any) -> None:
    script = jobs.script("print('first'); input()")
    process = jobs.start(script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"[0] first\n"
    assert jobs.finish(process)[0] == 1  # stdin ends, and input() does not like that


def test_rank_0_reads_stdin_and_the_others_find_it_empty(jobs: Any) -> None:
    script = jobs.script("import sys; print(repr(sys.stdin.read()))")
    process = jobs.start("-n", "2", script, stdin=subprocess.PIPE)
    stdout, _ = process.communicate(b"words", timeout=20)
    assert sorted(stdout.decode().splitlines()) == ["[0] 'words'", "[1] ''"]


STRANGE: list[tuple[str, bytes, bytes]] = [
    ("no newline at the end", b"a\nb", b"[0] a\n[0] b\n"),
    ("binary", bytes(range(256)).replace(b"\r", b"") * 50, b""),
    ("a very long line", b"y" * 10_000_000 + b"\n", b"[0] " + b"y" * 10_000_000 + b"\n"),
    ("a progress bar", b"1%\r2%\r3%\n", b"[0] 1%\r[0] 2%\r[0] 3%\n"),
    ("nothing", b"", b""),
]


@pytest.mark.parametrize(("written", "shown"), [row[1:] for row in STRANGE], ids=[row[0] for row in STRANGE])
def test_strange_output(jobs: Any, written: bytes, shown: bytes) -> None:
    (jobs.folder / "data").write_bytes(written)
    script = jobs.script("""
        import sys
        for file in (sys.stdout, sys.stderr):
            file.buffer.write(open("data", "rb").read())
    """)
    process = jobs.start(script, cwd=jobs.folder)
    for found in process.communicate(timeout=20):
        if shown or not written:
            assert found == shown
        else:
            assert found.replace(b"[0] ", b"").removesuffix(b"\n") == written.removesuffix(b"\n")
    assert process.returncode == 0


def test_without_prefix(jobs: Any) -> None:
    assert jobs.run("--no-prefix", jobs.script("print('a')\nprint('b', end='')"))[1] == "a\nb\n"


def test_a_reader_that_pauses_stops_neither_supervision_nor_the_rest_of_the_output(jobs: Any) -> None:
    """The pipe is full, nobody reads, and a rank is killed: the job ends, and what was written is still there."""
    script = jobs.script("""
        import os, signal, sys, time
        if os.environ["RANK"] == "1":
            sys.stdout.write("x" * 50_000 + "\\n")
            sys.stdout.flush()
            open(os.environ["FOLDER"] + "/full", "w").write(f"{os.getpid()}\\n")
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in range(1000):
            print("y" * 5000)
    """)
    process = jobs.start("-n", "2", "--grace", "0.2", script)
    jobs.pid("full")
    jobs.wait_until(lambda: len(jobs.processes()) == 1)  # only tlrun is left, with what it could not write yet
    code, stdout, stderr = jobs.finish(process)
    assert code == 137
    assert "[1] " + "x" * 50_000 in stdout.splitlines()
    assert set(stdout.replace("[1] ", "[0] ").splitlines()[:-1]) <= {"[0] " + "x" * 50_000, "[0] " + "y" * 5000}
    assert "was killed by SIGKILL; rank 0 was stopped" in stderr


def test_who_stops_reading_stops_the_job(jobs: Any) -> None:
    script = jobs.script("import time\nwhile True: print('again'); time.sleep(0.01)")
    process = jobs.start("-n", "2", script)
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(10) == 141
    assert process.stderr.read() == b"tlrun: nobody reads the output; ranks 0, 1 were stopped\n"
    process.stdout = None


def test_a_full_disk_stops_the_job(jobs: Any) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "wb") as full:
        code, _, stderr = jobs.run(jobs.script("import time\nprint('x')\ntime.sleep(30)"), stdout=full)
    assert code == 1
    assert stderr == "tlrun: cannot write the output: No space left on device; rank 0 was stopped\n"


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_is_no_trouble(jobs: Any, closed: int) -> None:
    shell = ("/bin/sh", "-c", f'exec "$@" {closed}<&-', "sh")
    code, stdout, stderr = jobs.run(jobs.script("import sys; print('x'); print('y', file=sys.stderr)"), prefix=shell)
    assert code == 0
    assert (stdout, stderr) == ("" if closed == 1 else "[0] x\n", "" if closed == 2 else "[0] y\n")


def test_executables_and_modules(jobs: Any) -> None:
    path = jobs.folder / "run.sh"
    path.write_text('#!/bin/sh\necho "$RANK of $WORLD_SIZE: $1"\n')
    path.chmod(0o755)
    assert jobs.run("-n", "1", str(path), "a b")[:2] == (0, "[0] 0 of 1: a b\n")
    jobs.script("import sys; print(sys.argv[1:], __name__)", "task.py")
    assert jobs.run("-m", "task", "-n", env=jobs.environment(PYTHONPATH=f"{ROOT}:{jobs.folder}"))[1] == (
        "[0] ['-n'] __main__\n"
    )


def test_an_executable_that_cannot_run(jobs: Any) -> None:
    path = jobs.folder / "run"
    path.write_text("no interpreter is named")
    path.chmod(0o755)
    code, _, stderr = jobs.run(str(path))
    assert code == 127
    assert f"[0] tlrun: error: cannot run {path}: Exec format error\n" in stderr


def test_environment_of_the_ranks(jobs: Any) -> None:
    script = jobs.script("""
        import os
        from dist.store import StoreClient
        names = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "OMP_NUM_THREADS", "EXTRA"]
        secret = bytes.fromhex(os.environ["TENSORLIB_JOB_SECRET"])
        store = StoreClient(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), secret, 10.0)
        print(*[os.environ[name] for name in names], len(secret))
        store.add("ranks that came", 1)
        store.close()
    """)
    code, stdout, stderr = jobs.run("-n", "2", "--env", "EXTRA=a b", script)
    threads = max(1, len(os.sched_getaffinity(0)) // 2)
    assert (code, stderr) == (0, "")
    assert sorted(stdout.splitlines()) == [f"[{rank}] {rank} 2 {rank} 2 127.0.0.1 {threads} a b 32" for rank in (0, 1)]


def test_ranks_inherit_no_files(jobs: Any) -> None:
    script = jobs.script("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])")
    assert jobs.run("-n", "1", script)[1] == "[0] [0, 1, 2]\n"
