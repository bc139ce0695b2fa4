"""Exponential distributions, and those of powers and exponentials of their samples."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.tensor import Tensor

EULER_GAMMA = 0.57721566490153286


def standard_exponential(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Draw from the exponential distribution of rate 1."""
    return drawn(lambda source: source.standard_exponential(shape), like)


class Exponential(Distribution):
    """Exponential distributions.

    Args:
        rate: inverses of the means, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Exponential(2.0).mean
        tensor(0.5000)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"rate": constraints.positive}
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, rate=rate)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate * 0

    @property
    def stddev(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return self.rate**-2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return standard_exponential(self._shape_of(sample_shape), self.rate) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return -(-self.rate * value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()


class Weibull(Distribution):
    """Weibull distributions: of powers of exponential numbers.

    Args:
        scale: factors, positive.
        concentration: inverses of the powers, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Weibull(2.0, 1.0).mean
        tensor(2.)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"scale": constraints.positive, "concentration": constraints.positive}
    scale: Tensor
    concentration: Tensor

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, scale=scale, concentration=concentration)

    @property
    def support(self) -> Constraint:
        return constraints.positive

    @property
    def mean(self) -> Tensor:
        return self.scale * (1 + 1 / self.concentration).lgamma().exp()

    @property
    def mode(self) -> Tensor:
        return self.scale * (1 - 1 / self.concentration) ** (1 / self.concentration)

    @property
    def variance(self) -> Tensor:
        square_of_mean = (2 * (1 + 1 / self.concentration).lgamma()).exp()
        return self.scale**2 * ((1 + 2 / self.concentration).lgamma().exp() - square_of_mean)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_exponential(self._shape_of(sample_shape), self.scale)
        return self.scale * noise ** (1 / self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        ratio = value / self.scale
        slope = (self.concentration / self.scale).log()
        return slope + (self.concentration - 1) * ratio.log() - ratio**self.concentration

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return -(-((value / self.scale) ** self.concentration)).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-(-value).log1p()) ** (1 / self.concentration)

    def entropy(self) -> Tensor:
        k = self.concentration
        return EULER_GAMMA * (1 - 1 / k) + (self.scale / k).log() + 1


class Pareto(Distribution):
    """Pareto distributions: of exponentials of exponential numbers.

    Args:
        scale: least values, positive.
        alpha: exponents of the tails, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Pareto(1.0, 3.0).mean
        tensor(1.5000)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"scale": constraints.positive, "alpha": constraints.positive}
    scale: Tensor
    alpha: Tensor

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, scale=scale, alpha=alpha)

    @property
    def support(self) -> Constraint:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        alpha = self.alpha.clamp(min=1)
        return alpha * self.scale / (alpha - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        alpha = self.alpha.clamp(min=2)
        return self.scale**2 * alpha / ((alpha - 1) ** 2 * (alpha - 2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = standard_exponential(self._shape_of(sample_shape), self.scale)
        return self.scale * (noise / self.alpha).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        density = self.alpha.log() + self.alpha * self.scale.log() - (self.alpha + 1) * value.log()
        return density.masked_fill(value < self.scale, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return 1 - (self.scale / value) ** self.alpha

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (1 - value) ** (-1 / self.alpha)

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha
