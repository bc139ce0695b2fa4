"""Random numbers that distributions make their samples from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy

from tensorlib._xp import to_host
from tensorlib.creation import finished
from tensorlib.random import source_of
from tensorlib.tensor import Tensor

Draw = Callable[[numpy.random.Generator], Any]


def drawn(draw: Draw, like: Tensor) -> Tensor:
    """Return what NumPy's generator draws, as a tensor of another's type on its device."""
    return finished(numpy.asarray(draw(source_of(None))).astype(like.dtype.numpy), like.device, False)


def on_host(parameter: Tensor, shape: Sequence[int]) -> Any:
    """Return a parameter as a float64 array of a shape that it broadcasts to, for NumPy's generator."""
    return numpy.broadcast_to(to_host(parameter._array).astype(numpy.float64), tuple(shape))
