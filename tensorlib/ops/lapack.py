"""Linear algebra under the names that stand beside the tensor: `inverse`, `det`, `cholesky` and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.creation import eye
from tensorlib.errors import ShapeError
from tensorlib.ops import factorizations, inverses, linear_systems, matrix_norms, spectra
from tensorlib.ops._linalg import check_square
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def inverse(input: Tensor) -> Tensor:
    """Return the inverses of square matrices; columns lie together in memory.

    Raises:
        LinAlgError: a matrix is singular.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.inverse(tensorlib.tensor([[2.0]]))
        tensor([[0.5000]])
    """
    require_tensor("inverse", input)
    return inverses.linalg_inv(input)  # type: ignore[no-any-return]


@public_function
@tensor_method
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the Moore-Penrose inverses of matrices.

    Args:
        input: a tensor of shape (..., m, n).
        rcond: singular values up to this times the greatest count as 0.

    Example:
        >>> tensorlib.pinverse(tensorlib.tensor([[2.0, 0.0]]))
        tensor([[0.5000],
                [0.0000]])
    """
    return linear_systems.linalg_pinv(input, rtol=rcond)


@public_function
@tensor_method
def det(input: Tensor) -> Tensor:
    """Return the determinants of square matrices.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.det(tensorlib.tensor([[2.0, 1.0], [0.0, 4.0]]))
        tensor(8.)
    """
    require_tensor("det", input)
    return inverses.linalg_det(input)  # type: ignore[no-any-return]


@public_function
@tensor_method
def slogdet(input: Tensor) -> Any:
    """Return the signs of determinants, and the logarithms of their magnitudes.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.slogdet(tensorlib.tensor([[-1.0]]))
        tensorlib.return_types.slogdet(
        sign=tensor(-1.),
        logabsdet=tensor(0.))
    """
    require_tensor("slogdet", input)
    return TYPES["slogdet"](*inverses.linalg_slogdet(input))


@public_function
@tensor_method
def logdet(input: Tensor) -> Tensor:
    """Return the logarithms of determinants; nan where they are negative.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.logdet(tensorlib.tensor([[1.0]]))
        tensor(0.)
    """
    sign, size = slogdet(input)
    return sign.log() + size  # type: ignore[no-any-return]


@public_function
@tensor_method
def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Return the triangular factors of positive definite matrices.

    Raises:
        LinAlgError: a matrix is not positive definite.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.cholesky(tensorlib.tensor([[4.0]]))
        tensor([[2.]])
    """
    return linear_systems.linalg_cholesky(input, upper=upper)


@public_function
@tensor_method
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Return X such that `A @ X = B`, from a triangular factor of A.

    Args:
        B: the right sides, of shape (..., n, k).
        L: a factor, of shape (..., n, n).
        upper: the factor is the upper triangular one.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.cholesky_solve(tensorlib.tensor([[8.0]]), tensorlib.tensor([[2.0]]))
        tensor([[2.]])
    """
    require_tensor("cholesky_solve", B)
    require_tensor("cholesky_solve", L)
    solve = linear_systems.linalg_solve_triangular
    if upper:
        return solve(L, solve(L.mH, B, upper=False), upper=True)
    return solve(L.mH, solve(L, B, upper=False), upper=True)


