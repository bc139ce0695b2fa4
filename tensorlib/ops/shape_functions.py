"""Functions on shapes that are made of the operations in `shape`."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method, tensor_property
from tensorlib.dims import as_dim, as_dims, as_ints, as_shape, unpacked
from tensorlib.errors import ShapeError
from tensorlib.ops import shape as ops
from tensorlib.ops.indexing import getitem
from tensorlib.size import Size
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the dimensions from `start_dim` to `end_dim` made one: a view where possible.

    Raises:
        DimensionError: a dimension is out of range.
        ShapeError: the first comes after the last.

    Example:
        >>> tensorlib.zeros(2, 3, 4).flatten(1).shape
        tensorlib.Size([2, 12])
    """
    require_tensor("flatten", input)
    first, last = as_dim("flatten", start_dim, input.ndim), as_dim("flatten", end_dim, input.ndim)
    if first > last:
        raise ShapeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    shape = input.shape
    result: Tensor = ops.reshape(input, shape[:first] + (Size(shape[first : last + 1]).numel(),) + shape[last + 1 :])
    return result


@public_function
@tensor_method
def ravel(input: Tensor) -> Tensor:
    """Return the elements in row-major order in one dimension: a view where possible.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).ravel()
        tensor([1, 2, 3, 4])
    """
    return flatten(input)


@public_function
@tensor_method
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Return a view in which one dimension is made several.

    Args:
        input: a tensor.
        dim: the dimension.
        sizes: the lengths that take its place; one may be -1.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: the lengths do not make up the dimension's.

    Example:
        >>> tensorlib.zeros(2, 12).unflatten(1, (3, -1)).shape
        tensorlib.Size([2, 3, 4])
    """
    require_tensor("unflatten", input)
    place = as_dim("unflatten", dim, input.ndim)
    lengths = as_ints("unflatten", sizes)
    known = Size([length for length in lengths if length != -1]).numel()
    have = input.shape[place]
    if lengths.count(-1) > 1 or (have != known if -1 not in lengths else known == 0 or have % known != 0):
        raise ShapeError(f"unflatten: dimension {dim} of length {have} cannot be made {lengths}")
    full = tuple([have // known if length == -1 else length for length in lengths])
    result: Tensor = ops.view(input, input.shape[:place] + full + input.shape[place + 1 :])
    return result


@public_function
@tensor_method
def t(input: Tensor) -> Tensor:
    """Return the transpose of a matrix; tensors of fewer dimensions as they are.

    Raises:
        ShapeError: the tensor has more than two dimensions.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).t()
        tensor([[1, 3],
                [2, 4]])
    """
    require_tensor("t", input)
    if input.ndim > 2:
        raise ShapeError(f"t: needs at most 2 dimensions, not {input.ndim}; use transpose()")
    result: Tensor = ops.transpose(input, 0, -1)
    return result


@tensor_property
def T(self: Tensor) -> Tensor:  # noqa: N802 - the field's name
    """The tensor with its dimensions in reversed order."""
    result: Tensor = ops.permute(self, tuple(reversed(range(self.ndim))))
    return result


@tensor_property
def mT(self: Tensor) -> Tensor:  # noqa: N802 - the field's name
    """The tensor with its last two dimensions exchanged.

    Raises:
        DimensionError: it has fewer than two.
    """
    result: Tensor = ops.transpose(self, -2, -1)
    return result


@tensor_property
def mH(self: Tensor) -> Tensor:  # noqa: N802 - the field's name
    """The tensor with its last two dimensions exchanged, and conjugated where complex.

    Raises:
        DimensionError: it has fewer than two.
    """
    result: Tensor = ops.transpose(self, -2, -1)
    return result.conj() if self.dtype.is_complex else result


@tensor_property
def H(self: Tensor) -> Tensor:  # noqa: N802 - the field's name
    """The conjugate transpose of a matrix.

    Raises:
        ShapeError: the tensor is neither a matrix nor 0-d.
    """
    if self.ndim not in (0, 2):
        raise ShapeError(f"H: needs a matrix, not {self.ndim} dimensions; use mH for batches")
    return self.mH if self.ndim else self.conj()


@public_function
@tensor_method
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Return a view with dimensions moved to other places; the others keep their order.

    Args:
        input: a tensor.
        source: the dimensions to move.
        destination: where each is to be.

    Raises:
        DimensionError: a dimension is out of range.
        ShapeError: there are not as many places as dimensions.

    Example:
        >>> tensorlib.zeros(2, 3, 4).movedim(0, -1).shape
        tensorlib.Size([3, 4, 2])
    """
    require_tensor("movedim", input)
    moved, places = as_dims("movedim", source, input.ndim), as_dims("movedim", destination, input.ndim)
    if len(moved) != len(places):
        raise ShapeError(f"movedim: {len(moved)} dimensions are to go to {len(places)} places")
    order = [dim for dim in range(input.ndim) if dim not in moved]
    for place, dim in sorted(zip(places, moved, strict=True)):
        order.insert(place, dim)
    result: Tensor = ops.permute(input, order)
    return result


