"""`tensorlib.linalg`: singular values, eigenvalues, and the norms, ranks and powers made of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor
from tensorlib.creation import eye
from tensorlib.dims import as_dim, as_dims
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops import statistics
from tensorlib.ops._linalg import check_matrix, check_square
from tensorlib.ops.diagonals import diagonal
from tensorlib.ops.inverses import linalg_inv
from tensorlib.ops.matrix import matmul
from tensorlib.ops.selection import clamp
from tensorlib.ops.shape import roll
from tensorlib.ops.spectra import linalg_eig, linalg_eigh, svd_full, svd_thin
from tensorlib.tensor import Tensor


@public_function
def linalg_svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """Return `U`, `S` and `Vh`, such that `U @ diag(S) @ Vh` are the given matrices.

    Args:
        A: a tensor of shape (..., m, n).
        full_matrices: square `U` and `Vh`, which have a gradient only where the matrices are square.
        driver: accepted for PyTorch's sake; there is one.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.svd(tensorlib.tensor([[3.0, 0.0], [0.0, 4.0]])).S
        tensor([4., 3.])
    """
    require_tensor("linalg.svd", A)
    check_matrix("linalg.svd", A)
    square = A.shape[-1] == A.shape[-2]
    return svd_full(A) if full_matrices and not square else svd_thin(A)


@public_function
def linalg_svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """Return the singular values of matrices, in descending order.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.svdvals(tensorlib.tensor([[3.0, 0.0], [0.0, 4.0]]))
        tensor([4., 3.])
    """
    require_tensor("linalg.svdvals", A)
    return svd_thin(A).S  # type: ignore[no-any-return]


@public_function
def linalg_eigvals(A: Tensor) -> Tensor:
    """Return the complex eigenvalues of square matrices.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.eigvals(tensorlib.tensor([[2.0]]))
        tensor([2.+0.j])
    """
    require_tensor("linalg.eigvals", A)
    return linalg_eig(A).eigenvalues  # type: ignore[no-any-return]


@public_function
def linalg_eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of matrices that are their own adjoints, in ascending order.

    Raises:
        ArgumentError: `UPLO` is neither "L" nor "U".
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.eigvalsh(tensorlib.tensor([[2.0, 1.0], [1.0, 2.0]]))
        tensor([1., 3.])
    """
    require_tensor("linalg.eigvalsh", A)
    return linalg_eigh(A, UPLO=UPLO).eigenvalues  # type: ignore[no-any-return]


