"""What Python does with tensors: as numbers, as sequences, as text, copied and pickled."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy

from tensorlib._xp import address, is_array, to_host
from tensorlib.attach import tensor_method
from tensorlib.errors import GraphError, ShapeError
from tensorlib.placement import place
from tensorlib.printing import format_tensor
from tensorlib.tensor import Tensor, wrap

# -- numbers -------------------------------------------------------------------------------------------------------


@tensor_method
def __bool__(self: Tensor) -> bool:  # noqa: N807 - Python calls it, as all that follow
    if self._array.size != 1:
        raise ShapeError(f"bool: a tensor of shape {tuple(self.shape)} is neither true nor false; use any() or all()")
    return bool(self._array.item())


@tensor_method
def __float__(self: Tensor) -> float:  # noqa: N807
    return float(self.item())


@tensor_method
def __int__(self: Tensor) -> int:  # noqa: N807
    return int(self.item())


@tensor_method
def __complex__(self: Tensor) -> complex:  # noqa: N807
    return complex(self.item())


@tensor_method
def __index__(self: Tensor) -> int:  # noqa: N807
    if self._array.dtype.kind not in "iub":
        raise TypeError(f"index: only integer tensors of one element can index, not {self.dtype}")
    return int(self.item())


@tensor_method
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:  # noqa: N807
    return numpy.array(self.numpy(), dtype=dtype, copy=copy)


@tensor_method
def __array_wrap__(  # noqa: N807
    self: Tensor, array: Any, context: Any = None, return_scalar: bool = False
) -> Tensor:
    """Make a tensor of what a function of NumPy made of one."""
    return wrap(numpy.asarray(array))


# -- sequences -----------------------------------------------------------------------------------------------------


@tensor_method
def __len__(self: Tensor) -> int:  # noqa: N807
    if not self._array.ndim:
        raise TypeError("len: a 0-d tensor has no length")
    return len(self._array)


@tensor_method
def __iter__(self: Tensor) -> Iterator[Tensor]:  # noqa: N807
    if not self._array.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return (self[k] for k in range(len(self._array)))


@tensor_method
def __reversed__(self: Tensor) -> Tensor:  # noqa: N807
    return self.flip(0) if self._array.ndim else self


@tensor_method
def __contains__(self: Tensor, value: Any) -> bool:  # noqa: N807
    if not (isinstance(value, (Tensor, int, float, complex)) or is_array(value)):
        raise TypeError(f"in: a tensor holds numbers, not {type(value).__name__}")
    return bool((self == value).any())


# -- text ----------------------------------------------------------------------------------------------------------


@tensor_method
def __repr__(self: Tensor) -> str:  # noqa: N807
    return format_tensor(self)


@tensor_method
def __format__(self: Tensor, spec: str) -> str:  # noqa: N807
    if not self._array.ndim and type(self) is Tensor:
        return format(self.item(), spec)  # a loss in a message reads as a number
    return object.__format__(self, spec)


# -- memory shared between processes -------------------------------------------------------------------------------


@tensor_method
def share_memory_(self: Tensor) -> Tensor:
    """Move this tensor to memory that processes share, and return it; does nothing if it is there or on a CUDA device.

    With it move the tensors of this process that share its memory, and no NumPy arrays that do.

    Raises:
        OSError: there is not so much memory, or there are too many open files.

    Example:
        >>> tensorlib.zeros(2).share_memory_().is_shared()
        True
    """
    from tensorlib.multiprocessing.reductions import share

    if not self.is_cuda:
        share(self)
    return self


@tensor_method
def is_shared(self: Tensor) -> bool:
    """Tell whether processes share this tensor's memory; tensors on CUDA devices count as shared.

    Example:
        >>> tensorlib.zeros(2).is_shared()
        False
    """
    from tensorlib.multiprocessing.reductions import segment_of

    return self.is_cuda or segment_of(self) is not None


# -- copies and pickles --------------------------------------------------------------------------------------------


@tensor_method
def __deepcopy__(self: Tensor, memo: dict[int, Any]) -> Tensor:  # noqa: N807
    if not self.is_leaf:
        raise GraphError("deepcopy: only leaves can be copied with their gradient; use detach() or clone()")
    copied = _new(type(self), _copied_array(self._array, memo))
    memo[id(self)] = copied
    copied._counter = copy.deepcopy(self._counter, memo)
    copied.requires_grad_(self.requires_grad)
    copied._grad = copy.deepcopy(self._grad, memo)
    copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return copied


def _copied_array(array: Any, memo: dict[int, Any]) -> Any:
    """Copy an array's whole memory, once for all that share it, so that the copies share theirs."""
    owner = array
    while isinstance(getattr(owner, "base", None), type(array)):
        owner = owner.base
    if not isinstance(array, numpy.ndarray) or not (owner.flags.owndata and owner.flags.forc):
        return array.copy(order="K")
    if id(owner) not in memo:
        memo[id(owner)] = owner.copy(order="K")
    whole = memo[id(owner)]
    if owner is array:
        return whole
    offset = address(array) - address(owner)
    return numpy.ndarray(array.shape, array.dtype, whole.reshape(-1, order="A"), offset, array.strides)


@tensor_method
def __reduce_ex__(self: Tensor, protocol: Any) -> Any:  # noqa: N807
    if not self.is_leaf:
        raise GraphError("pickle: only leaves can be pickled; use detach()")
    return _rebuild, (type(self), to_host(self._array), str(self.device), self.requires_grad, self.__dict__)


def _rebuild(kind: type[Tensor], array: Any, device: str, requires_grad: bool, attributes: dict[str, Any]) -> Tensor:
    tensor = _new(kind, place(array, device))
    tensor.__dict__.update(attributes)
    return tensor.requires_grad_(requires_grad)


def _new(kind: type[Tensor], array: Any) -> Tensor:
    """Make a tensor of a subclass without calling the subclass's `__init__`."""
    tensor = kind.__new__(kind)
    Tensor.__init__(tensor, array)
    return tensor
