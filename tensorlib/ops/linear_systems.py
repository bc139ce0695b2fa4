"""`tensorlib.linalg`: solutions of linear equations and what is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorlib.attach import public_function, require_tensor
from tensorlib.creation import eye
from tensorlib.errors import ArgumentError, LinAlgError, ShapeError
from tensorlib.ops._linalg import check_matrix, check_square
from tensorlib.ops.diagonals import tril, triu
from tensorlib.ops.factorizations import cholesky_lower, linalg_lu_factor
from tensorlib.ops.inverses import linalg_inv, pseudo_inverse, solve_matrices
from tensorlib.ops.matrix import matmul
from tensorlib.ops.permutations import permutation_matrix
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor


def _is_vector(A: Tensor, B: Tensor) -> bool:
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])


@public_function
def linalg_solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Return X such that `A @ X = B`, or `X @ A = B` where `left` is False.

    Args:
        A: a tensor of shape (..., n, n).
        B: of shape (..., n, k); or (..., n), then so is the result.
        left: on which side of X the matrix stands.

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linalg.solve(tensorlib.tensor([[2.0, 0.0], [0.0, 4.0]]), tensorlib.tensor([1.0, 2.0]))
        tensor([0.5000, 0.5000])
    """
    require_tensor("linalg.solve", A)
    require_tensor("linalg.solve", B)
    check_square("linalg.solve", A)
    if _is_vector(A, B):
        if not left:
            raise ArgumentError("linalg.solve: vectors stand on the right; need left=True")
        result: Tensor = solve_matrices(A, B[..., None])[..., 0]
        return result
    return _solve_matrices(A, B, left)


def _solve_matrices(A: Tensor, B: Tensor, left: bool) -> Tensor:
    if left:
        return solve_matrices(A, B)  # type: ignore[no-any-return]
    return solve_matrices(A.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)  # type: ignore[no-any-return]


@public_function
def linalg_solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Return X such that `A @ X = B` for triangular matrices; the other triangle is not read.

    Args:
        A: a tensor of shape (..., n, n).
        B: of shape (..., n, k).
        upper: which triangle to read.
        left: on which side of X the matrix stands.
        unitriangular: take the diagonal for ones.

    Raises:
        LinAlgError: a diagonal element is zero.
        ShapeError: the shapes do not agree.

    Example:
        >>> A = tensorlib.tensor([[2.0, 0.0], [1.0, 1.0]])
        >>> tensorlib.linalg.solve_triangular(A, tensorlib.tensor([[2.0], [3.0]]), upper=False)
        tensor([[1.],
                [2.]])
    """
    require_tensor("linalg.solve_triangular", A)
    check_square("linalg.solve_triangular", A)
    inside = 1 if unitriangular else 0
    triangle = triu(A, inside) if upper else tril(A, -inside)
    if unitriangular:
        triangle = triangle + eye(A.shape[-1], dtype=A.dtype, device=A.device)
    return _solve_matrices(triangle, B, left)


@public_function
def linalg_cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Return the triangular factors of positive definite matrices: `L @ L.mH`, or `U.mH @ U` where `upper`.

    Raises:
        LinAlgError: a matrix is not positive definite.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.cholesky(tensorlib.tensor([[4.0, 2.0], [2.0, 5.0]]))
        tensor([[2., 0.],
                [1., 2.]])
    """
    require_tensor("linalg.cholesky", A)
    if upper:
        check_square("linalg.cholesky", A)
        return cholesky_lower(A.swapaxes(-1, -2)).swapaxes(-1, -2)  # type: ignore[no-any-return]
    return cholesky_lower(A)  # type: ignore[no-any-return]


