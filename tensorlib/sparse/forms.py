"""How operations get forms for sparse tensors: as functions, as methods, and in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tensorlib.autograd.op import OPS
from tensorlib.layouts import SPARSE_FORMS
from tensorlib.sparse.tensor import SparseTensor, is_operand

Form = TypeVar("Form", bound=Callable[..., Any])


def sparse_form(*names: str, in_place: bool = False, method: bool = True) -> Callable[[Form], Form]:
    """Make a function what operations do where sparse tensors are among their arguments.

    Args:
        names: of the operations; the function's own unless given.
        in_place: also give sparse tensors the method with a trailing underscore.
        method: give sparse tensors the method.
    """

    def register(function: Form) -> Form:
        for name in names or (function.__name__,):
            SPARSE_FORMS[name] = function
            if method:
                attach_method(name, function)
            if in_place:
                attach_method(name + "_", in_place_form(name, function))
        return function

    return register


def in_place_form(name: str, function: Callable[..., Any]) -> Callable[..., SparseTensor]:
    """Return the method that makes a sparse tensor what a function returns for it."""

    def method(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        return self._become(name + "_", function(self, *args, **kwargs))

    method.__name__ = method.__qualname__ = name + "_"
    summary = (function.__doc__ or "").strip().splitlines()[0]
    method.__doc__ = f"Do as `{name}` in place: {summary[:1].lower()}{summary[1:]}"
    return method


def attach_method(name: str, method: Any) -> None:
    """Give sparse tensors a method or property."""
    setattr(SparseTensor, name, method)


def attach_operator(name: str, function: Callable[[Any, Any], Any], reflected: bool = True) -> None:
    """Give sparse tensors the operator of two operands."""

    def operator(self: SparseTensor, other: Any) -> Any:
        return function(self, other) if is_operand(other) else NotImplemented

    def swapped(self: SparseTensor, other: Any) -> Any:
        return function(other, self) if is_operand(other) else NotImplemented

    attach_method(f"__{name}__", operator)
    if reflected:
        attach_method(f"__r{name}__", swapped)


def attach_aliases() -> None:
    """Give sparse tensors the methods that they have also under the operations' other names."""
    for alias, op in OPS.items():
        for ending in ("", "_"):
            method = vars(SparseTensor).get(op.name + ending)
            if method is not None and alias != op.name and op.name in SPARSE_FORMS:
                attach_method(alias + ending, method)
