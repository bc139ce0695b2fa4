"""Transforms made of others, and those that change shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.distributions.independent import summed
from tensorlib.distributions.transform import Transform
from tensorlib.errors import ShapeError
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class ReshapeTransform(Transform):
    """The same elements in another shape.

    Args:
        in_shape: shape of an argument, without the batch's.
        out_shape: shape of a value.
        cache_size: 1 keeps the last argument and value.

    Raises:
        ShapeError: the shapes hold different numbers of elements.

    Example:
        >>> tensorlib.distributions.ReshapeTransform((4,), (2, 2))(tensorlib.zeros(3, 4)).shape
        tensorlib.Size([3, 2, 2])
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ShapeError(f"ReshapeTransform: {self.in_shape} and {self.out_shape} hold different numbers")
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return Size((*self._batch(shape, self.in_shape), *self.out_shape))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return Size((*self._batch(shape, self.out_shape), *self.in_shape))

    def _batch(self, shape: Sequence[int], event: Size) -> tuple[int, ...]:
        batch = len(shape) - len(event)
        if batch < 0 or tuple(shape[batch:]) != event:
            raise ShapeError(f"ReshapeTransform: needs a shape that ends in {event}, not {tuple(shape)}")
        return tuple(shape[:batch])


class ComposeTransform(Transform):
    """Functions that are called one after the other.

    Args:
        parts: the functions, in the order in which they are called.
        cache_size: 1 keeps the last argument and value.

    Example:
        >>> from tensorlib.distributions import ComposeTransform, ExpTransform, PowerTransform
        >>> ComposeTransform([PowerTransform(2), ExpTransform()])(tensorlib.tensor(0.0))
        tensor(1.)
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.parts = list(parts)
        self.bijective = all(part.bijective for part in self.parts)
        self.domain, self.codomain = _ends(self.parts)

    @property
    def sign(self) -> Any:
        return math.prod(part.sign for part in self.parts)

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part._inverse_call(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        event_dim = self.domain.event_dim
        total = summed(x * 0, event_dim)
        for k, part in enumerate(self.parts):
            value = y if k == len(self.parts) - 1 else part(x)
            total = total + summed(part.log_abs_det_jacobian(x, value), event_dim - part.domain.event_dim)
            event_dim += part.codomain.event_dim - part.domain.event_dim
            x = value
        return total

    def forward_shape(self, shape: Sequence[int]) -> Size:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def __repr__(self) -> str:
        return f"ComposeTransform({self.parts})"


def _ends(parts: Sequence[Transform]) -> tuple[Constraint, Constraint]:
    """Return the domain and the codomain of functions called one after the other, with all dimensions of events."""
    if not parts:
        return constraints.real, constraints.real
    before = parts[-1].codomain.event_dim
    for part in reversed(parts):
        before = max(before + part.domain.event_dim - part.codomain.event_dim, part.domain.event_dim)
    after = before + sum(part.codomain.event_dim - part.domain.event_dim for part in parts)
    first, last = parts[0].domain, parts[-1].codomain
    return (
        constraints.independent(first, before - first.event_dim),
        constraints.independent(last, after - last.event_dim),
    )


class IndependentTransform(Transform):
    """A function of each part of values that have several dimensions.

    Args:
        base_transform: the function.
        reinterpreted_batch_ndims: how many further dimensions make up one value.
        cache_size: 1 keeps the last argument and value.

    Example:
        >>> from tensorlib.distributions import ExpTransform, IndependentTransform
        >>> IndependentTransform(ExpTransform(), 1).codomain
        independent(positive, 1)
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform = base_transform
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform._inverse_call(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return summed(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)


identity_transform = ComposeTransform([])
