"""Several tensors made one, and one made several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.autograd.recording import link_view
from tensorlib.dims import as_dim, as_ints
from tensorlib.dtypes import result_type
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.shape import narrow, reshape, squeeze
from tensorlib.tensor import Tensor


@op(method=False, aliases=("concat", "concatenate"))
def cat(xp: Any, *tensors: Any, dim: int = 0) -> Any:
    """Return tensors joined along a dimension that they have.

    Args:
        tensors: one or more tensors, alike in all other dimensions; empty ones of one dimension are passed over.
        dim: the dimension.

    Raises:
        ShapeError: the shapes do not fit, or there is no tensor.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.cat([tensorlib.zeros(2), tensorlib.ones(1)])
        tensor([0., 0., 1.])
    """
    if not tensors:
        raise ShapeError("cat: needs at least one tensor")
    joined = [array for array in tensors if array.shape != (0,)] or list(tensors)
    if not all(array.ndim for array in joined):
        raise ShapeError("cat: a 0-d tensor has no dimension to join along; use stack()")
    axis = as_dim("cat", dim, joined[0].ndim)
    _check_alike("cat", [array.shape[:axis] + array.shape[axis + 1 :] for array in joined], joined)
    ends = [0]
    for array in tensors:
        ends.append(ends[-1] + (array.shape[axis] if array.shape != (0,) else 0))
    shapes = tuple([array.shape for array in tensors])
    return xp.concatenate(joined, axis, dtype=result_type(joined)), (axis, tuple(ends), shapes)


def _check_alike(name: str, shapes: Sequence[tuple[int, ...]], tensors: Sequence[Any]) -> None:
    if any(shape != shapes[0] for shape in shapes):
        given = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        alike = "in all other dimensions" if name == "cat" else "in shape"
        raise ShapeError(f"{name}: tensors of shapes {given} given; they must be alike {alike}")


def _part(xp: Any, g: Any, k: int, axis: int, ends: tuple[int, ...], shapes: Any) -> Any:
    return g[(slice(None),) * axis + (slice(ends[k], ends[k + 1]),)].reshape(shapes[k])


cat.grads(_part)


@op(method=False, moves=True)
def stack(xp: Any, *tensors: Any, dim: int = 0) -> Any:
    """Return tensors joined along a new dimension.

    Args:
        tensors: one or more tensors of one shape.
        dim: where the new dimension is to be.

    Raises:
        ShapeError: the shapes differ, or there is no tensor.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.stack([tensorlib.zeros(2), tensorlib.ones(2)], dim=1)
        tensor([[0., 1.],
                [0., 1.]])
    """
    if not tensors:
        raise ShapeError("stack: needs at least one tensor")
    _check_alike("stack", [array.shape for array in tensors], tensors)
    axis = as_dim("stack", dim, tensors[0].ndim + 1)
    return xp.stack(tensors, axis, dtype=result_type(tensors)), (axis,)


stack.grads(lambda xp, g, k, axis: g[(slice(None),) * axis + (k, ...)])


@op(view=True, method=False)
def split_pieces(xp: Any, x: Any, *, lengths: Sequence[int], dim: int) -> Any:
    """Return the consecutive pieces of a tensor along a dimension; gradients of all are collected at once.

    Args:
        x: a tensor.
        lengths: of the pieces; they make up the dimension's length.
        dim: the dimension, counted from the front.

    Example:
        >>> tensorlib.split_pieces(tensorlib.arange(3), lengths=(1, 2), dim=0)
        (tensor([0]), tensor([1, 2]))
    """
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    before = (slice(None),) * dim
    pieces = [x[(*before, slice(start, start + n))] for start, n in zip(starts, lengths, strict=True)]
    return tuple(pieces), (dim,)


split_pieces.grads(lambda xp, g, dim: xp.concatenate(g, axis=dim))


@public_function
@tensor_method
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the consecutive pieces of a tensor along a dimension, as views.

    Args:
        tensor: what to split.
        split_size_or_sections: the length of every piece but perhaps the last, or the list of all lengths.
        dim: the dimension.

    Raises:
        ArgumentError: a length is negative, or they do not make up the dimension's length.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.arange(5).split(2)
        (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    require_tensor("split", tensor)
    axis = _splittable("split", tensor, dim)
    total = tensor.shape[axis]
    lengths = as_ints("split", split_size_or_sections)
    if not isinstance(split_size_or_sections, (list, tuple)):
        (size,) = lengths
        if size < 0 or (size == 0 and total):
            raise ArgumentError(f"split: pieces of length {size} do not make up a length of {total}")
        lengths = tuple([min(size, total - start) for start in range(0, total, size or 1)]) or (0,)
    if any(length < 0 for length in lengths) or sum(lengths) != total:
        raise ArgumentError(f"split: pieces of lengths {lengths} do not make up dimension {dim} of length {total}")
    return _pieces(tensor, lengths, axis)


def _splittable(name: str, tensor: Tensor, dim: int) -> int:
    if not tensor.ndim:
        raise ShapeError(f"{name}: a 0-d tensor has no dimension to split")
    return as_dim(name, dim, tensor.ndim)


def _pieces(tensor: Tensor, lengths: Sequence[int], axis: int) -> tuple[Tensor, ...]:
    pieces: tuple[Tensor, ...] = split_pieces(tensor, lengths=tuple(lengths), dim=axis)
    start = 0
    for piece, length in zip(pieces, lengths, strict=True):
        link_view(piece, tensor, narrow, {"dim": axis, "start": start, "length": length})
        start += length
    return pieces


@public_function
@tensor_method
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return at most `chunks` pieces of a tensor along a dimension, alike but perhaps for the last, as views.

    Raises:
        ArgumentError: `chunks` is not positive.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.arange(5).chunk(2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    require_tensor("chunk", input)
    axis = _splittable("chunk", input, dim)
    if chunks < 1:
        raise ArgumentError(f"chunk: needs one piece or more, not {chunks}")
    if not input.shape[axis]:
        return _pieces(input, (0,) * chunks, axis)
    return split(input, -(-input.shape[axis] // chunks), axis)


@public_function
@tensor_method
def unsafe_split(tensor: Tensor, split_size_or_sections: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Do as `split`: here pieces may be modified in place, with right gradients, in any case.

    Example:
        >>> tensorlib.arange(3).unsafe_split(2)
        (tensor([0, 1]), tensor([2]))
    """
    return split(tensor, split_size_or_sections, dim)


