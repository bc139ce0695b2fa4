"""Every operation on a device: a stand-in for CuPy that refuses what CuPy refuses, and a real GPU if there is one.

Values and gradients must be those of the CPU.
"""

from __future__ import annotations

import importlib.util

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.errors import DeviceError
from tests import fakecupy
from tests.tensorlib.op_table import SAMPLES
from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.op_table.sample import leaves, normal


def gpu():
    cupy = pytest.importorskip("cupy", exc_type=ImportError)
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")


@pytest.fixture
def stand_in(monkeypatch):
    fakecupy.install(monkeypatch)


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    request.getfixturevalue("stand_in") if request.param == "stand-in" else gpu()
    return "cuda"


def results(value):
    return [each for each in (value if isinstance(value, (tuple, list)) else [value]) if isinstance(each, Tensor)]


def evaluated(sample, move):
    """Return values and gradients of a call, in host memory."""
    args, options = sample.tensors(None, sample.differentiable, lambda array: move(Tensor(array)))
    for name in sample.arrays:  # given as arrays, which must lie where the tensors do
        if isinstance(options[name], numpy.ndarray):
            options[name] = move(Tensor(options[name]))._array
    values = results(sample.call(args, options))
    for value in values:
        if value.requires_grad:
            start = Tensor(normal(*value.shape, seed=9).astype(value.dtype.numpy))
            value.backward(move(start), retain_graph=True)
    gradients = [leaf.grad for leaf in leaves((args, options))]
    return values, gradients


@on_each(SAMPLES)
def test_stand_in_does_as_the_cpu(sample, stand_in):
    check(sample)


@pytest.mark.gpu
@on_each(SAMPLES if importlib.util.find_spec("cupy") else [])
def test_gpu_does_as_the_cpu(sample):
    gpu()
    check(sample)


@on_each(sample for sample in SAMPLES if sample.cuda)
def test_another_device_than_the_current_one(sample, stand_in):
    values, gradients = evaluated(sample, lambda tensor: tensor.cuda(1))
    found = [each.device.index for each in (*values, *gradients) if each is not None and each.is_cuda]
    assert set(found) <= {1}
    assert tensorlib.cuda.current_device() == 0


def check(sample):
    if not sample.cuda:
        with pytest.raises(DeviceError, match="not available on CUDA"):
            evaluated(sample, lambda tensor: tensor.cuda())
        return
    on_cpu, cpu_gradients = evaluated(sample, lambda tensor: tensor)
    on_device, device_gradients = evaluated(sample, lambda tensor: tensor.cuda())
    compare(on_cpu, on_device, sample.tolerance, moved=sample.op != "to_device")
    compare(cpu_gradients, device_gradients, sample.tolerance)


def compare(expected, got, tolerance, moved=True):
    assert len(expected) == len(got)
    for host, other in zip(expected, got, strict=True):
        assert (host is None) == (other is None)
        if host is None:
            continue
        assert other.is_cuda == moved
        assert (other.dtype, other.shape) == (host.dtype, host.shape)
        relative = tolerance * numpy.finfo(host.dtype.numpy).eps if host.dtype.numpy.kind in "fc" else 0
        numpy.testing.assert_allclose(
            other.detach().cpu().to_dense().numpy(), host.detach().to_dense().numpy(), relative, relative
        )


