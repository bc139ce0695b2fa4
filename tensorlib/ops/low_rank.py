"""The greatest singular values of large matrices, by random projections."""

from __future__ import annotations

from tensorlib.attach import public_function, require_tensor
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.factorizations import linalg_qr
from tensorlib.ops.matrix import matmul
from tensorlib.ops.matrix_norms import linalg_svd
from tensorlib.random import randn
from tensorlib.tensor import Tensor


@public_function
def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return about the `q` greatest singular values of matrices, with their vectors (Halko et al., 2011).

    Args:
        A: matrices of shape (..., m, n).
        q: how many values; at most as many as the matrices have, and somewhat more than the rank that is looked for.
        niter: how often to apply the matrices to the projections, which makes the result more exact.
        M: to subtract from the matrices first; of a shape that broadcasts.

    Returns:
        `U`, `S` and `V`, such that `U @ diag(S) @ V.mH` is near the matrices.

    Raises:
        ArgumentError: `q` or `niter` is negative.
        ShapeError: there are no matrices.

    Example:
        >>> U, S, V = tensorlib.svd_lowrank(tensorlib.diag(tensorlib.tensor([3.0, 2.0])), q=2)
        >>> S
        tensor([3., 2.])
    """
    require_tensor("svd_lowrank", A)
    if A.ndim < 2:
        raise ShapeError(f"svd_lowrank: needs a matrix or a batch of them, not shape {tuple(A.shape)}")
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if q < 0 or niter < 0:
        raise ArgumentError(f"svd_lowrank: q and niter must not be negative, but are {q} and {niter}")
    A = A if M is None else A - M
    if A.shape[-2] < A.shape[-1]:
        V, S, U = _of_tall(A.mH, q, niter)
        return U, S, V
    return _of_tall(A, q, niter)


def _of_tall(A: Tensor, q: int, niter: int) -> tuple[Tensor, Tensor, Tensor]:
    projection = randn((A.shape[-1], min(q, A.shape[-1])), dtype=A.dtype, device=A.device)
    basis = linalg_qr(matmul(A, projection))[0]
    for _ in range(niter):
        rows = linalg_qr(matmul(A.mH, basis))[0]
        basis = linalg_qr(matmul(A, rows))[0]
    U, S, Vh = linalg_svd(matmul(basis.mH, A), full_matrices=False)
    return matmul(basis, U), S, Vh.mH


@public_function
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Return about the `q` first principal components of data, as `svd_lowrank` finds them.

    Args:
        A: data of shape (..., samples, features).
        q: how many components; 6 unless given, or as many as there are.
        center: subtract the mean of each feature first.
        niter: how often to apply the matrices to the projections.

    Returns:
        `U`, `S` and `V`; the columns of `V` are the directions of the components, and `A @ V` the data along them.

    Raises:
        ArgumentError: `q` is negative or more than there are, or `niter` is negative.
        ShapeError: there are no matrices.

    Example:
        >>> U, S, V = tensorlib.pca_lowrank(tensorlib.tensor([[1.0, 5.0], [3.0, 5.0]]), q=1)
        >>> V.abs()
        tensor([[1.],
                [0.]])
    """
    require_tensor("pca_lowrank", A)
    if A.ndim < 2:
        raise ShapeError(f"pca_lowrank: needs a matrix or a batch of them, not shape {tuple(A.shape)}")
    most = min(A.shape[-2:])
    q = min(6, most) if q is None else q
    if not 0 <= q <= most:
        raise ArgumentError(f"pca_lowrank: q is {q}, but must be from 0 to {most} for shape {tuple(A.shape)}")
    return svd_lowrank(A, q, niter, A.mean(-2, keepdim=True) if center else None)
