"""Sparse tensors: what they are, what they share, their gradients, and what they refuse."""

from __future__ import annotations

import copy
import doctest
import importlib
import io
import pickle
import pkgutil
import subprocess
import sys
import zipfile

import numpy
import pytest

import tensorlib
from tensorlib import Tensor, nn
from tensorlib.attach import FUNCTIONS
from tensorlib.autograd.gradcheck import gradcheck, gradgradcheck
from tensorlib.autograd.op import OPS
from tensorlib.errors import ArgumentError, FileFormatError, GraphError, LayoutError, ShapeError
from tensorlib.layouts import SPARSE_FORMS, call_sparse
from tests import fakecupy
from tests.tensorlib.op_table.sample import normal

sparse = tensorlib.sparse
PLACES = [[0, 1, 1, 0], [2, 0, 2, 2]]  # (0, 2) is there twice
MODULES = [
    "tensorlib.layouts",
    "tensorlib.layout_methods",
    *(f"tensorlib.sparse.{module.name}" for module in pkgutil.iter_modules(sparse.__path__)),
]


def make(values=(3.0, -4.0, 5.0, 0.5), **options):
    return tensorlib.sparse_coo_tensor(PLACES, values, (2, 3), **{"dtype": tensorlib.float64, **options})


def array_of(x):
    """Return all elements, found by NumPy from what is stored."""
    values = x._values().detach().numpy()
    array = numpy.zeros(x.shape, values.dtype)
    numpy.add.at(array, tuple(x._indices().numpy()), values)
    return array


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, globs={**vars(module), "tensorlib": tensorlib}).failed == 0


def test_is_imported_when_first_used():
    code = "import sys, tensorlib; assert 'tensorlib.sparse' not in sys.modules; tensorlib.sparse.FloatTensor(2)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


# -- making ----------------------------------------------------------------------------------------------------------


def test_places_and_values_of_the_older_documents():
    i = tensorlib.LongTensor([[0, 1, 1], [2, 0, 2]])
    v = tensorlib.FloatTensor([3, 4, 5])
    x = sparse.FloatTensor(i, v, tensorlib.Size([2, 3]))
    assert x.to_dense().tolist() == x.toDense().tolist() == [[0, 0, 3], [4, 0, 5]]
    listed = tensorlib.LongTensor([[0, 2], [1, 0], [1, 2]])
    assert sparse.FloatTensor(listed.t(), v, tensorlib.Size([2, 3])).to_dense().tolist() == x.to_dense().tolist()
    h = sparse.FloatTensor(tensorlib.LongTensor([[2, 4]]), tensorlib.FloatTensor([[1, 3], [5, 7]]))
    assert h.to_dense().tolist() == [[0, 0], [0, 0], [1, 3], [0, 0], [5, 7]]
    assert (h.sparse_dim(), h.dense_dim(), h._nnz()) == (1, 1, 2)
    assert sparse.FloatTensor(2, 3).shape == sparse.FloatTensor(tensorlib.Size([2, 3])).shape == (2, 3)
    assert sparse.FloatTensor().shape == (0,)
    assert repr(sparse.FloatTensor) == "<class 'tensorlib.sparse.FloatTensor'>"


@pytest.mark.parametrize(
    "name", ["Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool"]
)
def test_types(name):
    kind = getattr(sparse, f"{name}Tensor")
    x = kind(tensorlib.LongTensor([[0, 0]]), tensorlib.tensor([1, 0]).to(kind.dtype), tensorlib.Size([2]))
    assert x.type() == f"tensorlib.sparse.{name}Tensor"
    assert isinstance(x, kind)
    assert not isinstance(x, sparse.DoubleTensor if name != "Double" else sparse.FloatTensor)
    assert not isinstance(x.to_dense(), kind)
    assert x.to_dense().tolist() == x.coalesce().to_dense().tolist() == [1, 0]
    assert x.type(sparse.FloatTensor).dtype is tensorlib.float32
    assert x.type("tensorlib.sparse.LongTensor").dtype is tensorlib.int64
    assert x.type(kind) is x


