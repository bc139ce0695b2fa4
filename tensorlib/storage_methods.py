"""Tensors and their storages: which memory a tensor walks through, and how to make it another."""

from __future__ import annotations

import math
from typing import Any

import numpy

from tensorlib import _xp
from tensorlib.attach import require_tensor, tensor_method
from tensorlib.dims import as_ints
from tensorlib.dtypes import as_dtype
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.ops.strided import become, geometry_of, strided_view
from tensorlib.storage import BY_DTYPE, Storage, check_resizable, of_memory
from tensorlib.tensor import Tensor, edge_of, wrap


@tensor_method
def storage(self: Tensor) -> Storage:
    """Return the whole memory that the tensor walks through."""
    return of_memory(_xp.memory_of(self._array))


@tensor_method
def untyped_storage(self: Tensor) -> Storage:
    """Return the bytes of the whole memory that the tensor walks through."""
    return of_memory(_xp.memory_of(self._array).view(numpy.uint8))


@tensor_method
def storage_offset(self: Tensor) -> int:
    """Return how many elements of the memory lie before the tensor's first."""
    return geometry_of(self._array)[2]


@tensor_method
def storage_type(self: Tensor) -> type[Storage]:
    """Return the class of the tensor's storage."""
    return BY_DTYPE[self.dtype]


@tensor_method
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Tell whether another tensor is the same walk through the same memory."""
    require_tensor("is_set_to", tensor)
    ours, theirs = self._array, tensor._array
    return (_xp.address(ours), ours.shape, ours.strides) == (_xp.address(theirs), theirs.shape, theirs.strides)


@tensor_method
def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Make this tensor share another's memory, or walk through a storage; returns itself.

    Args:
        self: a tensor that requires no gradient.
        source: a tensor or storage of the same type; nothing makes the tensor empty.
        storage_offset: the element of the storage to start at.
        size: lengths of the dimensions; one dimension of all that is left unless given.
        stride: steps between neighbours; those of row-major order unless given.

    Raises:
        ArgumentError: the view would reach beyond the memory.
        GraphError: the tensor requires a gradient.
        TypeError: the source is of another type.
    """
    _refuse_recorded("set_", self)
    if source is None:
        become(self, wrap(self._array[:0].reshape(-1)[:0].copy()))
        return self
    if not isinstance(source, (Tensor, Storage)):
        raise TypeError(f"set_: needs a Tensor or a storage, not {type(source).__name__}")
    array = source._array if isinstance(source, Tensor) else source._memory
    if array.dtype != self._array.dtype:
        raise TypeError(f"set_: the source is of type {as_dtype(array.dtype)}, but the tensor of {self.dtype}")
    if isinstance(source, Tensor) and size is None:
        become(self, source.detach())
        return self
    lengths = (_xp.memory_of(array).size - storage_offset,) if size is None else as_ints("set_", size)
    steps = row_major(lengths) if stride is None else as_ints("set_", stride)
    other = wrap(strided_view("set_", array, lengths, steps, storage_offset))
    other._counter = source._counter if isinstance(source, Tensor) else other._counter
    become(self, other)
    return self


def row_major(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of elements that lie in row-major order without gaps."""
    return tuple([math.prod([max(length, 1) for length in lengths[axis + 1 :]]) for axis in range(len(lengths))])


def _refuse_recorded(name: str, tensor: Tensor) -> None:
    if edge_of(tensor) is not None:
        raise GraphError(f"{name}: the tensor requires a gradient; use detach()")


@tensor_method
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Change this tensor's shape, and where it needs more elements its memory; returns itself.

    The elements that stay are those that come first in memory; new ones are uninitialised. Other tensors of the memory
    keep it where it has to grow.

    Raises:
        ArgumentError: a length is negative, or memory that is not this process's own would have to grow.
        GraphError: the tensor requires a gradient.
    """
    _refuse_recorded("resize_", self)
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    lengths = as_ints("resize_", given)
    if any(length < 0 for length in lengths):
        raise ArgumentError(f"resize_: needs lengths from 0 on, not {lengths}")
    if lengths == tuple(self.shape):
        return self
    offset = geometry_of(self._array)[2]
    memory = _xp.memory_of(self._array)
    needed = offset + math.prod(lengths)
    version = self._counter
    if needed > memory.size:
        check_resizable("resize_", memory)
        grown = _xp.array_module(memory).empty(needed, memory.dtype)
        grown[: memory.size] = memory
        memory, version = grown, [version[0]]
    other = wrap(strided_view("resize_", memory, lengths, row_major(lengths), offset))
    other._counter = version
    become(self, other)
    return self


@tensor_method
def resize_as_(self: Tensor, the_template: Tensor) -> Tensor:
    """Change this tensor's shape to another's, as `resize_` does; returns itself."""
    require_tensor("resize_as_", the_template)
    return resize_(self, tuple(the_template.shape))
