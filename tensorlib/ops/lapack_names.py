"""Linear algebra under the names of LAPACK's routines, as PyTorch 0.3 had them."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import to_host
from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.creation import from_numpy
from tensorlib.errors import ShapeError
from tensorlib.ops import complex, factorizations, lapack, linear_systems, selection, spectra
from tensorlib.ops._linalg import check_matrix, check_square
from tensorlib.ops.diagonals import tril
from tensorlib.ops.joining import cat
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor


def _require_matrices(name: str, *tensors: Tensor) -> None:
    for tensor in tensors:
        require_tensor(name, tensor)
        if tensor.ndim != 2:
            raise ShapeError(f"{name}: needs matrices, not shape {tuple(tensor.shape)}")
        check_matrix(name, tensor)


@public_function
@tensor_method
def btrifact(A: Tensor, info: Tensor | None = None, pivot: bool = True) -> tuple[Tensor, Tensor]:
    """Return the packed triangular factors of a batch of matrices, and which rows were exchanged.

    Args:
        A: a tensor of shape (b, n, n).
        info: an int32 tensor of length b; filled with the number of the first zero on the diagonal of each U, or 0.
        pivot: exchange rows.

    Raises:
        ShapeError: it is no batch of square matrices.

    Example:
        >>> tensorlib.btrifact(tensorlib.tensor([[[2.0]]]))
        (tensor([[[2.]]]), tensor([[1]], dtype=tensorlib.int32))
    """
    require_tensor("btrifact", A)
    check_square("btrifact", A)
    packed, pivots = factorizations.linalg_lu_factor(A, pivot=pivot)
    if info is not None:
        zero = packed.detach().diagonal(dim1=-2, dim2=-1) == 0
        info.copy_(selection.where(zero.any(-1), zero.int().argmax(-1) + 1, 0))
    return packed, pivots


@public_function
@tensor_method
def btrisolve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """Return the solutions x of a batch of equations `A @ x = b`, from what `btrifact` gives of the matrices.

    Args:
        b: of shape (b, n), or (b, n, k).
        LU_data: the factors, of shape (b, n, n).
        LU_pivots: the exchanged rows.

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> factors = tensorlib.btrifact(tensorlib.tensor([[[2.0]]]))
        >>> tensorlib.btrisolve(tensorlib.tensor([[4.0]]), *factors)
        tensor([[2.]])
    """
    require_tensor("btrisolve", b)
    require_tensor("btrisolve", LU_data)
    if b.ndim == LU_data.ndim:
        return linear_systems.linalg_lu_solve(LU_data, LU_pivots, b)
    return linear_systems.linalg_lu_solve(LU_data, LU_pivots, b[..., None])[..., 0]


@public_function
@tensor_method
def eig(a: Tensor, eigenvectors: bool = False) -> Any:
    """Return the eigenvalues of a real square matrix as rows of real and imaginary part, and eigenvectors if wanted.

    For a pair of complex eigenvalues, two columns hold the real and the imaginary part of the first one's vector, as
    LAPACK's `geev` gives them.

    Raises:
        ShapeError: it is no square matrix.

    Example:
        >>> tensorlib.eig(tensorlib.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
        tensor([[ 0.,  1.],
                [ 0., -1.]])
    """
    _require_matrices("eig", a)
    values, vectors = spectra.linalg_eig(a)
    packed = selection.where(values.imag < 0, -vectors.imag, vectors.real) if eigenvectors else a.new_empty(0)
    return TYPES["eig"](complex.view_as_real(values), packed)


@public_function
@tensor_method
def symeig(input: Tensor, eigenvectors: bool = False, upper: bool = True) -> Any:
    """Return the eigenvalues of a symmetric matrix in ascending order, and eigenvectors if wanted.

    Args:
        input: a tensor of shape (n, n).
        eigenvectors: False for an empty tensor in their place.
        upper: which triangle to read.

    Raises:
        ShapeError: it is no square matrix.

    Example:
        >>> tensorlib.symeig(tensorlib.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
        tensor([1., 3.])
    """
    require_tensor("symeig", input)
    values, vectors = spectra.linalg_eigh(input, UPLO="U" if upper else "L")
    return TYPES["symeig"](values, vectors if eigenvectors else input.new_empty(0))


@public_function
@tensor_method
def gels(B: Tensor, A: Tensor) -> Tensor:
    """Return the solution of a least squares or least norm problem, as LAPACK's `gels` gives it.

    Args:
        B: of shape (m, k).
        A: of shape (m, n).

    Returns:
        The solution X of shape (n, k). Where m > n, further m - n rows: their columns have the norms of the columns of
        `A @ X - B`.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.gels(tensorlib.tensor([[2.0]]), tensorlib.tensor([[4.0]]))
        tensor([[0.5000]])
    """
    _require_matrices("gels", B, A)
    solution = linear_systems.linalg_lstsq(A, B).solution
    m, n = A.shape
    if m > n:
        q, _ = factorizations.linalg_qr(A.detach(), mode="complete")
        solution = cat([solution, q[:, n:].mH @ B])
    return solution.mT.contiguous().mT  # type: ignore[no-any-return]


@public_function
@tensor_method
def gesv(B: Tensor, A: Tensor) -> tuple[Tensor, Tensor]:
    """Return X such that `A @ X = B`, and the packed triangular factors of A.

    Args:
        B: of shape (n, k).
        A: of shape (n, n).

    Raises:
        LinAlgError: A is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.gesv(tensorlib.tensor([[2.0]]), tensorlib.tensor([[4.0]]))
        (tensor([[0.5000]]), tensor([[4.]]))
    """
    _require_matrices("gesv", B, A)
    return linear_systems.linalg_solve(A, B), factorizations.linalg_lu_factor(A).LU


@public_function
@tensor_method
def geqrf(input: Tensor) -> Any:
    """Return the QR factors of a matrix as LAPACK packs them: R above the diagonal, Householder vectors below.

    Raises:
        ShapeError: it is no matrix.

    Example:
        >>> tensorlib.geqrf(tensorlib.tensor([[3.0], [4.0]])).a.abs()
        tensor([[5.0000],
                [0.5000]])
    """
    import numpy

    _require_matrices("geqrf", input)
    packed, tau = numpy.linalg.qr(to_host(input._array), "raw")
    result = TYPES["geqrf"](from_numpy(packed.T), from_numpy(tau))
    return result if not input.is_cuda else TYPES["geqrf"](*[part.to(input.device) for part in result])


@public_function
@tensor_method
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """Return the orthonormal columns Q that `geqrf` packs.

    Args:
        input: the packed matrix.
        tau: the factors `tau`.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.orgqr(*tensorlib.geqrf(tensorlib.tensor([[3.0], [4.0]]))).abs()
        tensor([[0.6000],
                [0.8000]])
    """
    return linear_systems.linalg_householder_product(input, tau)


@public_function
@tensor_method
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Return the product of the square matrix Q that `geqrf` packs and another matrix.

    Args:
        input: the packed matrix, of shape (m, k).
        tau: the factors `tau`.
        other: the matrix, of shape (m, n), or (n, m) where Q stands on the right.
        left: on which side Q stands.
        transpose: multiply by the conjugate transpose of Q.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> packed, tau = tensorlib.geqrf(tensorlib.tensor([[3.0], [4.0]]))
        >>> tensorlib.ormqr(packed, tau, tensorlib.tensor([[3.0], [4.0]]), transpose=True).abs()[0]
        tensor([5.])
    """
    require_tensor("ormqr", input)
    require_tensor("ormqr", other)
    check_matrix("ormqr", input)
    rest = input.shape[-2] - input.shape[-1]
    wide = cat([tril(input, -1), input.new_zeros(*input.shape[:-1], rest)], dim=-1)
    q = linear_systems.linalg_householder_product(wide, tau)
    q = q.mH if transpose else q
    return q @ other if left else other @ q


@public_function
@tensor_method
def potrf(a: Tensor, upper: bool = True) -> Tensor:
    """Return the triangular factor of a positive definite matrix: U with `U.mH @ U = a`, or L with `L @ L.mH = a`.

    Raises:
        LinAlgError: it is not positive definite.
        ShapeError: it is no square matrix.

    Example:
        >>> tensorlib.potrf(tensorlib.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 1.],
                [0., 2.]])
    """
    return linear_systems.linalg_cholesky(a, upper=upper)


@public_function
@tensor_method
def potri(u: Tensor, upper: bool = True) -> Tensor:
    """Return the inverse of a matrix from its triangular factor.

    Raises:
        ShapeError: it is no square matrix.

    Example:
        >>> tensorlib.potri(tensorlib.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    return lapack.cholesky_inverse(u, upper)


@public_function
@tensor_method
def potrs(b: Tensor, u: Tensor, upper: bool = True) -> Tensor:
    """Return X such that `A @ X = b`, from the triangular factor of A.

    Args:
        b: of shape (n, k).
        u: of shape (n, n).
        upper: which triangle the factor is.

    Raises:
        ShapeError: they are no matrices, or do not agree.

    Example:
        >>> tensorlib.potrs(tensorlib.tensor([[8.0]]), tensorlib.tensor([[2.0]]))
        tensor([[2.]])
    """
    _require_matrices("potrs", b, u)
    return lapack.cholesky_solve(b, u, upper)


@public_function
@tensor_method
def pstrf(a: Tensor, upper: bool = True, tol: float = -1.0) -> tuple[Tensor, Tensor]:
    """Return the triangular factor of a positive semidefinite matrix with exchanged rows and columns, and their order.

    Args:
        a: of shape (n, n).
        upper: return U with `U.T @ U`, otherwise L with `L @ L.T`, equal to `a[piv][:, piv]`.
        tol: stop where the diagonal is not greater; n times the machine epsilon times the greatest unless given.

    Raises:
        ShapeError: it is no square matrix.
        TypeError: it is complex.

    Example:
        >>> tensorlib.pstrf(tensorlib.tensor([[1.0, 0.0], [0.0, 4.0]]))
        (tensor([[2., 0.],
                [0., 1.]]), tensor([1, 0], dtype=tensorlib.int32))
    """
    import numpy
    from scipy.linalg import lapack as routines

    _require_matrices("pstrf", a)
    check_square("pstrf", a)
    if a.dtype.is_complex:
        raise TypeError(f"pstrf: needs real elements, not {a.dtype}")
    array = to_host(a.detach()._array)
    routine = routines.dpstrf if array.dtype == numpy.float64 else routines.spstrf
    packed, order, rank, _ = routine(array, lower=not upper, tol=tol)
    factor = numpy.triu(packed) if upper else numpy.tril(packed)
    if upper:
        factor[rank:] = 0
    else:
        factor[:, rank:] = 0
    return from_numpy(factor).to(a.device), from_numpy((order - 1).astype(numpy.int32)).to(a.device)


@public_function
@tensor_method
def trtrs(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Tensor, Tensor]:
    """Return X such that `A @ X = b` for a triangular matrix A, and a copy of A.

    Args:
        b: of shape (n, k).
        A: of shape (n, n); only one triangle is read.
        upper: which triangle that is.
        transpose: solve with the transpose of A.
        unitriangular: take the diagonal for ones.

    Raises:
        LinAlgError: a diagonal element is zero.
        ShapeError: they are no matrices, or do not agree.

    Example:
        >>> tensorlib.trtrs(tensorlib.tensor([[1.0]]), tensorlib.tensor([[2.0]]))[0]
        tensor([[0.5000]])
    """
    _require_matrices("trtrs", b, A)
    return tuple(lapack.triangular_solve(b, A, upper, transpose, unitriangular))
