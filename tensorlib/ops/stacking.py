"""Tensors put together and taken apart by kind: rows, columns, blocks, combinations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops import diagonals, joining, shape
from tensorlib.tensor import Tensor


def _each(name: str, tensors: tuple[Any, ...]) -> list[Tensor]:
    """Return tensors that are given one by one, or as one sequence."""
    listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    for tensor in listed:
        require_tensor(name, tensor)
    return list(listed)


def _of_each(name: str, tensors: tuple[Any, ...], widened: Any) -> Any:
    listed = [widened(tensor) for tensor in _each(name, tensors)]
    return listed[0] if len(tensors) == 1 and isinstance(tensors[0], Tensor) else tuple(listed)


def _two_dimensions(x: Tensor) -> Tensor:
    return x.reshape(1, -1) if x.ndim < 2 else x


def _three_dimensions(x: Tensor) -> Tensor:
    return _two_dimensions(x).unsqueeze(-1) if x.ndim < 3 else x


@public_function
def atleast_1d(*tensors: Any) -> Any:
    """Return tensors with one dimension at least: 0-d ones become vectors of one element.

    Example:
        >>> tensorlib.atleast_1d(tensorlib.tensor(1.0))
        tensor([1.])
    """
    return _of_each("atleast_1d", tensors, lambda x: x if x.ndim else x.reshape(1))


@public_function
def atleast_2d(*tensors: Any) -> Any:
    """Return tensors with two dimensions at least: vectors become rows.

    Example:
        >>> tensorlib.atleast_2d(tensorlib.tensor([1.0, 2.0]))
        tensor([[1., 2.]])
    """
    return _of_each("atleast_2d", tensors, _two_dimensions)


@public_function
def atleast_3d(*tensors: Any) -> Any:
    """Return tensors with three dimensions at least: a matrix gets another one behind.

    Example:
        >>> tensorlib.atleast_3d(tensorlib.tensor([1.0, 2.0])).shape
        tensorlib.Size([1, 2, 1])
    """
    return _of_each("atleast_3d", tensors, _three_dimensions)


@public_function
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors side by side; vectors are columns.

    Example:
        >>> tensorlib.column_stack([tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4])])
        tensor([[1, 3],
                [2, 4]])
    """
    listed = _each("column_stack", (tensors,))
    result: Tensor = joining.cat([x.reshape(-1, 1) if x.ndim < 2 else x for x in listed], 1)
    return result


@public_function
def row_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors below each other; vectors are rows. Another name for `vstack`.

    Example:
        >>> tensorlib.row_stack([tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4])])
        tensor([[1, 2],
                [3, 4]])
    """
    result: Tensor = joining.cat([_two_dimensions(x) for x in _each("row_stack", (tensors,))], 0)
    return result


@public_function
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Return tensors behind each other along the third dimension.

    Example:
        >>> tensorlib.dstack([tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4])])
        tensor([[[1, 3],
                 [2, 4]]])
    """
    result: Tensor = joining.cat([_three_dimensions(x) for x in _each("dstack", (tensors,))], 2)
    return result


def _split_at(name: str, x: Tensor, dim: int, least: int, sections: Any) -> Any:
    require_tensor(name, x)
    if x.ndim < least:
        raise ShapeError(f"{name}: needs {least} dimensions or more, not {x.ndim}")
    if isinstance(sections, int) and (sections < 1 or x.shape[dim] % sections):
        raise ShapeError(
            f"{name}: dimension {dim} of length {x.shape[dim]} cannot be split into {sections} equal parts"
        )
    return joining.tensor_split(x, sections, dim)


@public_function
@tensor_method
def hsplit(input: Tensor, *indices_or_sections: Any) -> Any:
    """Return the parts of a tensor from left to right: along dimension 1, of vectors along 0.

    Raises:
        ShapeError: the parts cannot be equal.

    Example:
        >>> tensorlib.hsplit(tensorlib.tensor([1, 2, 3, 4]), 2)
        (tensor([1, 2]), tensor([3, 4]))
    """
    require_tensor("hsplit", input)
    return _split_at("hsplit", input, min(input.ndim - 1, 1), 1, _sections(indices_or_sections))