@public_function
@tensor_method
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Return the inverses of matrices, from their triangular factors.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.cholesky_inverse(tensorlib.tensor([[2.0]]))
        tensor([[0.2500]])
    """
    require_tensor("cholesky_inverse", L)
    check_square("cholesky_inverse", L)
    identity = eye(L.shape[-1], dtype=L.dtype, device=L.device)
    return cholesky_solve(identity, L, upper)


@public_function
@tensor_method
def qr(input: Tensor, some: bool = True) -> Any:
    """Return matrices as products of orthonormal columns and upper triangular matrices.

    Args:
        input: a tensor of shape (..., m, n).
        some: only as many columns as there are in the smaller side.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.qr(tensorlib.tensor([[3.0], [4.0]]))[1].abs()
        tensor([[5.]])
    """
    require_tensor("qr", input)
    return TYPES["qr"](*factorizations.linalg_qr(input, mode="reduced" if some else "complete"))


@public_function
@tensor_method
def svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Return `U`, `S` and `V`, such that `U @ diag(S) @ V.mH` are the given matrices.

    Args:
        input: a tensor of shape (..., m, n).
        some: only as many columns as there are in the smaller side.
        compute_uv: False for zeros in the place of the vectors.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.svd(tensorlib.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    require_tensor("svd", input)
    u, s, vh = matrix_norms.linalg_svd(input, full_matrices=not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        return TYPES["svd"](input.new_zeros(*input.shape[:-2], m, m), s, input.new_zeros(*input.shape[:-2], n, n))
    return TYPES["svd"](u, s, vh.mH)


@public_function
@tensor_method
def matrix_power(input: Tensor, n: int) -> Tensor:
    """Return square matrices multiplied with themselves `n` times.

    Example:
        >>> tensorlib.matrix_power(tensorlib.tensor([[2.0]]), 3)
        tensor([[8.]])
    """
    return matrix_norms.linalg_matrix_power(input, n)


@public_function
@tensor_method
def matrix_exp(A: Tensor) -> Tensor:
    """Return the exponentials of square matrices.

    Example:
        >>> tensorlib.matrix_exp(tensorlib.zeros(1, 1))
        tensor([[1.]])
    """
    require_tensor("matrix_exp", A)
    return spectra.linalg_matrix_exp(A)  # type: ignore[no-any-return]


@public_function
@tensor_method
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """Return X such that `A @ X = b`, from the factors that `linalg.lu_factor` gives of A.

    Example:
        >>> LU, pivots = tensorlib.linalg.lu_factor(tensorlib.tensor([[2.0]]))
        >>> tensorlib.lu_solve(tensorlib.tensor([[1.0]]), LU, pivots)
        tensor([[0.5000]])
    """
    require_tensor("lu_solve", b)
    return linear_systems.linalg_lu_solve(LU_data, LU_pivots, b)


@public_function
@tensor_method
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """Return X such that `A @ X = b` for triangular matrices A, and a copy of A.

    Args:
        b: the right sides, of shape (..., n, k).
        A: of shape (..., n, n); only one triangle is read.
        upper: which triangle that is.
        transpose: solve with the transpose of A.
        unitriangular: take the diagonal for ones.

    Raises:
        LinAlgError: a diagonal element is zero.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.triangular_solve(tensorlib.tensor([[1.0]]), tensorlib.tensor([[2.0]])).solution
        tensor([[0.5000]])
    """
    require_tensor("triangular_solve", b)
    require_tensor("triangular_solve", A)
    matrix, upper = (A.mT, not upper) if transpose else (A, upper)
    solution = linear_systems.linalg_solve_triangular(matrix, b, upper=upper, unitriangular=unitriangular)
    return TYPES["triangular_solve"](solution, A.clone())


@public_function
def chain_matmul(*matrices: Tensor) -> Tensor:
    """Return the product of a chain of matrices, in the order that takes the fewest multiplications.

    Example:
        >>> tensorlib.chain_matmul(tensorlib.ones(1, 2), tensorlib.ones(2, 1))
        tensor([[2.]])
    """
    chain: Sequence[Tensor] = matrices
    for matrix in chain:
        require_tensor("chain_matmul", matrix)
    return chain[0] if len(chain) == 1 else matrix_norms.linalg_multi_dot(chain)


@public_function
@tensor_method
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors of three elements.

    Args:
        input: a tensor.
        other: a tensor of the same shape, or that broadcasts with it.
        dim: the dimension of the elements; the first of length 3 unless given.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: no dimension, or not this one, has three elements.

    Example:
        >>> tensorlib.cross(tensorlib.tensor([1.0, 0.0, 0.0]), tensorlib.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    require_tensor("cross", input)
    if dim is None:
        if 3 not in input.shape:
            raise ShapeError(f"cross: no dimension has 3 elements in shape {tuple(input.shape)}")
        dim = input.shape.index(3)
    return matrix_norms.linalg_cross(input, other, dim=dim)
