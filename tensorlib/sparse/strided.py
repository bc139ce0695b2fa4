"""From strided tensors to sparse ones: the methods of Tensor that know of layouts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tensorlib._xp import array_module
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.sparse.places import coordinates_of, pairs_of_equals
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import wrap

if TYPE_CHECKING:
    from tensorlib.tensor import Tensor


def to_sparse(tensor: Tensor, sparse_dim: int | None) -> SparseTensor:
    """Return what of a strided tensor is not zero."""
    count = tensor.ndim if sparse_dim is None else sparse_dim
    if not 0 <= count <= tensor.ndim or (tensor.ndim and not count):
        raise ArgumentError(f"to_sparse: sparse_dim is {count}, but must be from 1 to {tensor.ndim}")
    lengths, dense = tensor.shape[:count], tensor.shape[count:]
    rows = tensor.reshape(math.prod(lengths), *dense)
    array = rows._array
    (flat,) = (array != 0).any(axis=tuple(range(1, array.ndim))).nonzero()
    return SparseTensor(wrap(coordinates_of(flat, lengths)), rows[wrap(flat)], tensor.shape, coalesced=True)


def values_at(tensor: Tensor, sparse: SparseTensor) -> Tensor:
    """Return the elements of a strided tensor, or the parts in the dense dimensions, that a sparse one stores."""
    count = sparse.sparse_dim()
    if not count:
        return tensor.expand(sparse._nnz(), *tensor.shape)
    return tensor[tuple(wrap(row) for row in sparse._index._array)]


def sparse_mask(input: Any, mask: Any) -> SparseTensor:
    """Return the elements of a tensor at the places that a sparse one stores, where these are not coalesced as often.

    Raises:
        ShapeError: the shapes differ.
        TypeError: the mask is no sparse tensor.
    """
    if not isinstance(mask, SparseTensor):
        raise TypeError(f"sparse_mask: mask must be a sparse tensor, not {type(mask).__name__}")
    if input.shape != mask.shape:
        raise ShapeError(f"sparse_mask: shapes {tuple(input.shape)} and {tuple(mask.shape)} differ")
    if not isinstance(input, SparseTensor):
        return mask.with_values(values_at(input, mask))
    return _masked_sparse(input.coalesce(), mask)


def _masked_sparse(input: SparseTensor, mask: SparseTensor) -> SparseTensor:
    if input.sparse_dim() != mask.sparse_dim():
        raise ShapeError(f"sparse_mask: {input.sparse_dim()} and {mask.sparse_dim()} dimensions are sparse")
    places, stored = pairs_of_equals(mask._flat_places(), input._flat_places())
    found = input._value[wrap(stored)]
    zeros = input._new_zeros(mask._nnz(), *input._dense_lengths())
    return mask.with_values(zeros.index_add(0, wrap(places), found))


def add_into(array: Any, sparse: SparseTensor, factor: float) -> None:
    """Add `factor * sparse` to an array, in place and without recording: only what is stored is touched."""
    once = sparse.detach().coalesce()
    stored = once._value._array * array_module(array).asarray(factor, array.dtype)
    array[tuple(once._index._array)] += stored if once.sparse_dim() else stored.sum(axis=0)
