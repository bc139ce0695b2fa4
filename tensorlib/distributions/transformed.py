"""Distributions of functions of samples."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

from tensorlib.autograd.modes import no_grad
from tensorlib.dims import as_shape
from tensorlib.distributions.composed_transforms import ComposeTransform
from tensorlib.distributions.constraints import Constraint, independent
from tensorlib.distributions.distribution import Distribution
from tensorlib.distributions.independent import Independent, summed
from tensorlib.distributions.transform import Transform
from tensorlib.errors import ShapeError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class TransformedDistribution(Distribution):
    """Distributions of the values that functions take at samples.

    Args:
        base_distribution: distributions of the arguments.
        transforms: a function, or several that are called one after the other.
        validate_args: check arguments.

    Raises:
        ShapeError: the samples have too few dimensions.

    Example:
        >>> from tensorlib.distributions import ExpTransform, Normal, TransformedDistribution
        >>> log_normal = TransformedDistribution(Normal(0.0, 1.0), ExpTransform())
        >>> log_normal.log_prob(tensorlib.tensor(1.0))
        tensor(-0.9189)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        whole = ComposeTransform(self.transforms)
        shape = base_distribution.batch_shape + base_distribution.event_shape
        if len(shape) < whole.domain.event_dim:
            raise ShapeError(f"TransformedDistribution: samples of {shape} have too few dimensions for {whole}")
        values = whole.forward_shape(shape)
        shape = whole.inverse_shape(values)  # of parameters of functions that broadcast with the samples
        base_distribution = base_distribution.expand(shape[: len(shape) - len(base_distribution.event_shape)])
        taken = max(whole.domain.event_dim - len(base_distribution.event_shape), 0)
        self.base_dist = Independent(base_distribution, taken) if taken else base_distribution
        events = whole.codomain.event_dim + max(len(self.base_dist.event_shape) - whole.domain.event_dim, 0)
        super().__init__(values[: len(values) - events], values[len(values) - events :], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples have gradients."""
        return self.base_dist.has_rsample

    @property
    def support(self) -> Constraint:
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        return independent(last, len(self.event_shape) - last.event_dim)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        events = len(self.event_shape)
        density: Any = 0.0
        for transform in reversed(self.transforms):
            argument = transform._inverse_call(value)
            events += transform.domain.event_dim - transform.codomain.event_dim
            stretch = transform.log_abs_det_jacobian(argument, value)
            density = density - summed(stretch, events - transform.domain.event_dim)
            value = argument
        total: Tensor = density + summed(self.base_dist.log_prob(value), events - len(self.base_dist.event_shape))
        return total

    def cdf(self, value: Tensor) -> Tensor:
        self._checked(value, "cdf")
        for transform in reversed(self.transforms):
            value = transform._inverse_call(value)
        return self._from_below(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._transformed(self.base_dist.icdf(self._from_below(value)))

    def _from_below(self, chance: Tensor) -> Tensor:
        """Turn probabilities around where the function is falling."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        turned: Tensor = sign * (chance - 0.5) + 0.5
        return turned

    def expand(self, batch_shape: Any) -> Self:
        shape = Size(as_shape("expand", batch_shape)) + self.event_shape
        for transform in reversed(self.transforms):
            shape = transform.inverse_shape(shape)
        base = self.base_dist
        batch = shape[: len(shape) - len(base.event_shape)]
        expanded = copy.copy(self)
        TransformedDistribution.__init__(expanded, base.expand(batch), self.transforms, self._validate_args)
        return expanded

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.transforms})"
