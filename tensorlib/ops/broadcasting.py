"""The shape that several tensors broadcast to."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.attach import public_function, require_tensor
from tensorlib.errors import ShapeError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


@public_function
def broadcast_shapes(*shapes: Any) -> Size:
    """Return the shape that tensors of these shapes broadcast to.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.broadcast_shapes((3,), (2, 1))
        tensorlib.Size([2, 3])
    """
    try:
        return Size(numpy.broadcast_shapes(*shapes))
    except ValueError:
        raise ShapeError(f"broadcast: the shapes {', '.join(map(str, map(tuple, shapes)))} do not fit") from None


@public_function
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors expanded to the shape that they broadcast to.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> [x.shape for x in tensorlib.broadcast_tensors(tensorlib.zeros(3), tensorlib.zeros(2, 1))]
        [tensorlib.Size([2, 3]), tensorlib.Size([2, 3])]
    """
    for tensor in tensors:
        require_tensor("broadcast_tensors", tensor)
    shape = broadcast_shapes(*[tensor.shape for tensor in tensors])
    return tuple([tensor.expand(shape) for tensor in tensors])