def test_places_are_copied_and_values_shared():
    places, values = numpy.array([[0, 1]]), tensorlib.tensor([1.0, 2.0])
    x = tensorlib.sparse_coo_tensor(tensorlib.from_numpy(places), values, (2,))
    places[:] = 0
    values[0] = 7.0
    assert x.to_dense().tolist() == [7.0, 2.0]


def test_lengths_of_zero():
    for shape in ((0, 3), (3, 0)):
        x = tensorlib.sparse_coo_tensor(shape)
        assert x.to_dense().shape == (x + x).shape == (x * 2).shape == shape
        assert x.coalesce().t().to_dense().shape == shape[::-1]
        assert x.sum().item() == 0
        assert x.sum(0).to_dense().tolist() == [0.0] * shape[1]
        assert (x @ tensorlib.ones(shape[1], 2)).tolist() == [[0.0, 0.0]] * shape[0]
        assert (x.t() @ x).to_dense().tolist() == [[0.0] * shape[1]] * shape[1]


def test_no_sparse_dimensions():
    x = tensorlib.sparse_coo_tensor(tensorlib.zeros(0, 2, dtype=tensorlib.int64), [[1.0, 2.0], [3.0, 4.0]], (2,))
    assert x.to_dense().tolist() == x.coalesce().to_dense().tolist() == [4.0, 6.0]
    assert (x * tensorlib.tensor([2.0, 3.0])).to_dense().tolist() == [8.0, 18.0]
    assert x.sum().item() == 10.0


def test_many_places_by_numpy():
    generator = numpy.random.default_rng(0)
    places = generator.integers(0, [[30], [20]], (2, 500))
    values = generator.normal(size=500)
    x = tensorlib.sparse_coo_tensor(places, values, (30, 20))
    y = tensorlib.sparse_coo_tensor(places[::-1].copy(), values[::-1].copy(), (20, 30))
    other = generator.normal(size=(20, 7))
    close = numpy.testing.assert_allclose
    close(x.coalesce().to_dense().numpy(), array_of(x), rtol=1e-12)
    close((x @ tensorlib.tensor(other)).numpy(), array_of(x) @ other, rtol=1e-9)
    close((x @ y).to_dense().numpy(), array_of(x) @ array_of(y), rtol=1e-9, atol=1e-12)
    close((x * y.t()).to_dense().numpy(), array_of(x) * array_of(y).T, rtol=1e-9, atol=1e-12)
    close((x - y.t()).to_dense().numpy(), array_of(x) - array_of(y).T, rtol=1e-9, atol=1e-12)
    close(x.sum(1).to_dense().numpy(), array_of(x).sum(1), rtol=1e-9, atol=1e-12)
    close(tensorlib.hspmm(x, tensorlib.tensor(other)).to_dense().numpy(), array_of(x) @ other, rtol=1e-9)
    close(x.index_select(0, tensorlib.tensor([3, 3, 0])).to_dense().numpy(), array_of(x)[[3, 3, 0]], rtol=1e-12)


@pytest.mark.parametrize("dtype", [tensorlib.float16, tensorlib.bfloat16])
def test_half_precision(dtype):
    x = make((1.0, 2.0, 3.0, 1.0), dtype=dtype)
    assert (x.dtype, x.to_dense().dtype, (x @ x.t()).dtype) == (dtype, dtype, dtype)
    assert (x @ tensorlib.ones(3, 1, dtype=dtype)).float().tolist() == [[2.0], [5.0]]
    assert (x + x).coalesce().to_dense().float().tolist() == [[0, 0, 4], [4, 0, 6]]


# -- in place, copies ------------------------------------------------------------------------------------------------


