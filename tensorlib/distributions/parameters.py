"""Parameters of distributions: as tensors of one shape, and probabilities that are given in one of two ways."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import ml_dtypes
import numpy

from tensorlib.autograd.modes import enable_grad
from tensorlib.creation import tensor
from tensorlib.dtypes import default_float
from tensorlib.errors import ArgumentError
from tensorlib.nn import functional
from tensorlib.ops.broadcasting import broadcast_tensors
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


def as_parameters(owner: str, *values: Any) -> tuple[Tensor, ...]:
    """Return tensors and numbers as floating point tensors of the shape that they broadcast to.

    Args:
        owner: the distribution, for errors.
        values: numbers take the type and the device of the first tensor.

    Raises:
        TypeError: one is neither a tensor nor a number.
        ShapeError: the shapes do not broadcast.
    """
    first = next((value for value in values if isinstance(value, Tensor)), None)
    dtype = first.dtype if first is not None and first.is_floating_point() else default_float()
    device = None if first is None else first.device
    return broadcast_tensors(*[_as_parameter(owner, value, dtype, device) for value in values])


def _as_parameter(owner: str, value: Any, dtype: Any, device: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else value.to(dtype)
    if not isinstance(value, (int, float, numpy.number)):
        raise TypeError(f"{owner}: a parameter must be a tensor or a number, not {type(value).__name__}")
    return tensor(value, dtype=dtype, device=device)


def given_one(owner: str, probs: Any, logits: Any) -> str:
    """Return which of both is given, "probs" or "logits".

    Raises:
        ArgumentError: both are given, or none.
    """
    if (probs is None) == (logits is None):
        raise ArgumentError(f"{owner}: needs either probs or logits, but not both")
    return "logits" if probs is None else "probs"


def lowest(logits: Tensor) -> float:
    """Return the least finite number of a tensor's type."""
    return float(_limits(logits).min)


def ones_at(index: Tensor, count: int, dtype: Any) -> Tensor:
    """Return vectors of a length that have a 1 at an index, and otherwise zeros."""
    return (index.unsqueeze(-1) == arange(count, device=index.device)).to(dtype)


def smallest(values: Tensor) -> float:
    """Return the least positive normal number of a tensor's type."""
    return float(_limits(values).tiny)


def _limits(values: Tensor) -> Any:
    limits: Any = ml_dtypes.finfo  # NumPy's knows no bfloat16
    return limits(values.dtype.numpy)


def softplus(x: Tensor) -> Tensor:
    """Return `log(1 + exp(x))`, elementwise."""
    found: Tensor = functional.softplus(x)
    return found


def _within(probs: Tensor) -> Tensor:
    """Keep probabilities so far from 0 and 1 that their logarithms are finite."""
    eps = float(_limits(probs).eps)
    return probs.clamp(eps, 1 - eps)


class BinaryProbabilities:
    """`probs` of a success and their log-odds `logits`, each computed from the other where it is not given."""

    @cached_property
    def probs(self) -> Tensor:
        """Probability of a success."""
        with enable_grad():
            return self.logits.sigmoid()

    @cached_property
    def logits(self) -> Tensor:
        """Log-odds of a success."""
        with enable_grad():
            return _within(self.probs).logit()


class CategoryProbabilities:
    """`probs` of categories along the last dimension and their logarithms `logits`, each computed from the other."""

    @cached_property
    def probs(self) -> Tensor:
        """Probabilities of the categories."""
        with enable_grad():
            return self.logits.softmax(-1)

    @cached_property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        with enable_grad():
            return _within(self.probs).log()
