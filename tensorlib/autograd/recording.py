"""Entering results in the graph of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from tensorlib._xp import array_module
from tensorlib.autograd.graph import OUTPUT, Guards, MultiNode, Node, OutputNode
from tensorlib.autograd.modes import mode
from tensorlib.tensor import Tensor, View, edge_of, wrap

if TYPE_CHECKING:
    from tensorlib.autograd.op import Op


def record(op: Op, inputs: Sequence[Any], arrays: Sequence[Any], value: Any, saved: tuple[Any, ...]) -> Tensor:
    """Make a tensor of `value`, with a node where one of the inputs needs a gradient."""
    if isinstance(value, numpy.generic):  # a scalar, which is what NumPy gives for most 0-d results
        array = numpy.asarray(value)
        saved = tuple([array if item is value else item for item in saved])
        value = array
    result = wrap(value)
    edges = edges_of(op, inputs)
    if edges is not None and value.dtype.kind in "fc":
        saved = needed_only(op, edges, saved)
        result._edge = Node(op, edges, value, saved, *describe(saved, inputs, arrays, value, result._version))
    return result


def record_tuple(
    op: Op, inputs: Sequence[Any], arrays: Sequence[Any], values: tuple[Any, ...], saved: tuple[Any, ...]
) -> tuple[Tensor, ...]:
    """Make tensors of the several results of one operation."""
    results = tuple([wrap(array_module(*arrays).asarray(value)) for value in values])
    edges = edges_of(op, inputs)
    if edges is None:
        return results
    saved = needed_only(op, edges, saved)
    parent = MultiNode(op, edges, [r._array for r in results], saved, *describe(saved, inputs, arrays, None, [0]))
    for k, result in enumerate(results):
        if result._array.dtype.kind in "fc":
            result._edge = OutputNode(parent, k)
    return results


def edges_of(op: Op, inputs: Sequence[Any]) -> tuple[Node | None, ...] | None:
    """Return the nodes of the inputs, or None where nothing is to be recorded."""
    if not (mode.recording and op.differentiable):
        return None
    edges = tuple([edge_of(x) if isinstance(x, Tensor) else None for x in inputs])
    return edges if any(edge is not None for edge in edges) else None


def needed_only(op: Op, edges: tuple[Node | None, ...], saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let go of saved values that only pullbacks of other inputs would read."""
    keep = op.needed(tuple([edge is not None for edge in edges]))
    return saved if keep is None else keep_needed(saved, keep)


def keep_needed(saved: tuple[Any, ...], keep: tuple[bool, ...]) -> tuple[Any, ...]:
    """Put None in the place of saved values that are not needed."""
    return tuple([value if kept else None for value, kept in zip(saved, keep, strict=True)])


def describe(
    saved: tuple[Any, ...], inputs: Sequence[Any], arrays: Sequence[Any], value: Any, version: list[int]
) -> tuple[tuple[int | None, ...], Guards]:
    """Find out which saved values are inputs or the result, and whose memory must therefore not change."""
    roles: list[int | None] = []
    guards: list[list[int]] = []
    for item in saved:
        role = None
        if item is value and value is not None:
            role = OUTPUT
            guards.append(version)
        else:
            for k, array in enumerate(arrays):
                x = inputs[k]
                if item is array and isinstance(x, Tensor):
                    role = k
                    if array is x._array:  # a promoted copy is nobody's to modify
                        guards.append(x._version)
                    break
        roles.append(role)
    return tuple(roles), tuple(guards)


def link_view(result: Tensor, source: Tensor, op: Op, options: dict[str, Any]) -> None:
    """Tie a result to the tensor whose memory it shares, if it does: one version counter, one history."""
    if not array_module(result._array).may_share_memory(result._array, source._array):
        return
    result._version = source._version
    view = source._view
    base = source if view is None else view.base
    steps = () if view is None else view.steps
    result._view = View(base, (*steps, (op, options)))
