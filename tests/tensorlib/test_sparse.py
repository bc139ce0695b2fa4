"""Sparse tensors: how they are made, what they are and share, changes in place, copies and files."""

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
from tensorlib import sparse
from tensorlib.errors import FileFormatError
from tests.tensorlib.sparse_samples import PLACES, array_of, make

MODULES = [
    "tensorlib.layouts",
    "tensorlib.layout_methods",
    *(f"tensorlib.sparse.{module.name}" for module in pkgutil.iter_modules(sparse.__path__)),
]


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
    assert x.get_device() == tensorlib.get_device(x) == tensorlib.get_device(tensorlib.ones(2)) == -1
    with pytest.raises(TypeError, match="get_device: needs a Tensor, not list"):
        tensorlib.get_device([1])
    assert x.multiply(2)._nnz() == x.negative()._nnz() == 4
    assert tensorlib.is_tensor(x)


def test_masks_by_their_older_name():
    mask = make()
    found = tensorlib.ones(2, 3)._sparse_mask(mask)
    assert found._indices().tolist() == PLACES
    assert found._values().tolist() == [1.0] * 4


@pytest.mark.parametrize(
    "index",
    [
        (slice(None), 2),
        (..., 2),
        (slice(1, 2), slice(0, 2)),
        slice(0, 1),
        slice(2, 1),
        (None, 1),
        (-1, slice(-2, None)),
        (slice(None), None, 0),
        ...,
    ],
)
def test_parts(index):
    x = make()
    found = x[index]
    assert found.shape == x.to_dense()[index].shape
    assert found.to_dense().tolist() == x.to_dense()[index].tolist()


def test_parts_have_gradients():
    values = tensorlib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = tensorlib.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], values, (2, 3))
    (x.narrow_copy(1, 1, 2).to_dense() * 2).sum().backward()
    assert values.grad.tolist() == [2, 0, 2]
    hybrid = tensorlib.sparse_coo_tensor([[0, 2]], [[1.0, 2.0], [3.0, 4.0]], (3, 2))
    assert hybrid.narrow(1, 1, 1).to_dense().tolist() == [[2], [0], [4]]


def test_sparse_tensors_without_places():
    assert tensorlib.sparse_coo_tensor(size=(2, 3)).to_dense().tolist() == [[0, 0, 0]] * 2
    assert tensorlib.eye(2).to_sparse_coo().indices().tolist() == [[0, 1], [0, 1]]
