"""Streams and events of CUDA devices, on a stand-in with two devices and on a GPU if there is one."""

from __future__ import annotations

import gc

import pytest

import tensorlib
from tensorlib import cuda
from tensorlib.errors import ArgumentError
from tests.fakecuda import State


def test_streams(cuda_device):
    first, second = cuda.Stream(), cuda.Stream()
    assert first.device == tensorlib.device("cuda", 0)
    assert first != second
    assert cuda.current_stream() == cuda.default_stream()
    assert hash(cuda.current_stream()) == hash(cuda.current_stream(0))
    with cuda.stream(first):
        assert cuda.current_stream() == first
        x = tensorlib.ones(1000, device="cuda") * 2
        with cuda.stream(None):
            assert cuda.current_stream() == first
        with cuda.stream(second):
            second.wait_stream(first)
            y = x + 1
        assert cuda.current_stream() == first
    assert cuda.current_stream() == cuda.default_stream()
    first.synchronize()
    second.synchronize()
    assert first.query()
    assert y.sum().item() == 3000
    cuda.set_stream(second)
    assert cuda.current_stream() == second
    cuda.set_stream(cuda.default_stream())
    assert "device=cuda:0" in repr(first)


def test_streams_of_another_device(two_devices):
    there = cuda.Stream(1, priority=-1)
    assert (there.device.index, there.priority) == (1, -1)
    with cuda.stream(there):
        assert cuda.current_device() == 1
        assert cuda.current_stream() == there
        assert cuda.current_stream(0) == cuda.default_stream(0)
    assert cuda.current_device() == 0
    cuda.set_stream(there)
    assert cuda.current_device() == 0
    assert cuda.current_stream(1) == there
    event = there.record_event()
    assert event.device.index == 1
    with pytest.raises(ArgumentError, match=r"Event: was recorded on cuda:1, and cannot be on cuda:0"):
        event.record(cuda.current_stream(0))


def test_events(cuda_device):
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True, blocking=True)
    assert start.query()
    start.synchronize()
    start.wait()
    with pytest.raises(ArgumentError, match="both events must have been recorded"):
        start.elapsed_time(end)
    start.record()
    tensorlib.ones(100, device="cuda").sum()
    stream = cuda.current_stream()
    assert stream.record_event(end) is end
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) > 0
    cuda.Stream().wait_event(end)
    end.wait(cuda.Stream())
    with pytest.raises(ArgumentError, match="both events need enable_timing=True"):
        start.elapsed_time(stream.record_event())
    with pytest.raises(ArgumentError, match="interprocess events cannot measure time"):
        cuda.Event(enable_timing=True, interprocess=True)


def test_handles_of_events(cuda_device):
    event = cuda.Event(interprocess=True)
    handle = event.ipc_handle()
    assert isinstance(handle, bytes)
    assert len(handle) == 64
    assert event.cuda_event


def test_events_of_other_processes(two_devices):
    event = cuda.Event(interprocess=True)
    opened = cuda.Event.from_ipc_handle(0, event.ipc_handle())
    assert opened.cuda_event != event.cuda_event
    opened.record()
    assert State.events[event.cuda_event].time is not None


def test_events_are_given_back(two_devices):
    events = [cuda.Event() for _ in range(3)]
    for event in events:
        event.record()
    assert {event.cuda_event for event in events} <= set(State.events)
    addresses = {event.cuda_event for event in events}
    del events, event
    gc.collect()
    assert not addresses & set(State.events)
