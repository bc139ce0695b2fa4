"""Gradients through sparse tensors, and sparse gradients, here and in PyTorch."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tests.conformance.test_sparse import DENSE, NUMBERS, PLACES, dense, plain, same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse")
LIBRARIES = (tensorlib, torch)

# Each takes a sparse leaf `x` (2 x 3, one place twice) and strided leaves `v` (3 x 2) and `w` (2 x 3).
DIFFERENTIABLE = [
    lambda m, x, v, w: x.to_dense() * w,
    lambda m, x, v, w: m.sparse.mm(x, v),
    lambda m, x, v, w: x @ v[:, 0],
    lambda m, x, v, w: m.sparse.addmm(w[:, :2], x, v, beta=2, alpha=3),
    lambda m, x, v, w: v @ x,
    lambda m, x, v, w: m.sparse.mm(x, x.t()).to_dense(),
    lambda m, x, v, w: (x + x * 3).to_dense(),
    lambda m, x, v, w: w + x,
    lambda m, x, v, w: (x * w).to_dense(),
    lambda m, x, v, w: (x / 3).to_dense(),
    lambda m, x, v, w: m.sparse.sum(x) ** 2,
    lambda m, x, v, w: m.sparse.sum(x, 0).to_dense() ** 2,
    lambda m, x, v, w: x.coalesce().values() ** 2,
    lambda m, x, v, w: m.sparse.softmax(x, 1).to_dense(),
    lambda m, x, v, w: m.sparse.log_softmax(x, 0).to_dense(),
    lambda m, x, v, w: w.sparse_mask(x.detach().coalesce()).to_dense() ** 2,
    lambda m, x, v, w: w.to_sparse().to_dense() ** 2,
    lambda m, x, v, w: m.sparse.mm(w.to_sparse(), v),
    lambda m, x, v, w: x.t().to_dense() * v,
]


def at_places(gradient):
    """Return a gradient's values where `plain` stores something: what is stored twice has one gradient."""
    if gradient is None:
        return None
    return gradient.to_dense().detach().numpy()[tuple(PLACES[:, :3])]


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=range(len(DIFFERENTIABLE)))
def test_gradients(function):
    found = []
    for m in LIBRARIES:
        x = plain(m).coalesce().requires_grad_()
        v = m.tensor(DENSE.reshape(3, 2) ** 2, requires_grad=True)
        w = m.tensor(DENSE, requires_grad=True)
        y = function(m, x, v, w)
        (y * m.arange(float(y.numel())).reshape(y.shape)).sum().backward()
        strided = [None if leaf.grad is None else leaf.grad.to_dense().numpy() for leaf in (v, w)]
        found.append([at_places(x.grad), *strided])
    for our, their in zip(*found, strict=True):
        assert (our is None) == (their is None)
        if our is not None:
            numpy.testing.assert_allclose(our, their, rtol=1e-10, atol=1e-12)


def test_gradients_of_values():
    found = []
    for m in LIBRARIES:
        values = m.tensor(NUMBERS, requires_grad=True)
        x = m.sparse_coo_tensor(m.tensor(PLACES), values, (2, 3))
        (m.sparse.mm(x, dense(m).t()) ** 2).sum().backward()
        found.append(values.grad.numpy())
    numpy.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
def test_embedding_has_sparse_gradients(padding_idx):
    found = []
    for m in LIBRARIES:
        weight = m.tensor(numpy.arange(10.0).reshape(5, 2), requires_grad=True)
        for rows in ([[1, 4], [1, 0]], [[3], [4]]):
            y = m.nn.functional.embedding(m.tensor(rows), weight, padding_idx=padding_idx, sparse=True)
            (y**2).sum().backward()
        found.append(weight.grad)
    same(*found)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("options", [{}, {"max_norm": 2.0}, {"max_norm": 2.0, "norm_type": 1.0}], ids=str)
def test_embedding_module(sparse, options):
    found = []
    for m in LIBRARIES:
        layer = m.nn.Embedding(5, 2, padding_idx=1, sparse=sparse, **options).double()
        with m.no_grad():
            layer.weight.copy_(m.tensor(numpy.arange(10.0).reshape(5, 2)))
        (layer(m.tensor([[1, 4], [4, 0]])) ** 2).sum().backward()
        found.append([layer.weight.detach(), layer.weight.grad, repr(layer)])
    for our, their in zip(*found, strict=True):
        same(our, their)


def test_gradients_scaled_by_frequency():
    found = []
    for m in LIBRARIES:
        weight = m.tensor(numpy.arange(10.0).reshape(5, 2), requires_grad=True)
        rows = m.tensor([[1, 4, 4], [1, 0, 4]])
        (m.nn.functional.embedding(rows, weight, scale_grad_by_freq=True) ** 2).sum().backward()
        found.append(weight.grad)
    same(*found)


OPTIONS = [
    {},
    {"maximize": True},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.5},
    {"momentum": 0.9, "nesterov": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_gradient_descent(options):
    found = []
    for m in LIBRARIES:
        weight = m.nn.Parameter(m.tensor(numpy.arange(10.0).reshape(5, 2)))
        optimizer = m.optim.SGD([weight], lr=0.1, **options)
        for rows in ([1, 4, 1], [0, 4], [2]):
            optimizer.zero_grad()
            (m.nn.functional.embedding(m.tensor(rows), weight, sparse=True) ** 2).sum().backward()
            optimizer.step()
        found.append(weight.detach())
    same(*found)
