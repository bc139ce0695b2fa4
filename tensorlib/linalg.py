"""Linear algebra, under the names of `torch.linalg`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.errors import LinAlgError as LinAlgError
from tensorlib.namespace import members

_MEMBERS = members("linalg", {"matmul": "matmul", "vander": "vander"})
__all__ = sorted([*_MEMBERS, "LinAlgError"])


def __getattr__(name: str) -> Callable[..., Any]:
    """Find a function of this namespace."""
    if name not in _MEMBERS:
        raise AttributeError(f"module 'tensorlib.linalg' has no attribute {name!r}")
    return _MEMBERS[name]


def __dir__() -> list[str]:
    return __all__
