"""The functions of the package `dist`, under PyTorch's name for them. `dist` is imported when one is first used."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    return getattr(importlib.import_module("dist"), name)


def __dir__() -> list[str]:
    return dir(importlib.import_module("dist"))
