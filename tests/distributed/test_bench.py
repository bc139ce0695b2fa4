"""`python -m dist.bench`: what it measures, how it is shown, and the ways to start it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import dist
from dist.bench.__main__ import OPS, main
from dist.bench.measurement import MORE_OF_SMALL, PING_PONG, Measurement, Report, measure
from dist.bench.operations import OPERATIONS
from dist.bench.report import show

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_offers_all_operations() -> None:
    assert set(OPS) == {*OPERATIONS, PING_PONG}


def test_every_rank_gets_the_same_measurements() -> None:
    reports = dist.simulate(3, measure, OPS, [4, 3000], 2)
    assert reports == [reports[0]] * 3
    report = reports[0]
    assert (report.backend, report.ranks, len(report.hosts)) == ("inproc", 3, 1)
    by_op = {op: [one for one in report.measurements if one.op == op] for op in OPS}
    assert [(one.nbytes, one.peer) for one in by_op[PING_PONG]] == [(4, 1), (3000, 1), (4, 2), (3000, 2)]
    assert [one.nbytes for one in by_op["all_reduce"]] == [4, 3000]
    assert [one.nbytes for one in by_op["all_gather"]] == [12, 3000]  # a row of one float at least
    assert [one.nbytes for one in by_op["barrier"]] == [0]
    for one in report.measurements:
        assert 0 < one.low <= one.median <= one.high
        assert one.calls == 2 * MORE_OF_SMALL
        assert one.bandwidth == one.nbytes / one.median


@pytest.mark.parametrize(
    ("op", "factor"), [("all_reduce", 1.5), ("broadcast", 1.0), ("all_gather", 0.75), ("reduce_scatter", 0.75)]
)
def test_bandwidth_of_the_bus_counts_what_a_rank_has_to_send(op: str, factor: float) -> None:
    assert OPERATIONS[op].bus_factor(4) == factor


def test_measurements_are_shown_in_a_table_for_each_operation() -> None:
    report = Report(
        *("tcp", 4, ("a", "b"), "3.11.7"),
        (
            Measurement(PING_PONG, 4, 3, 2e-5, 1e-5, 3e-5, 10, 2e5, 2e5),
            Measurement("all_reduce", 4 << 20, -1, 2e-3, 1.5e-3, 3e-3, 10, 2.1e9, 3.15e9),
            Measurement("barrier", 0, -1, 1e-5, 9e-6, 2e-5, 10, 0.0, 0.0),
        ),
    )
    text = io.StringIO()
    show(report, Console(file=text, width=100))
    assert "4 ranks on 2 hosts, backend tcp, Python 3.11.7" in text.getvalue()
    assert "ping-pong, half a round trip of ranks 0 and 3" in text.getvalue()
    row = next(line for line in text.getvalue().splitlines() if "4 MB" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        *("4 MB", "2.00 ms", "1.50 ms", "3.00 ms", "10", "2.100", "3.150")
    ]


def test_it_starts_ranks_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bench.json"
    arguments = ["--ranks", "2", "--sizes", "4", "1K", "--repeat", "1", "--backend", "tcp", "--json", str(file)]
    assert main([*arguments, "--ops", "ping-pong", "all_reduce"]) == 0
    assert "2 ranks on host" in capsys.readouterr().out
    found = json.loads(file.read_text())
    assert [(one["op"], one["nbytes"]) for one in found["measurements"]] == [
        *((PING_PONG, 4), (PING_PONG, 1024), ("all_reduce", 4), ("all_reduce", 1024))
    ]


def test_it_runs_under_the_launcher() -> None:
    command = [sys.executable, "-m", "launcher", "-n", "2", "-m", "dist.bench"]
    options = ["--sizes", "4", "--ops", "barrier", "--repeat", "1"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 ranks on host") == 1


def test_alone_it_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 2
    said = capsys.readouterr().err
    assert "WORLD_SIZE is not set" in said
    assert "python -m dist.bench --ranks 2" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--sizes", "4x"], "'4x': need a number of bytes such as 4, 64K, 16M or 1G"),
        (["--sizes", "0"], "'0': need a number of bytes"),
        (["--ranks", "0"], "'0': need a whole number, 1 or more"),
        (["--ops", "all_sum"], "invalid choice: 'all_sum'"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err