@public_function
@tensor_method
def moveaxis(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Return a view with dimensions moved to other places: another name for `movedim`.

    Example:
        >>> tensorlib.moveaxis(tensorlib.zeros(2, 3, 4), 0, -1).shape
        tensorlib.Size([3, 4, 2])
    """
    return movedim(input, source, destination)


@tensor_method
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Return this tensor expanded to another's shape."""
    require_tensor("expand_as", other)
    result: Tensor = ops.expand(self, other.shape)
    return result


@tensor_method
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """Return a view of this tensor in another's shape."""
    require_tensor("view_as", other)
    result: Tensor = ops.view(self, other.shape)
    return result


@tensor_method
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Return this tensor in another's shape."""
    require_tensor("reshape_as", other)
    result: Tensor = ops.reshape(self, other.shape)
    return result


@tensor_method
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """Return this tensor if its elements lie in row-major order without gaps, otherwise a copy where they do.

    Args:
        self: a tensor.
        memory_format: accepted and not used.
    """
    result: Tensor = self if self.is_contiguous() else ops.clone(self)
    return result


@public_function
@tensor_method
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Return a copy of the part of some length from a place on along a dimension, as `narrow` returns a view.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: the part is.

    Example:
        >>> tensorlib.narrow_copy(tensorlib.arange(5), 0, 1, 2)
        tensor([1, 2])
    """
    require_tensor("narrow_copy", input)
    result: Tensor = ops.clone(ops.narrow(input, dim, start, length))
    return result


@public_function
@tensor_method
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """Return a view of one place along a dimension, without that dimension.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: the place is, or the tensor has no dimensions.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).select(1, 0)
        tensor([1, 3])
    """
    require_tensor("select", input)
    place = as_dim("select", dim, input.ndim)
    if not input.ndim or not -input.shape[place] <= index < input.shape[place]:
        raise IndexError(f"select: there is no place {index} along dimension {dim} of shape {tuple(input.shape)}")
    result: Tensor = getitem(input, (slice(None),) * place + (int(index),))
    return result


@public_function
@tensor_method
def tile(input: Tensor, *dims: Any) -> Tensor:
    """Return copies of the whole tensor side by side; dimensions not named are not repeated.

    Raises:
        ShapeError: a number is negative.

    Example:
        >>> tensorlib.tensor([[1], [2]]).tile(2)
        tensor([[1, 1],
                [2, 2]])
    """
    require_tensor("tile", input)
    times = as_shape("tile", dims)
    result: Tensor = ops.repeat(input, (1,) * (input.ndim - len(times)) + times)
    return result


@public_function
@tensor_method
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Return the tensor turned by k times 90 degrees, from the first of two dimensions towards the second.

    Raises:
        DimensionError: a dimension is out of range.
        ShapeError: they are not two.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).rot90()
        tensor([[2, 4],
                [1, 3]])
    """
    require_tensor("rot90", input)
    axes = as_dims("rot90", unpacked(dims), input.ndim)
    if len(axes) != 2:
        raise ShapeError(f"rot90: needs two dimensions, not {len(axes)}")
    turns = k % 4
    result: Tensor = ops.flip(input, axes if turns == 2 else axes[1:]) if turns in (1, 2) else ops.clone(input)
    result = ops.transpose(result, *axes) if turns in (1, 3) else result
    return ops.flip(result, axes[1:]) if turns == 3 else result
