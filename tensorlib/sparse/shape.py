"""Sparse tensors with other dimensions, parts of them, and several joined."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_index
from typing import Any

from tensorlib._xp import array_module
from tensorlib.dims import as_dim, as_dims, as_shape, unpacked
from tensorlib.errors import ArgumentError, LayoutError, ShapeError
from tensorlib.ops.joining import cat as cat_strided
from tensorlib.sparse.forms import attach_method, sparse_form
from tensorlib.sparse.places import pairs_of_equals
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import Tensor, wrap


def _exchange(items: Sequence[int], first: int, second: int) -> list[int]:
    found = list(items)
    found[first], found[second] = found[second], found[first]
    return found


@sparse_form()
def transpose(input: SparseTensor, dim0: int, dim1: int) -> SparseTensor:
    """Return the tensor with two sparse dimensions exchanged.

    Raises:
        ArgumentError: a dimension is dense.
        DimensionError: a dimension is out of range.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        >>> x.transpose(0, 1).to_dense()
        tensor([[0., 4.],
                [0., 0.],
                [3., 0.]])
    """
    first, second = [as_dim("transpose", dim, input.ndim) for dim in (dim0, dim1)]
    if first == second:
        return input
    return permute(input, _exchange(range(input.ndim), first, second))


@sparse_form()
def permute(input: SparseTensor, *dims: Any) -> SparseTensor:
    """Return the tensor with its dimensions in another order; the sparse ones stay before the dense ones.

    Raises:
        ArgumentError: a sparse dimension would come behind a dense one.
        DimensionError: a dimension is out of range.
        ShapeError: there are not as many as dimensions.
    """
    order = as_dims("permute", tuple(unpacked(dims)), input.ndim)
    count = input.sparse_dim()
    if len(order) != input.ndim:
        raise ShapeError(f"permute: {len(order)} dimensions named, the tensor has {input.ndim}")
    if sorted(order[:count]) != list(range(count)):
        raise ArgumentError(
            f"permute: {order} mixes the first {count} dimensions, which are sparse, with the dense ones"
        )
    values = input._value.permute(0, *[dim - count + 1 for dim in order[count:]])
    return SparseTensor(wrap(input._index._array[list(order[:count])]), values, [input.shape[dim] for dim in order])


@sparse_form()
def t(input: SparseTensor) -> SparseTensor:
    """Return the transpose of a matrix of two sparse dimensions; a vector is returned as it is.

    Raises:
        ShapeError: it has more dimensions, or dense ones.
    """
    if input.sparse_dim() > 2 or input.dense_dim():
        raise ShapeError(
            f"t: needs at most 2 sparse and no dense dimensions, not {input.sparse_dim()} and {input.dense_dim()}"
        )
    return input if input.ndim < 2 else transpose(input, 0, 1)


def transpose_(self: SparseTensor, dim0: int, dim1: int) -> SparseTensor:
    """Exchange two sparse dimensions of this tensor; returns itself."""
    return self._become("transpose_", transpose(self, dim0, dim1), reshape=True)


def t_(self: SparseTensor) -> SparseTensor:
    """Transpose this matrix; returns itself."""
    return self._become("t_", t(self), reshape=True)


def zero_(self: SparseTensor) -> SparseTensor:
    """Let this tensor store nothing, so that all of it is zero; returns itself."""
    nothing = SparseTensor(self._index[:, :0], self._new_zeros(0, *self._dense_lengths()), self._shape)
    return self._become("zero_", nothing)


def copy_(self: SparseTensor, src: SparseTensor, non_blocking: bool = False) -> SparseTensor:
    """Take over what another sparse tensor of this shape stores, in this one's type; returns itself."""
    if not isinstance(src, SparseTensor):
        raise TypeError(f"copy_: src must be a sparse tensor, not {type(src).__name__}")
    return self._become("copy_", src.to(self.dtype).to(device=self.device).clone())


