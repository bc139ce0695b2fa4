"""The profiler: what it records, how it prints, and that it leaves nothing behind."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import json
import os
import threading
import time
import tracemalloc

import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd import engine
from tensorlib.autograd.function import Function
from tensorlib.autograd.op import Op
from tensorlib.autograd.profiler import hooks, profile, record_function, table
from tensorlib.errors import ArgumentError


def names(events):
    return [event.name for event in events]


def leaf(*shape):
    return tensorlib.ones(*shape, requires_grad=True)


CALLS = {
    "operator": (lambda x: x * x, "mul"),
    "with a number": (lambda x: x + 1, "add"),
    "reflected": (lambda x: 2 - x, "sub"),
    "reflected power": (lambda x: 2**x, "pow"),
    "comparison": (lambda x: x < 1, "lt"),
    "unary operator": (lambda x: -x, "neg"),
    "method": (lambda x: x.tanh(), "tanh"),
    "method with options": (lambda x: x.sum(dim=0), "sum"),
    "function": (lambda x: tensorlib.exp(x), "exp"),
    "function of two": (lambda x: tensorlib.mul(x, x), "mul"),
    "of integers": (lambda x: tensorlib.arange(3) * 2, "mul"),
    "in place": (lambda x: x.detach().mul_(2), "mul"),
    "in-place operator": (lambda x: x.detach().__iadd__(1), "add"),
    "view": (lambda x: x.reshape(3, 1), "reshape"),
    "sequence of tensors": (lambda x: tensorlib.cat([x, x]), "cat"),
    "several results": (lambda x: x.sort(), "sort"),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_way_to_call_is_one_event(name):
    call, event = CALLS[name]
    x = leaf(3)
    with profile() as prof:
        call(x)
    assert names(prof.function_events) == [event]
    with profile() as prof:
        pass
    call(x)
    assert names(prof.function_events) == []


def test_backward():
    x = leaf(2, 2)
    with profile() as prof:
        (x @ x).sum().backward()
    assert names(prof.function_events) == ["matmul", "sum", "sumBackward", "matmulBackward", "AccumulateGrad"]
    assert prof.function_events[-1].cpu_parent.name == "matmulBackward"


def test_gradients_are_the_same():
    def gradients():
        x, w = leaf(3), leaf(3)
        y = (x * w).sigmoid() / (x + 2)
        first, second = y.split([1, 2])
        (first.sum() * second.prod()).backward()
        z = (x**3).sum()
        (g,) = tensorlib.autograd.grad(z, x, create_graph=True)
        (h,) = tensorlib.autograd.grad(g.sum(), x)
        return [t.tolist() for t in (x.grad, w.grad, g, h)]

    expected = gradients()
    with profile() as prof:
        assert gradients() == expected
    assert {"powBackward", "split_piecesBackward", "AccumulateGrad"} <= set(names(prof.function_events))


def test_recorded_gradients_are_events_within_backward():
    x = leaf(2)
    y = x * x
    with profile() as prof:
        tensorlib.autograd.grad(y, x, tensorlib.ones(2), create_graph=True)
    outer = prof.function_events[0]
    assert (outer.name, names(outer.cpu_children)) == ("mulBackward", ["mul", "mul", "add"])


def test_functions_of_users():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x * x

    apply = Cube.apply
    x = leaf(1)
    with profile() as prof:
        apply(x).backward()
    cube, backward = (event for event in prof.function_events if event.cpu_parent is None)
    assert (cube.name, names(cube.cpu_children)) == ("Cube", ["mul", "mul"])
    assert (backward.name, names(backward.cpu_children)) == ("CubeBackward", ["mul"] * 3 + ["AccumulateGrad"])
    assert x.grad.tolist() == [3]


def test_times():
    with profile() as prof:
        with record_function("outer"), record_function("inner"):
            time.sleep(0.02)
        time.sleep(0.02)
        tensorlib.ones(2) + 1
    outer, inner, add = prof.function_events
    assert inner.cpu_parent is outer
    assert outer.cpu_children == [inner]
    assert 20_000 <= inner.cpu_time_total <= outer.cpu_time_total
    assert outer.self_cpu_time_total == pytest.approx(outer.cpu_time_total - inner.cpu_time_total)
    assert outer.time_range.start <= inner.time_range.start <= inner.time_range.end <= outer.time_range.end
    assert add.time_range.start >= outer.time_range.end + 20_000
    assert prof.self_cpu_time_total == pytest.approx(outer.cpu_time_total + add.cpu_time_total)


def test_averages():
    x = tensorlib.ones(2)
    with profile(record_shapes=True) as prof:
        for shape in ((2,), (2,), (3, 1)):
            tensorlib.ones(shape) * 2
        x + 1
    mul, add = averages = prof.key_averages()
    events = prof.function_events
    assert (mul.key, mul.count, add.key, add.count) == ("mul", 3, "add", 1)
    assert mul.cpu_time_total == pytest.approx(sum(event.cpu_time for event in events[:3]))
    assert mul.cpu_time == pytest.approx(mul.cpu_time_total / 3)
    grouped = prof.key_averages(group_by_input_shape=True)
    assert [(each.key, each.input_shapes, each.count) for each in grouped] == [
        ("mul", ((2,), None), 2),
        ("mul", ((3, 1), None), 1),
        ("add", ((2,), None), 1),
    ]
    total = prof.total_average()
    assert (total.key, total.count) == ("Total", 4)
    assert total.cpu_time_total == pytest.approx(averages.self_cpu_time_total)
    assert repr(add).startswith("<FunctionEventAvg add: 1 calls, cpu_time=")


def test_memory():
    x = tensorlib.ones(1000, 1000)
    with profile(profile_memory=True) as prof:
        with record_function("kept and freed"):
            y = x + 1
            z = y * 2
            del y
        del z
    whole, add, mul = prof.function_events
    million = 4_000_000
    for event in (whole, add, mul):
        assert event.cpu_memory_usage == pytest.approx(million, abs=50_000)
    assert whole.self_cpu_memory_usage == pytest.approx(-million, abs=100_000)
    assert not tracemalloc.is_tracing()
    header = str(prof).splitlines()[1]
    assert header.split("  ")[-1].strip() == "Self CPU memory"
    assert "3.81 MB" in str(prof) or "3.82 MB" in str(prof)
    tracemalloc.start()
    try:
        with profile(profile_memory=True):
            pass
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_table():
    x = leaf(2)
    with profile() as prof:
        (x * x + 1).sum().backward()
    lines = str(prof).splitlines()
    titles = ["Name", "CPU time", "CUDA time", "Calls", "CPU total", "CUDA total", "Self CPU", "Self CPU %"]
    assert [title for title in map(str.strip, lines[1].split("  ")) if title] == titles
    rows = [line.split()[0] for line in lines[3:-2]]
    assert rows == names(prof.function_events)
    assert lines[0] == lines[2] == lines[-2]
    assert lines[-1].startswith("Self CPU time total: ")
    assert prof.table(row_limit=2).splitlines()[3:-2] == lines[3:5]
    assert prof.table(row_limit=-1) == repr(prof)


@pytest.mark.parametrize("key", table.SORT_KEYS)
def test_sorting(key):
    with profile() as prof:
        tensorlib.ones(2) * 2
        for _ in range(2):
            tensorlib.ones(2) + 1
        time.sleep(0.001)
    averages = prof.key_averages()
    for event, value in zip(averages, (1, 2), strict=True):
        vars(event)[key] = value  # in the place of what was measured; averages are made from totals
        vars(event)[f"{key}_total"] = value * event.count
    assert [line.split()[0] for line in averages.table(sort_by=key).splitlines()[3:-2]] == ["add", "mul"]
    assert [line.split()[0] for line in averages.table().splitlines()[3:-2]] == ["mul", "add"]


def test_unknown_sort_key():
    with pytest.raises(ArgumentError, match=r"table: sort_by 'name' is not known; there are cpu_time, .*count"):
        profile(enabled=False).table(sort_by="name")


def test_units_and_long_names():
    assert [table.as_time(t) for t in (1.5, 2500, 3e6)] == ["1.500us", "2.500ms", "3.000s"]
    assert [table.as_bytes(n) for n in (7, -2048, 3 << 20, 5 << 30)] == ["7 B", "-2.00 KB", "3.00 MB", "5.00 GB"]
    with profile() as prof, record_function("x" * 80):
        pass
    assert prof.table().splitlines()[3].startswith("x" * 52 + "...  ")


def test_chrome_trace(tmp_path):
    x = leaf(2)
    with profile(record_shapes=True) as prof, record_function("step"):
        (x * 2).sum().backward()
    prof.export_chrome_trace(tmp_path / "trace.json")
    traced = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [event["name"] for event in traced] == names(prof.function_events)
    for entry, event in zip(traced, prof.function_events, strict=True):
        assert entry["ph"] == "X"
        assert entry["ts"] == pytest.approx(event.time_range.start)
        assert entry["dur"] == pytest.approx(event.cpu_time_total)
        assert (entry["pid"], entry["tid"]) == (os.getpid(), threading.get_native_id())
    assert traced[1]["args"]["input_shapes"] == [[2], None]
    with pytest.raises(ArgumentError, match="export_chrome_trace: averages have no times"):
        prof.key_averages().export_chrome_trace(tmp_path / "averages.json")
    with pytest.raises(FileNotFoundError):
        prof.export_chrome_trace(tmp_path / "missing" / "trace.json")


def test_threads():
    def work():
        with record_function("in a thread"):
            tensorlib.ones(2) * 2
        seen.append(threading.get_native_id())

    seen = []
    with profile() as prof, record_function("main"):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    marks = [event for event in prof.function_events if event.name == "in a thread"]
    assert sorted(event.thread for event in marks) == sorted(seen)
    assert all(event.cpu_parent is None and names(event.cpu_children) == ["mul"] for event in marks)
    assert prof.function_events[0].cpu_children == []


def test_a_call_that_outlasts_the_profiler_is_left_out():
    started, go_on = threading.Event(), threading.Event()

    def work():
        with record_function("long"):
            tensorlib.ones(2) * 2
            started.set()
            go_on.wait(10)

    thread = threading.Thread(target=work)
    with profile() as prof:
        thread.start()
        started.wait(10)
    go_on.set()
    thread.join()
    assert names(prof.function_events) == ["mul"]
    assert prof.function_events[0].cpu_parent is None


def test_errors_end_events():
    with profile() as prof:
        with pytest.raises(ValueError, match="size"):
            tensorlib.ones(2) + tensorlib.ones(3)
        tensorlib.ones(2) * 2
    assert [(event.name, event.cpu_parent) for event in prof.function_events] == [("add", None), ("mul", None)]


def everything_watched():
    watched = [vars(Op)["__call__"], vars(Function)["_apply"], vars(engine.Pass)["_work_off"], engine.accumulate]
    return watched + [vars(Tensor)[name] for name in hooks.SHORT_WAYS]


def test_nothing_is_left_behind():
    before = everything_watched()
    with contextlib.suppress(KeyError), profile():
        assert not any(now is then for now, then in zip(everything_watched(), before, strict=True))
        raise KeyError
    assert all(now is then for now, then in zip(everything_watched(), before, strict=True))
    assert hooks.current() is None


def test_disabled():
    before = everything_watched()
    with profile(enabled=False) as prof:
        assert everything_watched() == before
        tensorlib.ones(2) * 2
    assert len(prof.function_events) == len(prof.key_averages()) == 0
    assert prof.total_average().count == 0
    assert len(prof.table().splitlines()) == 5


def test_wrong_use():
    prof = profile()
    assert str(prof) == "<profile, not ended>"
    with pytest.raises(ArgumentError, match="profile: results are there when its `with` has ended"):
        prof.key_averages()
    with prof:
        with pytest.raises(ArgumentError, match="another profiler is running"), profile():
            pass
        with pytest.raises(ArgumentError, match="it can be entered only once"):
            prof.__enter__()
    with pytest.raises(ArgumentError, match="it can be entered only once"), prof:
        pass
    with pytest.raises(TypeError, match="record_function: name must be text, not int"):
        record_function(3)


def test_record_function_above_a_function():
    @record_function("step")
    def step(x, *, by=1):
        """Documentation."""
        return x + by

    assert (step.__name__, step.__doc__, step(1, by=2)) == ("step", "Documentation.", 3)
    with profile() as prof:
        step(tensorlib.ones(1))
    assert names(prof.function_events) == ["step", "add"]


@pytest.mark.parametrize("module", ["session", "nvtx", "events"])
def test_examples(module):
    found = importlib.import_module(f"tensorlib.autograd.profiler.{module}")
    assert doctest.testmod(found, globs={**vars(found), "tensorlib": tensorlib}).failed == 0
