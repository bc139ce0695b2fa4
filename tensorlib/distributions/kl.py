"""Kullback-Leibler divergences, found by the types of two distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tensorlib.distributions.distribution import Distribution
from tensorlib.tensor import Tensor

Divergence = TypeVar("Divergence", bound=Callable[[Any, Any], Tensor])

_REGISTERED: dict[tuple[type[Distribution], type[Distribution]], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type[Distribution], type_q: type[Distribution]) -> Callable[[Divergence], Divergence]:
    """Return a decorator for the function that `kl_divergence` calls for distributions of two types.

    Where several fit, that for the nearest base class of p, then of q, is called.

    Raises:
        TypeError: one is no class of distributions.

    Example:
        >>> from tensorlib.distributions import Normal, register_kl
        >>> class Point(Normal): pass
        >>> @register_kl(Point, Normal)
        ... def from_point(p, q):
        ...     return -q.log_prob(p.loc)
    """
    for given in (type_p, type_q):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise TypeError(f"register_kl: needs two classes of distributions, not {given!r}")

    def register(function: Divergence) -> Divergence:
        _REGISTERED[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return the Kullback-Leibler divergence of p from q: the mean, under p, of `log p(x) - log q(x)`.

    Args:
        p: distributions.
        q: distributions whose batch shape broadcasts with that of p.

    Raises:
        NotImplementedError: no function is registered for the two types.

    Example:
        >>> from tensorlib.distributions import Normal, kl_divergence
        >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
        tensor(0.5000)
    """
    for type_p in type(p).__mro__:
        for type_q in type(q).__mro__:
            if (type_p, type_q) in _REGISTERED:
                return _REGISTERED[type_p, type_q](p, q)
    raise NotImplementedError(f"kl_divergence: none is known of {type(p).__name__} from {type(q).__name__}")
