"""Copies of a tensor with other elements in some places."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import at
from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method
from tensorlib.creation import tensor as make_tensor
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops._index import check_range
from tensorlib.ops.arithmetic import mul
from tensorlib.ops.diagonals import diagonal as diagonal_of
from tensorlib.ops.filling import index_put_
from tensorlib.ops.gather_scatter import scatter_add
from tensorlib.ops.indexing import write
from tensorlib.ops.selection import maximum, minimum, where
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


@public_function
@tensor_method
def index_put(input: Tensor, indices: tuple[Tensor, ...], values: Any, accumulate: bool = False) -> Tensor:
    """Return a copy with values at the elements that a tuple of index tensors names, or added to them.

    Args:
        input: a tensor.
        indices: integer or bool tensors that broadcast with each other.
        values: a tensor that broadcasts to what they select, or a number.
        accumulate: add the values; where elements are named several times all are added.

    Raises:
        IndexError: an index is out of range.
        ShapeError: the values do not broadcast.

    Example:
        >>> tensorlib.index_put(tensorlib.zeros(3), (tensorlib.tensor([0, 0]),), tensorlib.ones(2), accumulate=True)
        tensor([2., 0., 0.])
    """
    require_tensor("index_put", input)
    return index_put_(input.clone(), indices, values, accumulate)


@public_function
@in_place_method
@tensor_method
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with elements written to places counted in row-major order, or added to them.

    Args:
        input: a tensor.
        index: an integer tensor of places.
        source: as many elements as there are places.
        accumulate: add the elements; where a place is named several times all are added.

    Raises:
        IndexError: a place is out of range.
        ShapeError: the numbers of places and elements differ.

    Example:
        >>> tensorlib.zeros(2, 2).put(tensorlib.tensor([3]), tensorlib.tensor([5.0]))
        tensor([[0., 0.],
                [0., 5.]])
    """
    require_tensor("put", input)
    require_tensor("put", index)
    require_tensor("put", source)
    if index.numel() != source.numel():
        raise ShapeError(f"put: {index.numel()} places are named, but {source.numel()} elements given")
    flat = index_put(input.reshape(-1), (index.reshape(-1),), source.reshape(-1), accumulate)
    return flat.reshape(input.shape)


@public_function
@in_place_method
@tensor_method
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with the elements of a source, one after the other, where a mask is true.

    Args:
        input: a tensor.
        mask: a bool tensor that broadcasts with it.
        source: at least as many elements as are true.

    Raises:
        ShapeError: the shapes do not broadcast, or the source has too few elements.
        TypeError: the mask is no bool tensor, or the source of another type.

    Example:
        >>> tensorlib.zeros(3).masked_scatter(tensorlib.tensor([True, False, True]), tensorlib.tensor([1.0, 2.0]))
        tensor([1., 0., 2.])
    """
    require_tensor("masked_scatter", input)
    require_tensor("masked_scatter", mask)
    require_tensor("masked_scatter", source)
    if mask.dtype.name not in ("bool", "uint8"):
        raise TypeError(f"masked_scatter: the mask must be a bool tensor, not {mask.dtype.name}")
    if source.dtype != input.dtype:
        raise TypeError(f"masked_scatter: the source is of type {source.dtype.name}, but the tensor {input.dtype.name}")
    wide, chosen = _broadcast("masked_scatter", input, mask.bool())
    count = int(chosen.sum().item())
    if count > source.numel():
        raise ShapeError(f"masked_scatter: the mask chooses {count} elements, but the source has {source.numel()}")
    return write("masked_scatter", wide.clone(), chosen, source.reshape(-1)[:count])


def _broadcast(name: str, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    from tensorlib.ops.broadcasting import broadcast_tensors

    both = broadcast_tensors(x, mask)
    return both[0], both[1]


@public_function
@in_place_method
@tensor_method
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return a copy in which the elements of a source are combined at the places along a dimension that an index names.

    Args:
        input: a tensor.
        dim: the dimension.
        index: an integer tensor with as many dimensions.
        src: a tensor at least as long as the index in each dimension.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: combine with the element that was there; otherwise only places that the index does not name keep
            theirs.

    Raises:
        ArgumentError: there is no such reduction.
        DimensionError: the dimension is out of range.
        IndexError: a place is out of range.
        ShapeError: the shapes do not fit.

    Example:
        >>> x, places = tensorlib.zeros(2), tensorlib.tensor([0, 0, 1])
        >>> x.scatter_reduce(0, places, tensorlib.tensor([1.0, 3.0, 5.0]), "mean", include_self=False)
        tensor([2., 5.])
    """
    require_tensor("scatter_reduce", input)
    require_tensor("scatter_reduce", src)
    if reduce not in REDUCTIONS:
        raise ArgumentError(f"scatter_reduce: reduce is {reduce!r}, but must be one of {', '.join(REDUCTIONS)}")
    part = src[tuple([slice(0, length) for length in index.shape])]
    counts = scatter_add(input.detach() * 0, dim, index, part.detach() * 0 + 1)
    if reduce in ("sum", "mean"):
        start = input if include_self else where(counts > 0, input * 0, input)
        total = scatter_add(start, dim, index, part)
        if reduce == "sum":
            return total  # type: ignore[no-any-return]
        number = (counts + 1 if include_self else counts.clamp(min=1)).to(total.dtype)
        mean: Tensor = total / number if total.dtype.is_floating_point or total.dtype.is_complex else total // number
        return mean
    return _combined(input, dim, index, part, reduce, include_self, counts)


