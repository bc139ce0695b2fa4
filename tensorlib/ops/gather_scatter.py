"""Gather and scatter: elements chosen, or written, along one dimension by an index tensor."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.dtypes import factor_for
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.kernels.gathering import gathered_rows
from tensorlib.ops._index import add_at, along_dim, check_range
from tensorlib.ops.broadcasting import broadcast_shapes
from tensorlib.ops.indexing import getitem, getitem_backward, places, put_elements
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


@op(numbers=True)
def gather(xp: Any, x: Any, dim: Any, index: Any, *, sparse_grad: bool = False) -> Any:
    """Return elements chosen along a dimension: `result[i, j] = x[index[i, j], j]` for dimension 0 of a matrix.

    Args:
        x: a tensor.
        dim: the dimension.
        index: integers, as many dimensions as `x`, and not longer than `x` in any but `dim`.
        sparse_grad: accepted and not used.

    Returns:
        A tensor of the index's shape.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: the index does not fit.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).gather(1, tensorlib.tensor([[0], [1]]))
        tensor([[1],
                [4]])
    """
    axis = _checked("gather", x, dim, index)
    if not x.ndim:
        return x.reshape(1)[index], (axis, index, x.shape)
    chosen = gathered_rows(x, index) if axis == x.ndim - 1 else None
    return (x[along_dim(xp, index, axis)] if chosen is None else chosen), (axis, index, x.shape)


def _checked(name: str, x: Any, dim: Any, index: Any, source: Any = None) -> int:
    """Check that index, and source, lie within a tensor; returns the dimension."""
    if not hasattr(index, "ndim"):
        raise TypeError(f"{name}: index must be a Tensor, not {type(index).__name__}")
    axis = as_dim(name, dim, x.ndim)
    shape, limit = index.shape, x.shape or (1,)
    if max(index.ndim, 1) != len(limit):
        raise ShapeError(f"{name}: an index of {index.ndim} dimensions for a tensor of {x.ndim}; they must be as many")
    if any(length > limit[k] for k, length in enumerate(shape) if k != axis):
        raise ShapeError(f"{name}: an index of shape {shape} does not lie within shape {x.shape} apart from {axis}")
    if getattr(source, "shape", ()) and any(n > m for n, m in zip(shape, source.shape, strict=False)):
        raise ShapeError(f"{name}: an index of shape {shape} needs a source not smaller than it, not {source.shape}")
    check_range(name, index, limit[axis])
    return axis


@op(method=False)
def gather_backward(xp: Any, g: Any, *, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of a shape to which `g` is added where `gather` takes from: its gradient.

    Args:
        g: a tensor of the index's shape.
        dim: the dimension that the index chooses along.
        index: integers.
        shape: of the result.

    Example:
        >>> tensorlib.gather_backward(tensorlib.ones(2), dim=0, index=tensorlib.tensor([1, 1]), shape=(3,))
        tensor([0., 2., 0.])
    """
    places = index._array if isinstance(index, Tensor) else index
    result = xp.zeros(shape, g.dtype)
    _add_along(xp, result, places, dim, g)
    return result, (dim, places)


def _add_along(xp: Any, target: Any, index: Any, axis: int, values: Any) -> None:
    flat, spread = (target, index) if target.ndim else (target.reshape(1), index.reshape(-1))
    add_at(xp, flat, along_dim(xp, spread, axis), values.reshape(spread.shape))


gather.grads(
    lambda xp, g, dim, index, shape: gather_backward.via(xp, g, dim=dim, index=index, shape=shape),
    lambda xp, g, dim, index, shape: None,
    lambda xp, g, dim, index, shape: None,
)
gather_backward.grads(lambda xp, g, dim, index: gather.via(xp, g, dim, index))


