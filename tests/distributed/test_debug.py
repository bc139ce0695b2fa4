"""Flight records are written on failure, read back, and explained: who waits for whom, who is missing, what differs."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dist
from dist.comparison import Published
from dist.debug.__main__ import main
from dist.debug.analysis import diagnose, find_circle
from dist.debug.explanation import explain
from dist.debug.records import RankRecord, RecordedCall, ThreadRecord, read_record, read_records
from dist.errors import CollectiveMismatch, PeerError
from dist.fingerprint import Signature
from dist.testing import run_ranks
from dist.user_code import Place

SUM = Signature("all_reduce", "float32", 4, reduce_op="SUM")
NOW = 1e9


def made(
    number: int, signature: Signature = SUM, state: str = "done", group: str = "world", **fields: object
) -> object:
    members = fields.pop("members", (0, 1, 2))
    call = Published(group, members, number, signature, f"train.py:{10 + number}", state)
    place = Place("train.py", 10 + number, "step")
    settings = {"started": NOW - 5, "ended": None if state != "done" else NOW - 4, "thread": 1, **fields}
    return RecordedCall(call, place, **settings)


def record(rank: int, *calls: RecordedCall, size: int = 3, written: float = NOW, message: str = "over") -> RankRecord:
    threads = (ThreadRecord(1, "MainThread", (Place("data.py", 33, "load"), Place("train.py", 3, "main"))),)
    return RankRecord(rank, "h", 70 + rank, size, written, "PeerError", message, 1, threads, calls)


def said(*records: RankRecord) -> list[str]:
    return explain(diagnose({one.rank: one for one in records}))


def test_who_has_not_come_to_a_collective_is_named_with_its_whereabouts() -> None:
    blocked = [made(1), made(2, state="running")]
    lines = said(record(0, *blocked), record(1, made(1)), record(2, *blocked))
    assert lines == [
        "Ranks 0, 1, 2: PeerError: over",
        "Ranks 0, 2 wait for rank 1 in all_reduce(4 x float32, SUM) #2 at train.py:12 in step.",
        "Rank 1 was waited for: its last call, all_reduce(4 x float32, SUM) #1 at train.py:11 in step, had ended 4.0 s "
        "before; it was with MainThread at data.py:33 in load.",
    ]


def test_a_rank_that_never_called_anything() -> None:
    lines = said(record(0, made(1, state="failed", members=(0, 1)), size=2), record(1, size=2))
    assert lines[-1] == "Rank 1 was waited for: it has made no call; it was with MainThread at data.py:33 in load."


def test_a_rank_without_a_record_is_named() -> None:
    found = diagnose({rank: record(rank, made(1, state="running")) for rank in (0, 2)})
    assert (found.missing, found.awaited) == ((1,), (1,))
    assert "Rank 1 left no record: killed, stopped, ended before" in explain(found)[-1]
    assert diagnose({0: record(0, made(1))}).awaited == ()
    assert said(record(0, made(1)))[-1].startswith("Ranks 1, 2 left no record, and nobody waited there: ")


def test_a_record_of_an_earlier_run_is_not_used() -> None:
    found = diagnose({0: record(0), 1: record(1, written=NOW - 3600), 2: record(2)})
    assert (found.missing, found.outdated, list(found.records)) == ((1,), (1,), [0, 2])
    assert explain(found)[-1] == "The record of rank 1 is of an earlier run, and was not used."


def test_calls_that_differ_are_shown() -> None:
    other = Signature("broadcast", "float32", 4, root=0)
    lines = said(
        record(0, made(1, state="failed")), record(1, made(1, other, "failed")), record(2, made(1, state="failed"))
    )
    assert lines[1] == (
        "The ranks made different calls: call #1 of group world differs: "
        "ranks 0, 2 called all_reduce(4 x float32, SUM) at train.py:11; "
        "rank 1 called broadcast(4 x float32, root 0) at train.py:11."
    )


def test_rows_of_different_lengths_are_no_difference_unless_they_do_not_fit() -> None:
    root = Signature("gather", "float32", (3, 5, 0), root=0)
    for sent, differ in ((5, False), (4, True)):
        leaves = [Signature("gather", "float32", count, root=0) for count in (sent, 0)]
        calls = [made(1, signature, "running") for signature in (root, *leaves)]
        found = diagnose({rank: record(rank, call) for rank, call in enumerate(calls)})
        assert (found.difference is not None) == differ
    assert "rank 0 called gather(3+5+0 x float32, root 0) at" in str(found.difference)


def test_groups_used_in_different_order_are_a_circle() -> None:
    first = made(1, state="running", group="world/1", members=(0, 1))
    second = made(1, state="running", group="world/2", members=(0, 1))
    found = diagnose({0: record(0, first, size=2), 1: record(1, second, size=2)})
    assert found.circle == (0, 1)
    assert "They wait in a circle, and none can go on: rank 0 for rank 1, rank 1 for rank 0." in explain(found)
    assert found.awaited == ()


def message(op: str, peer: int, state: str = "running", **fields: Any) -> RecordedCall:
    return made(0, Signature(op, "float32", 4, root=peer), state, **fields)


def test_messages_are_waited_for_in_a_circle() -> None:
    records = {rank: record(rank, message("recv", (rank + 1) % 3)) for rank in range(3)}
    assert diagnose(records).circle == (0, 1, 2)
    assert "Rank 2 waits for rank 0 in recv(4 x float32, from 0) at train.py:10 in step." in explain(diagnose(records))


def test_a_message_that_was_started_and_left_is_not_waited_for() -> None:
    left = record(0, message("isend", 1), made(1), size=2)
    assert diagnose({0: left, 1: record(1, made(1), size=2)}).waits == ()
    failed = record(0, message("irecv", 1, state="failed"), made(1), size=2)
    assert [wait.others for wait in diagnose({0: failed}).waits] == [(1,)]


def test_a_receive_from_any_rank_blames_nobody() -> None:
    found = diagnose({rank: record(rank, message("recv", -1)) for rank in range(3)})
    assert (found.circle, found.awaited) == ((), ())
    assert "Rank 0 waits for any of ranks 1, 2 in recv(4 x float32) at train.py:10 in step." in explain(found)


def test_of_queued_collectives_the_first_is_blocked() -> None:
    running, queued = made(2, state="running", members=(0, 1)), made(3, state="queued", members=(0, 1))
    found = diagnose({0: record(0, running, queued, size=2), 1: record(1, running, size=2)})
    assert [(wait.rank, wait.call.call.number, wait.others) for wait in found.waits] == [(0, 2, ()), (1, 2, ())]
    assert "Ranks 0, 1 wait in all_reduce(4 x float32, SUM) #2 at train.py:12 in step" in explain(found)[1]


def test_no_circle_where_somebody_is_free() -> None:
    blocked = diagnose({0: record(0, message("recv", 1)), 1: record(1, message("recv", 2)), 2: record(2)})
    assert find_circle(blocked.waits) == ()
    assert blocked.awaited == (2,)


def different_calls() -> None:
    dist.all_reduce(np.ones(3))
    dist.all_to_all(*([np.ones(1 + dist.get_rank() + peer) for peer in range(3)] for _ in ("output", "input")))
    with pytest.raises(CollectiveMismatch):
        call_another_thing_on_rank_0()


def fail_after_a_gather() -> None:
    uneven = [np.zeros(rank) for rank in range(2)]
    dist.gather(uneven[dist.get_rank()], uneven if dist.get_rank() == 0 else None)
    with pytest.raises(CollectiveMismatch):
        call_another_thing_on_rank_0()


def test_lengths_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path))
    dist.simulate(2, fail_after_a_gather)
    records = read_records(tmp_path)
    assert [records[rank].calls[0].call.signature.elements for rank in (0, 1)] == [(0, 1), 1]
    assert diagnose(records).difference.subject == "call #2 of group world differs"


def call_another_thing_on_rank_0() -> None:
    dist.all_reduce(np.ones(4)) if dist.get_rank() else dist.broadcast(np.ones(4), 0)
    dist.barrier()


def test_records_of_all_ranks_are_written_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path / "records"))
    dist.simulate(3, different_calls)
    records = read_records(tmp_path / "records")
    assert sorted(records) == [0, 1, 2]
    found = records[1]
    assert (found.rank, found.world_size, found.pid, found.error) == (1, 3, os.getpid(), "CollectiveMismatch")
    assert abs(found.written - time.time()) < 60
    first, of_many, second = found.calls[:3]
    assert (first.call.group, first.call.members, first.call.number) == ("world", (0, 1, 2), 1)
    assert first.call.signature == Signature("all_reduce", "float64", 3, reduce_op="SUM")
    assert (first.call.state, first.pending) == ("done", False)
    assert first.ended is not None
    assert found.written - 60 < first.started <= first.ended <= found.written
    assert first.call.site.startswith("tests/distributed/test_debug.py:")
    assert first.place.function == "different_calls"
    assert of_many.call.signature.elements == (2, 3, 4, 2, 3, 4)
    assert second.call.signature.elements == 4
    thread = next(thread for thread in found.threads if thread.thread == first.thread)
    assert thread.name == "rank 1"
    assert thread.places[0].function == "call_another_thing_on_rank_0"


def test_a_record_cut_short_is_read_as_far_as_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path))
    dist.simulate(3, different_calls)
    path = tmp_path / "rank0.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1][:20])
    cut = read_record(path)
    assert cut is not None
    assert len(cut.calls) == sum('"kind": "call"' in line for line in lines) - 1
    path.write_text(lines[0][:10])
    assert read_record(path) is None


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"kind": "rank"}\n', '{"kind": "other"}\n', "{}\n"])
def test_what_is_not_a_record_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    (tmp_path / "rank0.jsonl").write_text(text)
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"dist.debug: error: {tmp_path}/rank0.jsonl is not a flight record: ")


def test_a_folder_without_records_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert f"no flight records (rank0.jsonl and so on) in {tmp_path}" in capsys.readouterr().err


def test_the_records_of_several_hosts_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path / "one"))
    dist.simulate(3, different_calls)
    (tmp_path / "other").mkdir()
    (tmp_path / "one" / "rank2.jsonl").rename(tmp_path / "other" / "rank2.jsonl")
    assert main([str(tmp_path / "one"), str(tmp_path / "other")]) == 0
    assert "left no record" not in capsys.readouterr().out


def is_left_alone(folder: str) -> str:
    os.environ["TENSORLIB_FLIGHT_RECORD"] = folder
    dist.init_process_group()
    dist.barrier()
    if dist.get_rank() == 2:
        time.sleep(0.5)  # the others are out of the barrier, and blocked
        os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(PeerError) as caught:
        dist.all_reduce(np.ones(5)) if dist.get_rank() else dist.recv(np.ones(5), 1)
    return str(caught.value)


def test_a_killed_rank_and_those_who_waited_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = run_ranks(3, is_left_alone, str(tmp_path))
    assert [outcome.code for outcome in outcomes] == [0, 0, -9], "\n".join(map(str, outcomes))
    assert main([str(tmp_path), "--calls", "1", "--stacks"]) == 0
    output = capsys.readouterr().out
    assert f"Ranks 0, 1: PeerError: {outcomes[0].value}\n" in output
    line = 1 + next(n for n, text in enumerate(Path(__file__).read_text().splitlines()) if "np.ones(5), 1)" in text)
    where = f"tests/distributed/test_debug.py:{line} in is_left_alone"
    assert f"Rank 0 waits for rank 1 in recv(5 x float64, from 1) at {where}.\n" in output
    assert f"Rank 1 waits for ranks 0, 2 in all_reduce(5 x float64, SUM) #2 at {where}.\n" in output
    assert "Rank 2 left no record: killed, stopped" in output
    assert "They wait in a circle" in output
    assert "barrier() #1" not in output.partition("rank 0\n")[0]
    assert f"rank 1, MainThread:\n    {where}\n" in output


def test_the_lines_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_FLIGHT_RECORD", str(tmp_path))
    dist.simulate(3, different_calls)
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "rank2.jsonl").read_text().splitlines()]
    assert kinds[0] == "rank"
    assert kinds[1:] == sorted(kinds[1:], key=["thread", "group", "call"].index)
