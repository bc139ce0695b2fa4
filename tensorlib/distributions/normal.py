"""Normal distributions, and those of their exponentials and absolute values."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.special import ndtr, ndtri
from tensorlib.tensor import Tensor

LOG_ROOT_TWO_PI = math.log(2 * math.pi) / 2


def standard_normal(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Draw from the normal distribution of mean 0 and variance 1."""
    return drawn(lambda source: source.standard_normal(shape), like)


class Normal(Distribution):
    """Normal distributions.

    Args:
        loc: means, a tensor or a number.
        scale: standard deviations, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Normal(0.0, 1.0).log_prob(tensorlib.tensor(0.0))
        tensor(-0.9189)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"loc": constraints.real, "scale": constraints.positive}
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, loc=loc, scale=scale)

    @property
    def support(self) -> Constraint:
        return constraints.real

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    @property
    def stddev(self) -> Tensor:
        return self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * standard_normal(self._shape_of(sample_shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return -(((value - self.loc) / self.scale) ** 2) / 2 - self.scale.log() - LOG_ROOT_TWO_PI

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        found: Tensor = ndtr((value - self.loc) / self.scale)
        return found

    def icdf(self, value: Tensor) -> Tensor:
        found: Tensor = self.loc + self.scale * ndtri(value)
        return found

    def entropy(self) -> Tensor:
        return self.scale.log() + (LOG_ROOT_TWO_PI + 0.5)


class LogNormal(Distribution):
    """Distributions of numbers whose logarithms have normal distributions.

    Args:
        loc: means of the logarithms, a tensor or a number.
        scale: standard deviations of the logarithms, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.LogNormal(0.0, 1.0).mean
        tensor(1.6487)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"loc": constraints.real, "scale": constraints.positive}
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, loc=loc, scale=scale)

    @property
    def _of_logarithms(self) -> Normal:
        return Normal(self.loc, self.scale, validate_args=False)

    @property
    def support(self) -> Constraint:
        return constraints.positive

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        return (self.scale**2).expm1() * (2 * self.loc + self.scale**2).exp()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._of_logarithms.rsample(sample_shape).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        logarithm = value.log()
        return self._of_logarithms.log_prob(logarithm) - logarithm

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return self._of_logarithms.cdf(value.log())

    def icdf(self, value: Tensor) -> Tensor:
        return self._of_logarithms.icdf(value).exp()

    def entropy(self) -> Tensor:
        return self._of_logarithms.entropy() + self.loc


class HalfNormal(Distribution):
    """Distributions of the absolute values of normal numbers of mean 0.

    Args:
        scale: standard deviations of the normal distributions, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.HalfNormal(1.0).mean
        tensor(0.7979)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"scale": constraints.positive}
    scale: Tensor

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, scale=scale)

    @property
    def _of_both_signs(self) -> Normal:
        return Normal(0.0, self.scale, validate_args=False)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def mode(self) -> Tensor:
        return self.scale * 0

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._of_both_signs.rsample(sample_shape).abs()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        density = self._of_both_signs.log_prob(value) + math.log(2)
        return density.masked_fill(value < 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return 2 * self._of_both_signs.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self._of_both_signs.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self._of_both_signs.entropy() - math.log(2)
