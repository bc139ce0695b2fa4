"""Moving tensors to shared memory, and pickling them as handles of it."""

from __future__ import annotations

import ctypes
import gc
import sys
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy

from tensorlib._xp import address
from tensorlib.dtypes import as_dtype
from tensorlib.errors import GraphError
from tensorlib.multiprocessing.segments import Segment, allocate, making
from tensorlib.nn.parameter import Buffer, Parameter
from tensorlib.tensor import Tensor


def register() -> None:
    """Have tensors travel as handles through everything in `multiprocessing`."""
    for kind in (Tensor, Parameter, Buffer):
        ForkingPickler.register(kind, reduce_tensor)


def reduce_tensor(tensor: Tensor) -> Any:
    """Return how to make the tensor in another process.

    Raises:
        GraphError: it is the result of a recorded operation.
    """
    if not tensor.is_leaf:
        raise GraphError("sending a tensor: only leaves can be sent, gradients stay in their process; use detach()")
    if tensor.is_cuda:
        return tensor.__reduce_ex__(2)
    segment = share(tensor)
    array = tensor._array
    place = tensor.dtype.name, array.shape, address(array) - segment.address, array.strides
    return rebuild_tensor, (type(tensor), segment, place, tensor.requires_grad, tensor.__dict__)


def rebuild_tensor(
    kind: type[Tensor], segment: Segment, place: Any, requires_grad: bool, attributes: dict[str, Any]
) -> Tensor:
    """Make a tensor at a place, (type, shape, offset, strides), in a segment."""
    tensor = kind.__new__(kind)
    Tensor.__init__(tensor, segment.array(as_dtype(place[0]).numpy, *place[1:]))
    tensor._counter = segment.version
    tensor.__dict__.update(attributes)
    return tensor.requires_grad_(requires_grad)


def share(tensor: Tensor) -> Segment:
    """Return the segment that a tensor on the CPU lies in; it is moved to one where it is in none.

    With it move all tensors of this process in the same memory: its views, what it is a view of, and its `.data`.

    Raises:
        OSError: there is not so much memory, or there are too many open files.
    """
    with making:  # queues send from threads of their own
        return segment_of(tensor) or _moved(tensor)


def _moved(tensor: Tensor) -> Segment:
    """Move a tensor to a new segment, and with it all that share its memory."""
    owner = _owner_of(tensor._array)
    # Looking at all objects takes milliseconds; it can be left out where the tensor alone holds its array.
    alone = owner is tensor._array and sys.getrefcount(owner) <= 3  # the tensor, this function, getrefcount's argument
    tensors = [tensor] if alone else _tensors_in(owner)
    low, high = numpy.lib.array_utils.byte_bounds(owner) if owner.size else (address(owner), address(owner))
    segment = allocate(max(1, high - low))
    segment.version = tensor._counter
    ctypes.memmove(segment.address, low, high - low)
    for each in tensors:
        array = each._array
        each._array = segment.array(array.dtype, array.shape, address(array) - low, array.strides)
    return segment


def segment_of(tensor: Tensor) -> Segment | None:
    """Return the segment that a tensor lies in, if it does."""
    base = tensor._array
    while (below := getattr(base, "base", None)) is not None:
        base = below
    return base if isinstance(base, Segment) else None


def _owner_of(array: Any) -> Any:
    """Return the array of the whole memory that an array is a view of."""
    owner = base = array
    while (base := getattr(base, "base", None)) is not None:
        if isinstance(base, numpy.ndarray):
            owner = base
    return owner


def _tensors_in(owner: Any) -> list[Tensor]:
    """Return all tensors whose memory is that of an array. NumPy's arrays do not know who views them."""
    tensors = [each for each in gc.get_objects() if issubclass(type(each), Tensor)]
    return [each for each in tensors if _owner_of(getattr(each, "_array", None)) is owner]