@public_function
def linalg_vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the norm of all elements, or along dimensions: the root of order `ord` of the sum of powers of magnitudes.

    Args:
        x: a floating point or complex tensor.
        ord: the order; inf gives the greatest magnitude, -inf the least, 0 the number of nonzeros.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.linalg.vector_norm(tensorlib.tensor([3.0, 4.0]))
        tensor(5.)
    """
    require_tensor("linalg.vector_norm", x)
    if not isinstance(ord, (int, float)):
        raise ArgumentError(f"linalg.vector_norm: ord is {ord!r}, but must be a number")
    return statistics.norm(x, p=float(ord), dim=dim, keepdim=keepdim, dtype=dtype)  # type: ignore[no-any-return]


@public_function
def linalg_matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the norms of matrices.

    Args:
        A: a floating point or complex tensor.
        ord: "fro" for the root of the sum of squares, "nuc" for the sum of singular values, 2 or -2 for the greatest or
            least of them, 1 or -1 for the greatest or least sum of magnitudes of a column, inf or -inf of a row.
        dim: the dimensions of the rows and of the columns.
        keepdim: keep reduced dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        ArgumentError: the order is none of them.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.linalg.matrix_norm(tensorlib.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    require_tensor("linalg.matrix_norm", A)
    if A.ndim < 2:
        raise ShapeError(f"linalg.matrix_norm: needs a matrix or a batch of them, not shape {tuple(A.shape)}")
    if isinstance(dim, int) or len(dim) != 2:
        raise ArgumentError(f"linalg.matrix_norm: needs two dimensions, of rows and of columns, not {dim}")
    rows, columns = as_dims("linalg.matrix_norm", tuple(dim), A.ndim)
    A = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return statistics.norm(A, p=2, dim=(rows, columns), keepdim=keepdim)  # type: ignore[no-any-return]
    if ord not in ("nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise ArgumentError(f"linalg.matrix_norm: ord is {ord!r}, but must be 'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    moved = A.movedim((rows, columns), (-2, -1))
    result = _matrix_norm(moved, ord)
    for axis in sorted((rows, columns)) if keepdim else ():
        result = result.unsqueeze(axis)
    return result


def _matrix_norm(A: Tensor, ord: Any) -> Tensor:
    if ord == "nuc":
        return linalg_svdvals(A).sum(-1)
    values = linalg_svdvals(A) if abs(ord) == 2 else A.abs().sum(-2 if abs(ord) == 1 else -1)
    return values.amax(-1) if ord > 0 else values.amin(-1)


@public_function
def linalg_norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return a norm of vectors or of matrices: of all elements, unless an order or dimensions are given.

    Args:
        A: a floating point or complex tensor.
        ord: as for `vector_norm` where `dim` is one dimension, or `A` has one; as for `matrix_norm` with two.
        dim: one or two dimensions.
        keepdim: keep reduced dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        ArgumentError: the order is none that there is.
        DimensionError: a dimension is out of range.
        ShapeError: an order is given, no dimensions, and the tensor is no vector or matrix.

    Example:
        >>> tensorlib.linalg.norm(tensorlib.tensor([[1.0, 2.0], [2.0, 4.0]]))
        tensor(5.)
    """
    require_tensor("linalg.norm", A)
    if ord is None:
        return linalg_vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim not in (1, 2):
        raise ShapeError(f"linalg.norm: an order without dimensions needs a vector or a matrix, not {tuple(A.shape)}")
    if dim is None:
        dim = tuple(range(A.ndim))
    if isinstance(dim, int) or len(dim) == 1:
        return linalg_vector_norm(A, ord, dim, keepdim, dtype=dtype)
    return linalg_matrix_norm(A, ord, dim, keepdim, dtype=dtype)


@public_function
def linalg_cond(A: Tensor, p: Any = None) -> Tensor:
    """Return the condition numbers of matrices: the norm times that of the inverse; inf for singular ones.

    Args:
        A: a tensor of shape (..., m, n); square unless `p` is 2 or -2.
        p: the order of the norm, as for `matrix_norm`; 2 unless given.

    Raises:
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.cond(tensorlib.tensor([[2.0, 0.0], [0.0, 1.0]]))
        tensor(2.)
    """
    from tensorlib.ops.linear_systems import linalg_inv_ex

    require_tensor("linalg.cond", A)
    if p in (None, 2, -2):
        values = linalg_svdvals(A)
        return values[..., 0] / values[..., -1] if p != -2 else values[..., -1] / values[..., 0]
    check_square("linalg.cond", A)
    inverse, info = linalg_inv_ex(A)
    result = linalg_matrix_norm(A, p) * linalg_matrix_norm(inverse, p)
    return result.masked_fill(info != 0, math.inf)


