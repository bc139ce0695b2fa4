"""Factors of symmetric matrices that need not be definite, and solutions that tell failure by a number."""

from __future__ import annotations

import math
from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor
from tensorlib.errors import LinAlgError, ShapeError
from tensorlib.ops._linalg import check_square
from tensorlib.ops.factorizations import linalg_lu_factor
from tensorlib.ops.linear_systems import linalg_solve
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor, wrap


@public_function
def linalg_ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """Return the factors of symmetric matrices, packed as LAPACK's `sytrf` does: `A = L @ D @ L.T`.

    D has blocks of one or two rows on its diagonal. There is no gradient.

    Args:
        A: a tensor of shape (..., n, n), of which the lower triangle is read.
        hermitian: complex matrices are equal to their conjugate transpose, not to their transpose.

    Returns:
        The packed factors, (..., n, n), and which rows were exchanged, (..., n), int32.

    Raises:
        LinAlgError: a factor D is singular.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.ldl_factor(tensorlib.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensorlib.return_types.linalg_ldl_factor(
        LD=tensor([[2., 0.],
                [0., 4.]]),
        pivots=tensor([1, 2], dtype=tensorlib.int32))
    """
    found = linalg_ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return TYPES["linalg_ldl_factor"](found.LD, found.pivots)


@public_function
def linalg_ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """Return what `linalg.ldl_factor` does, and numbers: 0, or the place on the diagonal of D that makes it singular.

    Raises:
        LinAlgError: with `check_errors`, a factor D is singular.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.ldl_factor_ex(tensorlib.zeros(1, 1)).info
        tensor(1, dtype=tensorlib.int32)
    """
    require_tensor("linalg.ldl_factor", A)
    check_square("linalg.ldl_factor", A)
    matrices = A.detach().cpu().numpy()
    packed = numpy.tril(matrices)
    pivots = numpy.zeros(matrices.shape[:-1], numpy.int32)
    info = numpy.zeros(matrices.shape[:-2], numpy.int32)
    factor = _routine(matrices.dtype, "trf", hermitian)
    for place in numpy.ndindex(*matrices.shape[:-2]):
        if matrices.size:
            triangle, rows, info[place] = factor(matrices[place], lower=1)
            packed[place], pivots[place] = numpy.tril(triangle), rows
    if check_errors and info.any():
        raise LinAlgError(f"linalg.ldl_factor: element {info.max()} of the diagonal is zero")
    return TYPES["linalg_ldl_factor_ex"](*[wrap(array).to(A.device) for array in (packed, pivots, info)])


@public_function
def linalg_ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """Return X such that `A @ X = B`, from what `linalg.ldl_factor` gives for A. There is no gradient.

    Args:
        LD: packed factors, (..., n, n).
        pivots: exchanged rows, (..., n).
        B: right sides, (..., n, k).
        hermitian: as it was given for the factors.

    Raises:
        ShapeError: the shapes do not agree.

    Example:
        >>> factors = tensorlib.linalg.ldl_factor(tensorlib.tensor([[2.0]]))
        >>> tensorlib.linalg.ldl_solve(*factors, tensorlib.tensor([[4.0]]))
        tensor([[2.]])
    """
    for each in (LD, pivots, B):
        require_tensor("linalg.ldl_solve", each)
    check_square("linalg.ldl_solve", LD)
    if B.ndim < 2 or B.shape[-2] != LD.shape[-1] or pivots.shape != LD.shape[:-1]:
        shapes = ", ".join(str(tuple(each.shape)) for each in (LD, pivots, B))
        raise ShapeError(f"linalg.ldl_solve: shapes {shapes} do not agree: need (..., n, n), (..., n), (..., n, k)")
    factors, rows, right = [each.detach().cpu().numpy() for each in (LD, pivots, B)]
    batch = numpy.broadcast_shapes(factors.shape[:-2], right.shape[:-2])
    factors = numpy.broadcast_to(factors, batch + factors.shape[-2:])
    rows = numpy.broadcast_to(rows, batch + rows.shape[-1:])
    result = numpy.array(numpy.broadcast_to(right, batch + right.shape[-2:]))
    solve = _routine(factors.dtype, "trs", hermitian)
    for place in numpy.ndindex(*batch):
        if result.size:
            result[place], _ = solve(factors[place], rows[place], result[place], lower=1)
    return wrap(result).to(B.device)


def _routine(dtype: Any, name: str, hermitian: bool) -> Any:
    from scipy.linalg import get_lapack_funcs  # takes longer to import than all of tensorlib

    prefix = "he" if hermitian and dtype.kind == "c" else "sy"
    return get_lapack_funcs(prefix + name, dtype=dtype)


@public_function
def linalg_lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """Return what `linalg.lu_factor` does, and numbers: 0, or the first place on the diagonal of U that is zero.

    Raises:
        LinAlgError: with `check_errors`, there is such a place.
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.lu_factor_ex(tensorlib.zeros(1, 1)).info
        tensor(1, dtype=tensorlib.int32)
    """
    packed, pivots = linalg_lu_factor(A, pivot=pivot)
    info = _first_zero(packed.detach().diagonal(0, -2, -1))
    if check_errors and bool(info.any()):
        raise LinAlgError("linalg.lu_factor: an element of the diagonal is zero")
    return TYPES["linalg_lu_factor_ex"](packed, pivots, info)


def _first_zero(diagonal: Tensor) -> Tensor:
    """Return the place of the first zero in each row, counted from 1; 0 where there is none."""
    zeros: Tensor = diagonal == 0
    if not zeros.shape[-1]:
        return zeros.sum(-1).int()
    return ((zeros.int().argmax(-1) + 1) * zeros.any(-1)).int()


@public_function
def linalg_solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """Return the solution of `linalg.solve`, or nan where a matrix is singular, and numbers: 0, or not for those.

    Raises:
        LinAlgError: with `check_errors`, a matrix is singular.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linalg.solve_ex(tensorlib.ones(1, 1), tensorlib.ones(1)).result
        tensor([1.])
    """
    info = linalg_lu_factor_ex(A).info
    if check_errors or not bool(info.any()):
        return TYPES["linalg_solve_ex"](linalg_solve(A, B, left=left), info)
    singular = (info != 0)[..., None, None]
    usable = A.where(~singular, A.new_tensor(numpy.eye(A.shape[-1])))
    result = linalg_solve(usable, B, left=left)
    return TYPES["linalg_solve_ex"](result.masked_fill(singular.reshape(_fitting(info, result)), math.nan), info)


def _fitting(info: Tensor, result: Tensor) -> tuple[int, ...]:
    """Return the shape in which one number for each matrix broadcasts with the solutions."""
    return (*info.shape, *(1,) * (result.ndim - info.ndim))
