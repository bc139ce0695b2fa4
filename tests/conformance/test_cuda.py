"""The names and the order of arguments in `cuda` and `multiprocessing`, here and in PyTorch."""

from __future__ import annotations

import importlib
import inspect

import pytest

pytest.importorskip("torch")
MODULES = ("cuda", "cuda.comm", "cuda.nvtx", "cuda.profiler", "multiprocessing")
# `out` of PyTorch's comm; arguments of today's PyTorch whose former names the documents have; keywords for all others.
IN_PYTORCH_ONLY = {"out", "args", "kwargs", "external", "domain", "color", "category", "payload"}
HERE_ONLY = {"_handle"}
OTHERS = {
    "ProcessContext": "is made by spawn only",
    "ProcessRaisedException": "its pid has another name there than that of its base",
    "device": "a class, whose arguments are those of its __init__ there",
    "profile": "PyTorch's takes what only its own profiler uses",
    "init": "PyTorch's of the profiler writes a file",
}


def names(function):
    return [name for name in inspect.signature(function).parameters if name not in IN_PYTORCH_ONLY | HERE_ONLY]


def pairs():
    for module in MODULES:
        here, there = importlib.import_module(f"tensorlib.{module}"), importlib.import_module(f"torch.{module}")
        for name, value in vars(here).items():
            own = getattr(value, "__module__", "").startswith("tensorlib")
            if own and callable(value) and not name.startswith("_") and name not in OTHERS and hasattr(there, name):
                yield pytest.param(value, getattr(there, name), id=f"{module}.{name}")


def test_there_are_many():
    assert len(list(pairs())) > 50


@pytest.mark.parametrize(("here", "there"), list(pairs()))
def test_arguments(here, there):
    assert names(here) == names(there)