def _combined(
    input: Tensor, dim: int, index: Tensor, part: Tensor, reduce: str, include_self: bool, counts: Tensor
) -> Tensor:
    """Combine by products or extremes: elements that go to one place are laid side by side, and reduced there.

    Each round takes the first element that is left for every place, so that there are as many rounds as elements go to
    the place that gets most.
    """
    combine: Any = {"prod": mul, "amax": maximum, "amin": minimum}[reduce]
    axis = as_dim("scatter_reduce", dim, input.ndim)
    rank = _rank_among_equals(index, axis, input.shape[axis])
    result, started = input, counts >= 0 if include_self else counts < 0
    for k in range(int(rank.max().item()) + 1 if rank.numel() else 0):
        chosen = rank == k
        value = scatter_add(input * 0, axis, index, where(chosen, part, part * 0))
        here = scatter_add(counts * 0, axis, index, chosen.to(counts.dtype)) > 0
        joined = where(started, combine(result, value), value)
        result, started = where(here, joined, result), started | here
    return result


def _rank_among_equals(index: Tensor, axis: int, length: int) -> Tensor:
    """Return how many elements before each one, along a dimension, have the same value."""
    moved = index.movedim(axis, -1)
    same = moved[..., None, :] == moved[..., :, None]
    earlier = arange(moved.shape[-1], device=index.device)
    return (same & (earlier[None, :] < earlier[:, None])).sum(-1).movedim(-1, axis)


@public_function
@in_place_method
@tensor_method
def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return a copy in which slices of a source are combined at the places along a dimension that an index names.

    Args:
        input: a tensor.
        dim: the dimension.
        index: integers in one dimension; all slices for one place are combined.
        source: a tensor of the input's shape, but as long as the index along the dimension.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: combine with the slice that was there; otherwise only places that the index does not name keep
            theirs.

    Raises:
        ArgumentError: there is no such reduction.
        DimensionError: the dimension is out of range.
        IndexError: a place is out of range.
        ShapeError: index or source do not fit.

    Example:
        >>> tensorlib.ones(2).index_reduce(0, tensorlib.tensor([1, 1]), tensorlib.tensor([3.0, 5.0]), "prod")
        tensor([ 1., 15.])
    """
    for value in (input, index, source):
        require_tensor("index_reduce", value)
    if reduce not in REDUCTIONS[1:]:
        raise ArgumentError(f"index_reduce: reduce is {reduce!r}, but must be one of {', '.join(REDUCTIONS[1:])}")
    axis = as_dim("index_reduce", dim, input.ndim)
    if not input.ndim:
        raise ShapeError("index_reduce: a 0-d tensor has no dimension to name places of")
    if index.ndim != 1:
        raise ShapeError(f"index_reduce: needs an index of one dimension, not of shape {tuple(index.shape)}")
    expected = (*input.shape[:axis], *index.shape, *input.shape[axis + 1 :])
    if tuple(source.shape) != expected:
        raise ShapeError(f"index_reduce: needs a source of shape {expected}, not {tuple(source.shape)}")
    with at(index._array):
        check_range("index_reduce", index._array, input.shape[axis])
    wide = index.reshape((-1,) + (1,) * (input.ndim - axis - 1)).expand(expected)
    return scatter_reduce(input, axis, wide, source, reduce, include_self=include_self)


@public_function
@tensor_method
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return a copy with a source in the place of what `select` would give.

    Example:
        >>> tensorlib.select_scatter(tensorlib.zeros(2, 2), tensorlib.ones(2), 0, 1)
        tensor([[0., 0.],
                [1., 1.]])
    """
    return _with_part("select_scatter", input, src, lambda x: x.select(dim, index))


