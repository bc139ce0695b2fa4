"""CUDA devices, streams, events, memory: on a stand-in with two devices, on a GPU if there is one, and without CuPy."""

from __future__ import annotations

import doctest
import gc
import subprocess
import sys

import pytest

import tensorlib
from tensorlib import cuda
from tensorlib.cuda import comm, devices, memory, nvtx, profiler, streams
from tensorlib.cuda import random as cuda_random
from tensorlib.errors import ArgumentError, DeviceError, DimensionError, ShapeError
from tests import fakecupy
from tests.fakecuda import State


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setattr(memory._Peaks, "hook", None)
    monkeypatch.setattr(memory._Peaks, "found", {})
    fakecupy.install(monkeypatch)
    gc.collect()  # what other tests left would be given back in the midst of these
    yield
    gc.collect()
    State.hooks.clear()


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """Devices that are there; what is tested with this needs only one."""
    if request.param == "stand-in":
        request.getfixturevalue("stand_in")
    else:
        pytest.importorskip("cupy", exc_type=ImportError)
        if not cuda.is_available():
            pytest.skip("no CUDA device")


# -- without CuPy --------------------------------------------------------------------------------------------------

NEEDS_A_DEVICE = {
    "init": lambda: cuda.init(),
    "current_device": lambda: cuda.current_device(),
    "set_device": lambda: cuda.set_device(0),
    "device": lambda: cuda.device(0).__enter__(),
    "device by name": lambda: cuda.device("cuda").__enter__(),
    "get_device_name": lambda: cuda.get_device_name(),
    "get_device_capability": lambda: cuda.get_device_capability(0),
    "get_device_properties": lambda: cuda.get_device_properties(0),
    "can_device_access_peer": lambda: cuda.can_device_access_peer(0, 1),
    "current_blas_handle": lambda: cuda.current_blas_handle(),
    "synchronize": lambda: cuda.synchronize(),
    "Stream": lambda: cuda.Stream(),
    "Event": lambda: cuda.Event(),
    "current_stream": lambda: cuda.current_stream(),
    "default_stream": lambda: cuda.default_stream(),
    "empty_cache": lambda: cuda.empty_cache(),
    "memory_allocated": lambda: cuda.memory_allocated(),
    "memory_reserved": lambda: cuda.memory_reserved(),
    "max_memory_allocated": lambda: cuda.max_memory_allocated(),
    "max_memory_reserved": lambda: cuda.max_memory_reserved(),
    "reset_peak_memory_stats": lambda: cuda.reset_peak_memory_stats(),
    "memory_stats": lambda: cuda.memory_stats(),
    "memory_summary": lambda: cuda.memory_summary(),
    "mem_get_info": lambda: cuda.mem_get_info(),
    "set_per_process_memory_fraction": lambda: cuda.set_per_process_memory_fraction(0.5),
    "initial_seed": lambda: cuda.initial_seed(),
    "get_rng_state": lambda: cuda.get_rng_state(),
    "get_rng_state_all": lambda: cuda.get_rng_state_all(),
    "set_rng_state": lambda: cuda.set_rng_state(tensorlib.get_rng_state()),
    "set_rng_state_all": lambda: cuda.set_rng_state_all([tensorlib.get_rng_state()]),
    "broadcast": lambda: comm.broadcast(tensorlib.ones(2), [0]),
    "reduce_add": lambda: comm.reduce_add([tensorlib.ones(2)]),
    "scatter": lambda: comm.scatter(tensorlib.ones(2), [0]),
    "gather": lambda: comm.gather([tensorlib.ones(2)]),
    "mark": lambda: nvtx.mark("here"),
    "range_push": lambda: nvtx.range_push("here"),
    "range_pop": lambda: nvtx.range_pop(),
    "range_start": lambda: nvtx.range_start("here"),
    "range": lambda: nvtx.range("here").__enter__(),
    "profile": lambda: profiler.profile().__enter__(),
    "FloatTensor": lambda: cuda.FloatTensor(2),
}


