"""The example from end to end, as its users run it: real jobs, real signals."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import tensorlib
from tensorlib.vision import read_idx
from tests.examples.conftest import DIGITS, Jobs, Result
from tests.tensorlib.test_idx import idx_bytes

SHORT = ("--epochs", "1")


def losses(checkpoint: Path) -> Any:
    return np.array([row["loss"] for row in tensorlib.load(checkpoint)["history"]])


def wait_for_epochs(checkpoint: Path, epochs: int) -> None:
    deadline = time.monotonic() + 30
    while not checkpoint.exists() or len(losses(checkpoint)) < epochs:
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.02)


def connections_and_segments() -> tuple[int, list[str]]:
    sockets = len([c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN])
    # Segments of shared tensors, and MPI's, which tests beside this one may have just now.
    others = ("tensorlib-", "mpich_", "sm_segment", "vader_")
    return sockets, sorted(name for name in os.listdir("/dev/shm") if not name.startswith(others))


@pytest.fixture(scope="module")
def full_run(jobs: Jobs) -> Result:
    before = connections_and_segments()[1]
    result = jobs.run(quick=False)
    assert jobs.left() == []
    assert connections_and_segments()[1] == before
    return result


def test_digits_are_learnt(full_run: Result) -> None:
    assert full_run.code == 0, full_run.err
    last = re.findall(r"│ 20 +│ \S+ +│ (\S+)%", full_run.out)
    assert float(last[0]) >= 97
    assert re.search(r"communication: \d+\.\d\d s on rank 0", full_run.out)


def test_all_ranks_hold_the_same_bits(full_run: Result) -> None:
    checksums = re.findall(r"parameters of rank (\d): (\w+)", full_run.out)
    assert [rank for rank, _ in checksums] == ["0", "1", "2", "3"]
    assert len({checksum for _, checksum in checksums}) == 1


def test_every_line_has_its_rank_and_nothing_is_said_twice(full_run: Result) -> None:
    assert all(line.startswith("[0] ") for line in full_run.out.splitlines())
    assert full_run.err == ""


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-9), ("float32", 1e-4)])
def test_the_curve_is_the_same_for_any_number_of_ranks(
    jobs: Jobs, tmp_path: Path, dtype: str, tolerance: float
) -> None:
    curves = []
    for ranks in (1, 2, 4):
        file = tmp_path / f"{ranks}.ckpt"
        result = jobs.run("--dtype", dtype, "--epochs", "3", "--checkpoint", str(file), ranks=ranks)
        assert result.code == 0, result.err
        curves.append(losses(file))
    np.testing.assert_allclose(curves[1], curves[0], rtol=tolerance)
    np.testing.assert_allclose(curves[2], curves[0], rtol=tolerance)
    assert curves[0][-1] < curves[0][0] / 2


RESUMED = ("--epochs", "5", "--seed", "5")


@pytest.fixture(scope="module")
def whole_run(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of a run that nothing interrupts."""
    file = tmp_path_factory.mktemp("whole") / "whole.ckpt"
    assert jobs.run(*RESUMED, "--checkpoint", str(file), ranks=2).code == 0
    return file


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_resumed_run_goes_on_bit_for_bit(jobs: Jobs, tmp_path: Path, whole_run: Path, number: int) -> None:
    part = tmp_path / "part.ckpt"
    process = jobs.start(*RESUMED, "--checkpoint", str(part), ranks=2)
    wait_for_epochs(part, 1)
    process.send_signal(number)
    assert jobs.finish(process).code != 0
    assert jobs.left() == []
    assert len(losses(part)) < 5
    resumed = jobs.run(*RESUMED, "--resume", str(part), "--checkpoint", str(part), ranks=2)
    assert resumed.code == 0, resumed.err
    assert losses(part).tolist() == losses(whole_run).tolist()
    models = [tensorlib.load(file)["model"] for file in (whole_run, part)]
    for name, value in models[0].items():
        assert value.numpy().tobytes() == models[1][name].numpy().tobytes(), name


@pytest.mark.parametrize(("rank", "delay"), [(2, 0.0), (0, 0.2), (1, 0.5), (3, 1.0)])
def test_a_killed_rank_ends_the_job_and_is_named(jobs: Jobs, rank: int, delay: float) -> None:
    process = jobs.start("--epochs", "500")
    victim = jobs.rank(rank)
    time.sleep(delay)
    victim.kill()
    result = jobs.finish(process)
    assert result.seconds < 5
    assert result.code == 128 + signal.SIGKILL
    assert result.err.count("tlrun: rank ") == 1
    assert f"tlrun: rank {rank} (pid {victim.pid}) was killed by SIGKILL" in result.err
    assert "Traceback" not in result.err
    assert jobs.left() == []


def test_an_exception_shows_its_traceback_once(jobs: Jobs, tmp_path: Path) -> None:
    script = tmp_path / "stumble.py"
    script.write_text(
        f"""
import runpy, sys
sys.argv[0] = {DIGITS!r}
import tensorlib.optim.sgd as sgd
steps, step = [], sgd.SGD.step
def stumble(self, closure=None):
    steps.append(1)
    if len(steps) == 20 and __import__("os").environ["RANK"] == "2":
        raise ValueError("bad batch")
    return step(self, closure)
sgd.SGD.step = stumble
runpy.run_path({DIGITS!r}, run_name="__main__")
"""
    )
    result = jobs.run("--epochs", "50", script=str(script))
    assert (result.code, result.err.count("Traceback")) == (1, 1)
    assert re.search(r"^tlrun: rank 2 .*ValueError: bad batch", result.err, re.MULTILINE)
    assert jobs.left() == []