@public_function
@tensor_method
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return a copy with a source in the place of a slice along a dimension.

    Example:
        >>> tensorlib.slice_scatter(tensorlib.zeros(4), tensorlib.ones(2), start=1, step=2)
        tensor([0., 1., 0., 1.])
    """
    require_tensor("slice_scatter", input)
    axis = as_dim("slice_scatter", dim, input.ndim)
    place = (*[slice(None)] * axis, slice(start, end, step))
    return _with_part("slice_scatter", input, src, lambda x: x[place])


@public_function
@tensor_method
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """Return a copy with a source on the diagonal of two dimensions.

    Example:
        >>> tensorlib.diagonal_scatter(tensorlib.zeros(2, 2), tensorlib.ones(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    return _with_part("diagonal_scatter", input, src, lambda x: diagonal_of(x, offset=offset, dim1=dim1, dim2=dim2))


@public_function
@tensor_method
def as_strided_scatter(input: Tensor, src: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Return a copy with a source in the place of what `as_strided` would give of the contiguous tensor.

    Example:
        >>> tensorlib.as_strided_scatter(tensorlib.zeros(4), tensorlib.ones(2), (2,), (2,))
        tensor([1., 0., 1., 0.])
    """
    from tensorlib.ops.strided import as_strided

    return _with_part("as_strided_scatter", input, src, lambda x: as_strided(x, size, stride, storage_offset))


def _with_part(name: str, input: Tensor, src: Tensor, view: Any) -> Tensor:
    require_tensor(name, input)
    require_tensor(name, src)
    result = input.clone()
    part = view(result)
    if part.shape != src.shape:
        raise ShapeError(f"{name}: the source has shape {tuple(src.shape)}, but its place {tuple(part.shape)}")
    part.copy_(src)
    return result


@public_function
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the rows and columns of the elements on and below a diagonal, as two rows.

    Example:
        >>> tensorlib.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    import numpy

    return make_tensor(numpy.stack(numpy.tril_indices(row, offset, col)), dtype=dtype or "int64", device=device)


@public_function
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Return the rows and columns of the elements on and above a diagonal, as two rows.

    Example:
        >>> tensorlib.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    import numpy

    return make_tensor(numpy.stack(numpy.triu_indices(row, offset, col)), dtype=dtype or "int64", device=device)


@public_function
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Return the places in each dimension of elements counted in row-major order.

    Raises:
        IndexError: a place is out of range.

    Example:
        >>> tensorlib.unravel_index(tensorlib.tensor([3, 2]), (2, 2))
        (tensor([1, 1]), tensor([1, 0]))
    """
    require_tensor("unravel_index", indices)
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    total = 1
    for length in lengths:
        total *= length
    if indices.numel() and not (-total <= int(indices.min()) and int(indices.max()) < total):
        raise IndexError(f"unravel_index: a place is out of range for {total} elements")
    rest, found = indices % max(total, 1), []
    for length in reversed(lengths):
        found.append(rest % length)
        rest = rest // length
    return tuple(reversed(found))
