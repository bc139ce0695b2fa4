"""Special functions, under the names of `torch.special`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.namespace import members

_SAME = (
    *("digamma", "erf", "erfc", "erfinv", "exp2", "expm1", "i0", "log1p", "log_softmax", "logit", "logsumexp"),
    *("polygamma", "round", "sinc", "softmax", "xlogy"),
)
_MEMBERS = members(
    "special",
    {
        **{name: name for name in _SAME},
        "expit": "sigmoid",
        "gammainc": "igamma",
        "gammaincc": "igammac",
        "gammaln": "lgamma",
        "multigammaln": "mvlgamma",
        "psi": "digamma",
    },
)
__all__ = sorted(_MEMBERS)


def __getattr__(name: str) -> Callable[..., Any]:
    """Find a function of this namespace."""
    if name not in _MEMBERS:
        raise AttributeError(f"module 'tensorlib.special' has no attribute {name!r}")
    return _MEMBERS[name]


def __dir__() -> list[str]:
    return sorted(_MEMBERS)
