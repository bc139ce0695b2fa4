"""Products of sparse matrices with sparse and dense ones, under all of their names."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.sparse import coo_product
from tensorlib.sparse.arithmetic import add
from tensorlib.sparse.forms import attach_operator, sparse_form
from tensorlib.sparse.places import coordinates_of, pairs_of_equals
from tensorlib.sparse.shape import transpose
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import Tensor, wrap


@sparse_form("mm", "spmm", "dsmm", "hsmm")
def mm(input: Any, mat2: Any) -> Any:
    """Return the product of two matrices, of which one or both are sparse: strided, unless both are.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrices, or do not agree.
        TypeError: one is no tensor.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        >>> tensorlib.sparse.mm(x, tensorlib.ones(3, 1))
        tensor([[3.],
                [4.]])
    """
    _check_product("mm", input, mat2)
    if isinstance(input, SparseTensor) and isinstance(mat2, SparseTensor):
        return _product_of_sparse(input, mat2)
    if isinstance(input, SparseTensor):
        return _times_dense(input, mat2)
    return _times_dense(transpose(mat2, 0, 1), input.t()).t()


def _check_product(name: str, x: Any, y: Any) -> None:
    for each in (x, y):
        if not isinstance(each, (SparseTensor, Tensor)):
            raise TypeError(f"{name}: needs tensors, not {type(each).__name__}")
        if isinstance(each, SparseTensor) and each.sparse_dim() != 2:
            raise ShapeError(f"{name}: a sparse matrix needs two sparse dimensions, not {each.sparse_dim()}")
    if (x.ndim, y.ndim) != (2, 2) or x.shape[1] != y.shape[0]:
        raise ShapeError(f"{name}: shapes {tuple(x.shape)} and {tuple(y.shape)} do not agree: need (n, k) and (k, m)")
    if x.dtype is not y.dtype:
        raise ArgumentError(f"{name}: types {x.dtype} and {y.dtype} differ; use to()")


def _times_dense(x: SparseTensor, y: Tensor) -> Tensor:
    rows, columns = x._index._array
    result: Tensor = coo_product(x._value, y, rows=rows, columns=columns, length=x.shape[0])
    return result


def _product_of_sparse(x: SparseTensor, y: SparseTensor) -> SparseTensor:
    """Multiply every element of `x` with the elements in that row of `y` that has the number of its column."""
    x, y = x.coalesce(), y.coalesce()
    left, right = [wrap(found) for found in pairs_of_equals(x._index._array[1], y._index._array[0])]
    indices = wrap(x._index._array.copy()[:, left._array])
    indices._array[1] = y._index._array[1, right._array]
    return SparseTensor(indices, x._value[left] * y._value[right], (x.shape[0], y.shape[1])).coalesce()


@sparse_form()
def mv(input: Any, vec: Any) -> Tensor:
    """Return the product of a sparse matrix and a vector.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrix and vector, or do not agree.
        TypeError: the matrix is not sparse, or the vector is.
    """
    if not isinstance(input, SparseTensor) or not isinstance(vec, Tensor):
        raise TypeError("mv: needs a sparse matrix and a strided vector")
    if vec.ndim != 1:
        raise ShapeError(f"mv: needs a vector, not shape {tuple(vec.shape)}")
    result: Tensor = mm(input, vec[:, None])[:, 0]
    return result


@sparse_form()
def matmul(input: Any, other: Any) -> Any:
    """Return the product of matrices, or of a matrix and a vector, of which at least one is sparse: `input @ other`.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.
    """
    if getattr(other, "ndim", 2) == 1:
        return mv(input, other)
    return mm(input, other)


attach_operator("matmul", matmul)


@sparse_form()
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Return `beta * input + alpha * (mat1 @ mat2)`: strided, unless all are sparse.

    Args:
        input: a matrix of the product's shape, or a strided tensor that expands to it.
        mat1: a matrix, sparse or strided.
        mat2: a matrix, sparse or strided.
        beta: a number.
        alpha: a number.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        >>> tensorlib.sparse.addmm(tensorlib.ones(2, 1), x, tensorlib.ones(3, 1), beta=10)
        tensor([[13.],
                [14.]])
    """
    product = mat1 @ mat2
    if isinstance(input, Tensor):
        input = input.expand(product.shape)
    return add(input if beta == 1 else input * beta, product, alpha=alpha)


@sparse_form()
def hspmm(mat1: Any, mat2: Any) -> SparseTensor:
    """Return the product of a sparse and a strided matrix as a hybrid tensor: rows that are zero are not stored.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrices, or do not agree.
        TypeError: the first is not sparse, or the second is.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[1], [2]], [3.0], (2, 3))
        >>> tensorlib.hspmm(x, tensorlib.ones(3, 2))
        tensor(indices=tensor([[1]]),
               values=tensor([[3., 3.]]),
               size=(2, 2), nnz=1, layout=tensorlib.sparse_coo)
    """
    _check_kinds("hspmm", mat1, mat2)
    _check_product("hspmm", mat1, mat2)
    rows, columns = mat1._index._array
    found, position = array_module(rows).unique(rows, return_inverse=True)
    product = coo_product(mat1._value, mat2, rows=position.reshape(-1), columns=columns, length=len(found))
    return SparseTensor(wrap(found.reshape(1, -1)), product, (mat1.shape[0], mat2.shape[1]), coalesced=True)


def _check_kinds(name: str, sparse: Any, strided: Any) -> None:
    if not isinstance(sparse, SparseTensor) or not isinstance(strided, Tensor):
        given = f"{type(sparse).__name__} and {type(strided).__name__}"
        raise TypeError(f"{name}: needs a sparse and a strided matrix, not {given}")


@sparse_form("smm", "sspmm")
def smm(input: Any, mat: Any) -> SparseTensor:
    """Return the product of a sparse and a strided matrix as a sparse tensor.

    Raises:
        ArgumentError: the types differ.
        ShapeError: they are no matrices, or do not agree.
        TypeError: the first is not sparse, or the second is.
    """
    _check_kinds("smm", input, mat)
    rows = hspmm(input, mat)
    numbers, width = rows._index._array[0], rows.shape[1]
    flat = numbers[:, None] * width + array_module(numbers).arange(width)
    indices = wrap(coordinates_of(flat.reshape(-1), rows.shape))
    return SparseTensor(indices, rows._value.reshape(-1), rows.shape, coalesced=True)


@sparse_form()
def sspaddmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> SparseTensor:
    """Return `beta * input + alpha * (mat1 @ mat2)` as a sparse tensor, for sparse `input` and `mat1`, strided `mat2`.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.
        TypeError: the matrices are not sparse and strided as needed.
    """
    if not isinstance(input, SparseTensor):
        raise TypeError(f"sspaddmm: input must be a sparse matrix, not {type(input).__name__}")
    result: SparseTensor = add(input if beta == 1 else input * beta, smm(mat1, mat2), alpha=alpha)
    return result