def sparse_resize_(self: SparseTensor, size: Any, sparse_dim: int, dense_dim: int) -> SparseTensor:
    """Change this tensor's shape; what it stores stays where it is; returns itself.

    Args:
        self: a sparse tensor.
        size: the new shape.
        sparse_dim: how many dimensions are to be sparse; another number only where nothing is stored.
        dense_dim: how many are to be dense.

    Raises:
        ArgumentError: something is stored, and a sparse dimension shrinks, or the dense ones change.
        ShapeError: the size has another number of dimensions.
    """
    shape = as_shape("sparse_resize_", size)
    if len(shape) != sparse_dim + dense_dim:
        raise ShapeError(f"sparse_resize_: {sparse_dim} + {dense_dim} dimensions do not make the shape {shape}")
    dense = shape[sparse_dim:]
    if not self._nnz():
        indices = wrap(array_module(self._index._array).zeros((sparse_dim, 0), "i8"))
        nothing = SparseTensor(indices, self._new_zeros(0, *dense), shape)
        return self._become("sparse_resize_", nothing, reshape=True)
    shrinks = any(new < old for new, old in zip(shape, self._sparse_lengths(), strict=False))
    if sparse_dim != self.sparse_dim() or dense != self._dense_lengths() or shrinks:
        raise ArgumentError(
            f"sparse_resize_: {self._nnz()} places of shape {tuple(self.shape)} are stored, so {shape} must have as "
            "many sparse dimensions, none of them shorter, and the same dense ones"
        )
    grown = SparseTensor(self._index, self._value, shape, self._coalesced)
    return self._become("sparse_resize_", grown, reshape=True)


def resize_as_sparse_(self: SparseTensor, template: SparseTensor) -> SparseTensor:
    """Change this tensor's shape to another's, as `sparse_resize_` does; returns itself."""
    if not isinstance(template, SparseTensor):
        raise TypeError(f"resize_as_: needs a sparse tensor, not {type(template).__name__}")
    return sparse_resize_(self, tuple(template.shape), template.sparse_dim(), template.dense_dim())


for _method in (transpose_, t_, zero_, copy_, sparse_resize_, resize_as_sparse_):
    attach_method(_method.__name__, _method)
attach_method("resize_as_", resize_as_sparse_)
attach_method("resizeAs_", resize_as_sparse_)
attach_method("T", property(t))


@sparse_form()
def unsqueeze(input: SparseTensor, dim: int) -> SparseTensor:
    """Return the tensor with another dimension of length 1: a sparse one among or right before the sparse ones.

    Raises:
        DimensionError: the dimension is out of range.
    """
    axis, count = as_dim("unsqueeze", dim, input.ndim + 1), input.sparse_dim()
    shape = (*input.shape[:axis], 1, *input.shape[axis:])
    if axis > count:
        return SparseTensor(input._index, input._value.unsqueeze(axis - count + 1), shape, input._coalesced)
    rows = input._index._array
    xp = array_module(rows)
    indices = xp.concatenate([rows[:axis], xp.zeros((1, rows.shape[1]), "i8"), rows[axis:]])
    return SparseTensor(wrap(indices), input._value, shape, input._coalesced)


@sparse_form()
def select(input: SparseTensor, dim: int, index: int) -> Any:
    """Return the part at one place along a dimension; strided if no sparse dimension is left.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: the place is.
    """
    axis, count = as_dim("select", dim, input.ndim), input.sparse_dim()
    length = input.shape[axis]
    if not -length <= index < length:
        raise IndexError(f"select: there is no place {index} along dimension {dim} of length {length}")
    shape = [*input.shape[:axis], *input.shape[axis + 1 :]]
    if axis >= count:
        return SparseTensor(input._index, input._value.select(axis - count + 1, index), shape, input._coalesced)
    rows = input._index._array
    (kept,) = (rows[axis] == index % length).nonzero()
    values = input._value[wrap(kept)]
    if count == 1:
        return values.sum(0, dtype=values.dtype)
    others = [dim for dim in range(count) if dim != axis]
    return SparseTensor(wrap(rows[others][:, kept]), values, shape, input._coalesced)


@sparse_form("narrow", "narrow_copy")
def narrow(input: SparseTensor, dim: int, start: int, length: int) -> SparseTensor:
    """Return the part of some length from a place on along a dimension; a copy, as places are numbers.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: the part is.
    """
    axis, count = as_dim("narrow", dim, input.ndim), input.sparse_dim()
    first = start + input.shape[axis] if start < 0 else start
    if length < 0 or first < 0 or first + length > input.shape[axis]:
        raise IndexError(f"narrow: there are no {length} places from {start} on among {input.shape[axis]}")
    shape = [*input.shape[:axis], length, *input.shape[axis + 1 :]]
    if axis >= count:
        values = input._value.narrow(axis - count + 1, first, length)
        return SparseTensor(input._index, values, shape, input._coalesced)
    rows = input._index._array
    (kept,) = ((rows[axis] >= first) & (rows[axis] < first + length)).nonzero()
    part = rows[:, kept]
    part[axis] -= first
    return SparseTensor(wrap(part), input._value[wrap(kept)], shape, input._coalesced)


