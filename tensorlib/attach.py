"""Functions and methods that are no operations: those that only call some, or that write into a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tensorlib.tensor import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

FUNCTIONS: dict[str, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}
PROPERTIES: dict[str, Callable[[Tensor], Any]] = {}


def public_function(function: Function) -> Function:
    """Make a function `tensorlib.NAME`, as operations are."""
    FUNCTIONS[function.__name__] = function
    return function


def tensor_method(function: Function) -> Function:
    """Make a function whose first argument is a tensor also a method of Tensor."""
    METHODS[function.__name__] = function
    setattr(Tensor, function.__name__, function)
    return function


def tensor_property(function: Function) -> Function:
    """Make a function of one tensor a property of Tensor."""
    PROPERTIES[function.__name__] = function
    setattr(Tensor, function.__name__, property(function))
    return function


def require_tensor(name: str, value: Any) -> None:
    """Refuse what is no tensor.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: needs a Tensor, not {type(value).__name__}")
