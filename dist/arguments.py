"""Checks of what a caller passes to a collective: each gives one clear error before anything is sent.

Tensors are duck-typed, so that nothing here depends on `tensorlib`: a NumPy array, or an object whose
`.detach().numpy()` is an array that shares its memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import index
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dist.reduction import ReduceOp

Array: TypeAlias = NDArray[Any]


class SupportsNumpy(Protocol):
    """A tensor: `detach().numpy()` is an array that shares its memory."""

    def detach(self) -> Any:
        """Return the values without their history."""
        ...


Tensor: TypeAlias = NDArray[Any] | SupportsNumpy

_NAMES = (
    *("float16", "float32", "float64", "complex64", "complex128", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
DTYPES: dict[np.dtype[Any], str] = {np.dtype(name): name for name in _NAMES}


class Buffer:
    """A tensor argument as the algorithms want it: one-dimensional and contiguous.

    Attributes:
        flat: the elements in row-major order: a view where the tensor is contiguous, a copy otherwise.
        dtype: the name of the dtype.
    """

    __slots__ = ("_array", "dtype", "flat")

    def __init__(self, operation: str, tensor: Tensor, name: str = "tensor", written: bool = False) -> None:
        array = tensor if isinstance(tensor, np.ndarray) else _array_of(operation, tensor, name)
        dtype = DTYPES.get(array.dtype)
        if dtype is None:
            raise TypeError(f"{operation}: {name} has dtype {array.dtype}: need one of {', '.join(_NAMES)}")
        flags = array.flags
        if written:
            if not flags.writeable:
                raise ValueError(f"{operation}: {name} is read-only: need an array that the result can be written into")
            if tensor is not array and hasattr(tensor, "_bump_version"):
                tensor._bump_version()
        self._array = array if not flags.c_contiguous else None
        if not flags.c_contiguous:
            array = array.flatten()
        self.flat: Array = array if array.ndim == 1 else array.reshape(-1)
        self.dtype = dtype

    def write_back(self) -> None:
        """Put the result where the caller looks for it: copies only where `flat` is a copy."""
        if self._array is not None:
            self._array[...] = self.flat.reshape(self._array.shape)


def _array_of(operation: str, tensor: Any, name: str) -> Array:
    array = tensor.detach().numpy() if hasattr(tensor, "detach") and hasattr(tensor, "numpy") else None
    if isinstance(array, np.ndarray):
        return array
    raise TypeError(f"{operation}: {name} is a {type(tensor).__name__}: need a NumPy array or a tensor")


def buffer_list(
    operation: str, tensors: Sequence[Tensor], name: str, size: int, like: Buffer, written: bool = False
) -> list[Buffer]:
    """Check a list of one tensor per rank, each with the dtype and element count of `like`."""
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            f"{operation}: {name} is a {type(tensors).__name__}: need a list of {size} tensors, one per rank"
        )
    if len(tensors) != size:
        raise ValueError(f"{operation}: {name} holds {len(tensors)} tensors: need {size}, one per rank")
    buffers = [Buffer(operation, tensor, f"{name}[{i}]", written) for i, tensor in enumerate(tensors)]
    for i, buffer in enumerate(buffers):
        if buffer.dtype != like.dtype or buffer.flat.size != like.flat.size:
            raise ValueError(
                f"{operation}: {name}[{i}] holds {buffer.flat.size} elements of {buffer.dtype}: "
                f"need {like.flat.size} of {like.dtype}, as tensor has"
            )
    return buffers


def check_reduction(operation: str, op: ReduceOp, buffer: Buffer) -> None:
    """Check that `op` is one, and is defined for the dtype of `buffer`."""
    if not isinstance(op, ReduceOp):
        raise TypeError(f"{operation}: op is {op!r}: need a member of dist.ReduceOp, such as ReduceOp.SUM")
    _check_reduction(op._name_, buffer.dtype)


@lru_cache
def _check_reduction(op: str, dtype: str) -> None:
    ReduceOp[op].check(dtype)


def integer(operation: str, name: str, value: Any) -> int:
    """Return `value` as an int; a float or a string is an error."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{operation}: {name} is {value!r}: need an integer") from None


def group_ranks(ranks: Iterable[int] | None, parent: Sequence[int]) -> tuple[int, ...]:
    """Return the sorted global ranks of a new group; None means all of `parent`."""
    if ranks is None:
        return tuple(parent)
    wanted = [integer("new_group", "a rank", rank) for rank in ranks]
    if not wanted:
        raise ValueError("new_group: ranks is empty: need at least one rank")
    if len(set(wanted)) != len(wanted):
        raise ValueError(f"new_group: ranks {wanted} names a rank twice")
    strangers = sorted(set(wanted) - set(parent))
    if strangers:
        raise ValueError(f"new_group: ranks {strangers} do not exist: need ranks from 0 to {len(parent) - 1}")
    return tuple(sorted(wanted))
