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

from tensorlib.autograd.graph import OUTPUT, Guards, Node
from tensorlib.autograd.modes import InferenceCounter, mode
from tensorlib.autograd.recording import describe, keep_needed, record
from tensorlib.tensor import Tensor, edge_of

if TYPE_CHECKING:
    from tensorlib.autograd.op import Op

ndarray = numpy.ndarray
new = Tensor.__new__
float32, float64 = numpy.dtype("float32"), numpy.dtype("float64")
NUMBER = 4  # added to the pattern of inputs that need a gradient where one of the two is a number
X, Y, RESULT = 1, 2, 4  # bits for the tensors whose versions are guarded
# Which saved values are needed, their roles, and which tensors are guarded.
Plan = tuple[tuple[bool, ...] | None, tuple[int | None, ...], int]


def quick_function(op: Op) -> Callable[..., Any] | None:
    """Return a function of exactly the operation's tensors that falls back on `op.apply`; None where there is none."""
    if op.promotion is None or op.signature.required_options or op.view:
        return None
    inputs = len(op.signature.inputs)
    return _unary(op) if inputs == 1 else _binary(op, _with_number(op)) if inputs == 2 else None


def quick_operator(op: Op, is_operand: Callable[[Any], bool]) -> Callable[[Any, Any], Any]:
    """Return the function for `x * y`, which leaves what is no operand to its own reflected operator."""
    with_number = _with_number(op)

    def with_other(x: Any, y: Any) -> Any:
        return with_number(x, y) if is_operand(y) else NotImplemented

    return _binary(op, with_other)


def _unary(op: Op) -> Callable[[Any], Any]:  # noqa: C901 - one flat path, since calls cost more than they tidy
    forward, apply, differentiable = op.forward, op.apply, op.differentiable

    def quick(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return apply((x,), {})
        array = x._array
        if type(array) is not ndarray or ((dtype := array.dtype) is not float32 and dtype is not float64):
            return apply((x,), {})
        value, saved = forward(numpy, array)
        if type(value) is not ndarray:
            return record(op, (x,), (array,), value, saved)
        result = new(Tensor)
        result._array = value
        result._edge = result._grad = result._view = None
        result._counter = [0]
        if differentiable and mode.recording:
            edge = x._edge if x._view is None else edge_of(x)
            if edge is not None:
                keep, roles, guarded = op.plans.get(1) or learn_plan(op, 1, saved, (x,), (array,), result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                guards = () if not guarded else (x._counter,) if guarded == X else _guards(guarded, x, x, result)
                result._edge = Node(op, (edge,), value, saved, roles, guards)
        elif mode.inference:
            result._counter = InferenceCounter((0,))
        return result

    quick.__name__ = quick.__qualname__ = op.name
    quick.__doc__ = op.forward.__doc__
    return quick


def _binary(op: Op, with_other: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:  # noqa: C901 - one flat path, since calls cost more than they tidy
    forward, apply, differentiable = op.forward, op.apply, op.differentiable

    def quick(x: Any, y: Any) -> Any:  # noqa: C901 - one flat path, since calls cost more than they tidy
        if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
            return with_other(x, y)
        a, b = x._array, y._array
        if type(a) is not ndarray or type(b) is not ndarray or (dtype := a.dtype) is not b.dtype:
            return apply((x, y), {})
        if dtype is not float32 and dtype is not float64:
            return apply((x, y), {})
        try:
            value, saved = forward(numpy, a, b)
        except ValueError:
            return apply((x, y), {})  # which explains it
        if type(value) is not ndarray:
            return record(op, (x, y), (a, b), value, saved)
        result = new(Tensor)
        result._array = value
        result._edge = result._grad = result._view = None
        result._counter = [0]
        if differentiable and mode.recording:
            edge_x = x._edge if x._view is None else edge_of(x)
            edge_y = y._edge if y._view is None else edge_of(y)
            pattern = (edge_x is not None) + 2 * (edge_y is not None)
            if pattern:
                keep, roles, guarded = op.plans.get(pattern) or learn_plan(op, pattern, saved, (x, y), (a, b), result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                if guarded == X + Y:
                    guards: Guards = (x._counter, y._counter)
                else:
                    guards = _guards(guarded, x, y, result) if guarded else ()
                result._edge = Node(op, (edge_x, edge_y), value, saved, roles, guards)
        elif mode.inference:
            result._counter = InferenceCounter((0,))
        return result

    return quick


def _with_number(op: Op) -> Callable[[Any, Any], Any]:  # noqa: C901 - one flat path, since calls cost more than they tidy
    """Return the short way for one tensor and one Python number, which never changes the tensor's type."""
    forward, apply, differentiable = op.forward, op.apply, op.differentiable

    def quick(x: Any, y: Any) -> Any:
        x_is_tensor = isinstance(x, Tensor)
        tensor, number = (x, y) if x_is_tensor else (y, x)
        if not isinstance(tensor, Tensor) or type(number) not in (float, int):
            return apply((x, y), {})
        array = tensor._array
        if type(array) is not ndarray or ((dtype := array.dtype) is not float32 and dtype is not float64):
            return apply((x, y), {})
        arrays = (array, y) if x_is_tensor else (x, array)
        value, saved = forward(numpy, *arrays)
        if type(value) is not ndarray:
            return record(op, (x, y), arrays, value, saved)
        result = new(Tensor)
        result._array = value
        result._edge = result._grad = result._view = None
        result._counter = [0]
        if differentiable and mode.recording:
            edge = tensor._edge if tensor._view is None else edge_of(tensor)
            if edge is not None:
                pattern = NUMBER + (1 if x_is_tensor else 2)
                keep, roles, guarded = op.plans.get(pattern) or learn_plan(op, pattern, saved, (x, y), arrays, result)
                if keep is not None:
                    saved = keep_needed(saved, keep)
                guards = _guards(guarded, tensor, tensor, result) if guarded else ()
                edges = (edge, None) if x_is_tensor else (None, edge)
                result._edge = Node(op, edges, value, saved, roles, guards)
        elif mode.inference:
            result._counter = InferenceCounter((0,))
        return result

    return quick


def _guards(guarded: int, x: Tensor, y: Tensor, result: Tensor) -> Guards:
    """Return the version counters of the guarded tensors."""
    if guarded == RESULT:
        return (result._counter,)
    return [tensor._counter for bit, tensor in ((X, x), (Y, y), (RESULT, result)) if guarded & bit]


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
    roles = describe(saved, tensors, arrays, [result])[0]
    bits = {0: X, 1: Y, OUTPUT: RESULT}
    plan = keep, roles, sum({bits[role] for role in roles if role is not None})
    if len(set(map(id, arrays))) == len(arrays):  # of one array given twice one cannot tell which was saved
        op.plans[pattern] = plan
    return plan
