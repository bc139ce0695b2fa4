"""Matrices as products of triangular and orthogonal ones: Cholesky, QR and LU."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import lu_factors
from tensorlib.autograd.op import op
from tensorlib.dtypes import as_dtype
from tensorlib.errors import ArgumentError
from tensorlib.ops._linalg import (
    adjoint_of,
    check_matrix,
    check_square,
    column_major,
    diagonal_matrix,
    diagonal_of,
    solved,
)
from tensorlib.ops.diagonals import tril, triu
from tensorlib.ops.inverses import linalg_inv
from tensorlib.ops.joining import cat
from tensorlib.ops.matrix import matmul
from tensorlib.ops.permutations import permutation_matrix
from tensorlib.return_types import TYPES


@op(method=False, holomorphic=False)
def cholesky_lower(xp: Any, x: Any) -> Any:
    """Return the lower triangular matrices whose products with their conjugate transposes are the given ones.

    Only the lower triangles are read.

    Args:
        x: positive definite matrices, of shape (..., n, n).

    Raises:
        LinAlgError: a matrix is not positive definite.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.cholesky_lower(tensorlib.tensor([[4.0]]))
        tensor([[2.]])
    """
    check_square("linalg.cholesky", x)
    y = solved("linalg.cholesky", xp.linalg.cholesky, x)
    return y, (y,)


def _cholesky_gradient(xp: Any, g: Any, y: Any) -> Any:
    """Murray, Differentiation of the Cholesky decomposition (2016)."""
    inner = _lower_half(xp, adjoint_of(y) @ g)
    inverse = linalg_inv.via(xp, y)
    return adjoint_of(inverse) @ (inner + adjoint_of(inner)) @ inverse / 2


def _lower_half(xp: Any, x: Any) -> Any:
    return tril.via(xp, x, diagonal=-1) + diagonal_matrix(xp, diagonal_of(xp, x).real / 2)


cholesky_lower.grads(_cholesky_gradient)


@op(method=False)
def linalg_qr(xp: Any, x: Any, *, mode: str = "reduced") -> Any:
    """Return matrices as products of ones with orthonormal columns and upper triangular ones.

    Args:
        x: a tensor of shape (..., m, n).
        mode: "reduced" gives Q of shape (..., m, min(m, n)), "complete" of (..., m, m), "r" an empty one.

    Raises:
        ArgumentError: the mode is none of them.
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.qr(tensorlib.tensor([[3.0], [4.0]])).R.abs()
        tensor([[5.]])
    """
    check_matrix("linalg.qr", x)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"linalg.qr: mode is {mode!r}, but must be 'reduced', 'complete' or 'r'")
    if mode == "r":
        q, r = xp.empty(0, x.dtype), xp.linalg.qr(x, "r")
    else:
        q, r = xp.linalg.qr(x, mode)
        q = column_major(xp, q)
    return TYPES["linalg_qr"](q, r), (q, r, x, mode)


def _qr_gradient(xp: Any, g: Any, q: Any, r: Any, x: Any, mode: str) -> Any:
    """Roberts and Roberts, QR and LQ decomposition matrix backpropagation algorithms (2020)."""
    m, n = x.shape[-2:]
    if mode == "r" or (mode == "complete" and m > n):
        raise ArgumentError(f"linalg.qr: mode {mode!r} has no gradient; need 'reduced'")
    if m >= n:
        return _tall_gradient(xp, g[0], g[1], q, r)
    left, right = g[1][..., :m], g[1][..., m:]
    first = _tall_gradient(xp, g[0] + x[..., m:] @ adjoint_of(right), left, q, r[..., :m])
    return cat.via(xp, [first, q @ right], dim=-1)


def _tall_gradient(xp: Any, by_q: Any, by_r: Any, q: Any, r: Any) -> Any:
    inner = r @ adjoint_of(by_r) - adjoint_of(by_q) @ q
    below = tril.via(xp, inner, diagonal=-1)
    symmetric = below + adjoint_of(below) + diagonal_matrix(xp, diagonal_of(xp, inner).real)
    return (by_q + q @ symmetric) @ adjoint_of(linalg_inv.via(xp, r))


linalg_qr.grads(_qr_gradient)


@op(method=False)
def linalg_lu_factor(xp: Any, A: Any, *, pivot: bool = True) -> Any:
    """Return the triangular factors of matrices, packed as LAPACK does, and which rows were exchanged.

    Args:
        A: a tensor of shape (..., m, n).
        pivot: exchange rows; without it, which is less accurate, a zero on the diagonal is an error.

    Raises:
        LinAlgError: without exchanges a diagonal element is zero.
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.lu_factor(tensorlib.tensor([[1.0, 2.0], [4.0, 4.0]]))
        tensorlib.return_types.linalg_lu_factor(
        LU=tensor([[4.0000, 4.0000],
                [0.2500, 1.0000]]),
        pivots=tensor([2, 2], dtype=tensorlib.int32))
    """
    check_matrix("linalg.lu_factor", A)
    packed = xp.array(A, order="C", copy=True)
    pivots = xp.empty((*A.shape[:-2], min(A.shape[-2:])), numpy.int32)
    for place in numpy.ndindex(*A.shape[:-2]):
        packed[place], pivots[place] = _factor(xp, A[place], pivot)
    rows = permutation_matrix.forward(xp, pivots, rows=A.shape[-2], dtype=as_dtype(A.dtype))[0]
    return TYPES["linalg_lu_factor"](packed, pivots), (packed, rows)


def _factor(xp: Any, x: Any, pivot: bool) -> tuple[Any, Any]:
    """Return the packed factors of one matrix, and the exchanged rows counted from 1."""
    if not x.size:
        return x, xp.arange(1, min(x.shape) + 1)
    if pivot:
        packed, rows = lu_factors(x)
        return packed, rows + 1
    packed = x.copy()
    for k in range(min(x.shape)):
        if not packed[k, k]:
            raise ArgumentError(f"linalg.lu_factor: element {k} of the diagonal is zero; need pivot=True")
        packed[k + 1 :, k] /= packed[k, k]
        packed[k + 1 :, k + 1 :] -= xp.outer(packed[k + 1 :, k], packed[k, k + 1 :])
    return packed, xp.arange(1, min(x.shape) + 1)


def _lu_gradient(xp: Any, g: Any, packed: Any, rows: Any) -> Any:
    """Return `P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H`, extended to what lies below or beside the square part."""
    k = min(packed.shape[-2:])
    square = packed[..., :k, :k]
    ones = diagonal_matrix(xp, diagonal_of(xp, square) * 0 + 1)
    lower, upper = tril.via(xp, square, diagonal=-1) + ones, triu.via(xp, square)
    left, right = adjoint_of(linalg_inv.via(xp, lower)), adjoint_of(linalg_inv.via(xp, upper))
    by_lower, by_upper = tril.via(xp, g[0][..., :k, :k], diagonal=-1), triu.via(xp, g[0][..., :k, :k])
    below, beside = g[0][..., k:, :], g[0][..., :, k:]
    first = adjoint_of(lower) @ by_lower - beside[..., :k, :] @ adjoint_of(packed[..., :k, k:])
    second = by_upper @ adjoint_of(upper) - adjoint_of(packed[..., k:, :k]) @ below[..., :, :k]
    inner = left @ (tril.via(xp, first, diagonal=-1) + triu.via(xp, second)) @ right
    if below.shape[-2]:
        inner = cat.via(xp, [inner, below @ right], dim=-2)
    if beside.shape[-1]:
        inner = cat.via(xp, [inner, left @ beside], dim=-1)
    return matmul.via(xp, rows, inner)


linalg_lu_factor.grads(_lu_gradient)
