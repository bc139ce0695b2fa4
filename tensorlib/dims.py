"""Dimensions and shapes as users give them, made into what operations work with."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

from tensorlib.errors import ArgumentError, DimensionError, ShapeError


def as_dim(name: str, dim: Any, ndim: int) -> int:
    """Return a dimension counted from the front.

    Args:
        name: the operation, for errors.
        dim: a dimension, negative ones from the back; a 0-d tensor is taken to have one.
        ndim: the tensor's number of dimensions.

    Raises:
        DimensionError: it is out of range.
        TypeError: it is no integer.

    Example:
        >>> as_dim("sum", -1, 3)
        2
    """
    if type(dim) is not int:
        try:
            dim = index(dim)
        except TypeError:
            raise TypeError(f"{name}: a dimension must be an integer, not {type(dim).__name__}") from None
    count = ndim or 1
    if not -count <= dim < count:
        raise DimensionError(
            f"{name}: dimension {dim} is out of range for a tensor of {ndim} dimensions; "
            f"needed is one in the range of [{-count}, {count - 1}]"
        )
    return int(dim) % count


def as_dims(name: str, dims: Any, ndim: int) -> tuple[int, ...]:
    """Return dimensions counted from the front: None stands for all, a number for itself.

    Args:
        name: the operation, for errors.
        dims: None, a dimension, or a sequence of them.
        ndim: the tensor's number of dimensions.

    Raises:
        DimensionError: one is out of range.
        ArgumentError: one is named twice.
        TypeError: one is no integer.

    Example:
        >>> as_dims("sum", (-1, 0), 3), as_dims("sum", None, 2)
        ((2, 0), (0, 1))
    """
    if dims is None:
        return tuple(range(ndim))
    if not isinstance(dims, (tuple, list)):
        return (as_dim(name, dims, ndim),)
    found = tuple([as_dim(name, dim, ndim) for dim in dims])
    if len(set(found)) != len(found):
        raise ArgumentError(f"{name}: a dimension is named twice in {tuple(dims)}")
    return found


def as_shape(name: str, shape: Any) -> tuple[int, ...]:
    """Return a shape, or the lengths of one, as a tuple of plain integers of zero or more.

    Args:
        name: the operation, for errors.
        shape: a length or a sequence of them; one sequence alone in another stands for itself.

    Raises:
        ShapeError: a length is negative.
        TypeError: a length is no integer.

    Example:
        >>> as_shape("zeros", 3), as_shape("zeros", [2, 3]), as_shape("zeros", ((2, 3),))
        ((3,), (2, 3), (2, 3))
    """
    found = as_ints(name, unpacked(shape))
    if any(length < 0 for length in found):
        raise ShapeError(f"{name}: a length in the shape {found} is negative")
    return found


def unpacked(values: Any) -> Any:
    """Return the sequence that stands alone in another: what `f(*values)` got from `f((2, 3))`."""
    if isinstance(values, (tuple, list)) and len(values) == 1 and isinstance(values[0], (tuple, list)):
        return values[0]
    return values


def as_ints(name: str, values: Any) -> tuple[int, ...]:
    """Return an integer, or a sequence of them, as a tuple of plain integers.

    Raises:
        TypeError: a value is no integer.
    """
    sequence: Sequence[Any] = values if isinstance(values, (tuple, list)) else (values,)
    try:
        return tuple([index(value) for value in sequence])
    except TypeError:
        raise TypeError(f"{name}: needs integers, not {values!r}") from None
