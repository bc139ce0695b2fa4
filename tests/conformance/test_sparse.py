"""Sparse tensors, here and in PyTorch: values, places, texts, files, errors."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib.errors import FileFormatError
from tensorlib.layouts import Sparse

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Sparse"),
    pytest.mark.filterwarnings("ignore:torch.sparse"),
    pytest.mark.filterwarnings("ignore:TypedStorage is deprecated"),
]
LIBRARIES = (tensorlib, torch)

PLACES = numpy.array([[0, 1, 1, 0], [2, 0, 2, 2]])
NUMBERS = numpy.array([3.0, -4.0, 5.0, 0.5])
DENSE = numpy.arange(6.0).reshape(2, 3) - 2.5


def plain(m):
    """Return a tensor that stores one place twice."""
    return m.sparse_coo_tensor(m.tensor(PLACES), m.tensor(NUMBERS), (2, 3))


def other(m):
    return m.sparse_coo_tensor(m.tensor([[1, 0, 1], [2, 1, 0]]), m.tensor([2.0, 7.0, 1.0], dtype=m.float64), (2, 3))


def hybrid(m):
    rows = numpy.arange(8.0).reshape(4, 2) - 3
    return m.sparse_coo_tensor(m.tensor(PLACES), m.tensor(rows), (2, 3, 2))


def empty(m):
    return m.sparse_coo_tensor((2, 3), dtype=m.float64)


def dense(m):
    return m.tensor(DENSE)


def same(our, their):
    """Compare two results, sparse ones by what they are, and by their places once coalesced."""
    assert isinstance(our, Sparse) == (isinstance(their, torch.Tensor) and their.is_sparse)
    if not isinstance(their, torch.Tensor):
        assert our == their
        return
    assert our.dtype.name == str(their.dtype).removeprefix("torch.")
    assert tuple(our.shape) == tuple(their.shape)
    if their.is_sparse:
        assert our.sparse_dim() == their.sparse_dim()
        our, their = our.detach().coalesce(), their.detach().coalesce()
        numpy.testing.assert_array_equal(our.indices().numpy(), their.indices().numpy())
        our, their = our.values(), their.values()
    numpy.testing.assert_allclose(our.detach().numpy(), their.detach().numpy(), rtol=1e-6, atol=1e-12)


KEEP_ZERO = ["sin", "tanh", "asin", "expm1", "ceil", "erf", "sign"]
MATRICES = [plain, other, empty]
EACH = [
    *[lambda m, make=make: make(m) for make in (plain, other, hybrid, empty)],
    *[lambda m, make=make: make(m).to_dense() for make in (plain, other, hybrid, empty)],
    lambda m: hybrid(m).coalesce(),
    lambda m: m.sparse_coo_tensor(m.tensor([[2, 4]]), m.tensor([[1.0, 3.0], [5.0, 7.0]])),
    lambda m: m.sparse_coo_tensor([[0, 1]], [1, 2], (3,), dtype=m.float32),
    lambda m: m.sparse_coo_tensor([[0, 0]], [True, True], (2,)).coalesce(),
    lambda m: m.sparse_coo_tensor([[0, 0]], [1, 1], (2,)).to_dense(),
    lambda m: m.sparse_coo_tensor([[0, 0]], [1 + 2j, 1j], (2,)).to_dense(),
    lambda m: m.sparse_coo_tensor(m.zeros(0, 3, dtype=m.int64), m.tensor([1.0, 2.0, 3.0]), ()).to_dense(),
    lambda m: m.sparse_coo_tensor([[], []], [], (2, 3)),
    lambda m: m.sparse.FloatTensor(2, 3),
    lambda m: m.sparse.DoubleTensor(m.tensor(PLACES), m.tensor(NUMBERS), m.Size([2, 3])),
    lambda m: m.sparse.DoubleTensor(m.tensor(PLACES), m.tensor(NUMBERS)),
    lambda m: dense(m).to_sparse(),
    lambda m: dense(m).to_sparse(1),
    lambda m: m.zeros(2, 3).to_sparse(),
    lambda m: m.zeros(0, 3).to_sparse(),
    lambda m: dense(m).sparse_mask(other(m)),
    lambda m: dense(m).sparse_mask(plain(m).coalesce()),
    lambda m: plain(m).sparse_mask(other(m).coalesce()),
    lambda m: m.tensor(numpy.arange(12.0).reshape(2, 3, 2)).sparse_mask(hybrid(m).coalesce()),
    lambda m: plain(m) + other(m),
    lambda m: plain(m).coalesce() + other(m).coalesce(),
    lambda m: plain(m).add(other(m), alpha=2),
    lambda m: plain(m) - other(m),
    lambda m: plain(m).sub(other(m), alpha=2),
    lambda m: m.sub(plain(m), plain(m).float()),
    lambda m: hybrid(m) + hybrid(m),
    lambda m: empty(m) + plain(m),
    lambda m: dense(m) + plain(m),
    lambda m: dense(m) - plain(m),
    lambda m: m.add(dense(m), plain(m), alpha=2),
    lambda m: dense(m).add(plain(m)),
    lambda m: dense(m).add_(plain(m)),
    lambda m: plain(m).add_(other(m)),
    lambda m: plain(m).sub_(other(m)),
    lambda m: plain(m) * 2,
    lambda m: 2 * plain(m),
    lambda m: plain(m).int() * 2.5,
    lambda m: plain(m) * 2j,
    lambda m: plain(m) * m.tensor(2.0),
    lambda m: plain(m).coalesce() * other(m).coalesce(),
    lambda m: (plain(m) * other(m)).to_dense(),
    lambda m: hybrid(m) * hybrid(m),
    lambda m: empty(m) * plain(m),
    lambda m: plain(m) * dense(m),
    lambda m: dense(m) * plain(m),
    lambda m: plain(m) * m.tensor([1.0, 2.0, 3.0]),
    lambda m: plain(m).float() * dense(m),
    lambda m: plain(m).mul_(3),
    lambda m: plain(m).mul_(other(m)).to_dense(),
    lambda m: plain(m) / 2,
    lambda m: plain(m).int() / 2,
    lambda m: plain(m).div_(4),
    lambda m: plain(m) // 2,
    lambda m: plain(m).div(2, rounding_mode="trunc"),
    lambda m: -plain(m),
    lambda m: abs(plain(m)),
    lambda m: plain(m) ** 2,
    lambda m: plain(m).pow(3),
    *[lambda m, name=name: getattr(m, name)(plain(m) / 10) for name in KEEP_ZERO],
    lambda m: plain(m).coalesce().mul(0.1).sin_(),
    lambda m: m.sqrt(plain(m) * plain(m)),
    lambda m: plain(m).isnan(),
    lambda m: plain(m).relu(),
    *[lambda m, make=make: m.mm(make(m), dense(m).t()) for make in MATRICES],
    *[lambda m, make=make: make(m) @ plain(m).t() for make in MATRICES],
    *[lambda m, make=make: make(m) @ m.ones(3, dtype=m.float64) for make in MATRICES],
    lambda m: dense(m).t() @ plain(m),
    lambda m: m.sparse.mm(plain(m), dense(m).t()),
    lambda m: m.mv(plain(m), m.ones(3, dtype=m.float64)),
    lambda m: m.matmul(plain(m), dense(m).t()),
    lambda m: m.addmm(m.ones(2, 2, dtype=m.float64), plain(m), dense(m).t(), beta=2, alpha=3),
    lambda m: m.sparse.addmm(m.ones(2, 2, dtype=m.float64), plain(m), dense(m).t()),
    lambda m: m.addmm(m.ones(2, dtype=m.float64), plain(m), dense(m).t()),
    lambda m: m.hspmm(plain(m), dense(m).t()),
    lambda m: m.hspmm(empty(m), dense(m).t()),
    lambda m: m.smm(plain(m), dense(m).t()),
    lambda m: m.sspaddmm(plain(m).t() @ plain(m), plain(m).t(), dense(m), beta=2, alpha=3),
    lambda m: plain(m).sum(),
    lambda m: m.sum(plain(m), dtype=m.float32),
    lambda m: plain(m).int().sum(),
    *[lambda m, dim=dim: plain(m).sum(dim) for dim in (0, 1, -1, (0, 1))],
    *[lambda m, dim=dim: hybrid(m).sum(dim) for dim in (0, 1, 2, (0, 2), (0, 1), (0, 1, 2))],
    lambda m: plain(m).sum(0, keepdim=True),
    lambda m: m.sparse.sum(hybrid(m), 1),
    lambda m: m.sparse.sum(plain(m), 0, dtype=m.float32),
    lambda m: empty(m).sum(0),
    lambda m: plain(m).norm(),
    lambda m: m.sparse.softmax(plain(m), 0),
    lambda m: m.sparse.softmax(plain(m), 1),
    lambda m: m.sparse.softmax(hybrid(m), 1),
    lambda m: m.sparse.softmax(hybrid(m), 2),
    lambda m: m.sparse.log_softmax(plain(m), 1),
    lambda m: m.sparse.log_softmax(hybrid(m), 0),
    lambda m: m.sparse.softmax(plain(m) * 300, 1),
    lambda m: plain(m).t(),
    lambda m: plain(m).T,
    lambda m: plain(m).t_(),
    lambda m: plain(m).transpose(0, -1),
    lambda m: plain(m).transpose_(0, 1),
    lambda m: hybrid(m).transpose(0, 1),
    lambda m: hybrid(m).permute(1, 0, 2),
    lambda m: plain(m).unsqueeze(0),
    lambda m: plain(m).unsqueeze(2),
    lambda m: hybrid(m).unsqueeze(3),
    lambda m: m.cat([plain(m), other(m)]),
    lambda m: m.cat([hybrid(m), hybrid(m)], dim=1),
    lambda m: m.stack([plain(m), other(m)], 1),
    lambda m: plain(m).select(1, 2),
    lambda m: plain(m)[1],
    lambda m: plain(m)[0, 2],
    lambda m: hybrid(m)[1, 2],
    lambda m: hybrid(m).select(2, 1),
    lambda m: plain(m).index_select(1, m.tensor([2, 0, 2])),
    lambda m: hybrid(m).index_select(2, m.tensor([1])),
    lambda m: plain(m).zero_(),
    lambda m: plain(m).clone(),
    lambda m: plain(m).detach(),
    lambda m: plain(m).float(),
    lambda m: plain(m).to(m.float32),
    lambda m: plain(m).type(m.float32),
    lambda m: plain(m).resize_as_(m.sparse_coo_tensor((4, 3))),
    lambda m: empty(m).resize_as_(m.sparse_coo_tensor((4, 3, 2))),
    lambda m: m.zeros_like(plain(m)),
    lambda m: m.empty_like(hybrid(m), dtype=m.float32),
    lambda m: plain(m).shape == (2, 3),
    lambda m: [plain(m).dim(), plain(m).numel(), plain(m)._nnz(), len(plain(m)), plain(m).get_device()],
    lambda m: [hybrid(m).sparse_dim(), hybrid(m).dense_dim(), hybrid(m).size(-1)],
    lambda m: [plain(m).is_sparse, dense(m).is_sparse, plain(m).is_cuda, plain(m).is_floating_point()],
    lambda m: [repr(plain(m).layout).split(".")[1], repr(dense(m).layout).split(".")[1]],
    lambda m: [plain(m).is_coalesced(), plain(m).coalesce().is_coalesced(), empty(m).is_coalesced()],
    lambda m: [(plain(m) * 2).is_coalesced(), (plain(m).coalesce() * 2).is_coalesced()],
    lambda m: [(plain(m) + plain(m)).is_coalesced(), (plain(m).coalesce() + other(m).coalesce()).is_coalesced()],
    lambda m: plain(m).type().partition(".")[2],
    lambda m: isinstance(plain(m), m.sparse.DoubleTensor),
    lambda m: isinstance(plain(m), m.sparse.FloatTensor),
]


@pytest.mark.parametrize("call", EACH, ids=range(len(EACH)))
def test_results(call):
    our, their = call(tensorlib), call(torch)
    same(our, their)


TEXTS = [
    *(plain, hybrid, empty),
    lambda m: plain(m).float(),
    lambda m: plain(m).requires_grad_(),
    lambda m: m.sparse_coo_tensor((2, 3)),
    lambda m: m.sparse_coo_tensor([[0]], [1j], (2,)),
    lambda m: m.sparse_coo_tensor([list(range(30))], [0.5] * 30, (40,)),
]


@pytest.mark.parametrize("make", TEXTS, ids=range(len(TEXTS)))
def test_texts(make):
    our, their = repr(make(tensorlib)), repr(make(torch)).replace("torch.", "tensorlib.")
    assert our.split() == their.split()  # a longer name of the library fills a line sooner
    assert our.partition("size=")[0] == their.partition("size=")[0]


@pytest.mark.parametrize("zipped", [False, True])
def test_reads_files_of_pytorch(tmp_path, zipped):
    theirs = [plain(torch), hybrid(torch).coalesce(), empty(torch)]
    torch.save(theirs, tmp_path / "file", _use_new_zipfile_serialization=zipped)
    for our, their in zip(tensorlib.load(tmp_path / "file"), theirs, strict=True):
        same(our, their)
        assert our.is_coalesced() == their.is_coalesced()


@pytest.mark.parametrize("zipped", [False, True])
def test_places_outside_and_other_layouts_are_damage(tmp_path, zipped):
    outside = torch.sparse_coo_tensor([[5]], [1.0], (2,), check_invariants=False)
    for tensor in (outside, torch.ones(2, 2).to_sparse_csr()):
        torch.save(tensor, tmp_path / "file", _use_new_zipfile_serialization=zipped)
        with pytest.raises(FileFormatError, match=r"place 5 lies outside|layout 'torch\.sparse_csr'"):
            tensorlib.load(tmp_path / "file")


# What neither library takes.
WRONG = [
    lambda m: m.sparse_coo_tensor([0], [1.0], (2,)),
    lambda m: m.sparse_coo_tensor([[0]], [1.0, 2.0], (2,)),
    lambda m: m.sparse_coo_tensor([[0]], [1.0], (2, 3)),
    lambda m: m.sparse_coo_tensor([[0]], [[1.0, 2.0]], (2, 3)),
    lambda m: plain(m).indices(),
    lambda m: plain(m).values(),
    lambda m: plain(m) + 1,
    lambda m: plain(m) + plain(m).t(),
    lambda m: plain(m) * hybrid(m),
    lambda m: plain(m) / dense(m),
    lambda m: 2 / plain(m),
    lambda m: plain(m).pow(0),
    lambda m: m.mm(plain(m), plain(m)),
    lambda m: m.mm(plain(m), dense(m)),
    lambda m: m.sparse.mm(plain(m), dense(m).t().float()),
    lambda m: m.hspmm(dense(m), dense(m).t()),
    lambda m: hybrid(m).t(),
    lambda m: hybrid(m).transpose(0, 2),
    lambda m: plain(m).sum(2),
    lambda m: plain(m)[2],
    lambda m: plain(m)[::2],
    lambda m: plain(m).exp(),
    lambda m: m.cos(plain(m)),
    lambda m: m.max(plain(m)),
    lambda m: plain(m).numpy(),
    lambda m: plain(m).tolist(),
    lambda m: plain(m).item(),
    lambda m: bool(plain(m)),
    lambda m: plain(m).view(3, 2),
    lambda m: plain(m).data_ptr(),
    lambda m: plain(m).storage(),
    lambda m: dense(m).sparse_mask(dense(m)),
    lambda m: dense(m).sparse_mask(plain(m).t()),
    lambda m: plain(m).requires_grad_().mul_(2),
    lambda m: plain(m).int().requires_grad_(),
    lambda m: plain(m).resize_as_(m.sparse_coo_tensor((1, 3))),
    lambda m: m.cat([plain(m), dense(m)]),
    lambda m: m.nn.functional.embedding(m.tensor([0.5]), dense(m)),
    lambda m: m.nn.functional.embedding(m.tensor([2]), dense(m), sparse=True),
]


@pytest.mark.parametrize("call", WRONG, ids=range(len(WRONG)))
def test_what_neither_takes(call):
    with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)):
        call(torch)
    with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)):
        call(tensorlib)