def test_in_place_operations_return_the_tensor():
    x = make()
    expected = array_of(x)
    for change in (lambda: x.add_(x), lambda: x.mul_(3), lambda: x.div_(6), lambda: x.neg_(), lambda: x.sub_(x * 2)):
        assert change() is x
    numpy.testing.assert_allclose(array_of(x), expected)
    y = x
    y += x
    y *= 2
    y /= 4
    y -= x * 0
    assert y is x
    numpy.testing.assert_allclose(array_of(x), expected)
    assert x.t_() is x
    numpy.testing.assert_allclose(array_of(x), expected.T)
    assert x.transpose_(0, 1).copy_(make().float()) is x
    assert (x.dtype, x.shape) == (tensorlib.float64, (2, 3))
    assert x.zero_()._nnz() == 0


def test_resizing():
    x = make().resizeAs_(tensorlib.sparse_coo_tensor((4, 5)))
    assert x.to_dense()[:2, :3].tolist() == make().to_dense().tolist()
    assert x.shape == (4, 5)
    assert tensorlib.sparse_coo_tensor((2,)).resize_as_(x).shape == (4, 5)


def test_copies():
    x = make(requires_grad=True)
    for copied in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone(), x.detach()):
        numpy.testing.assert_array_equal(array_of(copied), array_of(x))
        assert copied.shape == x.shape
    assert copy.deepcopy(x).requires_grad
    assert copy.copy(tensorlib.sparse_coo) is pickle.loads(pickle.dumps(tensorlib.sparse_coo)) is tensorlib.sparse_coo
    assert x.clone()._values() is not x._values()
    assert x.coalesce().coalesce() is not x
    assert make().data.to_sparse() is not None


def test_saving_and_loading():
    x, file = make(requires_grad=True), io.BytesIO()
    tensorlib.save({"x": x, "coalesced": x.detach().coalesce(), "shared": x._values().detach()}, file)
    file.seek(0)
    loaded = tensorlib.load(file)
    numpy.testing.assert_array_equal(array_of(loaded["x"]), array_of(x))
    assert loaded["x"].requires_grad
    assert (loaded["x"].is_coalesced(), loaded["coalesced"].is_coalesced()) == (False, True)


@pytest.mark.parametrize("change", [(b"[2, 3]]", b"[1, 3]]"), (b"[2, 3]]", b"[2, 9]]"), (b"[2, 3]]", b"[-2,3]]")])
def test_lies_about_the_size_in_a_file(change):
    file = io.BytesIO()
    tensorlib.save(tensorlib.sparse_coo_tensor([[1]], [[1.0, 2.0, 3.0]], (2, 3)), file)
    wrong = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(wrong, "w") as copied:
        for name in archive.namelist():
            assert name != "structure.json" or change[0] in archive.read(name)
            copied.writestr(
                name, archive.read(name).replace(*change) if name == "structure.json" else archive.read(name)
            )
    wrong.seek(0)
    with pytest.raises(FileFormatError, match="is damaged"):
        tensorlib.load(wrong)


def test_older_names():
    x, y = make(), tensorlib.ones(3, 2, dtype=tensorlib.float64)
    expected = array_of(x) @ y.numpy()
    for product in (x.mm(y), x.spmm(y), tensorlib.spmm(x, y), sparse.spmm(x, y), sparse.mm(x, y)):
        numpy.testing.assert_allclose(product.numpy(), expected)
    for product in (x.hspmm(y), tensorlib.hspmm(x, y), x.sspmm(y), x.smm(y), tensorlib.smm(x, y)):
        assert product.is_sparse
        numpy.testing.assert_allclose(product.to_dense().numpy(), expected)
    total = tensorlib.sparse_coo_tensor((2, 2), dtype=tensorlib.float64).sspaddmm(x, y, alpha=2)
    numpy.testing.assert_allclose(total.to_dense().numpy(), 2 * expected)
    numpy.testing.assert_allclose(x.spadd(tensorlib.ones(2, 3)).numpy(), array_of(x) + 1)
    assert x.get_device() == -1
    assert x.multiply(2)._nnz() == x.negative()._nnz() == 4
    assert tensorlib.is_tensor(x)


