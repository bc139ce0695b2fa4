"""Linear algebra beyond the table: symmetric input, what has no gradient, memory order, LAPACK's older names."""

from __future__ import annotations

import numpy
import pytest
import scipy.linalg

import tensorlib
from tensorlib.autograd import gradcheck, gradgradcheck
from tensorlib.errors import ArgumentError, LinAlgError, ShapeError
from tests.tensorlib.op_table.linalg import BATCH, SINGULAR, TALL, WIDE, A, definite, square
from tests.tensorlib.op_table.sample import normal


def leaf(array):
    return tensorlib.tensor(array, requires_grad=True)


def symmetric(x):
    return x + x.mH


@pytest.mark.parametrize("array", [A, BATCH, A + 1j * normal(3, 3, seed=2)], ids=["real", "batch", "complex"])
def test_gradients_of_symmetric_matrices(array):
    shift = 10 * tensorlib.eye(array.shape[-1], dtype=tensorlib.float64)

    def vectors_without_phase(x):
        values, vectors = tensorlib.linalg.eigh(symmetric(x))
        return values, (vectors[..., None, :] * vectors.conj()[..., None, :, :]).abs()

    for function in (
        vectors_without_phase,
        lambda x: tensorlib.linalg.cholesky(symmetric(x) + shift),
        lambda x: tensorlib.linalg.cholesky(symmetric(x) + shift, upper=True),
        lambda x: tensorlib.linalg.eigvalsh(symmetric(x), "U"),
    ):
        assert gradcheck(function, leaf(array))
        assert gradgradcheck(function, leaf(array))


@pytest.mark.parametrize(
    "array", [A, TALL, WIDE, A + 1j * normal(3, 3, seed=2)], ids=["square", "tall", "wide", "complex"]
)
def test_gradients_of_singular_vectors_without_their_phases(array):
    def function(x):
        u, s, vh = tensorlib.linalg.svd(x, full_matrices=False)
        return s, u.abs(), vh.abs(), u @ vh

    assert gradcheck(function, leaf(array))
    assert gradgradcheck(function, leaf(array))


def test_gradients_of_complex_eigenvectors():
    def function(x):
        values, vectors = tensorlib.linalg.eig(x)
        return values, vectors.abs()

    for array in (A, A + 1j * normal(3, 3, seed=2)):
        assert gradcheck(function, leaf(array))


def test_eig_recomposes():
    for array in (BATCH, square(4) + 1j):
        values, vectors = tensorlib.linalg.eig(tensorlib.tensor(array))
        left = tensorlib.tensor(array).to(tensorlib.complex128) @ vectors
        numpy.testing.assert_allclose(left.numpy(), (vectors * values[..., None, :]).numpy(), atol=1e-12)


@pytest.mark.parametrize("mode", ["complete", "r"])
def test_qr_without_gradients_says_so(mode):
    x = leaf(TALL)
    q, r = tensorlib.linalg.qr(x, mode=mode)
    expected = numpy.linalg.qr(TALL, mode)
    numpy.testing.assert_array_equal(r.detach().numpy(), expected if mode == "r" else expected.R)
    assert q.shape == ((0,) if mode == "r" else (4, 4))
    with pytest.raises(ArgumentError, match=f"linalg.qr: mode '{mode}' has no gradient"):
        r.sum().backward()


def test_columns_lie_together():
    x = tensorlib.tensor(A)
    for result in (x.inverse(), x.qr()[0], x.svd().U, x.symeig(True)[1], x.gesv(x)[0], tensorlib.gels(x, x)):
        assert result.stride() == (1, 3)


def test_least_squares():
    for a, b in ((TALL, normal(4, 2)), (WIDE, normal(3, 2)), (A, normal(3))):
        x = tensorlib.linalg.lstsq(tensorlib.tensor(a), tensorlib.tensor(b), driver="gelsd")
        expected, residuals, rank, values = numpy.linalg.lstsq(a, b)
        numpy.testing.assert_allclose(x.solution.numpy(), expected, rtol=1e-10, atol=1e-12)
        numpy.testing.assert_allclose(x.residuals.numpy(), residuals, rtol=1e-10)
        numpy.testing.assert_allclose(x.singular_values.numpy(), values, rtol=1e-10)
        assert x.rank.item() == rank
    assert gradcheck(lambda a, b: tensorlib.linalg.lstsq(a, b).solution, (leaf(TALL), leaf(normal(4, 2))))