@op(numbers=True, in_place=True)
def scatter(xp: Any, x: Any, dim: Any, index: Any, src: Any) -> Any:
    """Return a copy of `x` with elements written along a dimension: `result[index[i, j], j] = src[i, j]` for dim 0.

    Args:
        x: a tensor.
        dim: the dimension.
        index: integers, as many dimensions as `x`; which of several values for one element stays is not said.
        src: a tensor not smaller than the index, or a number.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: index or source do not fit.

    Example:
        >>> tensorlib.zeros(2, 3).scatter(1, tensorlib.tensor([[2], [0]]), 1.0)
        tensor([[0., 0., 1.],
                [1., 0., 0.]])
    """
    axis = _checked("scatter", x, dim, index, src)
    part = _part(index)
    values = src[part] if getattr(src, "ndim", 0) else src
    result = x.copy()
    if index.size:
        (result if x.ndim else result.reshape(1))[along_dim(xp, index, axis) if index.ndim else ...] = values
    return result, (axis, index, getattr(src, "shape", ()))


def _part(index: Any) -> tuple[slice, ...]:
    """Return the index of the part of a source that lies under an index."""
    return tuple([slice(length) for length in index.shape])


def _without_written(xp: Any, g: Any, dim: int, index: Any) -> Any:
    return scatter.via(xp, g, dim, index, 0)


