"""Invertible functions, with the logarithms of how much they stretch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorlib.creation import tensor
from tensorlib.distributions import constraints
from tensorlib.distributions.composed_transforms import ComposeTransform as ComposeTransform
from tensorlib.distributions.composed_transforms import IndependentTransform as IndependentTransform
from tensorlib.distributions.composed_transforms import ReshapeTransform as ReshapeTransform
from tensorlib.distributions.composed_transforms import identity_transform as identity_transform
from tensorlib.distributions.independent import summed
from tensorlib.distributions.parameters import softplus
from tensorlib.distributions.transform import Transform as Transform
from tensorlib.ops.broadcasting import broadcast_shapes
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class _Rising(Transform):
    @property
    def sign(self) -> Any:
        return 1


class ExpTransform(_Rising):
    """The exponential function.

    Example:
        >>> tensorlib.distributions.ExpTransform()(tensorlib.tensor(0.0))
        tensor(1.)
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class SigmoidTransform(_Rising):
    """The function `1 / (1 + exp(-x))`.

    Example:
        >>> tensorlib.distributions.SigmoidTransform()(tensorlib.tensor(0.0))
        tensor(0.5000)
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.logit()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class TanhTransform(_Rising):
    """The hyperbolic tangent; `cache_size=1` keeps `log_prob` exact where values come close to 1.

    Example:
        >>> tensorlib.distributions.TanhTransform().inv(tensorlib.tensor(0.0))
        tensor(0.)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - softplus(-2 * x))


class SoftplusTransform(_Rising):
    """The function `log(1 + exp(x))`.

    Example:
        >>> tensorlib.distributions.SoftplusTransform()(tensorlib.tensor(0.0))
        tensor(0.6931)
    """

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return y + (-(-y).expm1()).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class PowerTransform(Transform):
    """The power of a positive number.

    Args:
        exponent: a tensor or a number, not 0.
        cache_size: 1 keeps the last argument and value.

    Example:
        >>> tensorlib.distributions.PowerTransform(2).inv(tensorlib.tensor(9.0))
        tensor(3.)
    """

    domain = constraints.positive
    codomain = constraints.positive

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent: Tensor | float = exponent

    @property
    def sign(self) -> Any:
        return _sign(self.exponent)

    def _call(self, x: Tensor) -> Tensor:
        return x**self.exponent

    def _inverse(self, y: Tensor) -> Tensor:
        return y ** (1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return _broadcast(shape, self.exponent)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return _broadcast(shape, self.exponent)


class AffineTransform(Transform):
    """The function `loc + scale * x`.

    Args:
        loc: a tensor or a number.
        scale: a tensor or a number, not 0.
        event_dim: how many of the last dimensions make up one value.
        cache_size: 1 keeps the last argument and value.

    Example:
        >>> tensorlib.distributions.AffineTransform(1.0, 2.0)(tensorlib.tensor(3.0))
        tensor(7.)
    """

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc: Tensor | float = loc
        self.scale: Tensor | float = scale
        self.event_dim = event_dim
        self.domain = self.codomain = constraints.independent(constraints.real, event_dim)

    @property
    def sign(self) -> Any:
        return _sign(self.scale)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        scale = self.scale if isinstance(self.scale, Tensor) else tensor(self.scale, dtype=x.dtype, device=x.device)
        return summed(scale.expand(self.forward_shape(x.shape)).abs().log(), self.event_dim)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return _broadcast(shape, self.loc, self.scale)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return _broadcast(shape, self.loc, self.scale)


def _broadcast(shape: Sequence[int], *parameters: Any) -> Size:
    return broadcast_shapes(tuple(shape), *[tuple(getattr(parameter, "shape", ())) for parameter in parameters])


def _sign(value: Any) -> Any:
    return value.sign() if isinstance(value, Tensor) else (value > 0) - (value < 0)


class AbsTransform(Transform):
    """The absolute value; of the two arguments of a value, the inverse is the positive one.

    Example:
        >>> tensorlib.distributions.AbsTransform()(tensorlib.tensor(-3.0))
        tensor(3.)
    """

    bijective = False
    codomain = constraints.nonnegative

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y