def getitem(self: SparseTensor, index: Any) -> Any:
    """Return the part at an index of integers, slices, None and `...`.

    Raises:
        IndexError: a place is out of range, or there are too many.
        LayoutError: the index is made of anything else, or a slice has steps.
    """
    items = list(index) if isinstance(index, tuple) else [index]
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > self.ndim:
        raise IndexError(f"getitem: too many indices for a tensor of shape {tuple(self.shape)}")
    result: Any = self
    dim = 0
    for item in items:
        if item is Ellipsis:
            dim += self.ndim - used
        elif item is None:
            result, dim = result.unsqueeze(dim), dim + 1
        elif isinstance(item, slice):
            result, dim = _sliced(result, dim, item), dim + 1
        elif isinstance(item, bool) or not hasattr(item, "__index__"):
            kinds = f"integers, slices, None and ..., not {type(item).__name__}"
            raise LayoutError(f"getitem: a sparse tensor takes {kinds}; use to_dense()")
        else:
            result = result.select(dim, as_index(item))
    return result


def _sliced(input: Any, dim: int, part: slice) -> Any:
    start, stop, step = part.indices(input.shape[dim])
    if step != 1:
        raise LayoutError(f"getitem: slices of a sparse tensor have no steps, {step} given; use index_select()")
    whole = start == 0 and stop == input.shape[dim]
    return input if whole else input.narrow(dim, start, max(stop - start, 0))


attach_method("__getitem__", getitem)


@sparse_form()
def index_select(input: SparseTensor, dim: int, index: Tensor) -> SparseTensor:
    """Return the places along a dimension that an index names, in its order.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        TypeError: the index is no tensor of integers.
    """
    axis, count = as_dim("index_select", dim, input.ndim), input.sparse_dim()
    if not isinstance(index, Tensor) or index.ndim != 1 or index.dtype.numpy.kind not in "iu":
        raise TypeError("index_select: needs an index of integers in one dimension")
    shape = [*input.shape[:axis], len(index), *input.shape[axis + 1 :]]
    if axis >= count:
        return SparseTensor(input._index, input._value.index_select(axis - count + 1, index), shape, input._coalesced)
    wanted, length = index._array, input.shape[axis]
    if wanted.size and (int(wanted.min()) < 0 or int(wanted.max()) >= length):
        raise IndexError(f"index_select: an index is out of range for a dimension of length {length}")
    places, stored = pairs_of_equals(wanted, input._index._array[axis])
    indices = input._index._array[:, stored]
    indices[axis] = places
    return SparseTensor(wrap(indices), input._value[wrap(stored)], shape)


@sparse_form(method=False)
def cat(tensors: Sequence[Any], *, dim: int = 0) -> SparseTensor:
    """Return sparse tensors joined along a sparse dimension.

    Raises:
        ArgumentError: the dimension is dense.
        DimensionError: the dimension is out of range.
        ShapeError: the shapes differ in another dimension.
        TypeError: some tensors are strided.
    """
    if not all(isinstance(tensor, SparseTensor) for tensor in tensors):
        raise TypeError("cat: needs tensors of one layout: all sparse, or all strided")
    first = tensors[0]
    axis, count = as_dim("cat", dim, first.ndim), first.sparse_dim()
    if axis >= count:
        raise ArgumentError(f"cat: dimension {dim} is dense; sparse tensors are joined along sparse dimensions")
    shapes = [[*tensor.shape[:axis], *tensor.shape[axis + 1 :]] for tensor in tensors]
    if any(shape != shapes[0] for shape in shapes) or any(tensor.sparse_dim() != count for tensor in tensors):
        raise ShapeError(f"cat: shapes {', '.join(str(tuple(x.shape)) for x in tensors)} must be alike but in one")
    parts, start = [], 0
    for tensor in tensors:
        part = tensor._index._array.copy()
        part[axis] += start
        parts.append(wrap(part))
        start += tensor.shape[axis]
    shape = [*first.shape[:axis], start, *first.shape[axis + 1 :]]
    return SparseTensor(cat_strided(parts, 1), cat_strided([tensor._value for tensor in tensors]), shape)


@sparse_form(method=False)
def stack(tensors: Sequence[Any], dim: int = 0) -> SparseTensor:
    """Return sparse tensors joined along a new sparse dimension.

    Raises:
        ArgumentError: the dimension would be dense.
        DimensionError: the dimension is out of range.
        ShapeError: the shapes differ.
    """
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim=dim)
