"""Eigenvalues, singular values, and the vectors that belong to them."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import linear_algebra
from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError
from tensorlib.ops._linalg import (
    adjoint_of,
    check_matrix,
    check_square,
    column_major,
    diagonal_matrix,
    diagonal_of,
    differences,
    require_cpu,
    solved,
)
from tensorlib.ops.inverses import linalg_inv
from tensorlib.return_types import TYPES


@op(method=False)
def linalg_eigh(xp: Any, x: Any, *, UPLO: str = "L") -> Any:
    """Return the eigenvalues, in ascending order, and eigenvectors of matrices that are their own adjoints.

    Only one triangle is read. The gradient is that of a symmetric matrix; it is not finite where eigenvalues are equal,
    and says nothing of what depends on the signs or phases of the vectors.

    Args:
        x: a tensor of shape (..., n, n).
        UPLO: "L" or "U": the triangle to read.

    Raises:
        ArgumentError: the triangle is another one.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.eigh(tensorlib.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
        tensor([1., 3.])
    """
    check_square("linalg.eigh", x)
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"linalg.eigh: UPLO is {UPLO!r}, but must be 'L' or 'U'")
    values, vectors = solved("linalg.eigh", xp.linalg.eigh, x, UPLO.upper())
    vectors = column_major(xp, vectors)
    return TYPES["linalg_eigh"](values, vectors), (values, vectors)


def _eigh_gradient(xp: Any, g: Any, values: Any, vectors: Any) -> Any:
    turned = adjoint_of(vectors)
    inner = turned @ g[1] / differences(xp, values)
    inner = inner - diagonal_matrix(xp, diagonal_of(xp, inner)) + diagonal_matrix(xp, g[0])
    return vectors @ inner @ turned


linalg_eigh.grads(_eigh_gradient)


@op(method=False)
def linalg_eig(xp: Any, x: Any) -> Any:
    """Return the complex eigenvalues of square matrices, and eigenvectors of length 1.

    Args:
        x: a tensor of shape (..., n, n).

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.eig(tensorlib.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
        tensor([0.+1.j, 0.-1.j])
    """
    check_square("linalg.eig", x)
    require_cpu("linalg.eig", xp)
    values, vectors = solved("linalg.eig", xp.linalg.eig, x)
    kind = xp.result_type(x.dtype, xp.complex64)
    values, vectors = values.astype(kind), column_major(xp, vectors.astype(kind))
    return TYPES["linalg_eig"](values, vectors), (values, vectors, x.dtype.kind == "c")


def _eig_gradient(xp: Any, g: Any, values: Any, vectors: Any, is_complex: bool) -> Any:
    turned = adjoint_of(vectors)
    along = turned @ g[1]
    change = along - turned @ (vectors * diagonal_of(xp, along).real[..., None, :])
    inner = change / differences(xp, values).conj()
    inner = inner - diagonal_matrix(xp, diagonal_of(xp, inner)) + diagonal_matrix(xp, g[0])
    result = linalg_inv.via(xp, turned) @ inner @ turned
    return result if is_complex else result.real


linalg_eig.grads(_eig_gradient)


@op(method=False)
def svd_thin(xp: Any, x: Any) -> Any:
    """Return `U`, `S` and `Vh`, such that `U @ diag(S) @ Vh` are the given matrices, with as few columns as do.

    The gradient is not finite where singular values are equal or zero.

    Args:
        x: a tensor of shape (..., m, n).

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.svd_thin(tensorlib.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    check_matrix("linalg.svd", x)
    u, s, vh = solved("linalg.svd", xp.linalg.svd, x, False)
    u = column_major(xp, u)
    return TYPES["linalg_svd"](u, s, vh), (u, s, vh)


def _svd_gradient(xp: Any, g: Any, u: Any, s: Any, vh: Any) -> Any:
    """Giles, An extended collection of matrix derivative results (2008); Wan and Zhang (2019) for complex numbers."""
    by_u, by_s, by_vh = g
    uh, v = adjoint_of(u), adjoint_of(vh)
    gaps = differences(xp, s * s)
    left, right = uh @ by_u, adjoint_of(by_vh @ v)
    left, right = (left - adjoint_of(left)) / gaps, (right - adjoint_of(right)) / gaps
    across, down = s[..., None, :], s[..., :, None]
    inner = _off_diagonal(xp, left) * across + _off_diagonal(xp, right) * down
    middle = by_s + diagonal_of(xp, left) / (2 * s)  # the second is zero for real numbers
    inner = inner + diagonal_matrix(xp, middle)
    result = u @ inner @ vh
    scaled = by_u / across
    result = result + (scaled - u @ (uh @ scaled)) @ vh
    scaled = by_vh / down
    return result + u @ (scaled - (scaled @ v) @ vh)


def _off_diagonal(xp: Any, x: Any) -> Any:
    return x - diagonal_matrix(xp, diagonal_of(xp, x))


svd_thin.grads(_svd_gradient)


@op(method=False, differentiable=False)
def svd_full(xp: Any, x: Any) -> Any:
    """Return `U` of shape (..., m, m), `S` and `Vh` of shape (..., n, n); they have no gradient.

    Args:
        x: a tensor of shape (..., m, n).

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.svd_full(tensorlib.tensor([[3.0], [4.0]])).U.shape
        tensorlib.Size([2, 2])
    """
    check_matrix("linalg.svd", x)
    u, s, vh = solved("linalg.svd", xp.linalg.svd, x, True)
    return TYPES["linalg_svd"](column_major(xp, u), s, vh), ()


@op(method=False, holomorphic=False)
def linalg_matrix_exp(xp: Any, x: Any) -> Any:
    """Return the exponentials of square matrices.

    Args:
        x: a tensor of shape (..., n, n).

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.matrix_exp(tensorlib.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    check_square("linalg.matrix_exp", x)
    require_cpu("linalg.matrix_exp", xp)
    return linear_algebra(xp).expm(x) if x.size else x.copy(), (x,)


def _exponential_gradient(xp: Any, g: Any, x: Any) -> Any:
    """The exponential of [[X, G], [0, X]] has the derivative at X in the direction G in its corner (Najfeld, 1995)."""
    n, turned = x.shape[-1], adjoint_of(x)
    wide = xp.concatenate([xp.concatenate([turned, g], axis=-1), xp.concatenate([g * 0, turned], axis=-1)], axis=-2)
    return linalg_matrix_exp.via(xp, wide)[..., :n, n:]


linalg_matrix_exp.grads(_exponential_gradient)
