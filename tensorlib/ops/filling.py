"""Writing into tensors in place: fill_, zero_, copy_, and at places along a dimension."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import device_name
from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.in_place import assign, check_writable
from tensorlib.errors import ShapeError
from tensorlib.ops.indexing import getitem_backward, places, write
from tensorlib.tensor import Tensor


@tensor_method
def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value, a number or a tensor of one element, into every element.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
        ShapeError: the value has more than one element.
    """
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"fill_: needs a number or a 0-d tensor, not one of shape {tuple(value.shape)}")
    return write("fill_", self, ..., value)


@public_function
def fill(input: Tensor, value: Any) -> Tensor:
    """Return a tensor like another, with one value, a number or a tensor of one element, in every element.

    Raises:
        ShapeError: the value has more than one element.

    Example:
        >>> tensorlib.fill(tensorlib.zeros(2), 3)
        tensor([3., 3.])
    """
    require_tensor("fill", input)
    return fill_(input.clone(), value)


@tensor_method
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number into the elements whose indices are equal.

    Args:
        self: a tensor of two or more dimensions; of more than two, all must have one length.
        fill_value: a number.
        wrap: in a matrix with more rows than columns the diagonal begins anew, one row below the square part.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
        ShapeError: there are fewer than two dimensions, or more of different lengths.
    """
    lengths = tuple(self.shape)
    if len(lengths) < 2 or (len(lengths) > 2 and len(set(lengths)) > 1):
        raise ShapeError(f"fill_diagonal_: needs a matrix, or dimensions of one length, not shape {lengths}")
    count = lengths[0] if wrap and len(lengths) == 2 else min(lengths)
    step = lengths[1] + 1
    rows = [k for k in range(count) if not wrap or k % step < lengths[1]]
    columns = [k % step for k in rows]
    return write("fill_diagonal_", self, (rows, *[columns] * (len(lengths) - 1)), fill_value) if rows else self


@tensor_method
def zero_(self: Tensor) -> Tensor:
    """Write zero into every element.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
    """
    return write("zero_", self, ..., 0)


@tensor_method
def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write the elements of another tensor, of any type and device, which broadcasts.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
        ShapeError: the other's shape does not broadcast to this one's.
    """
    require_tensor("copy_", src)
    return write("copy_", self, ..., src.to(device=device_name(self._array)))


@tensor_method
def index_fill_(self: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Do as `index_fill` in place: write one value at the places along a dimension that an index names."""
    return write("index_fill_", self, places("index_fill_", self, dim, index), value)


@tensor_method
def index_copy_(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Do as `index_copy` in place: write a source to the places along a dimension that an index names."""
    return write("index_copy_", self, places("index_copy_", self, dim, index), source)


@tensor_method
def index_put_(self: Tensor, indices: tuple[Tensor, ...], values: Any, accumulate: bool = False) -> Tensor:
    """Write values to the elements that a tuple of index tensors names, or add them.

    Args:
        self: a tensor.
        indices: integer or bool tensors that broadcast with each other.
        values: a tensor that broadcasts to what they select, or a number.
        accumulate: add the values instead; where elements are named several times all are added.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one.
        IndexError: an index is out of range.
        ShapeError: the values do not broadcast.
    """
    if not accumulate:
        return write("index_put_", self, tuple(indices), values)
    check_writable("index_put_", self)
    selected = self[tuple(indices)]
    wide = (values if isinstance(values, Tensor) else selected.new_full((), values)).expand(selected.shape)
    added = getitem_backward(wide, basic=(...,), advanced=tuple(indices), shape=tuple(self.shape))
    return assign("index_put_", self, self + added)
