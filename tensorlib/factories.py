"""What functions that make tensors have in common beside their own arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from tensorlib.autograd.out import write_into
from tensorlib.dtypes import as_dtype
from tensorlib.errors import ArgumentError
from tensorlib.layouts import layout as Layout
from tensorlib.layouts import strided
from tensorlib.tensor import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])


def factory(function: Function) -> Function:
    """Let a function that makes a tensor take `out`, and what PyTorch's take beside: layout, memory and its format.

    `out` gives the type and the device, and its memory where the shape is the same. The layout must be strided;
    `pin_memory` and `memory_format` are accepted and not used.
    """

    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        if not kwargs.keys().isdisjoint(FURTHER):
            kwargs = _without_further(function.__name__, kwargs)
            out = kwargs.pop("out", None)
            if out is not None:
                return _into(function, out, args, kwargs)
        return function(*args, **kwargs)

    return cast(Function, made)


FURTHER = {"out", "layout", "pin_memory", "memory_format"}


def _without_further(name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by name without those that change nothing.

    Raises:
        ArgumentError: another layout is asked for.
        TypeError: it is no layout.
    """
    layout = kwargs.get("layout", strided)
    if layout is not None and not isinstance(layout, Layout):
        raise TypeError(f"{name}: layout must be tensorlib.strided, not {layout!r}")
    if layout is not None and layout is not strided:
        raise ArgumentError(f"{name}: makes strided tensors, not those of layout {layout}; use to_sparse()")
    return {key: value for key, value in kwargs.items() if key == "out" or key not in FURTHER}


def _into(function: Callable[..., Any], out: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name = function.__name__
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}: out must be a Tensor, not {type(out).__name__}")
    given = kwargs.pop("dtype", None)
    if given is not None and as_dtype(given) is not out.dtype:
        raise ArgumentError(f"{name}: dtype is {as_dtype(given)}, but out has {out.dtype}")
    return write_into(name, out, (), lambda: function(*args, dtype=out.dtype, **{"device": out.device, **kwargs}))
