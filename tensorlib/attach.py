"""Functions and methods that are no operations: those that only call some, or that write into a tensor."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tensorlib.autograd.in_place import in_place_function
from tensorlib.autograd.out import write_into
from tensorlib.autograd.signature import OPTION_ALIASES
from tensorlib.layouts import SPARSE_FORMS, call_sparse, holds_sparse
from tensorlib.tensor import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

FUNCTIONS: dict[str, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}
PROPERTIES: dict[str, Callable[[Tensor], Any]] = {}


def public_function(function: Function) -> Function:
    """Make a function `tensorlib.NAME`, with the spellings of options and the `out=` that operations have."""
    spelled = with_spellings(function)
    FUNCTIONS[function.__name__] = with_out(spelled)
    return spelled


def tensor_method(function: Function) -> Function:
    """Make a function whose first argument is a tensor also a method of Tensor."""
    spelled = with_spellings(function)
    METHODS[function.__name__] = spelled
    setattr(Tensor, function.__name__, spelled)
    return spelled


def in_place_method(function: Function) -> Function:
    """Give Tensor a method with a trailing underscore that does what a function does, in place."""
    tensor_method(in_place_function(function))
    return function


def with_spellings(function: Function) -> Function:
    """Let a function take its options by their other names, `axis` for `dim`, as operations do.

    Raises:
        TypeError: an option is given by two names.
    """
    names = inspect.signature(function).parameters
    aliases = {alias: name for alias, name in OPTION_ALIASES.items() if name in names and alias not in names}
    if not aliases or hasattr(function, "__wrapped__"):
        return function

    @functools.wraps(function)
    def spelled(*args: Any, **kwargs: Any) -> Any:
        for alias in aliases.keys() & kwargs.keys():
            if aliases[alias] in kwargs:
                raise TypeError(f"{function.__name__}: {aliases[alias]!r} and {alias!r} are the same argument")
            kwargs[aliases[alias]] = kwargs.pop(alias)
        return function(*args, **kwargs)

    return cast(Function, spelled)


def with_out(function: Function) -> Function:
    """Let a function write its results into tensors that are given as `out`."""

    def compute(*args: Any, **kwargs: Any) -> Any:
        if SPARSE_FORMS and holds_sparse([*args, *kwargs.values()]):
            return call_sparse(function.__name__, args, kwargs)
        return function(*args, **kwargs)

    @functools.wraps(function)
    def writing(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            return compute(*args, **kwargs)
        return write_into(function.__name__, out, [*args, *kwargs.values()], lambda: compute(*args, **kwargs))

    return cast(Function, writing)


def tensor_property(function: Function, setter: Callable[[Tensor, Any], None] | None = None) -> Function:
    """Make a function of one tensor a property of Tensor; without a setter one can only read it."""
    PROPERTIES[function.__name__] = function
    setattr(Tensor, function.__name__, property(function, setter))
    return function


def require_tensor(name: str, value: Any) -> None:
    """Refuse what is no tensor.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: needs a Tensor, not {type(value).__name__}")
