"""A rank fails: it is named once, the others are stopped, and nothing is left. With real processes and signals."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import dist.control.exit_codes
from launcher.exit_codes import EXIT_PEER_FAILED

# Rank 1 fails in the way of a test; the others would go on for long.
OTHERS_WAIT = """
    import os, signal, sys, time
    RANK = int(os.environ["RANK"])
    def ready():
        with open(f"{os.environ['FOLDER']}/pid{RANK}", "w") as file:
            print(os.getpid(), file=file)
    def all_ready():
        files = [f"{os.environ['FOLDER']}/pid{rank}" for rank in range(int(os.environ["WORLD_SIZE"]))]
        while not all(map(os.path.exists, files)):
            time.sleep(0.01)
    ready()
    all_ready()
"""

FAILURES: list[tuple[str, str, int, str]] = [
    ("exception", "raise ValueError('bad batch')", 1, "exited with code 1: ValueError: bad batch (train.py:13)"),
    ("exit code", "sys.exit(7)", 7, "exited with code 7"),
    ("SIGKILL", "os.kill(os.getpid(), signal.SIGKILL)", 137, "was killed by SIGKILL"),
    ("SIGSEGV", "os.kill(os.getpid(), signal.SIGSEGV)", 139, "was killed by SIGSEGV"),
    ("SIGTERM", "os.kill(os.getpid(), signal.SIGTERM)", 143, "was killed by SIGTERM"),
]


@pytest.mark.parametrize(("failure", "code", "words"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_the_failure_is_told_once_and_ends_the_job(jobs: Any, failure: str, code: int, words: str) -> None:
    script = jobs.script(f"{OTHERS_WAIT}    if RANK == 1: {failure}\n    time.sleep(0.3)\n    sys.exit(76)\n")
    start = time.monotonic()
    found, _, stderr = jobs.run("-n", "3", script)
    pid = jobs.pid("pid1")
    assert found == code
    assert stderr.splitlines()[-1] == f"tlrun: rank 1 (pid {pid}) {words}; ranks 0, 2 were stopped"
    assert stderr.count("tlrun:") == 1
    assert stderr.count("Traceback") == ("ValueError" in words)
    assert time.monotonic() - start < 5
    assert jobs.processes() == []


def test_ranks_that_refuse_their_input_have_said_why(jobs: Any) -> None:
    refuse = (
        "    if RANK == 0: time.sleep(0.5); print('train.py: error: no such data', file=sys.stderr)\n    sys.exit(2)\n"
    )
    code, _, stderr = jobs.run("-n", "3", jobs.script(OTHERS_WAIT + refuse))
    assert (code, stderr.splitlines()) == (2, ["[0] train.py: error: no such data"])
    assert jobs.processes() == []


def test_exit_code_2_without_a_word_is_told(jobs: Any) -> None:
    code, _, stderr = jobs.run("-n", "1", jobs.script("import sys; sys.exit(2)"))
    assert code == 2
    assert "exited with code 2" in stderr


def test_any_rank_can_be_killed_from_outside(jobs: Any) -> None:
    script = jobs.script(f"{OTHERS_WAIT}    time.sleep(60)\n")
    process = jobs.start("-n", "3", script)
    pids = [jobs.pid(f"pid{rank}") for rank in range(3)]
    os.kill(pids[2], signal.SIGKILL)
    code, _, stderr = jobs.finish(process, 5)
    assert code == 137
    assert stderr == f"tlrun: rank 2 (pid {pids[2]}) was killed by SIGKILL; ranks 0, 1 were stopped\n"
    assert jobs.processes() == []


MEMBERS = """
    import os, signal, sys, threading, time
    from dist.control.membership import Membership
    from dist.control.uncaught import UncaughtExceptions
    from dist.rendezvous import rendezvous
    RANK = int(os.environ["RANK"])
    meeting = rendezvous(timeout=20)
    membership = Membership(meeting)
    UncaughtExceptions(membership).install()
    def wait_for_failure():
        failed = threading.Event()
        membership.subscribe(lambda error: failed.set())
        failed.wait(20)
        print("heard:", membership.failure())
        raise membership.failure()
