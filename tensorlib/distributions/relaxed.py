"""Continuous relaxations of Bernoulli and one-hot distributions, whose samples have gradients.

They are the concrete distributions of Maddison, Mnih, Teh 2017, and of Jang, Gu, Poole 2017.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.categorical import Categorical, normalized
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn
from tensorlib.distributions.parameters import (
    BinaryProbabilities,
    CategoryProbabilities,
    as_parameters,
    given_one,
    softplus,
)
from tensorlib.distributions.transformed import TransformedDistribution
from tensorlib.distributions.transforms import ExpTransform, SigmoidTransform
from tensorlib.tensor import Tensor


class LogitRelaxedBernoulli(BinaryProbabilities, Distribution):
    """Distributions of the log-odds of relaxed Bernoulli numbers.

    Args:
        temperature: positive; the lower, the closer to 0 or 1.
        probs: probabilities of 1, a tensor or a number.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.LogitRelaxedBernoulli(1.0, 0.5).log_prob(tensorlib.tensor(0.0)).exp()
        tensor(0.2500)
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name = given_one(type(self).__name__, probs, logits)
        (self.temperature,) = as_parameters(type(self).__name__, temperature)
        self._keep(validate_args, **{name: probs if name == "probs" else logits})

    @property
    def support(self) -> Constraint:
        return constraints.real

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        return (self.logits + drawn(lambda source: source.logistic(size=shape), self.logits)) / self.temperature

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        difference = self.logits - value * self.temperature
        return self.temperature.log() + difference - 2 * softplus(difference)


class RelaxedBernoulli(TransformedDistribution):
    """Relaxed Bernoulli distributions: of numbers between 0 and 1.

    Args:
        temperature: positive; the lower, the closer to 0 or 1.
        probs: probabilities of 1, a tensor or a number.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.RelaxedBernoulli(1.0, 0.5).log_prob(tensorlib.tensor(0.3)).exp()
        tensor(1.0000)
    """

    base_dist: LogitRelaxedBernoulli

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.unit_interval

    @property
    def temperature(self) -> Tensor:
        """How close samples are to 0 or 1."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """Probability of 1."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """Log-odds of 1."""
        return self.base_dist.logits


class ExpRelaxedCategorical(CategoryProbabilities, Distribution):
    """Distributions of the logarithms of relaxed one-hot vectors.

    Args:
        temperature: positive; the lower, the closer to vectors of one 1.
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> logs = tensorlib.distributions.ExpRelaxedCategorical(1.0, tensorlib.ones(3)).sample()
        >>> tensorlib.allclose(logs.exp().sum(), tensorlib.tensor(1.0))
        True
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = Categorical.arg_constraints

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        name, given = normalized(type(self).__name__, probs, logits)
        (self.temperature,) = as_parameters(type(self).__name__, temperature)
        vars(self)[name] = given
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.real_vector

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        scores = (self.logits + drawn(lambda source: source.gumbel(size=shape), self.logits)) / self.temperature
        samples: Tensor = scores.log_softmax(-1)
        return samples

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        count = self.event_shape[0]
        scores: Tensor = (self.logits - value * self.temperature).log_softmax(-1).sum(-1)
        density: Tensor = scores + (count - 1) * self.temperature.log() + math.lgamma(count)
        return density


class RelaxedOneHotCategorical(TransformedDistribution):
    """Relaxed one-hot distributions: of probabilities of K categories.

    Args:
        temperature: positive; the lower, the closer to vectors of one 1.
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.RelaxedOneHotCategorical(1.0, tensorlib.ones(3)).event_shape
        tensorlib.Size([3])
    """

    base_dist: ExpRelaxedCategorical

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.simplex

    @property
    def temperature(self) -> Tensor:
        """How close samples are to vectors of one 1."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """Probabilities of the categories."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self.base_dist.logits
