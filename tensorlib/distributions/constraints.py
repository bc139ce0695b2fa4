"""Sets in which parameters and samples of distributions lie."""

from __future__ import annotations

import math
from collections.abc import Callable

from tensorlib.tensor import Tensor

_ROUNDING = 1e-6  # by how much the sum of probabilities may differ from 1


class Constraint:
    """A set of values.

    Args:
        name: how it is printed.
        test: tells of a tensor, elementwise or per event, whether the values lie in the set.
        event_dim: how many of the last dimensions make up one value.
        is_discrete: it holds integers only.

    Example:
        >>> tensorlib.distributions.constraints.positive.check(tensorlib.tensor([0.0, 1.0]))
        tensor([False,  True])
    """

    def __init__(
        self, name: str, test: Callable[[Tensor], Tensor], event_dim: int = 0, is_discrete: bool = False
    ) -> None:
        self._name = name
        self._test = test
        self.event_dim = event_dim
        self.is_discrete = is_discrete

    def check(self, value: Tensor) -> Tensor:
        """Return a bool tensor that tells, for each event, whether it lies in the set."""
        return self._test(value)

    def __repr__(self) -> str:
        return self._name


def interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Return the set of the numbers from a lower to an upper bound, both included."""
    return Constraint(
        f"interval({_shown(lower_bound)}, {_shown(upper_bound)})", lambda x: (x >= lower_bound) & (x <= upper_bound)
    )


def half_open_interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Return the set of the numbers from a lower bound up to but without an upper one."""
    name = f"half_open_interval({_shown(lower_bound)}, {_shown(upper_bound)})"
    return Constraint(name, lambda x: (x >= lower_bound) & (x < upper_bound))


def integer_interval(lower_bound: float | Tensor, upper_bound: float | Tensor) -> Constraint:
    """Return the set of the integers from a lower to an upper bound, both included."""
    name = f"integer_interval({_shown(lower_bound)}, {_shown(upper_bound)})"
    return Constraint(name, lambda x: _whole(x) & (x >= lower_bound) & (x <= upper_bound), is_discrete=True)


def greater_than(lower_bound: float | Tensor) -> Constraint:
    """Return the set of the numbers above a bound."""
    return Constraint(f"greater_than({_shown(lower_bound)})", lambda x: x > lower_bound)


def greater_than_eq(lower_bound: float | Tensor) -> Constraint:
    """Return the set of the numbers that are not below a bound."""
    return Constraint(f"greater_than_eq({_shown(lower_bound)})", lambda x: x >= lower_bound)


def less_than(upper_bound: float | Tensor) -> Constraint:
    """Return the set of the numbers below a bound."""
    return Constraint(f"less_than({_shown(upper_bound)})", lambda x: x < upper_bound)


def multinomial(upper_bound: int) -> Constraint:
    """Return the set of the counts, along the last dimension, of `upper_bound` events."""

    def test(x: Tensor) -> Tensor:
        return (_whole(x) & (x >= 0)).all(-1) & (x.sum(-1) == upper_bound)

    return Constraint(f"multinomial({_shown(upper_bound)})", test, event_dim=1, is_discrete=True)


def independent(base_constraint: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """Return the set of events all of whose parts, along the last dimensions, lie in a set."""
    dims = tuple(range(-reinterpreted_batch_ndims, 0))
    return Constraint(
        f"independent({base_constraint}, {reinterpreted_batch_ndims})",
        lambda x: base_constraint.check(x).all(dims) if dims else base_constraint.check(x),
        base_constraint.event_dim + reinterpreted_batch_ndims,
        base_constraint.is_discrete,
    )


def _shown(bound: float | Tensor) -> str:
    if isinstance(bound, Tensor):
        return str(bound.item()) if bound.numel() == 1 else f"tensor of shape {tuple(bound.shape)}"
    return str(bound)


def _whole(x: Tensor) -> Tensor:
    return x.round() == x


def _is_simplex(x: Tensor) -> Tensor:
    return (x >= 0).all(-1) & ((x.sum(-1) - 1).abs() < _ROUNDING)


def _is_one_hot(x: Tensor) -> Tensor:
    return ((x == 0) | (x == 1)).all(-1) & (x.sum(-1) == 1)


def _is_lower_cholesky(x: Tensor) -> Tensor:
    return (x.tril() == x).flatten(-2).all(-1) & (x.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


def _is_positive_definite(x: Tensor) -> Tensor:
    from tensorlib.linalg import cholesky_ex

    symmetric = ((x - x.mT).abs() <= _ROUNDING).flatten(-2).all(-1)
    found: Tensor = symmetric & (cholesky_ex(x).info == 0)
    return found


def _is_number(x: Tensor) -> Tensor:
    return ~x.isnan()


real = Constraint("real", _is_number)
real_vector = independent(real, 1)
boolean = Constraint("boolean", lambda x: (x == 0) | (x == 1), is_discrete=True)
positive = Constraint("positive", lambda x: x > 0)
nonnegative = Constraint("nonnegative", lambda x: x >= 0)
unit_interval = Constraint("unit_interval", lambda x: (x >= 0) & (x <= 1))
positive_integer = Constraint("positive_integer", lambda x: _whole(x) & (x >= 1), is_discrete=True)
nonnegative_integer = Constraint("nonnegative_integer", lambda x: _whole(x) & (x >= 0), is_discrete=True)
simplex = Constraint("simplex", _is_simplex, event_dim=1)
one_hot = Constraint("one_hot", _is_one_hot, event_dim=1, is_discrete=True)
lower_cholesky = Constraint("lower_cholesky", _is_lower_cholesky, event_dim=2)
positive_definite = Constraint("positive_definite", _is_positive_definite, event_dim=2)
finite = Constraint("finite", lambda x: x.abs() < math.inf)
