"""The commonest calls, made quick: one or two plain float tensors of one type, or one and a number, on the CPU.

Everything here is what `Op.apply` and `recording.record` do, less what these calls do not need. Small tensors spend
their time in Python, not in NumPy.

Elementwise operations save the same things on every call, so which of them are needed, and which are inputs or the
result, is found out once for each set of inputs that need a gradient, and kept with the operation in `Op.plans`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

from tensorlib.autograd.graph import OUTPUT, Node
from tensorlib.autograd.modes import mode
from tensorlib.autograd.recording import describe, keep_needed, record
from tensorlib.tensor import Tensor, edge_of, wrap

if TYPE_CHECKING:
    from tensorlib.autograd.op import Op

ndarray = numpy.ndarray
NUMBER = 4  # added to the pattern of inputs that need a gradient where one of the two is a number
Plan = tuple[tuple[bool, ...] | None, tuple[int | None, ...]]  # which saved values are needed, and their roles


def quick_function(op: Op) -> Callable[..., Any] | None:
    """Return a function of exactly the operation's tensors that falls back on `op.apply`; None where there is none."""
    if op.promotion is None or op.signature.required_options or op.view or not op.differentiable:
        return None
    makers: dict[int, Callable[[Op], Callable[..., Any]]] = {1: _unary, 2: _binary}
    maker = makers.get(len(op.signature.inputs))
    return maker(op) if maker else None


def _unary(op: Op) -> Callable[[Any], Any]:
    forward, apply = op.forward, op.apply

    def quick(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return apply((x,), {})
        array = x._array
        if type(array) is not ndarray or array.dtype.kind != "f":
            return apply((x,), {})
        value, saved = forward(numpy, array)
        if type(value) is not ndarray:
            return record(op, (x,), (array,), value, saved)
        result = wrap(value)
        if mode.recording:
            edge = x._edge if x._view is None else edge_of(x)
            if edge is not None:
                keep, roles = op.plans.get(1) or learn_plan(op, 1, saved, (x,), (array,), result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                guards = [result._version if role == OUTPUT else x._version for role in roles if role is not None]
                result._edge = Node(op, (edge,), value, saved, roles, guards)
        return result

    return quick


def _binary(op: Op) -> Callable[[Any, Any], Any]:  # noqa: C901 - one flat path, since calls cost more than they tidy
    forward, apply, with_number = op.forward, op.apply, _with_number(op)

    def quick(x: Any, y: Any) -> Any:
        if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
            return with_number(x, y)
        a, b = x._array, y._array
        if type(a) is not ndarray or type(b) is not ndarray or a.dtype is not b.dtype or a.dtype.kind != "f":
            return apply((x, y), {})
        try:
            value, saved = forward(numpy, a, b)
        except ValueError:
            return apply((x, y), {})  # which explains it
        if type(value) is not ndarray:
            return record(op, (x, y), (a, b), value, saved)
        result = wrap(value)
        if mode.recording:
            edge_x = x._edge if x._view is None else edge_of(x)
            edge_y = y._edge if y._view is None else edge_of(y)
            pattern = (edge_x is not None) + 2 * (edge_y is not None)
            if pattern:
                keep, roles = op.plans.get(pattern) or learn_plan(op, pattern, saved, (x, y), (a, b), result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                tensors = (x, y, result)
                guards = [tensors[role]._version for role in roles if role is not None]
                result._edge = Node(op, (edge_x, edge_y), value, saved, roles, guards)
        return result

    return quick


def _with_number(op: Op) -> Callable[[Any, Any], Any]:
    """Return the short way for one tensor and one Python number, which never changes the tensor's type."""
    forward, apply = op.forward, op.apply

    def quick(x: Any, y: Any) -> Any:
        x_is_tensor = isinstance(x, Tensor)
        tensor, number = (x, y) if x_is_tensor else (y, x)
        if not isinstance(tensor, Tensor) or type(number) not in (float, int):
            return apply((x, y), {})
        array = tensor._array
        if type(array) is not ndarray or array.dtype.kind != "f":
            return apply((x, y), {})
        arrays = (array, y) if x_is_tensor else (x, array)
        value, saved = forward(numpy, *arrays)
        if type(value) is not ndarray:
            return record(op, (x, y), arrays, value, saved)
        result = wrap(value)
        if mode.recording:
            edge = tensor._edge if tensor._view is None else edge_of(tensor)
            if edge is not None:
                pattern = NUMBER + (1 if x_is_tensor else 2)
                keep, roles = op.plans.get(pattern) or learn_plan(op, pattern, saved, (x, y), arrays, result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                guards = [result._version if role == OUTPUT else tensor._version for role in roles if role is not None]
                edges = (edge, None) if x_is_tensor else (None, edge)
                result._edge = Node(op, edges, value, saved, roles, guards)
        return result

    return quick


def learn_plan(
    op: Op,
    pattern: int,
    saved: tuple[Any, ...],
    tensors: tuple[Any, ...],
    arrays: tuple[Any, ...],
    result: Tensor,
) -> Plan:
    """Find out what an elementwise operation needs to save, and keep it with the operation."""
    keep = op.needed(tuple([bool(pattern >> k & 1) for k in range(len(tensors))]))
    saved = saved if keep is None else keep_needed(saved, keep)
    plan = keep, describe(saved, tensors, arrays, [result])[0]
    if len(set(map(id, arrays))) == len(arrays):  # of one array given twice one cannot tell which was saved
        op.plans[pattern] = plan
    return plan