@public_function
def linalg_matrix_rank(A: Tensor, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Tensor:
    """Return how many singular values of matrices are not 0.

    Args:
        A: a tensor of shape (..., m, n).
        atol: values up to this count as 0.
        rtol: and those up to this times the greatest; the machine epsilon times the longer side unless given.
        hermitian: the matrices are their own conjugate transposes.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.linalg.matrix_rank(tensorlib.ones(2, 3))
        tensor(1)
    """
    require_tensor("linalg.matrix_rank", A)
    values = linalg_eigvalsh(A).abs() if hermitian else linalg_svdvals(A)
    if not values.shape[-1]:
        return values.sum(-1).long()
    if rtol is None:
        rtol = max(A.shape[-2:]) * float(numpy.finfo(values.dtype.numpy).eps) if atol is None else 0.0
    return (values > _limit(values.amax(-1), rtol, 0.0 if atol is None else atol)[..., None]).sum(-1)


def _limit(greatest: Tensor, rtol: Any, atol: Any) -> Tensor:
    result: Tensor = clamp(greatest * rtol, min=atol)
    return result


@public_function
def linalg_matrix_power(A: Tensor, n: int) -> Tensor:
    """Return square matrices multiplied with themselves `n` times; with a negative number, their inverses.

    Raises:
        LinAlgError: the number is negative and a matrix is singular.
        ShapeError: the matrices are not square.

    Example:
        >>> tensorlib.linalg.matrix_power(tensorlib.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    require_tensor("linalg.matrix_power", A)
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ShapeError(f"linalg.matrix_power: needs square matrices, not shape {tuple(A.shape)}")
    if n < 0:
        A, n = linalg_inv(A), -n
    result = eye(A.shape[-1], dtype=A.dtype, device=A.device).expand(A.shape) if n == 0 else None
    while n:
        if n & 1:
            result = A if result is None else matmul(result, A)
        n >>= 1
        A = matmul(A, A) if n else A
    return result.clone() if result is not A else A  # type: ignore[union-attr]


@public_function
def linalg_multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of a chain of matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: two or more; the first and the last may be vectors.

    Raises:
        ArgumentError: there are fewer than two.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linalg.multi_dot([tensorlib.ones(1, 2), tensorlib.ones(2, 3), tensorlib.ones(3)])
        tensor([6.])
    """
    chain = list(tensors)
    if len(chain) < 2:
        raise ArgumentError(f"linalg.multi_dot: needs two tensors or more, not {len(chain)}")
    first, last = chain[0].ndim == 1, chain[-1].ndim == 1
    chain[0] = chain[0][None] if first else chain[0]
    chain[-1] = chain[-1][:, None] if last else chain[-1]
    if any(x.ndim != 2 for x in chain) or any(a.shape[1] != b.shape[0] for a, b in itertools.pairwise(chain)):
        raise ShapeError(f"linalg.multi_dot: shapes {[tuple(x.shape) for x in tensors]} do not agree")
    result = _product_of(chain, _best_splits([x.shape[0] for x in chain] + [chain[-1].shape[1]]), 0, len(chain) - 1)
    result = result[0] if first else result
    return result[..., 0] if last else result


def _best_splits(lengths: list[int]) -> dict[tuple[int, int], int]:
    """Cormen et al., Introduction to Algorithms, 15.2: where to split each part of the chain."""
    count = len(lengths) - 1
    cost = {(k, k): 0 for k in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for width in range(1, count):
        for i in range(count - width):
            j = i + width
            costs = [cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1] for k in range(i, j)]
            cost[i, j] = min(costs)
            splits[i, j] = i + costs.index(cost[i, j])
    return splits


def _product_of(chain: list[Tensor], splits: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return chain[i]
    k = splits[i, j]
    result: Tensor = matmul(_product_of(chain, splits, i, k), _product_of(chain, splits, k + 1, j))
    return result


@public_function
def linalg_vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the products of vectors along a dimension, of which the first are conjugated.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.linalg.vecdot(tensorlib.tensor([[1.0, 2.0]]), tensorlib.tensor([3.0, 4.0]))
        tensor([11.])
    """
    require_tensor("linalg.vecdot", x)
    require_tensor("linalg.vecdot", y)
    result: Tensor = (x.conj() * y).sum(dim)
    return result


@public_function
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the cross products of vectors of three elements along a dimension.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: the dimension has not three elements, or the shapes do not broadcast.

    Example:
        >>> tensorlib.linalg.cross(tensorlib.tensor([1.0, 0.0, 0.0]), tensorlib.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    require_tensor("linalg.cross", input)
    require_tensor("linalg.cross", other)
    for x in (input, other):
        if x.shape[as_dim("linalg.cross", dim, x.ndim)] != 3:
            raise ShapeError(f"linalg.cross: dimension {dim} must have 3 elements, in shape {tuple(x.shape)}")
    if input.ndim != other.ndim:
        raise ShapeError(f"linalg.cross: needs equally many dimensions, not {input.ndim} and {other.ndim}")
    first, second = roll(input, shifts=1, dims=dim), roll(input, shifts=2, dims=dim)
    result: Tensor = second * roll(other, shifts=1, dims=dim) - first * roll(other, shifts=2, dims=dim)
    return result


@public_function
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of the diagonals of matrices.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.linalg.diagonal(tensorlib.tensor([[1, 2], [3, 4]]))
        tensor([1, 4])
    """
    return diagonal(A, offset=offset, dim1=dim1, dim2=dim2)  # type: ignore[no-any-return]
