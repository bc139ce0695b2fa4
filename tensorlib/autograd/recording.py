"""Entering results in the graph of gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from tensorlib._xp import array_module, at
from tensorlib.autograd.graph import OUTPUT, ComplexNode, Guards, MultiNode, Node, OutputNode
from tensorlib.autograd.modes import mode
from tensorlib.dtypes import DIFFERENTIABLE
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
    if edges is not None and value.dtype.kind in DIFFERENTIABLE:
        saved = needed_only(op, edges, saved)
        node = ComplexNode if op.holomorphic and value.dtype.kind == "c" else Node
        result._edge = node(op, edges, value, saved, *describe(saved, inputs, arrays, [result]))
    return result


def record_tuple(
    op: Op, inputs: Sequence[Any], arrays: Sequence[Any], values: tuple[Any, ...], saved: tuple[Any, ...]
) -> tuple[Tensor, ...]:
    """Make tensors of the several results of one operation; named tuples stay what they are."""
    results = [wrap(array_module(*arrays).asarray(value)) for value in values]
    if op.view:
        share_versions(results, inputs)
    edges = edges_of(op, inputs)
    if edges is not None:
        saved = needed_only(op, edges, saved)
        described = describe(saved, inputs, arrays, results)
        parent = MultiNode(op, edges, [result._array for result in results], saved, *described)
        for k, result in enumerate(results):
            if result._array.dtype.kind in DIFFERENTIABLE:
                result._edge = OutputNode(parent, k)
    return type(values)(*results) if hasattr(values, "_fields") else tuple(results)


def edges_of(op: Op, inputs: Sequence[Any]) -> tuple[Node | None, ...] | None:
    """Return the nodes of the inputs, or None where nothing is to be recorded."""
    if not (mode.recording and op.differentiable):
        return None
    some = False
    edges: list[Node | None] = []
    for x in inputs:
        edge = edge_of(x) if isinstance(x, Tensor) else None
        some = some or edge is not None
        edges.append(edge)
    return tuple(edges) if some else None


def needed_only(op: Op, edges: tuple[Node | None, ...], saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Let go of saved values that only pullbacks of other inputs would read."""
    keep = op.needed(tuple([edge is not None for edge in edges]))
    return saved if keep is None else keep_needed(saved, keep)


def keep_needed(saved: tuple[Any, ...], keep: tuple[bool, ...]) -> tuple[Any, ...]:
    """Put None in the place of saved values that are not needed."""
    return tuple([value if kept else None for value, kept in zip(saved, keep, strict=True)])


def describe(
    saved: tuple[Any, ...], inputs: Sequence[Any], arrays: Sequence[Any], results: Sequence[Tensor]
) -> tuple[tuple[int | None, ...], Guards]:
    """Find out which saved values are inputs or results, and whose memory must therefore not change."""
    roles: list[int | None] = []
    guards: list[list[int]] = []
    for item in saved:
        role, version = _origin(item, inputs, arrays, results)
        roles.append(role)
        if version is not None:
            guards.append(version)
    return tuple(roles), tuple(guards)


def _origin(
    item: Any, inputs: Sequence[Any], arrays: Sequence[Any], results: Sequence[Tensor]
) -> tuple[int | None, list[int] | None]:
    """Return the role of a saved value, and the version of the memory that it lies in where a tensor lies there too."""
    for k, result in enumerate(results):
        if item is result._array:
            return OUTPUT - k if item.dtype.kind in DIFFERENTIABLE else None, result._counter
    for k, (x, array) in enumerate(zip(inputs, arrays, strict=True)):
        if item is array and isinstance(x, Tensor):
            return k, x._counter if array is x._array else None  # a promoted copy is nobody's to modify
    return None, _version_of_owner(item, inputs, results)


def _version_of_owner(item: Any, inputs: Sequence[Any], results: Sequence[Tensor]) -> list[int] | None:
    """Return the version of the memory that an array is a view of, where it is that of an input or result."""
    owner = _owner(item)
    for x in (*results, *inputs):
        if isinstance(x, Tensor) and owner is _owner(x._array):
            return x._counter
    return None


def _owner(array: Any) -> Any:
    """Return what owns the memory of an array, by which views of one memory are known."""
    base = getattr(array, "base", None)
    return array if base is None else base


def share_versions(results: Sequence[Tensor], inputs: Sequence[Any]) -> None:
    """Give results the version of the input whose memory they share."""
    for result in results:
        for x in inputs:
            if _owner(result._array) is _owner(x._array):
                result._counter = x._counter


def shares_memory(array: Any, other: Any) -> bool:
    """Tell whether two arrays, of which one was perhaps made from the other, lie in the same memory."""
    if type(array) is numpy.ndarray and array.base is None:
        return array is other or other.base is array
    if _owner(array) is _owner(other):
        return True
    if not array.size and type(array) is not numpy.ndarray:
        return array.base is not None  # no element is shared, but writing is writing
    with at(array):
        return bool(array_module(array).may_share_memory(array, other))


def link_view(result: Tensor, source: Tensor, op: Op, options: dict[str, Any]) -> None:
    """Tie a result to the tensor whose memory it shares, if it does: one version counter, one history."""
    if not shares_memory(result._array, source._array):
        return
    result._counter = source._counter
    view = source._view
    base = source if view is None else view.base
    steps = () if view is None else view.steps
    result._view = View(base, (*steps, (op, options)))