"""


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", 137, "was killed by SIGKILL"),
        ("raise ValueError('bad batch')", 1, "raised ValueError: bad batch"),
        ("os._exit(5)", 5, ""),
    ],
)
def test_the_others_hear_of_it_at_once(jobs: Any, failure: str, code: int, told: str) -> None:
    """They end by themselves, as peers of a failed rank, long before they would be stopped, and it is told once."""
    script = jobs.script(f"{MEMBERS}    if RANK == 1: {failure}\n    wait_for_failure()\n")
    start = time.monotonic()
    found, stdout, stderr = jobs.run("-n", "3", script)
    assert found == code
    assert stderr.count("Traceback") == ("ValueError" in failure)
    peers = [line for line in stdout.splitlines() if " heard: rank 1 (" in line]
    assert {line[:3] for line in peers} == {"[0]", "[2]"}
    assert all(told in line for line in peers)
    assert "PeerError" not in stderr
    assert stderr.splitlines()[-1].startswith("tlrun: rank 1 (pid")
    assert stderr.splitlines()[-1].endswith("; ranks 0, 2 were stopped")
    assert time.monotonic() - start < 4


def test_the_codes_by_which_launcher_and_ranks_agree() -> None:
    assert EXIT_PEER_FAILED == dist.control.exit_codes.EXIT_PEER_FAILED


def test_a_consequence_that_comes_first_is_not_blamed(jobs: Any) -> None:
    script = jobs.script(f"""{OTHERS_WAIT}
    if RANK == 1:
        time.sleep(0.5)
        raise ValueError("bad batch")
    sys.exit(76)
    """)
    code, _, stderr = jobs.run("-n", "3", script)
    assert code == 1
    assert "tlrun: rank 1 (pid" in stderr
    assert "ValueError: bad batch (train.py:16); ranks 0, 2 were stopped" in stderr


def test_when_only_consequences_are_known_their_words_are_told(jobs: Any) -> None:
    script = jobs.script(f"""{OTHERS_WAIT}
    if RANK == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    sys.stderr.write("PeerError: rank 1 is silent for 3 s\\n")
    sys.exit(76)
    """)
    code, _, stderr = jobs.run("-n", "2", "--grace", "0.5", script)
    assert code == 76
    assert stderr.splitlines()[-1] == "tlrun: rank 1 is silent for 3 s; ranks 0, 1 were stopped"


def test_the_same_exception_in_all_ranks_is_shown_once(jobs: Any) -> None:
    script = jobs.script(f"{OTHERS_WAIT}    import no_such_module\n")
    code, _, stderr = jobs.run("-n", "4", script)
    assert code == 1
    assert stderr.count("Traceback (most recent call last)") == 1
    assert stderr.count("ModuleNotFoundError: No module named 'no_such_module'\n") == 4
    assert stderr.splitlines()[-1].endswith(
        "ranks 0-3 failed too".replace("0-3", stderr.split("ranks ")[-1].split(" failed")[0])
    )


def test_a_rank_may_end_well_before_the_others(jobs: Any) -> None:
    script = jobs.script("import os, time\ntime.sleep(0.3 * int(os.environ['RANK']))\nprint('done')")
    code, stdout, stderr = jobs.run("-n", "3", script)
    assert (code, stdout.count("done"), stderr) == (0, 3, "")


def test_a_rank_that_ignores_being_stopped_is_killed_within_5_seconds(jobs: Any) -> None:
    script = jobs.script(f"""{OTHERS_WAIT}
    signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM came"))
    if RANK == 1:
        with open(os.environ["FOLDER"] + "/killed", "w") as file:
            file.write(str(time.monotonic()))
        os.kill(os.getpid(), signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        time.sleep(1)
    """)
    code, stdout, _ = jobs.run("-n", "3", script)
    assert time.monotonic() - float((jobs.folder / "killed").read_text()) < 5
    assert code == 137
    assert stdout.count("SIGTERM came") == 2
    assert jobs.processes() == []


GRANDCHILDREN = """
    import os, subprocess, sys, time
    sleep = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
    subprocess.Popen(["sleep", "60"])
    subprocess.Popen(["sleep", "60"], start_new_session=True)
    subprocess.Popen(sleep)
    subprocess.Popen(["sh", "-c", "sleep 60 & sleep 60 & exec setsid sleep 60"])
    if os.fork() == 0:  # a daemon
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    time.sleep(0.3)
    with open(f"{os.environ['FOLDER']}/pid{os.environ['RANK']}", "w") as file:
        print(os.getpid(), file=file)
"""


@pytest.mark.parametrize(
    "ending",
    ["sys.exit(0)", "sys.exit(3)", "os.kill(os.getpid(), 9)"],
    ids=["ends well", "fails", "is killed"],
)
def test_what_a_rank_has_started_ends_with_it(jobs: Any, ending: str) -> None:
    jobs.run("-n", "2", jobs.script(f"{GRANDCHILDREN}    {ending}\n"))
    assert jobs.processes() == []


def test_kill_9_of_the_launcher_leaves_nothing(jobs: Any) -> None:
    process = jobs.start("-n", "2", jobs.script(f"{GRANDCHILDREN}    time.sleep(60)\n"))
    jobs.pid("pid0")
    jobs.pid("pid1")
    assert len(jobs.processes()) > 15
    process.kill()
    jobs.all_gone(within=2.5)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_kill_9_of_a_guardian_leaves_nothing(jobs: Any) -> None:
    process = jobs.start("-n", "2", jobs.script(f"{GRANDCHILDREN}    time.sleep(60)\n"))
    rank = jobs.pid("pid0")
    jobs.pid("pid1")
    os.kill(parent_of(rank), signal.SIGKILL)
    code, _, stderr = jobs.finish(process, 6)
    assert code == 137
    assert f"tlrun: rank 0 (pid {rank}) was killed by SIGKILL; rank 1 was stopped\n" in stderr
    assert jobs.processes() == []


def test_kill_9_of_launcher_and_guardians_leaves_no_rank(jobs: Any) -> None:
    process = jobs.start("-n", "2", jobs.script(f"{OTHERS_WAIT}    time.sleep(60)\n"))
    ranks = {jobs.pid("pid0"), jobs.pid("pid1")}
    for pid in [process.pid, *set(jobs.processes()) - ranks - {process.pid}]:
        os.kill(pid, signal.SIGKILL)
    jobs.all_gone(within=1)


def test_kill_9_of_the_launcher_as_the_ranks_start(jobs: Any) -> None:
    for delay in (0.1, 0.17, 0.25):
        process = jobs.start("-n", "4", jobs.script("import time; time.sleep(60)"))
        time.sleep(delay)
        process.kill()
        jobs.all_gone(within=2.5)


def test_shared_memory_of_a_killed_rank_is_removed(jobs: Any) -> None:
    script = jobs.script("""
        import os, signal
        from multiprocessing.shared_memory import SharedMemory
        memory = SharedMemory(create=True, size=1000)
        print(memory.name)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    code, stdout, _ = jobs.run("-n", "1", script)
    assert code == 137
    assert not Path("/dev/shm", stdout.removeprefix("[0] ").strip().lstrip("/")).exists()


def test_the_time_for_the_whole_job(jobs: Any) -> None:
    start = time.monotonic()
    code, _, stderr = jobs.run("-n", "2", "--timeout", "0.5", jobs.script("import time; time.sleep(60)"))
    assert code == 124
    assert stderr == "tlrun: the job took longer than 0.5 s; ranks 0, 1 were stopped\n"
    assert time.monotonic() - start < 3


def test_too_many_ranks_for_the_files_allowed(jobs: Any) -> None:
    shell = ("/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh")
    code, _, stderr = jobs.run("-n", "30", jobs.script("import time; time.sleep(60)"), prefix=shell)
    assert code == 1
    assert stderr.startswith("tlrun: cannot start rank ")
    assert stderr.count("\n") == 1
    assert "Too many open files" in stderr


def test_three_jobs_at_the_same_moment(jobs: Any) -> None:
    script = jobs.script("""
        import os, socket, sys, time
        socket.create_connection((os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])), 5).close()
        time.sleep(0.5)
        print(os.environ["MASTER_PORT"], os.environ["TENSORLIB_JOB_SECRET"])
        sys.exit(int(sys.argv[1]))
    """)
    processes = [jobs.start("-n", "2", script, str(code)) for code in (0, 3, 0)]
    ended = [jobs.finish(process) for process in processes]
    assert [code for code, _, _ in ended] == [0, 3, 0]
    places = [{line.partition(" ")[2] for line in stdout.splitlines()} for _, stdout, _ in ended]
    assert [len(place) for place in places] == [1, 1, 1]
    assert len(set().union(*places)) == 3
