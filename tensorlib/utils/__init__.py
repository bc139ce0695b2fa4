"""Tools beside tensors and modules."""

from importlib import import_module as _import_module
from typing import Any

from tensorlib.utils import data as data

_MODULES = ("backcompat", "checkpoint", "dlpack", "safetensors")  # imported when they are first used


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _import_module(f"tensorlib.utils.{name}")
    raise AttributeError(f"module 'tensorlib.utils' has no attribute {name!r}")
