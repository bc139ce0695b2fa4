"""What all transforms have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorlib.distributions import constraints
from tensorlib.distributions.constraints import Constraint
from tensorlib.errors import ArgumentError
from tensorlib.ops.comparison import equal
from tensorlib.size import Size
from tensorlib.tensor import Tensor


class Transform:
    """A function of tensors that can be inverted: call it, or its inverse `transform.inv`.

    Attributes:
        bijective: exactly one value is mapped to each.
        sign: 1 or -1 where it is rising or falling everywhere.
        domain: the set of arguments.
        codomain: the set of values.

    Args:
        cache_size: 1 keeps the last argument and value, so that inverting that value gives the very argument.

    Example:
        >>> exp = tensorlib.distributions.transforms.ExpTransform()
        >>> exp(tensorlib.tensor(0.0)), exp.inv(tensorlib.tensor(1.0))
        (tensor(1.), tensor(0.))
    """

    bijective = True
    domain: Constraint = constraints.real
    codomain: Constraint = constraints.real

    def __init__(self, cache_size: int = 0) -> None:
        if cache_size not in (0, 1):
            raise ArgumentError(f"{type(self).__name__}: cache_size must be 0 or 1, not {cache_size}")
        self._cache_size = cache_size
        self._last: tuple[Tensor, Tensor] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Return the function's value."""
        if self._last is not None and self._last[0] is x:
            return self._last[1]
        return self._remember(x, self._call(x))[1]

    def _inverse_call(self, y: Tensor) -> Tensor:
        if self._last is not None and self._last[1] is y:
            return self._last[0]
        return self._remember(self._inverse(y), y)[0]

    def _remember(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if self._cache_size:
            self._last = (x, y)
        return x, y

    @property
    def inv(self) -> Transform:
        """The inverse function."""
        return _Inverse(self)

    @property
    def sign(self) -> Any:
        """1 for a rising function, -1 for a falling one."""
        raise NotImplementedError(f"{type(self).__name__} has no sign")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the logarithm of the absolute determinant of the derivative at x, where the value is y."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian")

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no values")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no inverse")

    def forward_shape(self, shape: Sequence[int]) -> Size:
        """Return the shape of values for arguments of a shape."""
        return Size(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        """Return the shape of arguments for values of a shape."""
        return Size(shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        """Tell whether another transform is the same function: of the same class, made with the same arguments."""
        if type(self) is not type(other):
            return False
        pairs = [(value, vars(other).get(name)) for name, value in vars(self).items() if name not in NOT_COMPARED]
        return all(_are_equal(mine, theirs) for mine, theirs in pairs)

    __hash__ = object.__hash__


NOT_COMPARED = ("_cache_size", "_last", "domain", "codomain", "bijective")  # follow from the rest, or do not matter


def _are_equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
        return bool(equal(mine, theirs))
    return not isinstance(mine, Tensor) and not isinstance(theirs, Tensor) and bool(mine == theirs)


class _Inverse(Transform):
    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self._inv = transform
        self.bijective = transform.bijective
        self.domain, self.codomain = transform.codomain, transform.domain

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inverse_call(x)

    def _inverse_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    @property
    def inv(self) -> Transform:
        return self._inv

    @property
    def sign(self) -> Any:
        return self._inv.sign

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"{self._inv}.inv"
