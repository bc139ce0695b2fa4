"""Gradients through sparse tensors, sparse gradients, and what takes them."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor, nn, sparse
from tensorlib.autograd.gradcheck import gradcheck, gradgradcheck
from tensorlib.errors import ShapeError
from tests.tensorlib.op_table.sample import normal
from tests.tensorlib.sparse_samples import PLACES, make, rows
from tests.tensorlib.test_nn_devices import device  # noqa: F401 - a fixture


def of_values(function):
    """Return a function of the values that `make` takes."""
    return lambda values, *others: function(make(values), *others)


V, W = normal(3, 2, seed=1), normal(2, 3, seed=2)
DIFFERENTIABLE = [
    lambda x, v, w: x.to_dense(),
    lambda x, v, w: x.coalesce().values(),
    lambda x, v, w: x @ v,
    lambda x, v, w: v @ x,
    lambda x, v, w: tensorlib.mv(x, v[:, 0]),
    lambda x, v, w: (x @ x.t()).to_dense(),
    lambda x, v, w: sparse.addmm(w[:, :2], x, v, beta=2, alpha=3),
    lambda x, v, w: tensorlib.hspmm(x, v).to_dense(),
    lambda x, v, w: tensorlib.sspaddmm(x @ x.t(), x, v).to_dense(),
    lambda x, v, w: w - x,
    lambda x, v, w: (x * w).to_dense(),
    lambda x, v, w: (x * x).to_dense(),
    lambda x, v, w: (x * w[0]).to_dense(),
    lambda x, v, w: (x / w[0, 0]).to_dense(),
    lambda x, v, w: (x * w[0, 0] - x).to_dense(),
    lambda x, v, w: x.tanh().to_dense(),
    lambda x, v, w: (x**3).to_dense(),
    lambda x, v, w: x.sum(),
    lambda x, v, w: x.sum(0).to_dense(),
    lambda x, v, w: sparse.softmax(x, 0).to_dense(),
    lambda x, v, w: sparse.log_softmax(x, 1).to_dense(),
    lambda x, v, w: x.norm(),
    lambda x, v, w: x[1].to_dense() + x[0, 2],
    lambda x, v, w: x.index_select(1, tensorlib.tensor([2, 2])).to_dense(),
    lambda x, v, w: tensorlib.cat([x, x * 2]).t().to_dense(),
    lambda x, v, w: tensorlib.stack([x, x * 2], 1).to_dense(),
    lambda x, v, w: w.sparse_mask(x).to_dense(),
    lambda x, v, w: x.sparse_mask(w.to_sparse()).to_dense(),
    lambda x, v, w: w.to_sparse(1).to_dense(),
]


@pytest.mark.parametrize("function", DIFFERENTIABLE, ids=range(len(DIFFERENTIABLE)))
def test_gradients(function):
    inputs = [Tensor(array.copy(), requires_grad=True) for array in (normal(4), V, W)]
    gradcheck(of_values(function), inputs)
    gradgradcheck(of_values(function), inputs)


def test_leaf():
    x = make(requires_grad=True)
    assert (x.requires_grad, x.is_leaf, x.grad_fn, x.grad) == (True, True, None, None)
    y = x * 2
    assert y.grad_fn is not None
    (y.to_dense() * tensorlib.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
    assert x.grad._values().tolist() == [6.0, 8.0, 12.0, 6.0]
    with tensorlib.no_grad():
        x.sub_(x.grad, alpha=0)
    assert x.requires_grad
    x.grad = None
    assert x.grad is None
    assert not x.detach().requires_grad
    assert not make().requires_grad
    x.requires_grad = False
    assert not x.requires_grad


def test_hooks_get_sparse_gradients():
    weight = tensorlib.ones(4, 2, requires_grad=True)
    seen = []
    handle = weight.register_hook(lambda gradient: seen.append(gradient) or gradient * 2)
    nn.functional.embedding(tensorlib.tensor([1, 3]), weight, sparse=True).sum().backward()
    handle.remove()
    assert seen[0].is_sparse
    assert weight.grad.to_dense().tolist() == [[0, 0], [2, 2], [0, 0], [2, 2]]


def test_sparse_gradients_add_up():
    weight = tensorlib.ones(3, 1, requires_grad=True)
    (rows(weight, 0, 0) + rows(weight, 2)).sum().backward()
    assert weight.grad.is_sparse
    rows(weight, 1).sum().backward()
    assert weight.grad.to_dense().tolist() == [[2], [1], [2]]
    weight.sum().backward()
    assert not weight.grad.is_sparse
    rows(weight, 1).sum().backward()
    assert weight.grad.tolist() == [[3], [3], [3]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_sparse_and_strided_gradients_of_one_backward(create_graph):
    weight = tensorlib.ones(3, 1, requires_grad=True)
    y = rows(weight, 0, 2).sum() * 2 + (weight * 3).sum() + rows(weight, 0).sum()
    y.backward(create_graph=create_graph)
    assert weight.grad.tolist() == [[6], [3], [5]]


@pytest.mark.parametrize("create_graph", [False, True])
def test_results_get_strided_gradients(create_graph):
    leaf = tensorlib.ones(3, 1, requires_grad=True)
    weight = leaf * 2
    seen = []
    weight.register_hook(seen.append)
    weight.retain_grad()
    rows(weight, 0, 0).sum().backward(create_graph=create_graph)
    assert leaf.grad.tolist() == [[4], [0], [0]]
    assert not seen[0].is_sparse
    assert weight.grad.tolist() == [[2], [0], [0]]
    first, _ = (leaf * 1).chunk(2)
    rows(first, 1).sum().backward()
    assert leaf.grad.tolist() == [[4], [1], [0]]


def test_asked_for_gradients():
    weight = tensorlib.ones(3, 1, requires_grad=True)
    (gradient,) = tensorlib.autograd.grad((rows(weight, 1) ** 3).sum(), weight, create_graph=True)
    assert gradient.is_sparse
    assert gradient.to_dense().tolist() == [[0], [3], [0]]
    (second,) = tensorlib.autograd.grad(gradient.to_dense().sum(), weight)
    assert second.to_dense().tolist() == [[0], [6], [0]]


def test_asked_for_gradients_by_sparse_tensors():
    x = make(requires_grad=True)
    (gradient,) = tensorlib.autograd.grad((x.to_dense() * 2).sum(), x)
    assert gradient._indices().tolist() == PLACES
    assert gradient._values().tolist() == [2.0] * 4
    x.to_dense().sum().backward(inputs=[x])
    assert x.grad._values().tolist() == [1.0] * 4
    assert tensorlib.autograd.grad(make(requires_grad=True).sum(), x, allow_unused=True) == (None,)


def test_variables():
    x = tensorlib.autograd.Variable(make(), requires_grad=True)
    assert isinstance(x, tensorlib.autograd.Variable)
    assert x.requires_grad


class Double(tensorlib.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x.to_dense() * y

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


def test_functions_take_sparse_constants():
    y = tensorlib.ones(2, 3, dtype=tensorlib.float64, requires_grad=True)
    Double.apply(make(), y).sum().backward()
    assert y.grad.tolist() == [[1.0] * 3] * 2
    with pytest.raises(TypeError, match="Double: a sparse tensor that requires a gradient"):
        Double.apply(make(requires_grad=True), y)


def test_setting_and_zeroing():
    layer = nn.Embedding(3, 2, sparse=True)
    layer.weight.grad = tensorlib.sparse_coo_tensor([[1]], [[1.0, 2.0]], (3, 2))
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad._nnz() == 0
    layer.weight.grad = tensorlib.sparse_coo_tensor([[1]], [[1.0, 2.0]], (3, 2))
    layer.weight.grad.data.zero_()
    assert layer.weight.grad._nnz() == 0
    with pytest.raises(ShapeError, match="grad: a gradient of shape"):
        layer.weight.grad = tensorlib.sparse_coo_tensor((3, 3))


def test_training_an_embedding():
    tensorlib.manual_seed(0)
    layers = [nn.Embedding(6, 2, sparse=sparsely) for sparsely in (False, True)]
    with tensorlib.no_grad():
        layers[1].weight.copy_(layers[0].weight)
    optimizers = [tensorlib.optim.SGD(layer.parameters(), lr=0.1) for layer in layers]
    for numbers in ([1, 1, 4], [0], [4, 5, 1]):
        for layer, optimizer in zip(layers, optimizers, strict=True):
            optimizer.zero_grad()
            (layer(tensorlib.tensor(numbers)) - 1).pow(2).sum().backward()
            optimizer.step()
    assert layers[1].weight.grad.is_sparse
    numpy.testing.assert_allclose(*[layer.weight.detach().numpy() for layer in layers], rtol=1e-6)


def test_optimizers_with_sparse_state_are_saved():
    layer = nn.Embedding(3, 2, sparse=True)
    optimizers = [tensorlib.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9) for _ in range(2)]
    layer(tensorlib.tensor([1])).sum().backward()
    optimizers[0].step()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    (buffer,) = [state["momentum_buffer"] for state in optimizers[1].state.values()]
    assert buffer.to_dense().tolist() == [[0, 0], [1, 1], [0, 0]]


def test_norms_of_sparse_gradients_are_clipped():
    weights = [nn.Parameter(tensorlib.ones(3, 2)) for _ in range(2)]
    for weight, sparsely in zip(weights, (False, True), strict=True):
        nn.functional.embedding(tensorlib.tensor([1, 1, 2]), weight, sparse=sparsely).sum().backward()
    norms = [nn.utils.clip_grad_norm_([weight], 1.0).item() for weight in weights]
    assert norms[0] == pytest.approx(norms[1])
    numpy.testing.assert_allclose(*[weight.grad.to_dense().numpy() for weight in weights], rtol=1e-6)
    nn.utils.clip_grad_value_(weights, 0.2)
    assert weights[1].grad.to_dense().max().item() == pytest.approx(0.2)


# -- devices ---------------------------------------------------------------------------------------------------------


def test_on_a_device(device):  # noqa: F811 - the fixture
    x, y = make(), tensorlib.tensor(V)
    moved = x.to(device)
    assert moved.is_cuda
    assert (moved.device, moved._indices().device, moved.get_device()) == ("cuda:0", "cuda:0", 0)
    assert moved.type() == "tensorlib.cuda.sparse.DoubleTensor"
    assert "device='cuda:0'" in repr(moved)
    for function in (
        lambda x, y: x @ y,
        lambda x, y: (x @ x.t()).to_dense(),
        lambda x, y: tensorlib.hspmm(x, y).to_dense(),
        lambda x, y: x.smm(y).to_dense(),
        lambda x, y: (x * x + x).to_dense(),
        lambda x, y: x.sum(0).to_dense(),
        lambda x, y: y.t().sparse_mask(x).to_dense(),
        lambda x, y: y.to_sparse().to_dense(),
        lambda x, y: sparse.softmax(x, 1).to_dense(),
        lambda x, y: x.index_select(1, tensorlib.tensor([2, 0]).to(x.device)).to_dense(),
        lambda x, y: x[1].to_dense(),
        lambda x, y: tensorlib.cat([x, x]).to_dense(),
    ):
        result = function(moved, y.cuda())
        assert result.is_cuda
        numpy.testing.assert_allclose(result.cpu().numpy(), function(x, y).numpy(), rtol=1e-12)
    layer = nn.Embedding(5, 2, padding_idx=0, sparse=True, max_norm=1.0).cuda()
    optimizer = tensorlib.optim.SGD(layer.parameters(), lr=0.1, momentum=0.5)
    for _ in range(2):
        layer(tensorlib.tensor([1, 1, 0, 3]).cuda()).sum().backward()
        optimizer.step()
    assert layer.weight.grad.is_cuda
    assert moved.cpu()._indices().device == "cpu"