def test_gels_gives_the_residuals_below_the_solution():
    b = normal(4, 2)
    x = tensorlib.gels(tensorlib.tensor(b), tensorlib.tensor(TALL)).numpy()
    residual = TALL @ x[:3] - b
    numpy.testing.assert_allclose(numpy.linalg.norm(x[3:], axis=0), numpy.linalg.norm(residual, axis=0), rtol=1e-10)


def test_eig_packs_complex_vectors_as_lapack():
    array = numpy.array([[0.0, 2.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    values, vectors = tensorlib.tensor(array).eig(eigenvectors=True)
    real, imaginary, _, expected, _ = scipy.linalg.lapack.dgeev(array)
    numpy.testing.assert_allclose(values.numpy(), numpy.stack([real, imaginary], 1), atol=1e-12)
    numpy.testing.assert_allclose(vectors.numpy(), expected, atol=1e-12)
    assert tensorlib.eig(tensorlib.tensor(array))[1].shape == (0,)


def test_cholesky_factors_by_their_older_names():
    a = definite(3)
    u = tensorlib.tensor(a).potrf()
    numpy.testing.assert_allclose((u.T @ u).numpy(), a)
    numpy.testing.assert_allclose(u.potri().numpy(), numpy.linalg.inv(a))
    b = normal(3, 2)
    numpy.testing.assert_allclose(tensorlib.tensor(b).potrs(u).numpy(), numpy.linalg.solve(a, b))
    numpy.testing.assert_allclose(tensorlib.tensor(b).potrs(u.T, upper=False).numpy(), numpy.linalg.solve(a, b))


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("rank", [2, 3])
def test_pstrf_exchanges_rows(upper, rank):
    x = normal(3, rank)
    a = x @ x.T
    factor, order = tensorlib.tensor(a).pstrf(upper)
    factor, order = factor.numpy(), order.numpy()
    product = factor.T @ factor if upper else factor @ factor.T
    numpy.testing.assert_allclose(product, a[order][:, order], atol=1e-12)
    assert order.dtype == numpy.int32


def test_batches_of_equations():
    b, info = normal(2, 3), tensorlib.full((2,), 7, dtype=tensorlib.int32)
    factors = tensorlib.tensor(BATCH).btrifact(info)
    assert info.tolist() == [0, 0]
    x = tensorlib.tensor(b).btrisolve(*factors)
    numpy.testing.assert_allclose(x.numpy(), numpy.linalg.solve(BATCH, b[..., None])[..., 0])
    tensorlib.btrifact(tensorlib.tensor(SINGULAR[None]), info[:1])
    assert info.tolist() == [3, 0]


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_solutions_from_factors(left, adjoint):
    b = normal(3, 3, seed=4)
    x = tensorlib.linalg.lu_solve(
        *tensorlib.linalg.lu_factor(tensorlib.tensor(A)), tensorlib.tensor(b), left=left, adjoint=adjoint
    )
    matrix = A.T if adjoint else A
    numpy.testing.assert_allclose((matrix @ x.numpy()) if left else (x.numpy() @ matrix), b, atol=1e-12)


def test_factors_without_pivoting():
    p, lower, upper = tensorlib.linalg.lu(tensorlib.tensor(A), pivot=False)
    numpy.testing.assert_allclose((lower @ upper).numpy(), A)
    assert p.numel() == 0
    with pytest.raises(ArgumentError, match="element 0 of the diagonal is zero; need pivot=True"):
        tensorlib.linalg.lu_factor(tensorlib.tensor([[0.0, 1.0], [1.0, 0.0]]), pivot=False)


def test_reflections_multiply_as_the_matrix_that_they_pack():
    packed, tau = tensorlib.tensor(TALL).geqrf()
    q = numpy.linalg.qr(TALL, "complete").Q
    numpy.testing.assert_allclose(tensorlib.orgqr(packed, tau).numpy(), q[:, :3], atol=1e-12)
    x = tensorlib.tensor(normal(4, 2))
    numpy.testing.assert_allclose(tensorlib.ormqr(packed, tau, x).numpy(), q @ x.numpy(), atol=1e-12)
    numpy.testing.assert_allclose(
        tensorlib.ormqr(packed, tau, x.T, left=False, transpose=True).numpy(), x.numpy().T @ q.T, atol=1e-12
    )


def test_failures_that_are_told_by_a_number():
    batch = numpy.stack([SINGULAR * 0, A])
    inverse, info = tensorlib.linalg.inv_ex(tensorlib.tensor(batch))
    assert info.tolist() == [1, 0]
    numpy.testing.assert_allclose(inverse[1].numpy(), numpy.linalg.inv(A))
    with pytest.raises(LinAlgError, match=r"linalg.inv: singular matrix"):
        tensorlib.linalg.inv_ex(tensorlib.tensor(batch), check_errors=True)
    assert tensorlib.linalg.cholesky_ex(tensorlib.tensor(-definite(3))).info.item() == 1


ONE, TWO = tensorlib.ones(3), tensorlib.ones(2, 3)
WRONG = [
    (lambda: tensorlib.linalg.inv(TWO), ShapeError, r"linalg.inv: needs square matrices, not shape \(2, 3\)"),
    (lambda: tensorlib.linalg.inv(ONE), ShapeError, r"linalg.inv: needs a matrix or a batch of them, not shape \(3,\)"),
    (lambda: tensorlib.linalg.det(tensorlib.ones(2, 2).long()), TypeError, "linalg.det: .* not int64"),
    (lambda: tensorlib.linalg.inv([[1.0]]), TypeError, "linalg_inv: x must be a Tensor, not list"),
    (lambda: tensorlib.linalg.inv(tensorlib.zeros(2, 2)), LinAlgError, "linalg.inv: singular matrix"),
    (
        lambda: tensorlib.linalg.solve(tensorlib.ones(2, 2), TWO[:, :2] * 0),
        LinAlgError,
        "linalg.solve: singular matrix",
    ),
    (
        lambda: tensorlib.linalg.solve(tensorlib.eye(2), ONE[:, None]),
        ShapeError,
        "linalg.solve: shapes .* do not agree",
    ),
    (lambda: tensorlib.linalg.solve(tensorlib.eye(2), ONE[:2], left=False), ArgumentError, "need left=True"),
    (
        lambda: tensorlib.linalg.solve(tensorlib.eye(2), ONE[:2].double()),
        TypeError,
        "of one type, not float32 and float64",
    ),
    (
        lambda: tensorlib.linalg.cholesky(-tensorlib.eye(2)),
        LinAlgError,
        "linalg.cholesky: matrix is not positive definite",
    ),
    (lambda: tensorlib.linalg.qr(TWO, mode="x"), ArgumentError, "linalg.qr: mode is 'x', but must be"),
    (lambda: tensorlib.linalg.eigh(tensorlib.eye(2), "X"), ArgumentError, "linalg.eigh: UPLO is 'X', but must be"),
    (lambda: tensorlib.linalg.matrix_norm(TWO, 3), ArgumentError, "linalg.matrix_norm: ord is 3, but must be"),
    (lambda: tensorlib.linalg.vector_norm(TWO, "fro"), ArgumentError, "linalg.vector_norm: ord is 'fro'"),
    (lambda: tensorlib.linalg.norm(tensorlib.ones(1, 1, 1), 2), ShapeError, "linalg.norm: an order without dimensions"),
    (lambda: tensorlib.linalg.multi_dot([ONE]), ArgumentError, "linalg.multi_dot: needs two tensors or more, not 1"),
    (lambda: tensorlib.linalg.multi_dot([TWO, TWO]), ShapeError, "linalg.multi_dot: shapes .* do not agree"),
    (lambda: tensorlib.linalg.matrix_power(TWO, 2), ShapeError, "linalg.matrix_power: needs square matrices"),
    (lambda: tensorlib.linalg.lstsq(TWO, ONE), ShapeError, "linalg.lstsq: .* need equal rows"),
    (lambda: tensorlib.linalg.lstsq(TWO, TWO, driver="x"), ArgumentError, "linalg.lstsq: driver is 'x'"),
    (lambda: tensorlib.linalg.cross(TWO, TWO, dim=0), ShapeError, "linalg.cross: dimension 0 must have 3 elements"),
    (lambda: tensorlib.cross(TWO[:, :2], TWO[:, :2]), ShapeError, "cross: no dimension has 3 elements"),
    (lambda: tensorlib.linalg.tensorinv(TWO), ShapeError, "linalg.tensorinv: shape .* is no square matrix"),
    (lambda: tensorlib.potrs(ONE, tensorlib.eye(3)), ShapeError, "potrs: needs matrices, not shape"),
    (lambda: tensorlib.pstrf(tensorlib.eye(2).to(tensorlib.complex64)), TypeError, "pstrf: needs real elements"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_wrong_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tensorlib.linalg.nothing  # noqa: B018
    assert "svd" in dir(tensorlib.linalg)
