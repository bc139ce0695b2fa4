"""Checks of what a caller passes to a collective: each gives one clear error before anything is sent.

Tensors are duck-typed, so that nothing here depends on `tensorlib`: a NumPy array, or an object whose
`.detach().numpy()` is an array that shares its memory. What lies on a device is copied to the host and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import combinations
from operator import index
from typing import Any, Protocol, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from dist.reduction import Array, Function, FunctionOp, ReduceOp
from dist.staging import stage


class SupportsNumpy(Protocol):
    """A tensor: `detach().numpy()` is an array that shares its memory."""

    def detach(self) -> Any:
        """Return the values without their history."""
        ...


Tensor: TypeAlias = NDArray[Any] | SupportsNumpy

_NAMES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
_FEW = 8  # looking at all pairs of so many arrays is faster than sorting them
DTYPES: dict[np.dtype[Any], str] = {
    np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name): name for name in _NAMES
}


class Buffer:
    """A tensor argument as the algorithms want it: one-dimensional and contiguous.

    Attributes:
        flat: the elements in row-major order: a view where the tensor is contiguous, a copy otherwise.
        dtype: the name of the dtype.
    """

    __slots__ = ("_array", "_put_back", "dtype", "flat")

    def __init__(self, operation: str, tensor: Tensor, name: str = "tensor", written: bool = False) -> None:
        self._put_back: Callable[[], object] | None = None
        array = tensor if type(tensor) is np.ndarray else self._find_array(operation, tensor, name)
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

    @property
    def device(self) -> AbstractContextManager[object]:
        """What to enter before computing with `flat`: the device that it is on."""
        return nullcontext()

    def write_back(self) -> None:
        """Put the result where the caller looks for it: copies only where `flat` is a copy."""
        if self._array is not None:
            with self.device:
                self._array[...] = self.flat.reshape(self._array.shape)
        if self._put_back is not None:
            self._put_back()

    def shares_memory(self, other: Buffer) -> bool:
        """Tell whether an element of this tensor is also one of the other, in host memory."""
        mine = self.flat if self._array is None else self._array
        theirs = other.flat if other._array is None else other._array
        return np.shares_memory(mine, theirs)

    def span(self) -> tuple[int, int]:
        """Return the addresses of the first byte and of the one after the last, in host memory."""
        if self._array is not None:
            return np.lib.array_utils.byte_bounds(self._array)
        start: int = self.flat.__array_interface__["data"][0]
        return start, start + self.flat.nbytes

    def _find_array(self, operation: str, tensor: Any, name: str) -> Array:
        if isinstance(tensor, np.ndarray) and not isinstance(tensor, np.ma.MaskedArray):
            return tensor.view(np.ndarray)  # a matrix, for one, has two dimensions whatever is done to it
        if hasattr(tensor, "detach") and hasattr(tensor, "numpy") and not getattr(tensor, "is_cuda", False):
            array = tensor.detach().numpy()
            if isinstance(array, np.ndarray):
                return array
        staged = stage(tensor)
        if staged is None:
            raise TypeError(f"{operation}: {name} is a {type(tensor).__name__}: need a NumPy array or a tensor")
        self._put_back = staged.put_back
        return staged.array


def buffer_list(
    buffer_type: type[Buffer],
    operation: str,
    tensors: Sequence[Tensor],
    name: str,
    size: int,
    written: bool = False,
) -> list[Buffer]:
    """Check a list of one tensor per rank, of one dtype; those that are written must not share memory."""
    if not isinstance(tensors, list | tuple):
        raise TypeError(
            f"{operation}: {name} is a {type(tensors).__name__}: need a list of {size} tensors, one per rank"
        )
    if len(tensors) != size:
        raise ValueError(f"{operation}: {name} holds {len(tensors)} tensors: need {size}, one per rank")
    buffers = [buffer_type(operation, tensor, f"{name}[{i}]", written) for i, tensor in enumerate(tensors)]
    for i, buffer in enumerate(buffers):
        if buffer.dtype != buffers[0].dtype:
            raise ValueError(f"{operation}: {name}[{i}] is {buffer.dtype}: need {buffers[0].dtype}, as {name}[0] is")
    if written:
        check_apart(operation, name, buffers)
    return buffers


def check_apart(operation: str, name: str, buffers: Sequence[Buffer]) -> None:
    """Check that no two of these share an element."""
    for i, j in _close(buffers):
        if buffers[i].shares_memory(buffers[j]):
            first, second = sorted((i, j))
            raise ValueError(f"{operation}: {name}[{first}] and {name}[{second}] share memory: need memory for each")


def keep_apart(inputs: Sequence[Buffer], outputs: Sequence[Buffer]) -> None:
    """Copy the inputs that share memory with an output, because results may be written before all was read."""
    for pair in _close([*inputs, *outputs]):
        i, j = sorted(pair)
        if i < len(inputs) <= j and inputs[i].shares_memory(outputs[j - len(inputs)]):
            with inputs[i].device:
                inputs[i].flat = inputs[i].flat.copy()


def _close(buffers: Sequence[Buffer]) -> Iterator[tuple[int, int]]:
    """Find the pairs worth a closer look: one begins before the other ends, as columns of a matrix do. Of few, all."""
    if len(buffers) <= _FEW:
        yield from combinations(range(len(buffers)), 2)
        return
    reaching: list[tuple[int, int]] = []
    for start, stop, i in sorted((*buffer.span(), i) for i, buffer in enumerate(buffers) if buffer.flat.size):
        reaching = [(end, j) for end, j in reaching if end > start]
        yield from ((i, j) for _, j in reaching)
        reaching.append((stop, i))


def check_alike(operation: str, name: str, buffer: Buffer, other_name: str, other: Buffer, times: int = 1) -> None:
    """Check that `buffer` has the dtype of another one, and `times` as many elements."""
    if buffer.dtype != other.dtype or buffer.flat.size != times * other.flat.size:
        many = f"{times} times as many as" if times > 1 else "as"
        raise ValueError(
            f"{operation}: {name} holds {buffer.flat.size} elements of {buffer.dtype}: "
            f"need {times * other.flat.size} of {other.dtype}, {many} {other_name} has"
        )


def lengths(counts: Iterable[int]) -> int | tuple[int, ...]:
    """Return lengths as `Signature.elements` has them: one number where all are equal.

    >>> lengths([3, 3]), lengths([3, 5])
    (3, (3, 5))
    """
    listed = tuple(counts)
    return listed[0] if len(set(listed)) == 1 else listed


def reduction(operation: str, op: ReduceOp | Function | None, dtype: str) -> ReduceOp:
    """Return the operation meant, SUM for None, once it is sure that it is defined for a dtype."""
    if op is None:
        return ReduceOp.SUM  # which all dtypes have
    if not isinstance(op, ReduceOp):
        if not callable(op):
            raise TypeError(
                f"{operation}: op is {op!r}: need a member of dist.ReduceOp, such as ReduceOp.SUM, or a function"
            )
        op = FunctionOp(op)
    op.check(dtype)
    return op


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
