"""Named tuples of results, and the functions of linear algebra that return numbers for failures in them."""

from __future__ import annotations

import pickle

import numpy
import pytest

import tensorlib
from tensorlib.errors import EmptyError, LinAlgError, ShapeError

torch = pytest.importorskip("torch")
MATRIX = [[4.0, 1.0], [1.0, 3.0]]
CALLS = {
    "aminmax": lambda t: t.aminmax(t.tensor(MATRIX)),
    "cummax": lambda t: t.tensor(MATRIX).cummax(0),
    "cummin": lambda t: t.cummin(t.tensor(MATRIX), 1),
    "frexp": lambda t: t.frexp(t.tensor(MATRIX)),
    "geqrf": lambda t: t.geqrf(t.tensor(MATRIX)),
    "histogram": lambda t: t.histogram(t.tensor([1.0, 2.0]), 2),
    "histogramdd": lambda t: t.histogramdd(t.tensor(MATRIX), [2, 2]),
    "kthvalue": lambda t: t.tensor(MATRIX).kthvalue(1),
    "linalg_cholesky_ex": lambda t: t.linalg.cholesky_ex(t.tensor(MATRIX)),
    "linalg_eig": lambda t: t.linalg.eig(t.tensor(MATRIX)),
    "linalg_eigh": lambda t: t.linalg.eigh(t.tensor(MATRIX)),
    "linalg_inv_ex": lambda t: t.linalg.inv_ex(t.tensor(MATRIX)),
    "linalg_ldl_factor": lambda t: t.linalg.ldl_factor(t.tensor(MATRIX)),
    "linalg_ldl_factor_ex": lambda t: t.linalg.ldl_factor_ex(t.tensor(MATRIX)),
    "linalg_lstsq": lambda t: t.linalg.lstsq(t.tensor(MATRIX), t.tensor(MATRIX)),
    "linalg_lu": lambda t: t.linalg.lu(t.tensor(MATRIX)),
    "linalg_lu_factor": lambda t: t.linalg.lu_factor(t.tensor(MATRIX)),
    "linalg_lu_factor_ex": lambda t: t.linalg.lu_factor_ex(t.tensor(MATRIX)),
    "linalg_qr": lambda t: t.linalg.qr(t.tensor(MATRIX)),
    "linalg_slogdet": lambda t: t.linalg.slogdet(t.tensor(MATRIX)),
    "linalg_solve_ex": lambda t: t.linalg.solve_ex(t.tensor(MATRIX), t.tensor([1.0, 2.0])),
    "linalg_svd": lambda t: t.linalg.svd(t.tensor(MATRIX)),
    "lu_unpack": lambda t: t.lu_unpack(*t.linalg.lu_factor(t.tensor(MATRIX))),
    "max": lambda t: t.tensor(MATRIX).max(1),
    "median": lambda t: t.tensor(MATRIX).median(1),
    "min": lambda t: t.tensor(MATRIX).min(1),
    "mode": lambda t: t.tensor([[1, 2, 2]]).mode(1),
    "nanmedian": lambda t: t.tensor(MATRIX).nanmedian(1),
    "qr": lambda t: t.qr(t.tensor(MATRIX)),
    "slogdet": lambda t: t.slogdet(t.tensor(MATRIX)),
    "sort": lambda t: t.tensor(MATRIX).sort(1),
    "svd": lambda t: t.svd(t.tensor(MATRIX)),
    "topk": lambda t: t.tensor(MATRIX).topk(1),
    "triangular_solve": lambda t: t.triangular_solve(t.tensor(MATRIX), t.tensor(MATRIX)),
}


def test_every_type_is_returned_by_something():
    assert set(CALLS) | {"eig", "symeig"} == set(dir(tensorlib.return_types))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_as_pytorch(name):
    ours, theirs = CALLS[name](tensorlib), CALLS[name](torch)
    assert type(ours) is getattr(tensorlib.return_types, name)
    for field in ours._fields:
        found, expected = getattr(ours, field), getattr(theirs, field)
        if not isinstance(found, tensorlib.Tensor):
            continue
        assert str(found.dtype).split(".")[1] == str(expected.dtype).split(".")[1]
        numpy.testing.assert_allclose(abs(found.numpy()), abs(expected.numpy()), rtol=1e-4, atol=1e-6)
    if name == "max":
        assert repr(ours) == repr(theirs).replace("torch.", "tensorlib.")


def test_they_are_pickled():
    found = pickle.loads(pickle.dumps(tensorlib.tensor([1, 3]).max(0)))
    assert found.values.item() == 3
    assert type(found) is tensorlib.return_types.max
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tensorlib.return_types.nothing  # noqa: B018


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("hermitian", [False, True])
def test_solutions_with_indefinite_matrices(dtype, hermitian):
    generator = numpy.random.default_rng(0)
    A = generator.normal(size=(3, 4, 4)) + 1j * generator.normal(size=(3, 4, 4))
    A = A if dtype.startswith("complex") else A.real
    A = (A + (A.conj() if hermitian else A).swapaxes(-1, -2)).astype(dtype)
    X = generator.normal(size=(3, 4, 2)).astype(dtype)
    factors = tensorlib.linalg.ldl_factor(tensorlib.from_numpy(A), hermitian=hermitian)
    found = tensorlib.linalg.ldl_solve(*factors, tensorlib.from_numpy(A @ X), hermitian=hermitian)
    numpy.testing.assert_allclose(found.numpy(), X, rtol=1e-3, atol=1e-4)
    expected = torch.linalg.ldl_factor(torch.from_numpy(A), hermitian=hermitian)
    numpy.testing.assert_allclose(factors.LD.numpy(), expected.LD.numpy(), rtol=1e-3, atol=1e-5)
    assert factors.pivots.tolist() == expected.pivots.tolist()


def test_failures_as_numbers():
    A = tensorlib.tensor([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [1.0, 1.0]]])
    assert tensorlib.linalg.lu_factor_ex(A).info.tolist() == [0, 2]
    for B in (tensorlib.ones(2, 2), tensorlib.ones(2, 2, 3)):
        found = tensorlib.linalg.solve_ex(A, B)
        assert found.info.tolist() == [0, 2]
        assert found.result[1].isnan().all()
        assert found.result[0].reshape(2, -1)[:, 0].tolist() == [1, 0.5]
    for function in (tensorlib.linalg.lu_factor_ex, tensorlib.linalg.ldl_factor_ex):
        with pytest.raises(LinAlgError, match="diagonal is zero"):
            function(tensorlib.zeros(2, 2), check_errors=True)
    with pytest.raises(LinAlgError, match="singular"):
        tensorlib.linalg.solve_ex(A, tensorlib.ones(2, 2), check_errors=True)
    with pytest.raises(ShapeError, match=r"linalg.ldl_solve: shapes \(2, 2\), \(2,\), \(3, 1\) do not agree"):
        tensorlib.linalg.ldl_solve(tensorlib.eye(2), tensorlib.ones(2).int(), tensorlib.ones(3, 1))


def test_choosing_from_nothing():
    for choose in (lambda x: x.max(0), lambda x: x.argmax(), lambda x: x.amin(0)):
        with pytest.raises(EmptyError, match="there are no elements to choose from") as caught:
            choose(tensorlib.zeros(0, 3))
        assert isinstance(caught.value, IndexError)
        assert isinstance(caught.value, RuntimeError)