def test_interrupt_is_clean(jobs: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "run.ckpt"
    process = jobs.start("--epochs", "500", "--checkpoint", str(file))
    wait_for_epochs(file, 1)
    process.send_signal(signal.SIGINT)
    result = jobs.finish(process)
    assert (result.code, result.seconds < 5) == (130, True)
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) == 1
    assert jobs.left() == []
    assert [path.name for path in tmp_path.iterdir()] == ["run.ckpt"]


def test_three_jobs_at_once(jobs: Jobs) -> None:
    started = [jobs.start(*SHORT, "--seed", str(seed), ranks=2) for seed in (0, 1, 0)]
    results = [jobs.finish(process) for process in started]
    assert [result.code for result in results] == [0, 0, 0], [result.err for result in results]
    checksums = [re.findall(r"rank 0: (\w+)", result.out)[0] for result in results]
    assert checksums[0] == checksums[2] != checksums[1]


def test_one_process_without_a_launcher(jobs: Jobs, tmp_path: Path) -> None:
    plot = tmp_path / "curve.png"
    result = jobs.run(*SHORT, "--plot", str(plot), ranks=None, quick=False)
    assert (result.code, result.err) == (0, "")
    assert "epoch   1  loss" in result.out
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_help_is_printed_once(jobs: Jobs) -> None:
    result = jobs.run("--help", ranks=2)
    assert result.code == 0
    assert result.out.count("--batch-size BATCH_SIZE") <= 2  # usage and description
    assert result.out.count("of all processes together\n") == 1


# -- bad input


@pytest.fixture(scope="module")
def idx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,200 images of noise in the format of MNIST."""
    folder = tmp_path_factory.mktemp("mnist")
    random = np.random.default_rng(0)
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(random.integers(0, 256, (1200, 28, 28)).astype("u1")))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(random.integers(0, 10, 1200).astype("u1")))
    assert read_idx(folder / "t10k-images-idx3-ubyte").shape == (1200, 28, 28)
    return folder


@pytest.fixture(scope="module")
def checkpoint_of_lenet(jobs: Jobs, idx_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("checkpoint") / "lenet.ckpt"
    result = jobs.run("--data", str(idx_folder), "--epochs", "1", "--checkpoint", str(file), ranks=2)
    assert result.code == 0, result.err
    return file


BAD_OPTIONS = [
    (("--epochs", "0"), r"argument --epochs: .*'0'"),
    (("--lr", "x"), r"argument --lr: .*'x'"),
    (("--dtype", "int8"), r"argument --dtype: invalid choice: 'int8'"),
    (("--batch-size", "31"), r"--batch-size 31 cannot be shared equally by 2 processes"),
    (("--unknown",), r"unrecognized arguments: --unknown"),
    (("--data", "/absent"), r"/absent: no IDX files"),
    (("--checkpoint", "/absent/run.ckpt"), r"/absent/run.ckpt: cannot be written: No such file or directory"),
    (("--checkpoint", "/proc"), r"/proc: cannot be written: it is a directory"),
    (("--resume", "/absent.ckpt"), r"/absent.ckpt: cannot be read: No such file or directory"),
]


def assert_refused(result: Result, message: str) -> None:
    assert result.code == 2, result
    assert len(result.err.splitlines()) == 1, result.err
    assert re.search(rf"^\[0\] digits.py: error: .*{message}", result.err), result.err
    assert "epoch" not in result.out


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS, ids=[" ".join(row[0]) for row in BAD_OPTIONS])
def test_bad_options_give_one_line(jobs: Jobs, options: tuple[str, ...], message: str) -> None:
    assert_refused(jobs.run(*options, ranks=2), message)


def test_bad_options_without_a_launcher(jobs: Jobs) -> None:
    result = jobs.run("--epochs", "none", ranks=None)
    assert result.code == 2
    assert re.fullmatch(r"digits.py: error: argument --epochs: .*'none'\n", result.err)


def test_truncated_data_is_named(jobs: Jobs, idx_folder: Path, tmp_path: Path) -> None:
    for file in idx_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "t10k-images-idx3-ubyte").open("r+b") as file:
        file.truncate(1000)
    assert_refused(jobs.run("--data", str(tmp_path), ranks=2), r"t10k-images-idx3-ubyte: truncated: 1000 bytes")


def test_checkpoint_of_another_model_names_the_first_key(jobs: Jobs, checkpoint_of_lenet: Path) -> None:
    result = jobs.run("--resume", str(checkpoint_of_lenet), ranks=2)
    assert_refused(result, r"lenet.ckpt: cannot be resumed: .*conv1\.weight")


def test_checkpoint_of_other_settings_says_which(jobs: Jobs, idx_folder: Path, checkpoint_of_lenet: Path) -> None:
    options = ("--data", str(idx_folder), "--epochs", "1", "--seed", "9", "--resume", str(checkpoint_of_lenet))
    assert_refused(jobs.run(*options, ranks=2), r"was trained with --seed 0, not 9")


def test_truncated_checkpoint(jobs: Jobs, checkpoint_of_lenet: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.ckpt").write_bytes(checkpoint_of_lenet.read_bytes()[:-100])
    assert_refused(jobs.run("--resume", str(tmp_path / "cut.ckpt"), ranks=2), r"cut.ckpt: cannot be resumed")
