"""Where the flight records of a job are: told when it has failed, removed when it has not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dist.debug.analysis import diagnose
from dist.debug.explanation import explain
from dist.debug.records import read_records
from launcher.flight_records import FlightRecords

TRAINS = """
    import os, signal, time
    import numpy as np
    import dist
    dist.init_process_group()
    dist.barrier()
    time.sleep(0.3)
    if dist.get_rank() == 1:
        {happening}
    dist.all_reduce(np.ones(3))
    dist.destroy_process_group()
"""


def test_records_of_a_job_that_fails_are_named_and_explained(jobs: Any) -> None:
    code, _, stderr = jobs.run("-n", "3", jobs.script(TRAINS.format(happening="os.kill(os.getpid(), signal.SIGKILL)")))
    assert code == 137
    told, verdict = stderr.splitlines()[-2:]
    assert verdict.startswith("tlrun: rank 1 (pid ")
    command = told.removeprefix("tlrun: what every rank was doing: python ").split()
    assert command[:2] == ["-m", "dist.debug"]
    assert [path.name for path in jobs.temporary.iterdir()] == [Path(command[2]).name]
    done = subprocess.run(
        [sys.executable, *command], env=jobs.environment(), capture_output=True, text=True, timeout=30, check=True
    )
    assert "Ranks 0, 2 wait for rank 1 in all_reduce(3 x float64, SUM) #2" in done.stdout
    assert "Rank 1 left no record" in done.stdout
    shutil.rmtree(command[2])


def test_nothing_is_left_of_a_job_that_ends_well(jobs: Any) -> None:
    assert jobs.run("-n", "2", jobs.script(TRAINS.format(happening="pass"))) == (0, "", "")


def test_nothing_is_left_of_a_job_that_is_interrupted(jobs: Any) -> None:
    script = jobs.script(TRAINS.format(happening="open(os.environ['FOLDER'] + '/ready', 'w'); time.sleep(60)"))
    process = jobs.start("-n", "2", script)
    jobs.wait_until((jobs.folder / "ready").exists)
    process.send_signal(signal.SIGINT)
    code, _, stderr = jobs.finish(process)
    assert (code, stderr) == (130, "tlrun: stopped by SIGINT; ranks 0, 1 were stopped\n")


def test_the_folder_may_be_chosen(tmp_path: Path) -> None:
    chosen = FlightRecords({"TENSORLIB_FLIGHT_RECORD": str(tmp_path)})
    assert (chosen.folder, chosen.summary()) == (str(tmp_path), "")
    (tmp_path / "rank1.jsonl").touch()
    assert chosen.summary() == f"what every rank was doing: python -m dist.debug {tmp_path}"
    os.utime(tmp_path / "rank1.jsonl", (1e9, 1e9))  # of an earlier job
    assert chosen.summary() == ""
    chosen.discard()
    assert tmp_path.exists()


def test_two_jobs_have_two_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, other = FlightRecords({}), FlightRecords({})
    assert one.folder != other.folder
    assert Path(one.folder).parent == tmp_path
    one.discard()  # it does not exist
    Path(one.folder).mkdir()
    one.discard()
    assert list(tmp_path.iterdir()) == []


HANGS = """
    import time
    import numpy as np
    import dist
    dist.init_process_group()
    if dist.get_rank() == 1:
        time.sleep(60)
    dist.all_reduce(np.ones(3))
"""


def test_a_job_that_takes_too_long_tells_who_waited_for_whom(jobs: Any) -> None:
    code, _, stderr = jobs.run("-n", "3", "--timeout", "6", jobs.script(HANGS))
    assert code == 124
    told, verdict = stderr.splitlines()
    assert verdict == "tlrun: the job took longer than 6 s; ranks 0-2 were stopped"
    folder = Path(told.split()[-1])
    explained = explain(diagnose(read_records(folder)))
    assert explained[0] == "Ranks 0, 1, 2: PeerError: the job took longer than 6 s"
    assert explained[1].startswith("Ranks 0, 2 wait for rank 1 in all_reduce(3 x float64, SUM) #1 at ")
    assert explained[2].startswith("Rank 1 was waited for: it has made no call; it was with MainThread at ")
    assert explained[2].endswith("train.py:7 in <module>.")
    shutil.rmtree(folder)
