"""Diagonals and triangles of matrices, also of batches of them."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.dims import as_dims
from tensorlib.errors import ShapeError
from tensorlib.tensor import Tensor


@op(in_place=True)
def tril(xp: Any, x: Any, *, diagonal: int = 0) -> Any:
    """Return the lower triangle of matrices, with zeros above it.

    Args:
        x: a tensor of shape (..., n, m).
        diagonal: the uppermost diagonal that stays: 0 the main one, positive ones above it.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.ones(2, 3).tril()
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
    """
    _check_matrix("tril", x)
    return xp.tril(x, diagonal), (diagonal,)


def _check_matrix(name: str, x: Any) -> None:
    if x.ndim < 2:
        raise ShapeError(f"{name}: needs a tensor of two or more dimensions, not of shape {tuple(x.shape)}")


tril.grads(lambda xp, g, diagonal: xp.tril(g, diagonal))


@op(in_place=True)
def triu(xp: Any, x: Any, *, diagonal: int = 0) -> Any:
    """Return the upper triangle of matrices, with zeros below it.

    Args:
        x: a tensor of shape (..., n, m).
        diagonal: the lowest diagonal that stays: 0 the main one, positive ones above it.

    Raises:
        ShapeError: there are fewer than two dimensions.

    Example:
        >>> tensorlib.ones(2, 3).triu(1)
        tensor([[0., 1., 1.],
                [0., 0., 1.]])
    """
    _check_matrix("triu", x)
    return xp.triu(x, diagonal), (diagonal,)


triu.grads(lambda xp, g, diagonal: xp.triu(g, diagonal))


@op(view=True)
def diagonal(xp: Any, x: Any, *, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """Return a view of the diagonal of two dimensions, which becomes the last dimension.

    Args:
        x: a tensor.
        offset: 0 for the main diagonal, positive for one above it.
        dim1: the dimension of the rows.
        dim2: the dimension of the columns.

    Raises:
        ArgumentError: both dimensions are the same.
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).diagonal()
        tensor([1, 4])
    """
    _check_matrix("diagonal", x)
    first, second = as_dims("diagonal", (dim1, dim2), x.ndim)
    value = x.diagonal(offset, first, second)
    if isinstance(value, numpy.ndarray):
        value.flags.writeable = x.flags.writeable  # NumPy gives it read-only
    return value, (offset, first, second, x.shape)


@op(method=False)
def diagonal_backward(xp: Any, g: Any, *, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Return zeros of a shape with `g` on the diagonal of two dimensions: the gradient of `diagonal`.

    Args:
        g: a tensor of the diagonal's shape.
        shape: of the result.
        offset: 0 for the main diagonal, positive for one above it.
        dim1: the dimension of the rows.
        dim2: the dimension of the columns.

    Example:
        >>> tensorlib.diagonal_backward(tensorlib.ones(2), shape=(2, 2), offset=0, dim1=0, dim2=1)
        tensor([[1., 0.],
                [0., 1.]])
    """
    result = xp.zeros(shape, g.dtype)
    rows = xp.arange(g.shape[-1])
    moved = xp.moveaxis(result, (dim1, dim2), (0, 1))
    moved[rows + max(-offset, 0), rows + max(offset, 0)] = xp.moveaxis(g, -1, 0)
    return result, (offset, dim1, dim2)


diagonal.grads(
    lambda xp, g, offset, dim1, dim2, shape: diagonal_backward.via(
        xp, g, shape=shape, offset=offset, dim1=dim1, dim2=dim2
    )
)
diagonal_backward.grads(lambda xp, g, offset, dim1, dim2: diagonal.via(xp, g, offset=offset, dim1=dim1, dim2=dim2))

_diagonal = diagonal  # where an argument has that name


@public_function
@tensor_method
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return the diagonal of a matrix, or a square matrix with a given diagonal.

    Args:
        input: a matrix, or the elements of the diagonal in one dimension.
        diagonal: 0 for the main diagonal, positive for one above it.

    Raises:
        ShapeError: the tensor has neither one nor two dimensions.

    Example:
        >>> tensorlib.tensor([1, 2]).diag()
        tensor([[1, 0],
                [0, 2]])
    """
    require_tensor("diag", input)
    if input.ndim not in (1, 2):
        raise ShapeError(f"diag: needs a tensor of one or two dimensions, not of shape {tuple(input.shape)}")
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    copied: Tensor = _diagonal(input, diagonal).clone()
    return copied


@public_function
@tensor_method
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return matrices of zeros whose diagonals are the last dimension of a tensor.

    Args:
        input: a tensor of shape (..., n).
        offset: 0 for the main diagonal, positive for one above it.
        dim1: the dimension of the result that is to be that of the rows.
        dim2: the dimension of the columns.

    Raises:
        ArgumentError: both dimensions are the same.
        DimensionError: a dimension is out of range.
        ShapeError: the tensor has no dimensions.

    Example:
        >>> tensorlib.diag_embed(tensorlib.tensor([[1, 2]]))
        tensor([[[1, 0],
                 [0, 2]]])
    """
    require_tensor("diag_embed", input)
    if not input.ndim:
        raise ShapeError("diag_embed: a 0-d tensor has no elements for a diagonal")
    first, second = as_dims("diag_embed", (dim1, dim2), input.ndim + 1)
    side = input.shape[-1] + abs(offset)
    lengths = list(input.shape[:-1])
    for place in sorted((first, second)):
        lengths.insert(place, side)
    result: Tensor = diagonal_backward(input, shape=tuple(lengths), offset=offset, dim1=first, dim2=second)
    return result


@public_function
@tensor_method
def trace(input: Tensor) -> Tensor:
    """Return the sum of the main diagonal of a matrix.

    Raises:
        ShapeError: the tensor has not two dimensions.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).trace()
        tensor(5)
    """
    require_tensor("trace", input)
    if input.ndim != 2:
        raise ShapeError(f"trace: needs a matrix, not a tensor of shape {tuple(input.shape)}")
    result: Tensor = diagonal(input).sum()
    return result
