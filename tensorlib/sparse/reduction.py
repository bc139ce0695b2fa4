"""Sums of sparse tensors, norms, and softmax over what is stored."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.dims import as_dim, as_dims
from tensorlib.dtypes import as_dtype, int64
from tensorlib.sparse.forms import sparse_form
from tensorlib.sparse.places import flat_places
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import Tensor, wrap


@sparse_form("sum")
def sparse_sum(input: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """Return the sum of all elements, or along dimensions; strided if no sparse dimension is left.

    Args:
        input: a sparse tensor.
        dim: a dimension or several; all unless given.
        keepdim: keep them, with length 1.
        dtype: type to sum in; int64 for integers and bool, the tensor's otherwise.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
        >>> tensorlib.sparse.sum(x), tensorlib.sparse.sum(x, 0).to_dense()
        (tensor(12.), tensor([4., 0., 8.]))
    """
    dims = set(as_dims("sum", dim, input.ndim)) or set(range(input.ndim))
    count = input.sparse_dim()
    kind = dtype if dtype is not None else int64 if input.dtype.numpy.kind in "biu" else input.dtype
    values: Tensor = input._value.to(as_dtype(kind))
    dense = tuple(d - count + 1 for d in sorted(dims) if d >= count)
    if dense:
        values = values.sum(dense, keepdim)
    shape = [1 if d in dims else length for d, length in enumerate(input.shape) if keepdim or d not in dims]
    left = [d for d in range(count) if d not in dims]
    if not left:
        return values.sum(0).reshape(shape)
    rows = input._index._array
    if keepdim:
        summed = [rows[d] if d in left else rows[d] * 0 for d in range(count)]
        indices = wrap(array_module(rows).stack(summed))
    else:
        indices = wrap(rows[left])
    unchanged = input._coalesced and len(left) == count
    result = SparseTensor(indices, values, shape, unchanged)
    return result if len(left) == count else result.coalesce()


@sparse_form()
def norm(input: SparseTensor, p: Any = "fro") -> Tensor:
    """Return the norm of all elements.

    Args:
        input: a sparse tensor.
        p: which norm; for a negative one elements that are not stored would matter, so it must not be.
    """
    result: Tensor = input.coalesce()._value.norm(p)
    return result


def _groups(input: SparseTensor, dim: int) -> tuple[Any, int]:
    """Return for every stored place the number of its line along a sparse dimension, and how many lines there are."""
    rows = [d for d in range(input.sparse_dim()) if d != dim]
    flat = flat_places(input._index._array[rows], [input.shape[d] for d in rows])
    found, inverse = array_module(flat).unique(flat, return_inverse=True)
    return inverse.reshape(-1), len(found)


def _less_highest(input: SparseTensor, groups: Any, count: int) -> Tensor:
    """Return the values less the highest of their line, so that no exponential overflows."""
    array = input._value._array
    xp = array_module(array)
    highest = xp.full((count, *array.shape[1:]), -xp.inf, array.dtype)
    xp.maximum.at(highest, groups, array)
    highest[highest == -xp.inf] = 0
    return input._value - wrap(highest[groups])


def _exponentials(name: str, input: Any, dim: int, dtype: Any) -> tuple[SparseTensor, Tensor, Tensor]:
    """Return the coalesced tensor, its values less the highest of each line, and the sums of their exponentials."""
    if not isinstance(input, SparseTensor):
        raise TypeError(f"{name}: needs a sparse tensor, not {type(input).__name__}")
    x = (input if dtype is None else input.to(as_dtype(dtype))).coalesce()
    if not x.is_floating_point():
        raise TypeError(f"{name}: needs a floating point tensor, not {x.dtype}")
    groups, count = _groups(x, dim)
    exponents = _less_highest(x, groups, count)
    sums = x._new_zeros(count, *x._dense_lengths()).index_add(0, wrap(groups), exponents.exp())
    return x, exponents, sums[wrap(groups)]


@sparse_form()
def softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Return the softmax along a dimension of what is stored: elements that are not count as -inf.

    Args:
        input: a sparse tensor.
        dim: the dimension, sparse or dense.
        dtype: type to compute in; that of the tensor unless given.

    Raises:
        DimensionError: the dimension is out of range.
        TypeError: it is no sparse tensor of floating point numbers.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 4.0], (2, 3))
        >>> tensorlib.sparse.softmax(x, 1).to_dense()
        tensor([[0.0000, 0.0000, 1.0000],
                [0.5000, 0.0000, 0.5000]])
    """
    return _softmax("softmax", input, dim, dtype)


@sparse_form()
def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> SparseTensor:
    """Return the logarithm of the softmax along a dimension of what is stored: elements that are not count as -inf.

    Args:
        input: a sparse tensor.
        dim: the dimension, sparse or dense.
        dtype: type to compute in; that of the tensor unless given.

    Raises:
        DimensionError: the dimension is out of range.
        TypeError: it is no sparse tensor of floating point numbers.
    """
    return _softmax("log_softmax", input, dim, dtype)


def _softmax(name: str, input: Any, dim: int, dtype: Any) -> SparseTensor:
    axis = as_dim(name, dim, getattr(input, "ndim", 0))
    count = input.sparse_dim() if isinstance(input, SparseTensor) else axis + 1
    if axis >= count:
        x = (input if dtype is None else input.to(as_dtype(dtype))).coalesce()
        return x.with_values(getattr(x._value, name)(axis - count + 1))  # type: ignore[no-any-return]
    x, exponents, sums = _exponentials(name, input, axis, dtype)
    return x.with_values(exponents.exp() / sums if name == "softmax" else exponents - sums.log())
