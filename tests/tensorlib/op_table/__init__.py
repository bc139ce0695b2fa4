"""The calls by which operations are tested, one module per family; every module here with `SAMPLES` is collected."""

from __future__ import annotations

import importlib
import pkgutil

from tests.tensorlib.op_table.sample import Sample

SAMPLES: list[Sample] = [
    sample
    for module in sorted(found.name for found in pkgutil.iter_modules(__path__))
    for sample in getattr(importlib.import_module(f"{__name__}.{module}"), "SAMPLES", ())
]
