"""Operations that modify a tensor: what is checked, and how the graph is rewritten.

The value is computed by the ordinary operation, then written into the tensor's memory. The tensor's history becomes
that of the value. Of a view the base's history is rewritten too, and other views of the base follow when they are next
used.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorlib._xp import array_module, at, is_array
from tensorlib.autograd.graph import Leaf, Node, version_sum
from tensorlib.autograd.modes import mode
from tensorlib.autograd.op import OPS, op
from tensorlib.autograd.recording import record
from tensorlib.dtypes import can_store
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tensorlib.layouts import Sparse
from tensorlib.tensor import KeepGradient, Tensor, edge_of

if TYPE_CHECKING:
    from tensorlib.autograd.op import Op

Steps = Sequence[tuple["Op", dict[str, Any]]]


def in_place_function(source: Callable[..., Any]) -> Callable[..., Tensor]:
    """Return the function that does what an operation, or a function made of some, does, into its first tensor."""
    name = source.__name__ + "_"

    def function(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(name, self)
        value = source(self, *args, **kwargs)
        if isinstance(value, Sparse):
            raise TypeError(f"{name}: the result is sparse, and cannot be stored in a strided tensor")
        keep_original(self, value)
        return assign(name, self, value)

    function.__name__ = function.__qualname__ = name
    summary = (source.__doc__ or "").strip().splitlines()[0]
    function.__doc__ = f"Do as `{source.__name__}` in place: {summary[:1].lower()}{summary[1:]}"
    function.__signature__ = inspect.signature(source)  # type: ignore[attr-defined]
    return function


def keep_original(target: Tensor, value: Tensor) -> None:
    """Copy what the history of `value` has saved of the memory of `target`, which is to be overwritten by it."""
    node = value._edge
    if not mode.recording or node is None or not any(counter is target._counter for counter in node.guards):
        return
    base = target._array if target._view is None else target._view.base._array
    xp = array_module(base)
    node.saved = tuple(
        [
            item.copy() if is_array(item) and (role or 0) >= 0 and xp.may_share_memory(item, base) else item
            for item, role in zip(node.saved or (), node.roles, strict=True)
        ]
    )
    node.guards = tuple([counter for counter in node.guards if counter is not target._counter])
    node.version = version_sum(node.guards)


def check_writable(name: str, tensor: Tensor) -> None:
    """Refuse to modify what recorded gradients rest on.

    Raises:
        GraphError: the tensor is a leaf that requires a gradient, or a view of one, and recording is on; or it was made
            in inference mode, which has ended.
        ArgumentError: the tensor's memory is read-only, or overlaps itself (as `expand` makes it).
    """
    base = tensor if tensor._view is None else tensor._view.base
    if tensor.is_inference() and not mode.inference:
        raise GraphError(f"{name}: the tensor was made in inference_mode and is not modified outside; clone() it first")
    if mode.recording and (isinstance(edge_of(tensor), Leaf) or isinstance(base._edge, Leaf)):
        raise GraphError(f"{name}: a leaf that requires a gradient, or a view of it, cannot be modified; use no_grad()")
    if not getattr(tensor._array.flags, "writeable", True) or repeats_itself(tensor._array):
        raise ArgumentError(f"{name}: the tensor's memory is read-only or shared by several elements; clone() it first")


def repeats_itself(array: Any) -> bool:
    """Tell whether several elements of an array are one place in memory, along an axis of stride 0."""
    if 0 not in array.strides or not array.size:
        return False
    return any(step == 0 and length > 1 for step, length in zip(array.strides, array.shape, strict=True))


def assign(name: str, target: Tensor, value: Tensor) -> Tensor:
    """Write a value into a tensor's memory and give the tensor the value's history; returns the tensor.

    Raises:
        ShapeError: the value's shape is another; in-place operations never change a shape.
        TypeError: the value's type is of a higher category (a float for an integer tensor).
    """
    if value._array.shape != target._array.shape:
        raise ShapeError(
            f"{name}: the result has shape {tuple(value.shape)}, but the tensor {tuple(target.shape)}; "
            "in-place operations do not change the shape"
        )
    if not can_store(value._array.dtype, target._array.dtype):
        raise TypeError(f"{name}: a result of type {value.dtype} cannot be stored in a tensor of type {target.dtype}")
    with at(target._array):
        target._array[...] = value._array
    wrote(target, value)
    return target


def wrote(target: Tensor, value: Tensor) -> None:
    """Note that `value` now stands in the memory of `target`: its version moves, its history becomes the value's."""
    target._counter[0] += 1
    if mode.recording:
        rewrite_history(target, value)


def rewrite_history(target: Tensor, value: Tensor) -> None:
    """Give a tensor the history of the value that stands in its memory; the base of a view gets one that holds it."""
    if value._edge is not None and value._array.dtype != target._array.dtype:
        value = OPS["astype"](value, target._array.dtype)
    before, view = target._edge, target._view
    if view is None:
        target._edge = value._edge
    elif value._edge is not None or view.base._edge is not None:
        base = view.base
        recorded = record(write_view, (base, value), (base._array, value._array), base._array, (view.steps,))
        base._edge = view.edge_of_base = recorded._edge
        target._edge = value._edge
    if before is not None and before.hooks is not None and target._edge is not None:
        move_retained(target, before, target._edge)


def move_retained(tensor: Tensor, before: Node, after: Node) -> None:
    """Let a tensor whose gradient is retained have that of its new value."""
    for hook in [hook for hook in before.hooks or () if isinstance(hook, KeepGradient) and hook.target() is tensor]:
        assert before.hooks is not None
        before.hooks.remove(hook)
        after.add_hook(hook)


@op(method=False)
def write_view(xp: Any, base: Any, value: Any, *, steps: Steps) -> Any:
    """Return `base` with `value` in the place of a view of it.

    Args:
        base: a tensor of any shape.
        value: a tensor of the view's shape.
        steps: the operations, each with its options, that take the view of the base.

    Example:
        >>> last_two = [(tensorlib.narrow, {"dim": 0, "start": 1, "length": 2})]
        >>> write_view(tensorlib.zeros(3), tensorlib.ones(2), steps=last_two)
        tensor([0., 1., 1.])
    """
    result = base.copy(order="C")
    if any(step.name == "walk" for step, _ in steps):  # which sees another tensor's memory as that of the first one
        numbers = xp.arange(base.size).reshape(base.shape)
        result.reshape(-1)[replay(xp, steps, numbers)] = value
    else:
        replay(xp, steps, result)[...] = value
    return result, (steps,)


def replay(xp: Any, steps: Steps, base: Any) -> Any:
    """Take the view of an array, or of a tensor where `xp` is the namespace for tensors."""
    for step, options in steps:
        base = step.via(xp, base, **options)
    return base


def _outside_view(xp: Any, g: Any, steps: Steps) -> Any:
    """The base's gradient: none comes through the part that was overwritten."""
    array = g._array if isinstance(g, Tensor) else g
    module = array_module(array)
    return write_view.via(xp, g, module.zeros_like(replay(module, steps, array)), steps=steps)


write_view.grads(
    _outside_view,
    lambda xp, g, steps: replay(xp, steps, g),
)
