"""Fourier transforms, under the names of `torch.fft`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.namespace import members

_MEMBERS = members("fft", {})
__all__ = sorted(_MEMBERS)


def __getattr__(name: str) -> Callable[..., Any]:
    """Find a function of this namespace."""
    if name not in _MEMBERS:
        raise AttributeError(f"module 'tensorlib.fft' has no attribute {name!r}")
    return _MEMBERS[name]


def __dir__() -> list[str]:
    return __all__
