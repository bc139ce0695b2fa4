"""Beta and Dirichlet distributions: of gamma numbers divided by their sum."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint, independent
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.gamma_samples import standard_gamma
from tensorlib.distributions.parameters import as_parameters, ones_at, smallest
from tensorlib.errors import ShapeError
from tensorlib.ops.joining import stack
from tensorlib.ops.selection import where
from tensorlib.tensor import Tensor


class Dirichlet(Distribution):
    """Distributions of probabilities of K categories.

    Gradients of samples are those of the gamma numbers that they are made of.

    Args:
        concentration: parameters of shape (..., K), positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Dirichlet(tensorlib.tensor([1.0, 3.0])).mean
        tensor([0.2500, 0.7500])
    """

    has_rsample = True
    arg_constraints: ClassVar[Constraints] = {"concentration": independent(constraints.positive, 1)}

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        (self.concentration,) = as_parameters("Dirichlet", concentration)
        if not self.concentration.ndim:
            raise ShapeError("Dirichlet: concentration needs a last dimension of categories, not the shape ()")
        shape = self.concentration.shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def support(self) -> Constraint:
        return constraints.simplex

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0)
        corner = ones_at(self.concentration.argmax(-1), self.event_shape[0], above.dtype)
        without_peak = (self.concentration < 1).all(-1, keepdim=True)
        mode: Tensor = where(without_peak, corner, above / above.sum(-1, keepdim=True))
        return mode

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        # In float64, as the gamma numbers of small parameters are far below what float32 holds.
        parts = standard_gamma(self.concentration.double().expand(self._shape_of(sample_shape)))
        samples = (parts / parts.sum(-1, keepdim=True)).to(self.concentration.dtype)
        return samples.clamp(min=smallest(samples))

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        a = self.concentration
        return (a - 1).xlogy(value).sum(-1) + a.sum(-1).lgamma() - a.lgamma().sum(-1)

    def entropy(self) -> Tensor:
        a = self.concentration
        total = a.sum(-1)
        normalizer = a.lgamma().sum(-1) - total.lgamma()
        entropy: Tensor = normalizer + (total - self.event_shape[0]) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)
        return entropy


class Beta(Distribution):
    """Distributions of a probability.

    Args:
        concentration1: exponents of the probability, positive.
        concentration0: exponents of one minus the probability, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.Beta(1.0, 3.0).mean
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
    def _of_both(self) -> Dirichlet:
        return Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def support(self) -> Constraint:
        return constraints.unit_interval

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._of_both.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._of_both.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        return self._of_both.log_prob(stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._of_both.entropy()
