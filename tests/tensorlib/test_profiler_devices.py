"""The profiler with a device: times on it, marks for NVIDIA's profiler, and traces of that."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
from types import SimpleNamespace

import pytest

import tensorlib
from tensorlib.autograd.profiler import emit_nvtx, hooks, load_nvprof, profile, record_function
from tensorlib.errors import DeviceError, FileFormatError
from tests import fakecupy


def names(events):
    return [event.name for event in events]


class Clock:
    """A stand-in for events on a device: each is a millisecond after the one before."""

    now = 0

    def record(self):
        Clock.now += 1
        self.at = Clock.now


@pytest.fixture
def device(monkeypatch):
    ranges = []
    nvtx = SimpleNamespace(RangePush=ranges.append, RangePop=lambda: ranges.append(None))
    cuda = SimpleNamespace(
        Event=Clock,
        Device=lambda: SimpleNamespace(synchronize=lambda: None),
        get_elapsed_time=lambda first, second: float(second.at - first.at),
        nvtx=nvtx,
    )
    fakecupy.install(monkeypatch)
    monkeypatch.setattr(fakecupy.cupy, "cuda", cuda)
    pool = SimpleNamespace(used_bytes=lambda: 100 * Clock.now)
    monkeypatch.setattr(fakecupy.cupy, "get_default_memory_pool", lambda: pool, raising=False)
    return ranges


def test_times_on_a_device(device, tmp_path):
    with profile(use_cuda=True, profile_memory=True) as prof, record_function("outer"):
        tensorlib.ones(2) * 2
    outer, mul = prof.function_events
    assert (outer.cuda_time_total, outer.self_cuda_time_total, mul.cuda_time) == (3000, 2000, 1000)
    assert (outer.cuda_memory_usage, mul.cuda_memory_usage) == (400, 200)
    assert {"3.000ms", "1.000ms", "2.000ms", "400", "200"} <= set(str(prof).split())
    prof.export_chrome_trace(tmp_path / "trace.json")
    traced = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert (traced[2]["ph"], traced[2]["tid"], traced[2]["args"]) == ("M", 0, {"name": "CUDA"})
    assert [(e["name"], e["tid"], e["dur"]) for e in traced[3:]] == [("outer", 0, 3000), ("mul", 0, 1000)]
    assert traced[4]["ts"] - traced[3]["ts"] == pytest.approx(1000)


def test_nvtx(device):
    x = tensorlib.ones(2, 3, requires_grad=True)
    with emit_nvtx(), record_function("step"):
        x.sum().backward()
    assert device == ["step", "sum", None, "sumBackward", "AccumulateGrad", None, None, None]
    device.clear()
    with emit_nvtx(record_shapes=True):
        x * 2
    assert device == ["mul, sizes = [[2, 3]]", None]


def test_without_a_device():
    if importlib.util.find_spec("cupy"):
        pytest.skip("CuPy is installed")
    for watcher in (emit_nvtx(), profile(use_cuda=True)):
        with pytest.raises(DeviceError, match="needs CuPy: pip install"), watcher:
            pass
    assert hooks.current() is None
    with emit_nvtx(enabled=False):
        assert hooks.current() is None


def nvprof_file(path):
    """Write a trace as nvprof does, of `step` with `mul` and `add` in it, and three kernels."""
    with sqlite3.connect(path) as database:
        database.executescript("""
            CREATE TABLE StringTable (_id_ INTEGER PRIMARY KEY, value TEXT);
            CREATE TABLE CUPTI_ACTIVITY_KIND_MARKER (_id_ INTEGER, flags INT, timestamp INT, id INT, name INT);
            CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (_id_ INTEGER, cbid INT, start INT, "end" INT, correlationId INT);
            CREATE TABLE CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL (_id_ INTEGER, start INT, "end" INT, correlationId INT);
            INSERT INTO StringTable VALUES (1, 'step'), (2, 'mul'), (3, 'add'), (4, 'after');
            INSERT INTO CUPTI_ACTIVITY_KIND_MARKER VALUES
                (1, 2, 1000, 1, 1), (2, 2, 2000, 2, 2), (3, 4, 5000, 2, 0), (4, 2, 6000, 3, 3), (5, 4, 8000, 3, 0),
                (6, 4, 9000, 1, 0), (7, 2, 9500, 4, 4), (8, 4, 9900, 4, 0);
            INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES
                (1, 211, 3000, 3100, 7), (2, 211, 7000, 7100, 8), (3, 31, 7200, 7300, 9), (4, 211, 8500, 8600, 10);
            INSERT INTO CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL VALUES
                (1, 4000, 14000, 7), (2, 14000, 34000, 8), (3, 34000, 39000, 10);
        """)
    database.close()


def test_load_nvprof(tmp_path):
    nvprof_file(tmp_path / "trace.prof")
    events = load_nvprof(tmp_path / "trace.prof")
    step = events[0]
    assert names(events) == ["step", "mul", "add", "after"]
    assert names(step.cpu_children) == ["mul", "add"]
    assert [event.cpu_time_total for event in events] == pytest.approx([8, 3, 2, 0.4])
    assert [event.cuda_time_total for event in events] == pytest.approx([35, 10, 20, 0])
    assert (step.self_cuda_time_total, step.self_cpu_time_total) == pytest.approx((5, 3))
    assert "35.000us" in str(events)


def test_other_files_are_not_of_nvprof(tmp_path):
    with pytest.raises(FileNotFoundError, match="load_nvprof: there is no file"):
        load_nvprof(tmp_path / "missing")
    (tmp_path / "text").write_text("no database " * 100)
    sqlite3.connect(tmp_path / "empty").close()
    for name in ("text", "empty"):
        (tmp_path / name).touch()
        with pytest.raises(FileFormatError, match=r"load_nvprof: .* was not written by nvprof \("):
            load_nvprof(tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["empty", "text"]
