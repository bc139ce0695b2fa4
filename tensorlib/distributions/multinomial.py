"""Multinomial distributions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.categorical import Categorical, normalized
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.counts import Binomial
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn, on_host
from tensorlib.distributions.parameters import CategoryProbabilities
from tensorlib.errors import ArgumentError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class Multinomial(CategoryProbabilities, Distribution):
    """Distributions of how often each of K categories comes in independent trials.

    Args:
        total_count: the number of trials, one for the whole batch.
        probs: weights of shape (..., K), not negative; they are divided by their sum.
        logits: logarithms of weights, instead.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Multinomial(4, tensorlib.tensor([1.0, 3.0])).mean
        tensor([1., 3.])
    """

    arg_constraints: ClassVar[Constraints] = Categorical.arg_constraints

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("Multinomial: total_count must be one integer for the whole batch")
        if total_count < 0:
            raise ArgumentError(f"Multinomial: total_count must not be negative, {total_count} is")
        self.total_count = total_count
        name, given = normalized("Multinomial", probs, logits)
        vars(self)[name] = given
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    @property
    def param_shape(self) -> Size:
        """Shape of the probabilities."""
        return self.probs.shape

    @property
    def support(self) -> Constraint:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        probs = on_host(self.probs, self._shape_of(sample_shape))
        probs = probs / probs.sum(-1, keepdims=True)
        return drawn(lambda source: source.multinomial(self.total_count, probs), self.probs)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        logits = self.logits.masked_fill((value == 0) & (self.logits == -math.inf), 0)
        ways = (value.sum(-1) + 1).lgamma() - (value + 1).lgamma().sum(-1)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        """Return the entropies, by the expected logarithms of the factorials, each count being binomial."""
        counts = Binomial(self.total_count, self.probs, validate_args=False)
        values = counts.enumerate_support(expand=False)
        factorials = (counts.log_prob(values).exp() * (values + 1).lgamma()).sum((0, -1))
        categories = Categorical(self.probs, validate_args=False)
        return self.total_count * categories.entropy() - math.lgamma(self.total_count + 1) + factorials