@public_function
@tensor_method
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Do as `chunk`: here pieces may be modified in place, with right gradients, in any case.

    Example:
        >>> tensorlib.arange(3).unsafe_chunk(2)
        (tensor([0, 1]), tensor([2]))
    """
    return chunk(input, chunks, dim)


@public_function
@tensor_method
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return pieces of a tensor along a dimension, as views.

    Args:
        input: what to split.
        indices_or_sections: the number of pieces, of which the first may be longer by one; or where to cut.
        dim: the dimension.

    Raises:
        ArgumentError: the number of pieces is not positive.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.arange(5).tensor_split(2), tensorlib.arange(5).tensor_split((1, 3))
        ((tensor([0, 1, 2]), tensor([3, 4])), (tensor([0]), tensor([1, 2]), tensor([3, 4])))
    """
    require_tensor("tensor_split", input)
    axis = _splittable("tensor_split", input, dim)
    total = input.shape[axis]
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    cuts = as_ints("tensor_split", indices_or_sections)
    if not isinstance(indices_or_sections, (list, tuple)):
        (count,) = cuts
        if count < 1:
            raise ArgumentError(f"tensor_split: needs one piece or more, not {count}")
        shorter, longer = divmod(total, count)
        return _pieces(input, [shorter + (k < longer) for k in range(count)], axis)
    starts = [0, *[slice(cut, None).indices(total)[0] for cut in cuts]]
    ends = [*starts[1:], total]
    result = [narrow(input, axis, start, max(end - start, 0)) for start, end in zip(starts, ends, strict=True)]
    return tuple(result)


@public_function
@tensor_method
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the places along a dimension, without that dimension, as views.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: the tensor has no dimensions.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).unbind()
        (tensor([1, 2]), tensor([3, 4]))
    """
    require_tensor("unbind", input)
    axis = _splittable("unbind", input, dim)
    if not input.shape[axis]:
        return ()
    return tuple([squeeze(piece, axis) for piece in _pieces(input, (1,) * input.shape[axis], axis)])


def _at_least(ndim: int, name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Sequence):
        raise TypeError(f"{name}: needs a sequence of tensors, not {type(tensors).__name__}")
    return [x if x.ndim >= ndim else reshape(x, (1,) * (ndim - x.ndim) + x.shape) for x in tensors]


@public_function
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined side by side: along the second dimension, or the only one.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> tensorlib.hstack([tensorlib.zeros(2, 1), tensorlib.ones(2, 2)])
        tensor([[0., 1., 1.],
                [0., 1., 1.]])
    """
    wide = _at_least(1, "hstack", tensors)
    result: Tensor = cat(wide, dim=1 if wide and wide[0].ndim > 1 else 0)
    return result


@public_function
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors joined one below the other: along the first dimension; 1-d tensors are rows.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> tensorlib.vstack([tensorlib.zeros(2), tensorlib.ones(2)])
        tensor([[0., 0.],
                [1., 1.]])
    """
    result: Tensor = cat(_at_least(2, "vstack", tensors), dim=0)
    return result


@public_function
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return the coordinates of all points of the grid that 1-d tensors span, one tensor per coordinate, as views.

    Args:
        tensors: 1-d tensors, or one sequence of them.
        indexing: "ij" gives the first coordinate to the first dimension, "xy" to the second.

    Raises:
        ArgumentError: `indexing` is neither.

    Example:
        >>> tensorlib.meshgrid(tensorlib.arange(2), tensorlib.arange(2))
        (tensor([[0, 0],
                [1, 1]]), tensor([[0, 1],
                [0, 1]]))
    """
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', not {indexing!r}")
    axes = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    for axis in axes:
        require_tensor("meshgrid", axis)
    places = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        places[:2] = [1, 0]
    shape = [1] * len(axes)
    for place, axis in zip(places, axes, strict=True):
        shape[place] = axis.numel()
    grids = []
    for place, axis in zip(places, axes, strict=True):
        column = [1] * len(axes)
        column[place] = axis.numel()
        grids.append(reshape(axis, column).expand(shape))
    return tuple(grids)