def test_moving_and_back(device):
    x = tensorlib.ones(2, requires_grad=True)
    moved = x.to(device)
    assert moved.device == "cuda:0"
    assert moved.cuda() is moved
    assert x.cpu() is x
    (moved * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert not x.grad.is_cuda


def test_creation(device):
    for made in (
        tensorlib.zeros(2, device=device),
        tensorlib.full((2,), 2.0, device="cuda:0"),
        tensorlib.arange(2, device=device),
        tensorlib.linspace(0, 1, 2, device=device),
        tensorlib.eye(2, device=device),
        tensorlib.hann_window(3, device=device),
        tensorlib.kaiser_window(3, device=device),
        tensorlib.rand(2, device=device),
        tensorlib.randperm(2, device=device),
        tensorlib.tensor([1.0, 2.0], device=device),
        tensorlib.ones_like(tensorlib.zeros(2, device=device)),
        tensorlib.zeros(2, device=device).new_full((2,), 1.0),
        tensorlib.zeros(2, device=device).normal_(),
        tensorlib.zeros(2, device=device).bernoulli(0.5),
        tensorlib.ones(2, device=device).multinomial(2),
    ):
        assert made.device == "cuda:0"


def test_printing(device):
    assert repr(tensorlib.ones(2, device=device)) == "tensor([1., 1.], device='cuda:0')"


def test_assignment(device):
    x = tensorlib.zeros(3, 2, device=device)
    x[0] = 1
    x[[1]] = tensorlib.tensor([2.0, 3.0], device=device)
    x[x == 0] = 5.0
    x[2:].copy_(tensorlib.tensor([[7.0, 8.0]]))
    assert x.tolist() == [[1, 1], [2, 3], [7, 8]]


def test_indices_may_be_on_the_cpu(device):
    x = tensorlib.arange(3, device=device)
    assert x[tensorlib.tensor([2, 0])].tolist() == [2, 0]
    assert x[numpy.array([True, False, True])].tolist() == [0, 2]


def test_devices_do_not_mix(device):
    x, y = tensorlib.ones(2, device=device), tensorlib.ones(2)
    with pytest.raises(DeviceError, match=r"two devices met.*\.to\(\)"):
        x + y
    with pytest.raises(DeviceError, match="two devices met"):
        x[0:2] = y
    with pytest.raises(TypeError, match=r"cuda:0; use tensor.cpu\(\)"):
        x.numpy()


def test_saving(device, tmp_path):
    tensorlib.save(tensorlib.arange(3, device=device), tmp_path / "file")
    assert tensorlib.load(tmp_path / "file").device == "cuda:0"
    assert tensorlib.load(tmp_path / "file", "cpu").tolist() == [0, 1, 2]


def test_there_is_no_such_device(device):
    with pytest.raises((DeviceError, RuntimeError), match=r"(?i)device"):
        tensorlib.zeros(2, device="cuda:99")


def test_without_cupy():
    with pytest.raises(DeviceError, match="needs CuPy: pip install"):
        tensorlib.zeros(2, device="cuda")


# -- two devices ---------------------------------------------------------------------------------------------------


def test_operations_run_where_the_tensor_is(stand_in):
    x = tensorlib.arange(4.0, device="cuda:1", requires_grad=True)
    y = (x * 2 + 1).reshape(2, 2).exp().sum(0)
    assert y.get_device() == 1
    y.sum().backward()
    assert x.grad.get_device() == 1
    (y2,) = tensorlib.autograd.grad((x**2).sum(), x, create_graph=True)
    y2.sum().backward()
    assert x.grad.get_device() == y2.get_device() == 1
    values, order = x.sort()
    assert values.get_device() == order.get_device() == 1
    assert tensorlib.cuda.current_device() == 0


def test_cuda_stands_for_the_current_device(stand_in):
    x = tensorlib.ones(2, device="cuda:1")
    assert x.cuda().get_device() == x.to("cuda").get_device() == 0
    with tensorlib.cuda.device(1):
        assert x.cuda() is x
        assert x.to("cuda:0").get_device() == 0
        assert tensorlib.ones(2, device="cuda").get_device() == 1
    assert x.cpu().tolist() == x.cuda(0).tolist() == [1, 1]


def test_writing_on_another_device(stand_in):
    x = tensorlib.zeros(3, device="cuda:1")
    x += 1
    x[0] = 5
    x[x == 1] = tensorlib.tensor([2.0, 3.0], device="cuda:1")
    x.mul_(2).clamp_(max=9).copy_(x.clone())
    assert x.tolist() == [9, 4, 6]
    x.fill_(1).zero_()
    assert x.tolist() == [0, 0, 0]
    x.normal_()
    assert x.get_device() == 1
    assert tensorlib.cuda.current_device() == 0


def test_gradients_go_back_through_devices(stand_in):
    x = tensorlib.ones(2, requires_grad=True, device="cuda:0")
    y = x.to("cuda:1")
    z = (y * y).to("cuda:0") + x + y.cpu().cuda(0)
    z.sum().backward()
    assert x.grad.get_device() == 0
    assert x.grad.tolist() == [4, 4]


def test_training_on_another_device(stand_in):
    tensorlib.manual_seed(0)
    model = tensorlib.nn.Sequential(tensorlib.nn.Linear(3, 4), tensorlib.nn.BatchNorm1d(4), tensorlib.nn.Linear(4, 2))
    model.to("cuda:1")
    for make in (tensorlib.optim.SGD, tensorlib.optim.Adam):
        optimizer = make(model.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss = model(tensorlib.rand(5, 3, device="cuda:1")).square().mean()
            loss.backward()
            tensorlib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    assert {parameter.get_device() for parameter in model.parameters()} == {1}
    assert tensorlib.cuda.current_device() == 0


def test_histories_of_what_is_written_into_no_elements(cuda_device):
    value = tensorlib.tensor(2.0, device="cuda", requires_grad=True)
    x = tensorlib.zeros(0, device="cuda")
    x.fill_(value)
    assert x.requires_grad
    x.sum().backward()
    assert value.grad.item() == 0