@public_function
@tensor_method
def vsplit(input: Tensor, *indices_or_sections: Any) -> Any:
    """Return the parts of a tensor from top to bottom: along dimension 0.

    Raises:
        ShapeError: the parts cannot be equal, or there are fewer than two dimensions.

    Example:
        >>> tensorlib.vsplit(tensorlib.tensor([[1, 2], [3, 4]]), 2)
        (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _split_at("vsplit", input, 0, 2, _sections(indices_or_sections))


@public_function
@tensor_method
def dsplit(input: Tensor, *indices_or_sections: Any) -> Any:
    """Return the parts of a tensor from front to back: along dimension 2.

    Raises:
        ShapeError: the parts cannot be equal, or there are fewer than three dimensions.

    Example:
        >>> [part.shape for part in tensorlib.dsplit(tensorlib.zeros(1, 2, 4), 2)]
        [tensorlib.Size([1, 2, 2]), tensorlib.Size([1, 2, 2])]
    """
    return _split_at("dsplit", input, 2, 3, _sections(indices_or_sections))


def _sections(given: tuple[Any, ...]) -> Any:
    return given[0] if len(given) == 1 else given


@public_function
@tensor_method
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> Any:
    """Return the parts of a tensor that have given lengths along a dimension.

    Raises:
        ShapeError: the lengths do not add up to the dimension's.

    Example:
        >>> tensorlib.split_with_sizes(tensorlib.tensor([1, 2, 3]), [1, 2])
        (tensor([1]), tensor([2, 3]))
    """
    return joining.split(input, list(split_sizes), dim)


@public_function
@tensor_method
def fliplr(input: Tensor) -> Tensor:
    """Return the tensor with the order along dimension 1 reversed.

    Raises:
        ShapeError: it has fewer than two dimensions.

    Example:
        >>> tensorlib.fliplr(tensorlib.tensor([[1, 2], [3, 4]]))
        tensor([[2, 1],
                [4, 3]])
    """
    require_tensor("fliplr", input)
    if input.ndim < 2:
        raise ShapeError(f"fliplr: needs two dimensions or more, not {input.ndim}")
    result: Tensor = shape.flip(input, 1)
    return result


@public_function
@tensor_method
def flipud(input: Tensor) -> Tensor:
    """Return the tensor with the order along dimension 0 reversed.

    Raises:
        ShapeError: it has no dimensions.

    Example:
        >>> tensorlib.flipud(tensorlib.tensor([1, 2, 3]))
        tensor([3, 2, 1])
    """
    require_tensor("flipud", input)
    if not input.ndim:
        raise ShapeError("flipud: needs a dimension or more, not 0")
    result: Tensor = shape.flip(input, 0)
    return result


@public_function
@tensor_method
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return the matrix with the elements of a tensor on a diagonal.

    Example:
        >>> tensorlib.diagflat(tensorlib.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    require_tensor("diagflat", input)
    result: Tensor = diagonals.diag_embed(input.reshape(-1), offset)
    return result


@public_function
def block_diag(*tensors: Tensor) -> Tensor:
    """Return the matrix with given matrices along its diagonal; vectors are rows.

    Raises:
        ShapeError: a tensor has more than two dimensions.

    Example:
        >>> tensorlib.block_diag(tensorlib.tensor([[1, 2]]), tensorlib.tensor([[3]]))
        tensor([[1, 2, 0],
                [0, 0, 3]])
    """
    blocks = [_two_dimensions(x) for x in _each("block_diag", tensors)]
    for block in blocks:
        if block.ndim > 2:
            raise ShapeError(f"block_diag: needs at most 2 dimensions, not {block.ndim}")
    width, rows, before = sum(block.shape[1] for block in blocks), [], 0
    for block in blocks:
        height, own = block.shape
        sides = [block.new_zeros((height, before)), block, block.new_zeros((height, width - before - own))]
        rows.append(joining.cat(sides, 1))
        before += own
    result: Tensor = joining.cat(rows, 0)
    return result


@public_function
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Return all tuples of one element from each vector, as the rows of a matrix.

    Example:
        >>> tensorlib.cartesian_prod(tensorlib.tensor([1, 2]), tensorlib.tensor([3, 4]))
        tensor([[1, 3],
                [1, 4],
                [2, 3],
                [2, 4]])
    """
    vectors = _each("cartesian_prod", tensors)
    if len(vectors) == 1:
        return vectors[0]
    grids = []
    for k, vector in enumerate(vectors):
        lengths = [1] * len(vectors)
        lengths[k] = len(vector)
        grids.append(vector.reshape(lengths).expand([len(each) for each in vectors]).reshape(-1))
    result: Tensor = joining.stack(grids, 1)
    return result


@public_function
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all choices of r elements of a vector in their order, as the rows of a matrix.

    Raises:
        ArgumentError: r is negative.
        ShapeError: the tensor is no vector.

    Example:
        >>> tensorlib.combinations(tensorlib.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    require_tensor("combinations", input)
    if input.ndim != 1:
        raise ShapeError(f"combinations: needs a vector, not {input.ndim} dimensions")
    if r < 0:
        raise ArgumentError(f"combinations: r is {r}, but must be 0 or more")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = list(choose(range(len(input)), r))
    places = [place for choice in chosen for place in choice]
    return input[places].reshape(len(chosen) if r else 0, r) if places else input.new_zeros((0, r) if r else (0,))
