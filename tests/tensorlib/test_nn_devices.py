"""Whole training steps on a device: a stand-in for CuPy that refuses what CuPy refuses, and a GPU if there is one."""

from __future__ import annotations

import copy

import numpy
import pytest

import tensorlib
from tensorlib import nn, optim
from tensorlib.utils.data import DataLoader, TensorDataset
from tests import fakecupy


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request, monkeypatch):
    if request.param == "stand-in":
        fakecupy.install(monkeypatch)
        return "cuda"
    cupy = pytest.importorskip("cupy", exc_type=ImportError)
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")
    return "cuda"


def network():
    tensorlib.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.AvgPool2d(2, padding=1, count_include_pad=False)),
        *(nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Linear(8, 5), nn.LeakyReLU(), nn.Linear(5, 3)),
    ).double()


def trained(model, make, device):
    """Return the losses of some steps, the parameters and the buffers after them, in host memory."""
    random = numpy.random.default_rng(0)
    images = tensorlib.tensor(random.standard_normal((12, 1, 8, 8))).to(device)
    labels = tensorlib.tensor(random.integers(0, 3, 12)).to(device)
    optimizer = make(model.parameters())
    losses = []
    for x, y in list(DataLoader(TensorDataset(images, labels), batch_size=6)) * 2:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses, [tensor.detach().cpu().numpy() for tensor in model.state_dict().values()]


@pytest.mark.parametrize(
    "make",
    [
        lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        lambda params: optim.Adam(params, lr=0.01, amsgrad=True),
        lambda params: optim.AdamW(params, lr=0.01),
    ],
    ids=["SGD", "AMSGrad", "AdamW"],
)
def test_training_is_as_on_the_cpu(make, device):
    model = network()
    there = copy.deepcopy(model).to(device)
    assert all(parameter.is_cuda for parameter in there.parameters())
    losses, state = trained(model, make, "cpu")
    losses_there, state_there = trained(there, make, device)
    numpy.testing.assert_allclose(losses_there, losses, rtol=1e-9)
    for ours, theirs in zip(state, state_there, strict=True):
        numpy.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)


def test_state_moves_between_devices(device):
    model, there = network(), network().to(device)
    there.load_state_dict(model.state_dict())
    assert there[0].weight.is_cuda
    optimizer = optim.Adam(there.parameters())
    there(tensorlib.ones(2, 1, 8, 8, dtype=tensorlib.float64).to(device)).sum().backward()
    optimizer.step()
    here = optim.Adam(model.parameters())
    here.load_state_dict(optimizer.state_dict())
    assert not here.state[model[0].weight]["exp_avg"].is_cuda
    model.load_state_dict(there.cpu().state_dict())
    assert there[0].weight.device == "cpu"


def test_random_layers_work_there(device):
    x = nn.Dropout(0.5)(tensorlib.ones(50).to(device))
    assert set(x.cpu().tolist()) == {0.0, 2.0}
    layer = nn.Linear(3, 2, device=device)
    assert layer.weight.is_cuda
    assert nn.init.orthogonal_(layer.weight).is_cuda
    assert nn.Embedding(4, 2, padding_idx=0).to(device)(tensorlib.tensor([0, 1]).to(device)).is_cuda
