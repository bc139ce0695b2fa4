"""Training on several processes; the package `dist` is imported when a name here is first used."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name != "DistributedDataParallel":
        raise AttributeError(f"module 'tensorlib.nn.parallel' has no attribute {name!r}")
    return importlib.import_module("dist.parallel").DistributedDataParallel
