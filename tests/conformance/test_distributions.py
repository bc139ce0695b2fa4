"""Distributions here and in PyTorch: densities, moments and their gradients."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tests.tensorlib.distribution_table import ROWS, values_of

torch = pytest.importorskip("torch")

STATISTICS = ("mean", "mode", "variance", "stddev")
FUNCTIONS = ("log_prob", "cdf", "entropy", "icdf")


def both(row):
    """Return the distribution here and there, with the tensors that are their parameters."""
    ours = {name: tensorlib.tensor(value, dtype=tensorlib.float64) for name, value in row.parameters.items()}
    theirs = {name: torch.tensor(value, dtype=torch.float64) for name, value in row.parameters.items()}
    for tensor in (*ours.values(), *theirs.values()):
        tensor.requires_grad_()
    here = getattr(tensorlib.distributions, row.family)(**ours, **row.options)
    there = getattr(torch.distributions, row.family)(**theirs, **row.options)
    return here, there, list(ours.values()), list(theirs.values())


def assert_same(ours, theirs):
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]
    assert tuple(ours.shape) == tuple(theirs.shape)
    numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-7, atol=1e-9)


def assert_same_gradients(result, their_result, ours, theirs):
    if not their_result.requires_grad or not torch.isfinite(their_result).all():
        return
    result.sum().backward()
    their_result.sum().backward()
    for our, their in zip(ours, theirs, strict=True):
        gradient = numpy.zeros(our.shape) if our.grad is None else our.grad.numpy()
        numpy.testing.assert_allclose(gradient, 0 if their.grad is None else their.grad.numpy(), rtol=1e-6, atol=1e-8)


def evaluate(row, distribution, name, framework):
    if name in STATISTICS:
        return getattr(distribution, name)
    if name == "entropy":
        return distribution.entropy()
    given = numpy.array([0.2, 0.7]).reshape(2, 1) if name == "icdf" else values_of(row)
    return getattr(distribution, name)(framework.tensor(given))


@pytest.mark.parametrize("name", STATISTICS + FUNCTIONS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_as_pytorch(row, name):
    here, there, ours, theirs = both(row)
    try:
        expected = evaluate(row, there, name, torch)
    except NotImplementedError:
        return
    found = evaluate(row, here, name, tensorlib)
    assert_same(found, expected)
    if name not in row.other_gradients:
        assert_same_gradients(found, expected, ours, theirs)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_shapes_as_in_pytorch(row):
    here, there, _, _ = both(row)
    assert tuple(here.batch_shape) == tuple(there.batch_shape)
    assert tuple(here.event_shape) == tuple(there.event_shape)
    assert here.has_rsample == there.has_rsample
    assert here.has_enumerate_support == there.has_enumerate_support
    assert here.sample((3,)).dtype.name == str(there.sample((3,)).dtype).split(".")[-1]
    batch = (4, *here.batch_shape)
    assert tuple(here.expand(batch).sample((2,)).shape) == tuple(there.expand(batch).sample((2,)).shape)
    assert here.support.is_discrete == there.support.is_discrete
    assert here.support.event_dim == there.support.event_dim


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_support_is_enumerated_as_in_pytorch(row):
    here, there, _, _ = both(row)
    if here.has_enumerate_support:
        for expand in (True, False):
            assert_same(here.enumerate_support(expand), there.enumerate_support(expand))
