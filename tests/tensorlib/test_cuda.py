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
from tensorlib.errors import ArgumentError, DeviceError
from tests import fakecupy
from tests.fakecuda import State

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


def test_a_machine_without_a_device(two_devices, monkeypatch):
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


def test_devices(cuda_device):
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


def test_the_current_device(two_devices):
    cuda.set_device(1)
    assert cuda.current_device() == 1
    assert tensorlib.zeros(2, device="cuda").get_device() == 1
    cuda.set_device("cuda:0")
    assert tensorlib.ones(2).cuda().get_device() == 0
    assert cuda.device_ctx_manager is cuda.device
    assert cuda.can_device_access_peer(0, 1)
    assert not cuda.can_device_access_peer(0, 0)


def test_the_context_of_a_device(two_devices):
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


def test_types_of_tensors(cuda_device):
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


# -- memory --------------------------------------------------------------------------------------------------------


def test_memory(cuda_device):
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


def test_memory_of_each_device(two_devices):
    before = cuda.memory_allocated(0), cuda.memory_allocated(1)
    x = tensorlib.zeros(16, device="cuda:1")
    assert (cuda.memory_allocated(0), cuda.memory_allocated(1)) == (before[0], before[1] + 4 * x.numel())
    cuda.set_per_process_memory_fraction(0.5, 1)
    assert fakecupy.cupy.get_default_memory_pool().limits == {1: 0.5}
    cuda.set_per_process_memory_fraction(0, 1)
    assert cuda.memory_cached(1) == cuda.memory_reserved(1) >= 64


# -- random numbers ------------------------------------------------------------------------------------------------


def test_random_numbers(cuda_device):
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


# -- profilers -----------------------------------------------------------------------------------------------------


def test_ranges(cuda_device):
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


def test_ranges_are_told_to_the_profiler(two_devices, monkeypatch):
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


def test_the_default_device(two_devices):
    with tensorlib.device("cuda:1"):
        made = [
            tensorlib.zeros(2),
            tensorlib.tensor([1.0]),
            tensorlib.arange(3),
            tensorlib.rand(2),
            tensorlib.as_tensor([1]),
            tensorlib.nn.Linear(2, 2).weight,
        ]
        assert {str(x.device) for x in made} == {"cuda:1"}
        assert tensorlib.from_numpy(made[0].cpu().numpy()).device == "cpu"
        assert tensorlib.zeros(1, device="cpu").device == "cpu"
        assert tensorlib.tensor(tensorlib.zeros(1, device="cpu")).device == "cpu"
    assert tensorlib.zeros(2).device == "cpu"
