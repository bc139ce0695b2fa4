"""Mixtures of distributions of one family."""

from __future__ import annotations

from typing import Any, Self

from tensorlib.autograd.modes import no_grad
from tensorlib.dims import as_shape
from tensorlib.distributions.categorical import Categorical
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Distribution
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class MixtureSameFamily(Distribution):
    """Distributions of samples of one of K distributions, which is chosen anew for each.

    Args:
        mixture_distribution: a Categorical over the K components.
        component_distribution: distributions whose last dimension of the batch are the components.
        validate_args: check arguments.

    Raises:
        ArgumentError: the first is no Categorical.
        ShapeError: the batches do not fit.

    Example:
        >>> from tensorlib.distributions import Categorical, MixtureSameFamily, Normal
        >>> two = MixtureSameFamily(Categorical(tensorlib.ones(2)), Normal(tensorlib.tensor([-1.0, 1.0]), 1.0))
        >>> two.mean, two.variance
        (tensor(0.), tensor(2.))
    """

    def __init__(
        self,
        mixture_distribution: Distribution,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            given = type(mixture_distribution).__name__
            raise ArgumentError(f"MixtureSameFamily: the mixture must be a Categorical, not {given}")
        batch = component_distribution.batch_shape
        count = mixture_distribution.param_shape[-1]
        if not batch or batch[-1] != count or mixture_distribution.batch_shape not in ((), batch[:-1]):
            raise ShapeError(
                f"MixtureSameFamily: components of batch shape {tuple(batch)} do not fit the probabilities "
                f"of shape {tuple(mixture_distribution.param_shape)}"
            )
        self.mixture_distribution = mixture_distribution.expand(batch[:-1])
        self.component_distribution = component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def support(self) -> Constraint:
        return self.component_distribution.support

    @property
    def _weights(self) -> Tensor:
        return self._beside_events(self.mixture_distribution.probs)

    def _beside_events(self, tensor: Tensor) -> Tensor:
        return tensor.reshape(*tensor.shape, *(1 for _ in self.event_shape))

    @property
    def _dim(self) -> int:
        """The dimension of the components, where those of events follow."""
        return -1 - len(self.event_shape)

    @property
    def mean(self) -> Tensor:
        mean: Tensor = (self._weights * self.component_distribution.mean).sum(self._dim)
        return mean

    @property
    def variance(self) -> Tensor:
        distance = self.component_distribution.mean - self.mean.unsqueeze(self._dim)
        variance: Tensor = (self._weights * (self.component_distribution.variance + distance**2)).sum(self._dim)
        return variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            samples = self.component_distribution.sample(sample_shape)
            chosen = self._beside_events(self.mixture_distribution.sample(sample_shape).unsqueeze(-1))
            shape = [*samples.shape]
            shape[self._dim] = 1
            return samples.gather(self._dim, chosen.expand(shape)).squeeze(self._dim)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        of_each = self.component_distribution.log_prob(value.unsqueeze(self._dim))
        return (of_each + self.mixture_distribution.logits).logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        of_each = self.component_distribution.cdf(value.unsqueeze(self._dim))
        chance: Tensor = (of_each * self.mixture_distribution.probs).sum(-1)
        return chance

    def expand(self, batch_shape: Any) -> Self:
        shape = Size(as_shape("expand", batch_shape))
        components = self.component_distribution.expand(shape + self.component_distribution.batch_shape[-1:])
        return type(self)(self.mixture_distribution.expand(shape), components, self._validate_args)

    def __repr__(self) -> str:
        return f"MixtureSameFamily({self.mixture_distribution}, {self.component_distribution})"
