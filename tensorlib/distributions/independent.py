"""Batches taken for single distributions."""

from __future__ import annotations

from typing import Any, Self

from tensorlib.dims import as_shape
from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Distribution
from tensorlib.errors import ArgumentError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


def summed(tensor: Tensor, dims: int) -> Tensor:
    """Return the sums over the last dimensions, of which there are `dims`."""
    return tensor.sum(tuple(range(-dims, 0))) if dims else tensor


class Independent(Distribution):
    """Distributions of vectors or arrays whose parts are independent: the last dimensions of a batch, taken together.

    Args:
        base_distribution: a batch of distributions.
        reinterpreted_batch_ndims: how many of the last dimensions of its batch become dimensions of events.
        validate_args: check arguments.

    Example:
        >>> normals = tensorlib.distributions.Normal(tensorlib.zeros(2, 3), 1.0)
        >>> vectors = tensorlib.distributions.Independent(normals, 1)
        >>> vectors.batch_shape, vectors.event_shape, vectors.log_prob(tensorlib.zeros(2, 3))
        (tensorlib.Size([2]), tensorlib.Size([3]), tensor([-2.7568, -2.7568]))
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch = base_distribution.batch_shape
        if not 0 <= reinterpreted_batch_ndims <= len(batch):
            raise ArgumentError(
                f"Independent: cannot take {reinterpreted_batch_ndims} dimensions of the batch shape {tuple(batch)}"
            )
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        kept = len(batch) - reinterpreted_batch_ndims
        super().__init__(batch[:kept], batch[kept:] + base_distribution.event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether samples have gradients."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the support can be enumerated."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @property
    def support(self) -> Constraint:
        return constraints.independent(self.base_dist.support, self.reinterpreted_batch_ndims)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return summed(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return summed(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Independent: the values of several parts together are not enumerated")
        return self.base_dist.enumerate_support(expand)

    def expand(self, batch_shape: Any) -> Self:
        shape = Size(as_shape("expand", batch_shape))
        parts = self.event_shape[: self.reinterpreted_batch_ndims]
        return type(self)(self.base_dist.expand(shape + parts), self.reinterpreted_batch_ndims, self._validate_args)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
