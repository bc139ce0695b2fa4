"""Bernoulli distributions."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib.autograd.modes import no_grad
from tensorlib.creation import tensor
from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.parameters import BinaryProbabilities, given_one, softplus
from tensorlib.tensor import Tensor


class Bernoulli(BinaryProbabilities, Distribution):
    """Distributions of 1 with a given probability, and otherwise 0.

    Args:
        probs: probabilities of 1, a tensor or a number.
        logits: their log-odds, instead.
        validate_args: check arguments.

    Example:
        >>> coin = tensorlib.distributions.Bernoulli(0.25)
        >>> coin.mean, coin.log_prob(tensorlib.tensor(1.0)).exp()
        (tensor(0.2500), tensor(0.2500))
    """

    has_enumerate_support = True
    arg_constraints: ClassVar[Constraints] = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        name = given_one("Bernoulli", probs, logits)
        self._keep(validate_args, **{name: probs if name == "probs" else logits})

    @property
    def support(self) -> Constraint:
        return constraints.boolean

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs > 0.5).to(self.probs.dtype)
        return mode.masked_fill(self.probs == 0.5, float("nan"))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self.probs.expand(self._shape_of(sample_shape)).bernoulli()

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return value * self.logits - softplus(self.logits)

    def entropy(self) -> Tensor:
        return softplus(self.logits) - self.probs * self.logits

    def enumerate_support(self, expand: bool = True) -> Tensor:
        both = tensor([0.0, 1.0], dtype=self.probs.dtype, device=self.probs.device)
        return self._values(both, expand)