def _from_places(xp: Any, g: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of a source: what came to the places it was written to, zeros where it was not used."""
    taken = gather.via(xp, g, dim, index)
    if tuple(taken.shape) == tuple(shape):
        return taken
    if not shape:
        return taken.sum()
    return getitem_backward.via(xp, taken, basic=_part(index), advanced=None, shape=shape)


scatter.grads(
    lambda xp, g, dim, index, shape: _without_written(xp, g, dim, index),
    lambda xp, g, dim, index, shape: None,
    lambda xp, g, dim, index, shape: None,
    lambda xp, g, dim, index, shape: _from_places(xp, g, dim, index, shape),
)


@op(numbers=True, in_place=True)
def scatter_add(xp: Any, x: Any, dim: Any, index: Any, src: Any) -> Any:
    """Return a copy of `x` with elements added along a dimension: `result[index[i, j], j] += src[i, j]` for dim 0.

    Args:
        x: a tensor.
        dim: the dimension.
        index: integers, as many dimensions as `x`; all values for one element are added.
        src: a tensor not smaller than the index.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: index or source do not fit.

    Example:
        >>> tensorlib.zeros(3).scatter_add(0, tensorlib.tensor([0, 0, 2]), tensorlib.ones(3))
        tensor([2., 0., 1.])
    """
    if not hasattr(src, "ndim"):
        raise TypeError(f"scatter_add: src must be a Tensor, not {type(src).__name__}")
    axis = _checked("scatter_add", x, dim, index, src)
    result = x.copy()
    if index.size:
        _add_along(xp, result, index, axis, src[_part(index)])
    return result, (axis, index, src.shape)


scatter_add.grads(
    lambda xp, g, dim, index, shape: g,
    lambda xp, g, dim, index, shape: None,
    lambda xp, g, dim, index, shape: None,
    lambda xp, g, dim, index, shape: _from_places(xp, g, dim, index, shape),
)


@op(numbers=True, in_place=True)
def index_add(xp: Any, x: Any, dim: Any, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """Return a copy of `x` with a source added at places along a dimension: `result[index[i]] += alpha * source[i]`.

    Args:
        x: a tensor.
        dim: the dimension.
        index: integers in one dimension; all values for one place are added.
        source: a tensor of the shape of `x`, but as long as the index along the dimension.
        alpha: a number that multiplies the source.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: index or source do not fit.

    Example:
        >>> tensorlib.zeros(3).index_add(0, tensorlib.tensor([0, 2, 0]), tensorlib.ones(3))
        tensor([2., 0., 1.])
    """
    axis = as_dim("index_add", dim, x.ndim)
    if index.ndim != 1:
        raise ShapeError(f"index_add: needs an index of one dimension, not of shape {index.shape}")
    expected = x.shape[:axis] + index.shape + x.shape[axis + 1 :]
    if source.shape != expected:
        raise ShapeError(f"index_add: needs a source of shape {expected}, not {source.shape}")
    check_range("index_add", index, x.shape[axis])
    result = x.copy()
    alpha = factor_for(x.dtype, alpha)
    add_at(xp, result, (slice(None),) * axis + (index,), source if alpha == 1 else source * alpha)
    return result, (axis, index, alpha)


index_add.grads(
    lambda xp, g, dim, index, alpha: g,
    lambda xp, g, dim, index, alpha: None,
    lambda xp, g, dim, index, alpha: None,
    lambda xp, g, dim, index, alpha: getitem.via(xp, g, index=(slice(None),) * dim + (index,)) * alpha,
)


@public_function
@tensor_method
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return a copy with one value at the places along a dimension that an index names.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: the index has more than one dimension.

    Example:
        >>> tensorlib.zeros(3).index_fill(0, tensorlib.tensor([0, 2]), 1.0)
        tensor([1., 0., 1.])
    """
    result: Tensor = put_elements(input, value, index=places("index_fill", input, dim, index))
    return result


@public_function
@tensor_method
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy with a source written to the places along a dimension that an index names.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: index or source do not fit.

    Example:
        >>> tensorlib.zeros(3).index_copy(0, tensorlib.tensor([2, 0]), tensorlib.tensor([1.0, 2.0]))
        tensor([2., 0., 1.])
    """
    result: Tensor = put_elements(input, source, index=places("index_copy", input, dim, index))
    return result


@public_function
@tensor_method
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Return elements chosen along a dimension; both tensors broadcast in the others.

    Args:
        input: a tensor.
        indices: integers, as many dimensions as the tensor.
        dim: the dimension; the flattened tensor is chosen from unless given.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: an index is.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> x = tensorlib.tensor([[3, 1], [2, 4]])
        >>> x.take_along_dim(x.argsort(dim=1), dim=1)
        tensor([[1, 3],
                [2, 4]])
    """
    require_tensor("take_along_dim", input)
    require_tensor("take_along_dim", indices)
    if dim is None:
        flat: Tensor = gather(input.reshape(-1), 0, indices.reshape(-1))
        return flat
    axis = as_dim("take_along_dim", dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(f"take_along_dim: {indices.ndim} dimensions of indices for a tensor of {input.ndim}")
    others = broadcast_shapes(*[x.shape[:axis] + (1,) + x.shape[axis + 1 :] for x in (input, indices)])
    wide, chosen = [x.expand(others[:axis] + (x.shape[axis],) + others[axis + 1 :]) for x in (input, indices)]
    result: Tensor = gather(wide, axis, chosen)
    return result


@public_function
@tensor_method
def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None) -> Tensor:
    """Return a tensor with every place along a dimension repeated.

    Args:
        input: a tensor.
        repeats: how often, one number for all or a tensor with one for each place; left out, `input` is that tensor,
            and the places themselves are repeated.
        dim: the dimension; the flattened tensor is repeated unless given.

    Raises:
        ArgumentError: a number is negative, or there are not as many as places.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([1, 2]).repeat_interleave(tensorlib.tensor([2, 1]))
        tensor([1, 1, 2])
    """
    require_tensor("repeat_interleave", input)
    if repeats is None:
        input, repeats, dim = arange(len(input)), input, 0
    x: Tensor = input.reshape(-1) if dim is None else input
    axis = 0 if dim is None else as_dim("repeat_interleave", dim, x.ndim)
    counts = numpy.asarray(repeats.tolist() if isinstance(repeats, Tensor) else repeats)
    if counts.dtype.kind not in "iu" and counts.size:
        raise TypeError(f"repeat_interleave: repeats must be integers, not {repeats!r}")
    length = x.shape[axis] if x.ndim else 1
    if counts.size not in (1, length) or (counts < 0).any():
        raise ArgumentError(f"repeat_interleave: needs one number or {length}, none of them negative, not {repeats}")
    chosen = numpy.repeat(numpy.arange(length), counts.reshape(-1))
    result: Tensor = getitem(x if x.ndim else x.reshape(1), (slice(None),) * axis + (chosen,))
    return result
