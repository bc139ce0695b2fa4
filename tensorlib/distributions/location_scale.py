"""Distributions that are one distribution, moved and stretched: Laplace, Cauchy, Gumbel, and Student's."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.distributions.exponential import EULER_GAMMA
from tensorlib.distributions.gamma import Chi2
from tensorlib.distributions.normal import standard_normal
from tensorlib.tensor import Tensor


class Laplace(Distribution):
    """Laplace distributions, exponential on both sides.

    Args:
        loc: means, a tensor or a number.
        scale: mean distances from them, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Laplace(0.0, 1.0).variance
        tensor(2.)
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
        return 2 * self.scale**2

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return self.loc + self.scale * drawn(lambda source: source.laplace(size=shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return -(2 * self.scale).log() - (value - self.loc).abs() / self.scale

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        distance = (value - self.loc) / self.scale
        return 0.5 - 0.5 * distance.sign() * (-distance.abs()).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * (-2 * term.abs()).log1p()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()


class Cauchy(Distribution):
    """Cauchy distributions, whose tails are so long that there is no mean.

    Args:
        loc: medians, a tensor or a number.
        scale: half widths at half of the maximum, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Cauchy(0.0, 1.0).cdf(tensorlib.tensor(1.0))
        tensor(0.7500)
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
        return self.loc * math.nan

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.loc * 0).masked_fill(self.scale > 0, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return self.loc + self.scale * drawn(lambda source: source.standard_cauchy(shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return -math.log(math.pi) - self.scale.log() - (((value - self.loc) / self.scale) ** 2).log1p()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return ((value - self.loc) / self.scale).atan() / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * (math.pi * (value - 0.5)).tan()

    def entropy(self) -> Tensor:
        return self.scale.log() + math.log(4 * math.pi)


class HalfCauchy(Distribution):
    """Distributions of the absolute values of Cauchy numbers of median 0.

    Args:
        scale: half widths of the Cauchy distributions, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.HalfCauchy(1.0).cdf(tensorlib.tensor(1.0))
        tensor(0.5000)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"scale": constraints.positive}
    scale: Tensor

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, scale=scale)

    @property
    def _of_both_signs(self) -> Cauchy:
        return Cauchy(0.0, self.scale, validate_args=False)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return self._of_both_signs.variance

    @property
    def mode(self) -> Tensor:
        return self.scale * 0

    @property
    def variance(self) -> Tensor:
        return self._of_both_signs.variance

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


class Gumbel(Distribution):
    """Gumbel distributions, of the maximum of many numbers.

    Args:
        loc: modes, a tensor or a number.
        scale: widths, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Gumbel(0.0, 1.0).mean
        tensor(0.5772)
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
        return self.loc + self.scale * EULER_GAMMA

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return self.loc + self.scale * drawn(lambda source: source.gumbel(size=shape), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        distance = (self.loc - value) / self.scale
        return distance - distance.exp() - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return (-((self.loc - value) / self.scale).exp()).exp()

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc - self.scale * (-value.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER_GAMMA)


class StudentT(Distribution):
    """Student's t-distributions.

    Args:
        df: degrees of freedom, positive.
        loc: centres, a tensor or a number.
        scale: widths, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.StudentT(4.0).variance
        tensor(2.)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    df: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self._keep(validate_args, df=df, loc=loc, scale=scale)

    @property
    def support(self) -> Constraint:
        return constraints.real

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        variance = self.scale**2 * self.df / (self.df - 2)
        return variance.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        squares = Chi2(self.df, validate_args=False).rsample(sample_shape)
        return self.loc + self.scale * standard_normal(shape, self.loc) * (squares / self.df).rsqrt()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        half = self.df / 2
        squares = ((value - self.loc) / self.scale) ** 2
        normalizer = (half + 0.5).lgamma() - half.lgamma() - 0.5 * (math.pi * self.df).log() - self.scale.log()
        return normalizer - (half + 0.5) * (squares / self.df).log1p()

    def entropy(self) -> Tensor:
        half = self.df / 2
        log_beta = half.lgamma() + math.lgamma(0.5) - (half + 0.5).lgamma()
        slope = (half + 0.5).digamma() - half.digamma()
        return self.scale.log() + (half + 0.5) * slope + 0.5 * self.df.log() + log_beta
