"""Gamma distributions, and what is made of them."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.gamma_samples import standard_gamma
from tensorlib.distributions.parameters import smallest
from tensorlib.tensor import Tensor


class Gamma(Distribution):
    """Gamma distributions.

    Args:
        concentration: shape parameters, positive.
        rate: inverses of the scale, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Gamma(3.0, 2.0).mean
        tensor(1.5000)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"concentration": constraints.positive, "rate": constraints.positive}
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, concentration=concentration, rate=rate)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        samples = standard_gamma(self.concentration.expand(shape)) / self.rate
        return samples.clamp(min=smallest(samples))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        a, rate = self.concentration, self.rate
        return a.xlogy(rate) + (a - 1).xlogy(value) - rate * value - a.lgamma()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return self.concentration.igamma(self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()


class Chi2(Gamma):
    """Distributions of the sum of squares of normal numbers of mean 0 and variance 1.

    Args:
        df: degrees of freedom, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Chi2(3.0).variance
        tensor(6.)
    """

    arg_constraints: ClassVar[Constraints] = {"df": constraints.positive}
    df: Tensor

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, df=df)

    @property
    def concentration(self) -> Tensor:  # type: ignore[override]
        """Shape parameters."""
        return self.df / 2

    @property
    def rate(self) -> Tensor:  # type: ignore[override]
        """Inverses of the scale."""
        return (self.df * 0 + 0.5).detach()


class InverseGamma(Distribution):
    """Distributions of the reciprocals of gamma numbers.

    Args:
        concentration: shape parameters, positive.
        rate: inverses of the scale of the gamma distributions, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.InverseGamma(3.0, 2.0).mean
        tensor(1.)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"concentration": constraints.positive, "rate": constraints.positive}
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, concentration=concentration, rate=rate)

    @property
    def _of_reciprocals(self) -> Gamma:
        return Gamma(self.concentration, self.rate, validate_args=False)

    @property
    def support(self) -> Constraint:
        return constraints.positive

    @property
    def mean(self) -> Tensor:
        return (self.rate / (self.concentration - 1)).masked_fill(self.concentration <= 1, float("inf"))

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return (self.rate**2 / ((a - 1) ** 2 * (a - 2))).masked_fill(a <= 2, float("inf"))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return 1 / self._of_reciprocals.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._of_reciprocals.log_prob(1 / value) - 2 * value.log()

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        return self.concentration.igammac(self.rate / value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()


class FisherSnedecor(Distribution):
    """F-distributions: of the ratio of two chi-squared numbers, each divided by its degrees of freedom.

    Args:
        df1: degrees of freedom of the numerator, positive.
        df2: degrees of freedom of the denominator, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.FisherSnedecor(1.0, 4.0).mean
        tensor(2.)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"df1": constraints.positive, "df2": constraints.positive}
    df1: Tensor
    df2: Tensor

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, df1=df1, df2=df2)

    @property
    def support(self) -> Constraint:
        return constraints.positive

    @property
    def mean(self) -> Tensor:
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, float("nan"))

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, float("nan"))

    @property
    def variance(self) -> Tensor:
        df1, df2 = self.df1, self.df2
        variance = 2 * df2**2 * (df1 + df2 - 2) / (df1 * (df2 - 2) ** 2 * (df2 - 4))
        return variance.masked_fill(df2 <= 4, float("nan"))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        numerator, denominator = (
            Gamma(df / 2, df / 2, validate_args=False).expand(shape).rsample() for df in (self.df1, self.df2)
        )
        samples = numerator / denominator
        return samples.clamp(min=smallest(samples))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        half1, half2, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        normalizer = (half1 + half2).lgamma() - half1.lgamma() - half2.lgamma()
        return normalizer + half1 * ratio.log() + (half1 - 1) * value.log() - (half1 + half2) * (ratio * value).log1p()