def test_masks_by_their_older_name():
    mask = make()
    found = tensorlib.ones(2, 3)._sparse_mask(mask)
    assert found._indices().tolist() == PLACES
    assert found._values().tolist() == [1.0] * 4


# -- gradients -------------------------------------------------------------------------------------------------------


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


def rows(weight, *numbers):
    return nn.functional.embedding(tensorlib.tensor(numbers), weight, sparse=True)


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


def test_on_a_device(monkeypatch):
    fakecupy.install(monkeypatch)
    x, y = make(), tensorlib.tensor(V)
    moved = x.cuda()
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


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({op.name for op in OPS.values()} - SPARSE_FORMS.keys()))
def test_operations_refuse_sparse_tensors_by_name(name):
    op, x, others = OPS[name], make(), tensorlib.ones(2, 3)
    options = dict.fromkeys(op.signature.required_options)
    given = [[others, x]] if op.variadic else [x] + [others] * (len(op.signature.inputs) - 1)
    for args in (given, given[::-1]):
        with pytest.raises(TypeError, match=f"^{name}: needs strided tensors, a sparse one was given"):
            op(*args, **options)


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SPARSE_FORMS.keys()))
def test_functions_refuse_sparse_tensors_by_name(name):
    with pytest.raises(TypeError, match=f"^{name}: needs strided tensors, a sparse one was given"):
        FUNCTIONS[name](make())


def test_every_form_is_that_of_a_known_name():
    elsewhere = {"zeros_like", "empty_like", "dsmm", "hsmm", "hspmm", "smm", "spadd", "spmm", "sspaddmm", "sspmm"}
    assert SPARSE_FORMS.keys() <= OPS.keys() | FUNCTIONS.keys() | elsewhere
    with pytest.raises(TypeError, match="nothing: needs strided tensors"):
        call_sparse("nothing", (), {})