@pytest.mark.parametrize("name", NEEDS_A_DEVICE)
def test_what_is_missing_is_said(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(DeviceError, match="needs CuPy: pip install"):
        NEEDS_A_DEVICE[name]()


def test_what_works_without_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not cuda.is_available()
    assert not cuda.is_initialized()
    assert cuda.device_count() == 0
    before = tensorlib.get_rng_state()
    for ignored in (cuda.seed, cuda.seed_all, lambda: cuda.manual_seed(1), lambda: cuda.manual_seed_all(1)):
        assert ignored() is None
    assert (tensorlib.get_rng_state() == before).all()
    cuda.set_device(-1)
    assert cuda.get_device_name(-1) is None
    assert cuda.get_device_capability(-1) is None
    with cuda.device(-1), cuda.device(None), cuda.device_of(tensorlib.ones(2)), cuda.stream(None):
        assert cuda.set_stream(None) is None


def test_a_machine_without_a_device(stand_in, monkeypatch):
    def none_there():
        raise fakecupy.cupy.cuda.runtime.CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    monkeypatch.setattr(fakecupy.cupy.cuda.runtime, "getDeviceCount", none_there)
    assert not cuda.is_available()
    with pytest.raises(DeviceError, match="CuPy finds no CUDA device: cudaErrorNoDevice"):
        cuda.current_device()
    monkeypatch.setattr(fakecupy.cupy.cuda.runtime, "getDeviceCount", lambda: 0)
    with pytest.raises(DeviceError, match="hidden by CUDA_VISIBLE_DEVICES"):
        cuda.synchronize()


def test_importing_it_does_not_import_cupy():
    code = (
        "import sys, tensorlib; tensorlib.cuda.is_available; tensorlib.cuda.comm.gather; print('cupy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "False"


# -- devices -------------------------------------------------------------------------------------------------------


def test_devices(device):
    assert cuda.is_available()
    assert cuda.is_initialized()
    cuda.init()
    assert cuda.device_count() >= 1
    assert cuda.current_device() == 0
    properties = cuda.get_device_properties()
    assert cuda.get_device_name() == cuda.get_device_name("cuda:0") == properties.name != ""
    assert cuda.get_device_capability(0) == (properties.major, properties.minor) >= (3, 0)
    assert properties.total_memory > 0
    assert properties.multi_processor_count > 0
    assert cuda.current_blas_handle() > 0
    cuda.synchronize()
    with pytest.raises(DeviceError, match=r"there is no device 99; there are \d+, counted from 0"):
        cuda.set_device(99)
    with pytest.raises(ArgumentError, match="needs a CUDA device, not 'cpu'"):
        cuda.synchronize("cpu")


def test_the_current_device(stand_in):
    cuda.set_device(1)
    assert cuda.current_device() == 1
    assert tensorlib.zeros(2, device="cuda").get_device() == 1
    cuda.set_device("cuda:0")
    assert tensorlib.ones(2).cuda().get_device() == 0
    assert cuda.device_ctx_manager is cuda.device
    assert cuda.can_device_access_peer(0, 1)
    assert not cuda.can_device_access_peer(0, 0)


def test_the_context_of_a_device(stand_in):
    with cuda.device(1) as entered:
        assert entered.idx == 1
        assert cuda.current_device() == 1
        with cuda.device(tensorlib.device("cuda", 0)), entered:
            assert cuda.current_device() == 1
        assert cuda.current_device() == 1
        assert tensorlib.ones(2).cuda(0).get_device() == 0
    assert cuda.current_device() == 0
    with pytest.raises(KeyError), cuda.device(1):
        raise KeyError
    assert cuda.current_device() == 0
    with cuda.device_of(tensorlib.ones(2, device="cuda:1")):
        assert cuda.current_device() == 1
    with cuda.device_of(tensorlib.ones(2, device="cuda:1").storage()):
        assert cuda.current_device() == 1
    with cuda.device(1), cuda.device_of(tensorlib.ones(2)):
        assert cuda.current_device() == 1


def test_types_of_tensors(device):
    x = cuda.FloatTensor([1, 2])
    assert x.type() == "tensorlib.cuda.FloatTensor"
    assert isinstance(x, cuda.FloatTensor)
    assert not isinstance(x, tensorlib.FloatTensor)
    assert not isinstance(x.cpu(), cuda.FloatTensor)
    assert cuda.LongTensor(2, 3).shape == (2, 3)
    assert tensorlib.ones(2).type(cuda.DoubleTensor).type() == "tensorlib.cuda.DoubleTensor"
    assert x.type(tensorlib.LongTensor).type() == "tensorlib.LongTensor"
    assert "FloatTensor" in dir(cuda)
    with pytest.raises(AttributeError, match="has no attribute 'NoTensor'"):
        _ = cuda.NoTensor


# -- streams and events --------------------------------------------------------------------------------------------


def test_streams(device):
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


def test_streams_of_another_device(stand_in):
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


def test_events(device):
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


def test_handles_of_events(device):
    event = cuda.Event(interprocess=True)
    handle = event.ipc_handle()
    assert isinstance(handle, bytes)
    assert len(handle) == 64
    assert event.cuda_event


def test_events_of_other_processes(stand_in):
    event = cuda.Event(interprocess=True)
    opened = cuda.Event.from_ipc_handle(0, event.ipc_handle())
    assert opened.cuda_event != event.cuda_event
    opened.record()
    assert State.events[event.cuda_event].time is not None


def test_events_are_given_back(stand_in):
    events = [cuda.Event() for _ in range(3)]
    for event in events:
        event.record()
    assert {event.cuda_event for event in events} <= set(State.events)
    addresses = {event.cuda_event for event in events}
    del events, event
    gc.collect()
    assert not addresses & set(State.events)


# -- memory --------------------------------------------------------------------------------------------------------


def test_memory(device):
    cuda.empty_cache()
    before = cuda.memory_allocated()
    cuda.reset_peak_memory_stats()
    x = tensorlib.zeros(1024, device="cuda")
    assert cuda.memory_allocated() - before == 4096
    assert cuda.memory_reserved() >= cuda.memory_allocated()
    assert cuda.max_memory_allocated() - before >= 4096
    del x
    gc.collect()
    assert cuda.memory_allocated() == before
    assert cuda.max_memory_allocated() - before >= 4096
    assert cuda.max_memory_reserved() >= cuda.max_memory_allocated()
    stats = cuda.memory_stats()
    assert stats["allocated_bytes.all.peak"] == cuda.max_memory_allocated()
    assert "allocated_bytes.all.peak" in cuda.memory_summary()
    cuda.reset_peak_memory_stats()
    assert cuda.max_memory_allocated() == before
    free, total = cuda.mem_get_info()
    assert 0 < free <= total
    reserved = cuda.memory_reserved()
    cuda.empty_cache()
    assert cuda.memory_reserved() <= reserved
    with pytest.raises(ArgumentError, match="needs a number from 0 to 1, not 2"):
        cuda.set_per_process_memory_fraction(2)


def test_memory_of_each_device(stand_in):
    before = cuda.memory_allocated(0), cuda.memory_allocated(1)
    x = tensorlib.zeros(16, device="cuda:1")
    assert (cuda.memory_allocated(0), cuda.memory_allocated(1)) == (before[0], before[1] + 4 * x.numel())
    cuda.set_per_process_memory_fraction(0.5, 1)
    assert fakecupy.cupy.get_default_memory_pool().limits == {1: 0.5}
    cuda.set_per_process_memory_fraction(0, 1)
    assert cuda.memory_cached(1) == cuda.memory_reserved(1) >= 64


# -- random numbers ------------------------------------------------------------------------------------------------


def test_random_numbers(device):
    state = tensorlib.get_rng_state()
    cuda.manual_seed(5)
    assert cuda.initial_seed() == 5
    first = tensorlib.rand(3, device="cuda")
    cuda.manual_seed_all(5)
    assert (tensorlib.rand(3, device="cuda") == first).all()
    kept, all_kept = cuda.get_rng_state(), cuda.get_rng_state_all()
    assert kept.type() == "tensorlib.ByteTensor"
    assert len(all_kept) == cuda.device_count()
    first = tensorlib.rand(3, device="cuda")
    cuda.set_rng_state(kept)
    assert (tensorlib.rand(3, device="cuda") == first).all()
    cuda.set_rng_state_all(all_kept)
    assert (tensorlib.rand(3, device="cuda") == first).all()
    cuda.seed()
    cuda.seed_all()
    assert cuda.initial_seed() != 5
    with pytest.raises(DeviceError, match="there is no device 99"):
        cuda.get_rng_state(99)
    tensorlib.set_rng_state(state)


# -- between devices -----------------------------------------------------------------------------------------------


def test_broadcast(stand_in):
    x = tensorlib.arange(3.0, device="cuda:0")
    same, copied, another = comm.broadcast(x, [0, 1, 0])
    assert [each.get_device() for each in (same, copied, another)] == [0, 1, 0]
    assert copied.tolist() == another.tolist() == [0, 1, 2]
    assert same.data_ptr() == x.data_ptr() != another.data_ptr()
    assert not comm.broadcast(tensorlib.ones(2, requires_grad=True), ["cuda:1"])[0].requires_grad
    per_device = comm.broadcast_coalesced([x, x], [0, 1])
    assert [[each.get_device() for each in tensors] for tensors in per_device] == [[0, 0], [1, 1]]
    with pytest.raises(ArgumentError, match="the tensor is on cuda:0, the first device is cuda:1"):
        comm.broadcast(x, [1, 0])
    with pytest.raises(ArgumentError, match="broadcast: needs at least one device"):
        comm.broadcast(x, [])


def test_reduce_add(stand_in):
    inputs = [tensorlib.ones(2, device="cuda:0"), tensorlib.full((2,), 2.0, device="cuda:1")]
    total = comm.reduce_add(inputs)
    assert (total.tolist(), total.get_device()) == ([3, 3], 0)
    assert inputs[0].tolist() == [1, 1]
    assert comm.reduce_add(inputs, 1).get_device() == 1
    with cuda.device(1):
        assert comm.reduce_add(inputs).get_device() == 1
    first, second = comm.reduce_add_coalesced([[inputs[0]] * 2, [inputs[1]] * 2], 0)
    assert first.tolist() == second.tolist() == [3, 3]
    with pytest.raises(ShapeError, match=r"input 1 has shape \(3,\), the first \(2,\)"):
        comm.reduce_add([inputs[0], tensorlib.ones(3)])
    with pytest.raises(ArgumentError, match="reduce_add: needs at least one tensor"):
        comm.reduce_add([])


def test_scatter(stand_in):
    x = tensorlib.arange(10.0).reshape(5, 2)
    parts = comm.scatter(x, [0, 1])
    assert [(part.shape[0], part.get_device()) for part in parts] == [(3, 0), (2, 1)]
    parts = comm.scatter(x.cuda(), [0, 1], [1, 4])
    assert [(part.shape[0], part.get_device()) for part in parts] == [(1, 0), (4, 1)]
    assert parts[1].tolist() == x[1:].tolist()
    assert [part.shape[1] for part in comm.scatter(x, [0, 1], dim=1)] == [1, 1]
    assert len(comm.scatter(x[:1], [0, 1])) == 1
    queues = [cuda.Stream(0), None]
    assert [part.get_device() for part in comm.scatter(x, [0, 1], streams=queues)] == [0, 1]
    assert queues[0].cuda_stream in {entry[2] for entry in State.log if entry[0] == "record"}
    with pytest.raises(ArgumentError, match="scatter: 3 chunk sizes for 2 devices"):
        comm.scatter(x, [0, 1], [1, 2, 2])
    with pytest.raises(ShapeError, match=r"chunk sizes \[1, 2\] do not add up to 5, the length of dimension 0"):
        comm.scatter(x, [0, 1], [1, 2])
    with pytest.raises(DimensionError):
        comm.scatter(x, [0, 1], [1, 4], dim=2)
    with pytest.raises(ArgumentError, match="1 streams for 2 devices"):
        comm.scatter(x, [0, 1], streams=[None])


def test_gather(stand_in):
    parts = comm.scatter(tensorlib.arange(5), [0, 1])
    joined = comm.gather(parts)
    assert (joined.tolist(), joined.get_device()) == ([0, 1, 2, 3, 4], 0)
    assert comm.gather(parts, 0, 1).get_device() == 1
    assert not comm.gather(parts, destination=-1).is_cuda
    assert comm.gather([part.reshape(-1, 1)[:2] for part in parts], dim=1).shape == (2, 2)
    with pytest.raises(ArgumentError, match="gather: needs at least one tensor"):
        comm.gather([])
    with pytest.raises(TypeError, match="gather: needs a Tensor, not int"):
        comm.gather([3])


def test_on_one_device(device):
    x = tensorlib.arange(6.0)
    parts = comm.scatter(x, [0, 0], [2, 4])
    assert [part.get_device() for part in parts] == [0, 0]
    assert comm.gather(parts).tolist() == x.tolist()
    assert comm.gather(parts, destination=-1).tolist() == x.tolist()
    assert comm.reduce_add([parts[0], parts[0]]).tolist() == [0, 2]
    assert [each.tolist() for each in comm.broadcast(parts[0], [0, 0])] == [[0, 1], [0, 1]]


# -- profilers -----------------------------------------------------------------------------------------------------


def test_ranges(device):
    nvtx.mark("here")
    assert nvtx.range_push("outer") == 0
    assert nvtx.range_push("inner") == 1
    assert nvtx.range_pop() == 1
    assert nvtx.range_pop() == 0
    assert nvtx.range_pop() == -1
    with nvtx.range("step {}", 3):
        assert nvtx.range_push("inner") == 1
        nvtx.range_pop()
    nvtx.range_end(nvtx.range_start("across threads"))


def test_ranges_are_told_to_the_profiler(stand_in, monkeypatch):
    with nvtx.range("step {}", 3), profiler.profile():
        nvtx.mark("here")
    assert State.log == [
        ("RangePush", "step 3"),
        ("profilerStart",),
        ("Mark", "here"),
        ("profilerStop",),
        ("RangePop",),
    ]
    monkeypatch.setattr(fakecupy.cupy.cuda.nvtx, "available", 0)
    with pytest.raises(DeviceError, match="built without NVTX"):
        nvtx.mark("here")


# -- settings and examples -----------------------------------------------------------------------------------------


def test_settings_of_cudnn():
    cudnn = tensorlib.backends.cudnn
    cudnn.deterministic, cudnn.benchmark = True, False
    assert cudnn.deterministic
    cudnn.deterministic = False
    assert not cudnn.is_available()
    assert cudnn.version() is None


@pytest.mark.parametrize("module", [devices, streams, memory, cuda_random, comm, nvtx])
def test_examples_run(module):
    report = []
    for test in doctest.DocTestFinder().find(module, extraglobs={"tensorlib": tensorlib}):
        doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)
