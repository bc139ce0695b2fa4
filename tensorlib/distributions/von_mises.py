"""Distributions of angles."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.distribution import Constraints, Distribution
from tensorlib.distributions.drawing import drawn, on_host
from tensorlib.special import i0e, i1e
from tensorlib.tensor import Tensor


class VonMises(Distribution):
    """Von Mises distributions, which are to angles what normal distributions are to numbers.

    Args:
        loc: mean angles, a tensor or a number.
        concentration: how close angles are to them, positive.
        validate_args: check arguments.

    Example:
        >>> tensorlib.distributions.VonMises(0.0, 1.0).log_prob(tensorlib.tensor(0.0))
        tensor(-1.0738)
    """

    arg_constraints: ClassVar[Constraints] = {"loc": constraints.real, "concentration": constraints.positive}
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._keep(validate_args, loc=loc, concentration=concentration)

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
        """The circular variance: one minus the length of the mean of the directions as unit vectors."""
        variance: Tensor = 1 - i1e(self.concentration) / i0e(self.concentration)
        return variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape_of(sample_shape)
        loc, concentration = on_host(self.loc, shape), on_host(self.concentration, shape)
        return drawn(lambda source: source.vonmises(loc, concentration), self.loc)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        # The cosine less one, as i0e has the factor exp(-concentration).
        density: Tensor = self.concentration * ((value - self.loc).cos() - 1) - i0e(self.concentration).log()
        return density - math.log(2 * math.pi)
