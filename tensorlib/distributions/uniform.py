"""Uniform distributions."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor


class Uniform(Distribution):
    """Uniform distributions on the interval [low, high).

    Args:
        low: lower ends, a tensor or a number.
        high: upper ends, above the lower ones.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Uniform(1.0, 5.0).mean
        tensor(3.)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"low": constraints.real, "high": constraints.real}
    low: Tensor
    high: Tensor

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, low=low, high=high)
        if self._validate_args and not (self.low < self.high).all():
            raise ArgumentError("Uniform: low must be below high")

    @property
    def support(self) -> Constraint:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Tensor:
        return self.low * float("nan")

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return self.low + (self.high - self.low) * drawn(lambda source: source.random(shape), self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        inside = (value >= self.low) & (value < self.high)
        return inside.to(self.low.dtype).log() - (self.high - self.low).log()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return self.low + (self.high - self.low) * value

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()
