"""From command line and configuration file to a checked `LaunchSpec`: by tables, without any process."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launcher.commands import command
from launcher.main import main
from launcher.spec import LaunchSpec, SpecError, parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one of each."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    (tmp_path / "notes.txt").write_text("not TOML")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "package" / "inner").mkdir(parents=True)
    (tmp_path / "package" / "__init__.py").write_text("raise RuntimeError('the launcher imports nothing of the user')")
    (tmp_path / "package" / "__main__.py").write_text("")
    (tmp_path / "package" / "task.py").write_text("")
    (tmp_path / "job.toml").write_text(
        'script = "train.py"\nargs = ["--lr", "1"]\nnproc_per_node = 3\nprefix = false\n[env]\nA = "file"\nB = "file"\n'
    )
    return tmp_path


ACCEPTED: list[tuple[str, dict[str, object]]] = [
    ("train.py", {"script": "train.py", "nproc_per_node": 1, "args": (), "prefix": True, "grace": 2.0}),
    ("-n 4 train.py", {"nproc_per_node": 4}),
    ("-n4 train.py", {"nproc_per_node": 4}),
    ("-np 4 train.py", {"nproc_per_node": 4}),
    ("--nproc-per-node 4 train.py", {"nproc_per_node": 4}),
    ("--nproc-per-node=4 train.py", {"nproc_per_node": 4}),
    ("train.py -n 9 --help -- x", {"nproc_per_node": 1, "args": ("-n", "9", "--help", "--", "x")}),
    ("-n 2 -- train.py --lr 3", {"script": "train.py", "args": ("--lr", "3")}),
    ("-n 2 -m package.task --lr 3", {"module": True, "script": "package.task", "args": ("--lr", "3")}),
    ("-m package", {"module": True, "script": "package"}),
    ("-m json.tool", {"module": True, "script": "json.tool"}),
    ("--module -n 2 package -m", {"module": True, "args": ("-m",), "nproc_per_node": 2}),
    ("--threads 3 --no-prefix --timeout 1.5 --grace 0 train.py", {"threads": 3, "prefix": False, "timeout": 1.5}),
    ("--env A=1 --env B=x=y --env C= train.py", {"env": {"A": "1", "B": "x=y", "C": ""}}),
    ("--config job.toml", {"script": "train.py", "args": ("--lr", "1"), "nproc_per_node": 3, "prefix": False}),
    ("--config job.toml -n 2 --env B=here", {"nproc_per_node": 2, "env": {"A": "file", "B": "here"}}),
    ("--config job.toml run.sh", {"args": (), "nproc_per_node": 3}),
    ("--config job.toml train.py --lr 2", {"args": ("--lr", "2")}),
]


@pytest.mark.parametrize(("line", "expected"), ACCEPTED, ids=[line for line, _ in ACCEPTED])
def test_accepted(line: str, expected: dict[str, object]) -> None:
    spec = parse(line.split())
    assert {name: getattr(spec, name) for name in expected} == expected


REFUSED: list[tuple[str, str]] = [
    ("", "no script given"),
    ("-n 4", "no script given"),
    ("--", "no script given"),
    ("-n 0 train.py", "-n (nproc_per_node) must be at least 1, not 0"),
    ("-n -3 train.py", "must be at least 1, not -3"),
    ("-n x train.py", "'x'"),
    ("-n 1.5 train.py", "'1.5'"),
    ("-n", "expected one argument"),
    ("missing.py", "no such file: missing.py"),
    ("no-such-program", "no such file: no-such-program"),
    ("package", "package is a directory"),
    ("notes.txt", "neither a .py file nor executable"),
    ("--nproc 2 train.py", "unknown option --nproc; the nearest known one is --nproc-per-node"),
    ("--thread 2 train.py", "the nearest known one is --threads"),
    ("--bogus train.py", "unknown option --bogus"),
    ("-m no_such_module", "no module named 'no_such_module'"),
    ("-m package.missing", "no module named 'package.missing'"),
    ("-m package.task.deeper", "no module named 'package.task.deeper'"),
    ("-m package.inner", "is a package without __main__"),
    ("-m .", "no module named '.'"),
    ("-m train.py", "no module named 'train.py'"),
    ("--threads 0 train.py", "--threads must be at least 1, not 0"),
    ("--timeout 0 train.py", "--timeout must be a positive number of seconds"),
    ("--timeout inf train.py", "--timeout must be a positive number of seconds"),
    ("--grace -1 train.py", "--grace must be a number of seconds"),
    ("--grace nan train.py", "--grace must be a number of seconds"),
    ("--env A train.py", "--env needs NAME=VALUE, not 'A'"),
    ("--env =1 train.py", "--env needs NAME=VALUE"),
    ("--env RANK=1 train.py", "RANK is set by tlrun itself"),
    ("--config missing.toml train.py", "cannot read missing.toml"),
    ("--config package train.py", "cannot read package"),
    ("--config notes.txt train.py", "notes.txt is not a TOML file"),
]


@pytest.mark.parametrize(("line", "message"), REFUSED, ids=[line for line, _ in REFUSED])
def test_refused_in_one_line(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("tlrun: error: ")
    assert message in output.err
    assert output.err.count("\n") == 1


BAD_FILES: list[tuple[str, str]] = [
    ("nproc_per_nod = 2", "unknown key 'nproc_per_nod'; the nearest known one is 'nproc_per_node'"),
    ("nproc = 2", "the nearest known one is 'nproc_per_node'"),
    ('nproc_per_node = "4"', "nproc_per_node must be a whole number, not '4'"),
    ("nproc_per_node = true", "nproc_per_node must be a whole number, not True"),
    ("nproc_per_node = 0", "must be at least 1"),
    ("args = 3", "args must be a list of texts, not 3"),
    ("args = [3]", "must be texts"),
    ('prefix = "no"', "prefix must be true or false, not 'no'"),
    ("env = 3", "env must be a table of texts"),
    ("[env]\nA = 3", "must be texts"),
    ("script = 3", "script must be text"),
    ("\xff", "is not a TOML file"),
    ("a = ", "is not a TOML file"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_configuration_file(text: str, message: str, folder: Path) -> None:
    script = "" if "script" in text else 'script = "train.py"\n'
    (folder / "bad.toml").write_bytes((script + text).encode("latin-1"))
    with pytest.raises(SpecError) as caught:
        parse(["--config", "bad.toml"])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_script(folder: Path) -> None:
    (folder / "train.py").chmod(0)
    with pytest.raises(SpecError, match="cannot read train"):
        parse(["train.py"])


def test_the_spec_is_frozen() -> None:
    spec = parse(["train.py"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.nproc_per_node = 2  # type: ignore[misc]


def test_the_configuration_that_comes_with_the_project() -> None:
    spec = parse(["--config", str(ROOT / "configs" / "local.toml"), "train.py"])
    assert (spec.nproc_per_node, spec.prefix, spec.grace) == (4, True, 2.0)


def test_the_commented_keys_of_that_configuration_are_right(folder: Path) -> None:
    lines = (ROOT / "configs" / "local.toml").read_text().splitlines()
    text = "\n".join(line.removeprefix("# ") if " = " in line else line for line in lines)
    (folder / "all.toml").write_text(text.replace("examples/digits.py", "train.py"))
    spec = parse(["--config", "all.toml"])
    assert (spec.script, spec.args, spec.threads, spec.timeout) == ("train.py", ("--epochs", "3"), 1, 3600.0)


def test_commands(folder: Path) -> None:
    assert command(parse(["train.py", "--lr", "3"])) == (sys.executable, "-u", "train.py", "--lr", "3")
    assert command(parse(["-m", "package.task", "x"])) == (sys.executable, "-u", "-m", "package.task", "x")
    assert command(parse(["run.sh", "x"])) == (str(folder / "run.sh"), "x")
    assert command(parse(["./run.sh"])) == (str(folder / "run.sh"),)
    assert command(LaunchSpec("sh", ("-c", "exit"))) == (next(iter(command(parse(["sh"])))), "-c", "exit")
    assert Path(command(parse(["sh"]))[0]).is_absolute()


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "--nproc-per-node" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tlrun 0.")


def test_help_is_instant() -> None:
    def seconds() -> float:
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "launcher", "--help"], cwd=ROOT, capture_output=True, timeout=20)
        assert done.returncode == 0
        return time.monotonic() - start

    assert min(seconds() for _ in range(5)) < 0.2
