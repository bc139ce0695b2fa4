"""Operations become methods and operators of Tensor here, from the table that `@op` fills."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorlib._xp import is_array
from tensorlib.autograd.fast import quick_operator
from tensorlib.autograd.in_place import in_place_function
from tensorlib.autograd.op import OPS, Op
from tensorlib.tensor import Tensor

REFLECTED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
OPERANDS = (Tensor, int, float, complex)

# Methods that do not go through `Op.__call__`, by name with their operation: the profiler watches them one by one.
SHORT_WAYS: dict[str, Op] = {}


def attach_methods() -> None:
    """Give Tensor a method for each operation in the table that wants one."""
    for name, op in OPS.items():
        if op.method:
            _attach(name, as_method(op))
            if vars(Tensor)[name] is op.quick:
                SHORT_WAYS[name] = op
        if op.in_place:
            _attach(name + "_", in_place_function(op))
    for op in set(OPS.values()):
        if op.operator:
            _attach_operator(op.operator, op)


def _attach(name: str, function: Callable[..., Any]) -> None:
    if name not in vars(Tensor):
        setattr(Tensor, name, function)


def as_method(op: Op) -> Callable[..., Any]:
    """Return a plain function, which Python binds to a tensor, that calls the operation."""
    if op.quick is not None and len(op.signature.inputs) == 1 and not op.signature.options:
        return op.quick

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return op(self, *args, **kwargs)

    method.__name__ = method.__qualname__ = op.name
    method.__doc__ = op.__doc__
    return method


def _attach_operator(name: str, op: Op) -> None:
    if op.quick is not None:
        SHORT_WAYS.update({f"__{name}__": op} | ({f"__r{name}__": op} if name in REFLECTED else {}))
    if len(op.signature.inputs) == 1:
        setattr(Tensor, f"__{name}__", op.quick or as_method(op))
        return
    function = op.quick or op

    def operator(self: Tensor, other: Any) -> Any:
        return op(self, other) if is_operand(other) else NotImplemented

    def reflected(self: Tensor, other: Any) -> Any:
        return function(other, self) if is_operand(other) else NotImplemented

    setattr(Tensor, f"__{name}__", operator if op.quick is None else quick_operator(op, is_operand))
    if name in REFLECTED:
        setattr(Tensor, f"__r{name}__", reflected)
        if op.in_place:
            setattr(Tensor, f"__i{name}__", in_place_operator(op))


def in_place_operator(op: Op) -> Callable[[Tensor, Any], Any]:
    """Return the function behind `+=` and the like."""
    function = in_place_function(op)

    def operator(self: Tensor, other: Any) -> Any:
        return function(self, other) if is_operand(other) else NotImplemented

    return operator


def interpose(around: Callable[[Op, Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put functions in the place of all ways by which operations are called, for good.

    Args:
        around: makes, of an operation and the usual way of calling it, what is called from now on.
    """
    for name, op in SHORT_WAYS.items():
        short = vars(Tensor)[name]
        setattr(Tensor, name, functools.wraps(short)(around(op, short)))
    usual = Op.__call__

    @functools.wraps(usual)
    def call(self: Op, *args: Any, **kwargs: Any) -> Any:
        return around(self, functools.partial(usual, self))(*args, **kwargs)

    Op.__call__ = call  # type: ignore[method-assign]


def is_operand(value: Any) -> bool:
    """Tell whether operators take a value beside a tensor."""
    return isinstance(value, OPERANDS) or is_array(value)