X, D = make(), tensorlib.ones(2, 3, dtype=tensorlib.float64)
HYBRID = tensorlib.sparse_coo_tensor([[0, 1]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
S = tensorlib.sparse_coo_tensor
HUGE = (2**40, 2**40)
WRONG = [
    (lambda: S([0], [1.0], (2,)), ShapeError, r"indices of shape \(1,\) and values of shape \(1,\); needed are"),
    (lambda: S([[0]], [1.0, 2.0], (2,)), ShapeError, r"needed are \(sparse dimensions, count\)"),
    (lambda: S([[0]], [1.0], (2, 3)), ShapeError, r"do not fit the size \(2, 3\): needed are 1 sparse dim"),
    (lambda: S([[0]], [[1.0, 2.0]], (2, 3)), ShapeError, r"values of shape \(1, 2\) do not fit"),
    (lambda: S([[2]], [1.0], (2,)), IndexError, "place 2 lies outside dimension 0 of length 2"),
    (lambda: S([[-1]], [1.0], (2,)), IndexError, "place -1 lies outside dimension 0"),
    (lambda: S([[-1]], [1.0]), IndexError, "place -1 lies outside dimension 0"),
    (lambda: S([[0.5]], [1.0], (2,)), TypeError, "indices must be integers, not tensorlib.float32"),
    (lambda: S([[], []], []), ArgumentError, "needs a size"),
    (lambda: S([[0], [0]], [1.0], HUGE), ShapeError, "more places than 64 bits"),
    (lambda: S([[0]], [1], (2,), requires_grad=True), TypeError, "only floating point"),
    (lambda: sparse.FloatTensor(tensorlib.tensor([[0]]), tensorlib.tensor([1])), TypeError, "values of .*int64 given"),
    (lambda: sparse.FloatTensor(tensorlib.tensor([[0]])), TypeError, "FloatTensor: needs sizes, or indices and"),
    (lambda: sparse.FancyTensor, AttributeError, "no attribute 'FancyTensor'"),
    (lambda: D.to_sparse(0), ArgumentError, "to_sparse: sparse_dim is 0, but must be from 1 to 2"),
    (lambda: X.indices(), ArgumentError, r"indices: the tensor is not coalesced: call coalesce\(\) first"),
    (lambda: X.values(), ArgumentError, "values: the tensor is not coalesced"),
    (lambda: X + 1, TypeError, "add: a number added to a sparse tensor"),
    (lambda: X + "a", TypeError, "unsupported operand"),
    (lambda: X.add("a"), TypeError, "add: needs a tensor or a number beside a sparse tensor, not str"),
    (lambda: X.add(None), TypeError, "not NoneType"),
    (lambda: X + X.t(), ShapeError, r"add: sparse tensors of shapes \(2, 3\) with 2 .* \(3, 2\)"),
    (lambda: X + D.t(), ShapeError, "add: shapes"),
    (lambda: HYBRID * HYBRID.to_dense().to_sparse(), ShapeError, "mul: sparse tensors of shapes"),
    (lambda: X * D.t(), ShapeError, r"mul: shape \(3, 2\) does not expand to \(2, 3\)"),
    (lambda: D.mul_(X), TypeError, "mul_: the result is sparse"),
    (lambda: X / D, TypeError, "div: a sparse tensor can be divided by numbers"),
    (lambda: 2 / X, TypeError, "div: a sparse tensor can be divided"),
    (lambda: X.div(2, rounding_mode="up"), ArgumentError, "div: rounding_mode is 'up'"),
    (lambda: X**0, ArgumentError, "pow: the exponent is 0"),
    (lambda: X**X, TypeError, "pow: a sparse tensor can be raised to numbers only"),
    (lambda: tensorlib.mm(X, D), ShapeError, r"mm: shapes \(2, 3\) and \(2, 3\) do not agree"),
    (lambda: tensorlib.mm(X, D.t().float()), ArgumentError, "mm: types .*float64 and .*float32 differ"),
    (lambda: tensorlib.mm(X, 2), TypeError, "mm: needs tensors, not int"),
    (lambda: D.mm(X), TypeError, "mm: needs a Tensor, not SparseTensor"),
    (lambda: HYBRID @ D, ShapeError, "mm: a sparse matrix needs two sparse dimensions"),
    (lambda: tensorlib.mv(X, X), TypeError, "mv: needs a sparse matrix and a strided vector"),
    (lambda: X @ tensorlib.ones(3), ArgumentError, "mm: types"),
    (lambda: tensorlib.mv(X, D), ShapeError, r"mv: needs a vector, not shape \(2, 3\)"),
    (lambda: tensorlib.hspmm(D, D), TypeError, "hspmm: needs a sparse and a strided matrix, not Tensor and Tensor"),
    (lambda: tensorlib.smm(X, X), TypeError, "smm: needs a sparse and a strided matrix"),
    (lambda: tensorlib.sspaddmm(D, X, D.t()), TypeError, "sspaddmm: input must be a sparse matrix, not Tensor"),
    (lambda: HYBRID.t(), ShapeError, "t: needs at most 2 sparse and no dense dimensions, not 1 and 1"),
    (lambda: HYBRID.transpose(0, 1), ArgumentError, "permute: .* mixes the first 1 dimensions"),
    (lambda: X.transpose(0, 2), IndexError, "transpose: dimension 2 is out of range"),
    (lambda: X.permute(0), ShapeError, "permute: 1 dimensions named"),
    (lambda: X.sum(2), IndexError, "sum: dimension 2 is out of range"),
    (lambda: X[2], IndexError, "select: there is no place 2"),
    (lambda: X[0, 0, 0], IndexError, "getitem: too many indices"),
    (lambda: X[0:1], LayoutError, "getitem: a sparse tensor takes integers, not slice"),
    (lambda: X.index_select(0, D), TypeError, "index_select: needs an index of integers"),
    (lambda: X.index_select(0, tensorlib.tensor([2])), IndexError, "index_select: an index is out of range"),
    (lambda: tensorlib.cat([X, D]), TypeError, "cat: needs tensors of one layout"),
    (lambda: tensorlib.cat([X, X.t()]), ShapeError, "cat: shapes"),
    (lambda: tensorlib.cat([HYBRID, HYBRID], 1), ArgumentError, "cat: dimension 1 is dense"),
    (lambda: D.sparse_mask(D), TypeError, "sparse_mask: mask must be a sparse tensor, not Tensor"),
    (lambda: D.sparse_mask(X.t()), ShapeError, "sparse_mask: shapes"),
    (lambda: HYBRID.sparse_mask(HYBRID.to_dense().to_sparse()), ShapeError, "1 and 2 dimensions are sparse"),
    (lambda: sparse.softmax(D, 0), TypeError, "softmax: needs a sparse tensor, not Tensor"),
    (lambda: sparse.softmax(X.int(), 0), TypeError, "softmax: needs a floating point tensor"),
    (lambda: sparse.log_softmax(X, 2), IndexError, "log_softmax: dimension 2"),
    (lambda: make(requires_grad=True).mul_(2), GraphError, "mul_: a leaf that requires a gradient"),
    (lambda: make((1, 2, 3, 4), dtype=tensorlib.int64).mul_(0.5), TypeError, "mul_: a result of type .*float32"),
    (lambda: make().copy_(D), TypeError, "copy_: src must be a sparse tensor, not Tensor"),
    (lambda: make().copy_(X.t()), ShapeError, "copy_: the result has shape"),
    (lambda: make().resize_as_(S((1, 3))), ArgumentError, "sparse_resize_: 4 places"),
    (lambda: make().resize_as_(D), TypeError, "resize_as_: needs a sparse tensor, not Tensor"),
    (lambda: make().sparse_resize_((2, 3), 1, 0), ShapeError, "sparse_resize_: 1 . 0 dimensions"),
    (lambda: bool(X), ArgumentError, "bool: needs one element"),
    (lambda: len(S(())), TypeError, "len: a 0-d tensor"),
    (lambda: X.exp(), LayoutError, "exp: a sparse tensor has no such method"),
    (lambda: X.numpy(), LayoutError, "numpy: a sparse tensor has no such method"),
    (lambda: numpy.asarray(X), TypeError, "numpy: needs a strided tensor"),
    (lambda: tensorlib.ones_like(X), TypeError, "ones_like: needs strided tensors"),
    (lambda: X.foo, AttributeError, "a sparse tensor has no attribute 'foo'"),
    (lambda: D.copy_(X), TypeError, "copy_: needs a Tensor, not SparseTensor"),
    (lambda: setattr(make(requires_grad=True), "grad", D), TypeError, "grad: needs None or a sparse tensor with 4"),
    (lambda: nn.functional.embedding(D, D), TypeError, "embedding: input must hold integers, not .*float64"),
    (lambda: rows(tensorlib.ones(2, 1), 2), IndexError, "embedding: index 2 is out of range"),
    (lambda: rows(tensorlib.ones(2), 0), ShapeError, "embedding: weight must be a matrix"),
    (
        lambda: nn.functional.embedding(tensorlib.tensor([0]), D, scale_grad_by_freq=True, sparse=True),
        ArgumentError,
        "embedding: scale_grad_by_freq does not go with sparse gradients",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), WRONG, ids=range(len(WRONG)))
def test_wrong_input(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("kind", "options", "error", "text"),
    [
        ("SGD", {"weight_decay": 0.1}, ArgumentError, "SGD: weight_decay does not go with sparse gradients"),
        ("Adam", {}, TypeError, "Adam: takes no sparse gradients; SGD does"),
        ("AdamW", {}, TypeError, "AdamW: takes no sparse gradients; SGD does"),
    ],
)
def test_what_optimizers_refuse(kind, options, error, text):
    weight = nn.Parameter(tensorlib.ones(2, 1))
    rows(weight, 1).sum().backward()
    with pytest.raises(error, match=text):
        getattr(tensorlib.optim, kind)([weight], lr=0.1, **options).step()
