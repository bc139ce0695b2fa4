"""Distributions of counts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn, on_host
from tensorlib.distributions.parameters import BinaryProbabilities, given_one, softplus
from tensorlib.errors import ArgumentError
from tensorlib.spacing import arange
from tensorlib.tensor import Tensor


class Poisson(Distribution):
    """Poisson distributions: of the number of events that come at a constant rate.

    Args:
        rate: means, not negative.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Poisson(3.0).variance
        tensor(3.)
    """

    arg_constraints: ClassVar[Constraints] = {"rate": constraints.nonnegative}
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, rate=rate)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        rates = on_host(self.rate, self._shape_of(sample_shape))
        return drawn(lambda source: source.poisson(rates), self.rate)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return value.xlogy(self.rate) - self.rate - (value + 1).lgamma()


class Binomial(BinaryProbabilities, Distribution):
    """Binomial distributions: of the number of successes among independent trials.

    Args:
        total_count: numbers of trials, a tensor or a number.
        probs: probabilities of a success.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Binomial(4, 0.25).mean
        tensor(1.)
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[Constraints] = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    total_count: Tensor

    def __init__(
        self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name = given_one("Binomial", probs, logits)
        self._keep(validate_args, **{name: probs if name == "probs" else logits}, total_count=total_count)

    @property
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        counts, probs = on_host(self.total_count, shape).astype(numpy.int64), on_host(self.probs, shape)
        return drawn(lambda source: source.binomial(counts, probs), self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        n = self.total_count
        ways = (n + 1).lgamma() - (value + 1).lgamma() - (n - value + 1).lgamma()
        return ways + value * self.logits - n * softplus(self.logits)

    def entropy(self) -> Tensor:
        log_prob = self.log_prob(self.enumerate_support())
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max())
        if not (self.total_count == most).all():
            raise NotImplementedError("Binomial: needs the same total_count in all the batch for enumerate_support")
        return self._values(arange(most + 1, dtype=self.probs.dtype, device=self.probs.device), expand)


class Geometric(BinaryProbabilities, Distribution):
    """Geometric distributions: of the number of failures before the first success.

    Args:
        probs: probabilities of a success, above 0.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Geometric(0.25).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[Constraints] = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name = given_one("Geometric", probs, logits)
        self._keep(validate_args, **{name: probs if name == "probs" else logits})
        if self._validate_args and name == "probs" and not (self.probs > 0).all():
            raise ArgumentError("Geometric: probs must be above 0")

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return self.probs * 0

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        probs = on_host(self.probs, self._shape_of(sample_shape))
        return drawn(lambda source: source.geometric(probs) - 1, self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return value.xlogy(1 - self.probs) + self.probs.log()

    def entropy(self) -> Tensor:
        return (softplus(self.logits) - self.probs * self.logits) / self.probs


class NegativeBinomial(BinaryProbabilities, Distribution):
    """Distributions of the number of successes before a given number of failures.

    Args:
        total_count: numbers of failures; they need not be integers.
        probs: probabilities of a success, below 1.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.NegativeBinomial(3, 0.5).mean
        tensor(3.)
    """

    arg_constraints: ClassVar[Constraints] = {
        "total_count": constraints.nonnegative,
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    total_count: Tensor

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name = given_one("NegativeBinomial", probs, logits)
        self._keep(validate_args, **{name: probs if name == "probs" else logits}, total_count=total_count)

    @property
    def support(self) -> Constraint:
        return constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        counts, odds = on_host(self.total_count, shape), on_host(self.logits.exp(), shape)
        return drawn(lambda source: source.poisson(source.standard_gamma(counts) * odds), self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        n = self.total_count
        ways = (n + value).lgamma() - (value + 1).lgamma() - n.lgamma()
        chance = -n * softplus(self.logits) - value * softplus(-self.logits)
        return chance + ways.masked_fill(n + value == 0, 0)
