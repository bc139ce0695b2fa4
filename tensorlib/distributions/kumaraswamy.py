"""Kumaraswamy distributions."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.distributions.exponential import EULER_GAMMA
from tensorlib.tensor import Tensor


class Kumaraswamy(Distribution):
    """Distributions of a probability, like Beta but with a simple distribution function: 1 - (1 - x^a)^b.

    Args:
        concentration1: exponents a, positive.
        concentration0: exponents b, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Kumaraswamy(1.0, 3.0).mean
        tensor(0.2500)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    concentration1: Tensor
    concentration0: Tensor

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, concentration1=concentration1, concentration0=concentration0)

    @property
    def support(self) -> Constraint:
        return constraints.unit_interval

    def _moment(self, n: int) -> Tensor:
        a, b = 1 + n / self.concentration1, self.concentration0
        return b * (a.lgamma() + b.lgamma() - (a + b).lgamma()).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)) ** (1 / a)
        return mode.masked_fill((a < 1) | (b < 1), float("nan"))

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return self.icdf(drawn(lambda source: source.random(shape), self.concentration1))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        a, b = self.concentration1, self.concentration0
        return a.log() + b.log() + (a - 1).xlogy(value) + (b - 1).xlogy(1 - value**a)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return 1 - (1 - value**self.concentration1) ** self.concentration0

    def icdf(self, value: Tensor) -> Tensor:
        rest = ((-value).log1p() / self.concentration0).expm1()
        return (-rest) ** (1 / self.concentration1)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = (b + 1).digamma() + EULER_GAMMA
        return (1 - 1 / a) * harmonic + (1 - 1 / b) - a.log() - b.log()
