"""Operations behind sparse tensors: the product of a sparse and a dense matrix, and rows with a sparse gradient."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.autograd.op import op
from tensorlib.ops._index import add_at, check_range
from tensorlib.ops.indexing import getitem
from tensorlib.tensor import Tensor, wrap


@op(method=False)
def coo_product(xp: Any, values: Any, other: Any, *, rows: Any, columns: Any, length: int) -> Any:
    """Return the product of a sparse matrix, given by its elements and their places, and a dense one.

    Args:
        values: the elements, in one dimension; elements at one place add up.
        other: a matrix.
        rows: an array of the elements' rows.
        columns: an array of the elements' columns.
        length: how many rows the sparse matrix has.

    Example:
        >>> places = {"rows": numpy.array([0, 2]), "columns": numpy.array([1, 1])}
        >>> tensorlib.coo_product(tensorlib.tensor([2.0, 3.0]), tensorlib.ones(2, 1), **places, length=3)
        tensor([[2.],
                [0.],
                [3.]])
    """
    saved = (values, other, rows, columns)
    if xp is numpy:
        from scipy.sparse import csr_array  # takes longer to import than all of tensorlib

        return csr_array((values, (rows, columns)), (length, len(other))) @ other, saved
    result = xp.zeros((length, other.shape[1]), other.dtype)
    add_at(xp, result, (rows,), values[:, None] * other[columns])
    return result, saved


def _elements_gradient(xp: Any, g: Any, values: Any, other: Any, rows: Any, columns: Any) -> Any:
    return (getitem.via(xp, g, index=(rows,)) * getitem.via(xp, other, index=(columns,))).sum(axis=1)


def _other_gradient(xp: Any, g: Any, values: Any, other: Any, rows: Any, columns: Any) -> Any:
    return coo_product.via(xp, values, g, rows=columns, columns=rows, length=len(other))


coo_product.grads(_elements_gradient, _other_gradient)


@op(method=False)
def rows_sparsely(xp: Any, weight: Any, *, index: Any, padding_idx: int | None = None) -> Any:
    """Return rows of a tensor; its gradient is a sparse tensor, which holds only the rows that were used.

    Args:
        weight: a tensor of one or more dimensions.
        index: an array of the rows' numbers.
        padding_idx: a row without a gradient.

    Raises:
        IndexError: a number is out of range.

    Example:
        >>> weight = tensorlib.ones(9, 1, requires_grad=True)
        >>> tensorlib.rows_sparsely(weight, index=numpy.array([2, 7])).sum().backward()
        >>> weight.grad
        tensor(indices=tensor([[2, 7]]),
               values=tensor([[1.],
                              [1.]]),
               size=(9, 1), nnz=2, layout=tensorlib.sparse_coo)
    """
    check_range("embedding", index, weight.shape[0])
    return weight[index], (index, padding_idx, weight.shape)


def _sparse_rows(xp: Any, g: Any, index: Any, padding_idx: int | None, shape: tuple[int, ...]) -> Any:
    from tensorlib.sparse.tensor import sparse_rows

    rows, numbers = g.reshape((index.size, *shape[1:])), index.reshape(-1)
    if padding_idx is not None:
        (kept,) = (numbers != padding_idx).nonzero()
        rows, numbers = getitem.via(xp, rows, index=(kept,)), numbers[kept]
    return sparse_rows(rows if isinstance(rows, Tensor) else Tensor(rows), numbers, shape)


rows_sparsely.grads(_sparse_rows)


@op(method=False)
def scale_gradient(xp: Any, x: Any, *, factors: Any) -> Any:
    """Return a copy of a tensor whose gradient is multiplied by factors.

    Args:
        x: a tensor.
        factors: an array that broadcasts to its shape.

    Example:
        >>> x = tensorlib.ones(2, requires_grad=True)
        >>> tensorlib.scale_gradient(x, factors=numpy.array([2.0, 3.0])).sum().backward()
        >>> x.grad
        tensor([2., 3.])
    """
    return x.copy(), (factors,)


scale_gradient.grads(lambda xp, g, factors: g * (wrap(factors) if isinstance(g, Tensor) else factors))
