"""Automatic differentiation: the graph, the engine, and the contract by which operations are written."""

from importlib import import_module as _import_module
from typing import Any

from tensorlib.autograd.api import backward as backward
from tensorlib.autograd.api import grad as grad
from tensorlib.autograd.function import Function as Function
from tensorlib.autograd.gradcheck import gradcheck as gradcheck
from tensorlib.autograd.gradcheck import gradgradcheck as gradgradcheck
from tensorlib.autograd.modes import enable_grad as enable_grad
from tensorlib.autograd.modes import inference_mode as inference_mode
from tensorlib.autograd.modes import is_grad_enabled as is_grad_enabled
from tensorlib.autograd.modes import is_inference_mode_enabled as is_inference_mode_enabled
from tensorlib.autograd.modes import no_grad as no_grad
from tensorlib.autograd.modes import set_grad_enabled as set_grad_enabled

# Imported when they are first used.
_MODULES = ("functional", "profiler")
_LATE = {
    "Variable": "variable",
    "detect_anomaly": "anomaly",
    "set_detect_anomaly": "anomaly",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _import_module(f"tensorlib.autograd.{name}")
    if name in _LATE:
        return getattr(_import_module(f"tensorlib.autograd.{_LATE[name]}"), name)
    raise AttributeError(f"module 'tensorlib.autograd' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_LATE})