@public_function
def linalg_inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Return inverses and 0; or where one is singular, matrices of nan and 1.

    Raises:
        LinAlgError: with `check_errors`, a matrix is singular.

    Example:
        >>> tensorlib.linalg.inv_ex(tensorlib.zeros(1, 1)).info
        tensor(1, dtype=tensorlib.int32)
    """
    return TYPES["linalg_inv_ex"](*_without_error(linalg_inv, A, check_errors))


@public_function
def linalg_cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """Return the factors of `linalg.cholesky` and 0; or where there are none, matrices of nan and 1.

    Raises:
        LinAlgError: with `check_errors`, a matrix is not positive definite.

    Example:
        >>> tensorlib.linalg.cholesky_ex(-tensorlib.ones(1, 1)).info
        tensor(1, dtype=tensorlib.int32)
    """
    found = _without_error(lambda x: linalg_cholesky(x, upper=upper), A, check_errors)
    return TYPES["linalg_cholesky_ex"](*found)


def _without_error(function: Any, A: Tensor, check_errors: bool) -> tuple[Any, Any]:
    """Call a function for each matrix by itself, so that one without a result does not spoil the others."""
    require_tensor("linalg", A)
    check_square("linalg", A)
    info = A.new_zeros(A.shape[:-2]).int()
    try:
        return function(A), info
    except LinAlgError:
        if check_errors:
            raise
    if A.ndim == 2:
        return A * math.nan, info + 1
    rows = [_without_error(function, x, False) for x in A]
    from tensorlib.ops.joining import stack

    return stack([result for result, _ in rows]), stack([info for _, info in rows])


@public_function
def linalg_lu(A: Tensor, *, pivot: bool = True) -> Any:
    """Return matrices as products of a permutation, a lower and an upper triangular matrix.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.lu(tensorlib.tensor([[1.0, 2.0], [4.0, 4.0]])).U
        tensor([[4., 4.],
                [0., 1.]])
    """
    require_tensor("linalg.lu", A)
    P, L, U = lu_unpack(*linalg_lu_factor(A, pivot=pivot))
    return TYPES["linalg_lu"](P if pivot else A.new_empty(0), L, U)


@public_function
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """Return the three matrices that `linalg.lu_factor` packs; empty ones for what is not asked for.

    Example:
        >>> A = tensorlib.tensor([[1.0, 2.0], [4.0, 4.0]])
        >>> tensorlib.lu_unpack(*tensorlib.linalg.lu_factor(A)).P
        tensor([[0., 1.],
                [1., 0.]])
    """
    require_tensor("lu_unpack", LU_data)
    check_matrix("lu_unpack", LU_data)
    k, none = min(LU_data.shape[-2:]), LU_data.new_empty(0)
    P = permutation_matrix(LU_pivots, rows=LU_data.shape[-2], dtype=LU_data.dtype) if unpack_pivots else none
    if not unpack_data:
        return TYPES["lu_unpack"](P, none, none)
    ones = eye(LU_data.shape[-2], k, dtype=LU_data.dtype, device=LU_data.device)
    return TYPES["lu_unpack"](P, tril(LU_data[..., :k], -1) + ones, triu(LU_data[..., :k, :]))


@public_function
def linalg_lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """Return X such that `A @ X = B`, from the factors that `linalg.lu_factor` gives of A.

    Args:
        LU: packed factors, of shape (..., n, n).
        pivots: the exchanged rows.
        B: of shape (..., n, k).
        left: False for `X @ A = B`.
        adjoint: solve with the conjugate transpose of A.

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> LU, pivots = tensorlib.linalg.lu_factor(tensorlib.tensor([[2.0, 0.0], [0.0, 4.0]]))
        >>> tensorlib.linalg.lu_solve(LU, pivots, tensorlib.tensor([[1.0], [2.0]]))
        tensor([[0.5000],
                [0.5000]])
    """
    if not left:
        turned: Tensor = linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
        return turned
    P, L, U = lu_unpack(LU, pivots)
    if adjoint:
        inner = linalg_solve_triangular(U.mH, B, upper=False)
        return matmul(P, linalg_solve_triangular(L.mH, inner, upper=True))  # type: ignore[no-any-return]
    inner = linalg_solve_triangular(L, matmul(P.mT, B), upper=False)
    return linalg_solve_triangular(U, inner, upper=True)


@public_function
def linalg_lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """Return the X of least norm for which the columns of `A @ X - B` are shortest.

    Args:
        A: a tensor of shape (..., m, n).
        B: of shape (..., m, k), or (..., m).
        rcond: singular values up to this times the greatest count as 0.
        driver: "gels", "gelsy", "gelsd" or "gelss"; all are computed alike here.

    Raises:
        ArgumentError: the driver is none of them.
        ShapeError: the shapes do not agree.

    Example:
        >>> A, B = tensorlib.tensor([[1.0], [0.0]]), tensorlib.tensor([[2.0], [3.0]])
        >>> tensorlib.linalg.lstsq(A, B).solution
        tensor([[2.]])
    """
    from tensorlib.ops.matrix_norms import linalg_matrix_rank, linalg_svdvals

    require_tensor("linalg.lstsq", A)
    require_tensor("linalg.lstsq", B)
    check_matrix("linalg.lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentError(f"linalg.lstsq: driver is {driver!r}, but must be 'gels', 'gelsy', 'gelsd' or 'gelss'")
    vector = _is_vector(A, B)
    right = B[..., None] if vector else B
    if right.ndim < 2 or right.shape[-2] != A.shape[-2]:
        raise ShapeError(f"linalg.lstsq: shapes {tuple(A.shape)} and {tuple(B.shape)} do not agree: need equal rows")
    solution = pseudo_inverse(A, rtol=rcond) @ right
    rank = linalg_matrix_rank(A, rtol=rcond)
    full = A.shape[-2] > A.shape[-1] and bool((rank == A.shape[-1]).all())
    residuals = (A @ solution - right).abs().square().sum(-2) if full else B.new_empty(0)
    values = linalg_svdvals(A) if driver in ("gelsd", "gelss") else A.new_empty(0)
    return TYPES["linalg_lstsq"](solution[..., 0] if vector else solution, residuals, rank, values)


@public_function
def linalg_pinv(A: Tensor, rtol: Any = None, *, atol: Any = None, rcond: Any = None, hermitian: bool = False) -> Tensor:
    """Return the Moore-Penrose inverses of matrices, which need not be square nor of full rank.

    Args:
        A: a tensor of shape (..., m, n).
        rtol: singular values up to this times the greatest count as 0; the machine epsilon times the longer side
            unless given.
        atol: and those up to this.
        rcond: an older name of `rtol`.
        hermitian: the matrices are their own conjugate transposes.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.pinv(tensorlib.tensor([[2.0, 0.0]]))
        tensor([[0.5000],
                [0.0000]])
    """
    require_tensor("linalg.pinv", A)
    return pseudo_inverse(A, atol=atol, rtol=rtol if rcond is None else rcond, hermitian=hermitian)  # type: ignore[no-any-return]


@public_function
def linalg_tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """Return the inverse of the linear map that a tensor is by `tensordot` with its last dimensions.

    Args:
        A: a tensor, the product of whose first `ind` lengths is that of the others.
        ind: how many dimensions stand for the rows.

    Raises:
        ShapeError: the products differ.

    Example:
        >>> tensorlib.linalg.tensorinv(2 * tensorlib.eye(4).reshape(4, 2, 2), ind=1).shape
        tensorlib.Size([2, 2, 4])
    """
    require_tensor("linalg.tensorinv", A)
    rows, columns = A.shape[:ind], A.shape[ind:]
    if ind < 1 or math.prod(rows) != math.prod(columns):
        raise ShapeError(f"linalg.tensorinv: shape {tuple(A.shape)} is no square matrix with ind={ind}")
    return linalg_inv(A.reshape(math.prod(rows), -1)).reshape(*columns, *rows)  # type: ignore[no-any-return]


@public_function
def linalg_tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """Return X such that `tensordot(A, X, X.ndim) = B`.

    Args:
        A: a tensor whose first dimensions are those of B, once `dims` are moved to its end.
        B: a tensor.
        dims: dimensions of A to move.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linalg.tensorsolve(2 * tensorlib.eye(4).reshape(4, 2, 2), tensorlib.ones(4))
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    require_tensor("linalg.tensorsolve", A)
    require_tensor("linalg.tensorsolve", B)
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    lengths = A.shape[B.ndim :]
    if math.prod(lengths) != B.numel():
        raise ShapeError(f"linalg.tensorsolve: shapes {tuple(A.shape)} and {tuple(B.shape)} do not agree")
    return linalg_solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(*lengths)


@public_function
def linalg_householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """Return the first columns of the product of Householder reflections, as LAPACK's `geqrf` packs them.

    Args:
        A: a tensor of shape (..., m, n), whose columns below the diagonal are the directions.
        tau: their factors, of shape (..., k).

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linalg.householder_product(tensorlib.tensor([[1.0], [0.0]]), tensorlib.tensor([2.0]))
        tensor([[-1.],
                [ 0.]])
    """
    require_tensor("linalg.householder_product", A)
    require_tensor("linalg.householder_product", tau)
    check_matrix("linalg.householder_product", A)
    m, n = A.shape[-2:]
    if n > m or tau.shape[-1] > n:
        raise ShapeError(
            f"linalg.householder_product: shapes {tuple(A.shape)} and {tuple(tau.shape)}: need k <= n <= m"
        )
    directions = tril(A, -1) + eye(m, n, dtype=A.dtype, device=A.device)
    result = eye(m, n, dtype=A.dtype, device=A.device)
    for k in reversed(range(tau.shape[-1])):
        v = directions[..., :, k : k + 1]
        result = result - tau[..., k, None, None] * matmul(v, matmul(v.mH, result))
    return result
