"""Distributions on a device: samples, densities and gradients are those of the CPU."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import distributions
from tests import fakecupy
from tests.tensorlib.distribution_table import ROWS, values_of


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


def results(row, device):
    """Return samples, densities and gradients on a device, in host memory."""
    tensorlib.manual_seed(9)
    given = {name: tensorlib.tensor(value, dtype=tensorlib.float64) for name, value in row.parameters.items()}
    given = {name: value.to(device).requires_grad_() for name, value in given.items()}
    distribution = getattr(distributions, row.family)(**given, **row.options)
    values = tensorlib.tensor(values_of(row)).to(device)
    density = distribution.log_prob(values).sum()
    samples = [distribution.sample((3,))]
    if distribution.has_rsample:
        samples.append(distribution.rsample((3,)))
        density = density + samples[-1].sum()
    density.backward()
    found = [*samples, density, *[value.grad for value in given.values()]]
    assert {tensor.device.type for tensor in found} == {tensorlib.device(device).type}
    return [tensor.detach().cpu().numpy() for tensor in found]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_as_on_the_cpu(row, device):
    for there, here in zip(results(row, device), results(row, "cpu"), strict=True):
        numpy.testing.assert_allclose(there, here, rtol=1e-10, atol=1e-12)
