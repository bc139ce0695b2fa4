"""Backward: carries gradients from results to leaves.

Nodes are worked on in descending order of their making, so each has its whole gradient when its turn comes. A leaf gets
its gradient as soon as the last node that adds to it is done, not at the end: whoever waits for that gradient (an
all-reduce of a bucket, say) may start while backward goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from types import ModuleType
from typing import Any

import numpy

from tensorlib._xp import array_module, at, make_current
from tensorlib.autograd.graph import Leaf, MultiNode, Node, OutputNode
from tensorlib.autograd.hooks import run_after_hooks, run_hooks
from tensorlib.autograd.modes import set_grad_enabled
from tensorlib.autograd.op import tensor_namespace
from tensorlib.errors import GraphError, ShapeError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, wrap

ndarray = numpy.ndarray
by_order = attrgetter("order")


class _Running(threading.local):
    callbacks: list[Callable[[], None]] | None = None


_running = _Running()
accumulating = threading.Lock()  # of gradients: threads that share parameters run backward at the same time


def call_after_backward(callback: Callable[[], None]) -> None:
    """Call a function when the backward that runs in this thread has ended without an error; for use in hooks.

    Raises:
        GraphError: no backward runs in this thread.
    """
    if _running.callbacks is None:
        raise GraphError("call_after_backward: no backward runs in this thread")
    _running.callbacks.append(callback)


# While anomalies are searched for: computes a node's gradients by the function given, and looks at them.
inspect: Callable[[Node, Callable[[], Sequence[Any]]], Sequence[Any]] | None = None


class Pass:
    """One run of backward.

    Args:
        keep_graph: do not free what the nodes saved.
        record: record the gradients' own computation, so that they can be differentiated.
        wanted: nodes whose gradients are asked for; None adds gradients up in every leaf instead.
        accumulate: with `wanted`: also add gradients up in the other leaves.
    """

    def __init__(self, keep_graph: bool, record: bool, wanted: Iterable[Node] | None, accumulate: bool = True) -> None:
        self.keep_graph = keep_graph
        self.record = record
        self.wanted = None if wanted is None else frozenset(wanted)
        self.accumulate = accumulate
        self.plain = not record and wanted is None and inspect is None
        self.found: dict[Node, Any] = {}
        self.gradients: dict[Node, Any] = {}
        self.pending: dict[Node, int] = {}  # how many nodes are still to add to a leaf
        self.callbacks: list[Callable[[], None]] = []
        self.fresh: set[Node] = set()  # leaves whose gradient nobody else holds
        self.ends: frozenset[Node] = frozenset()  # wanted nodes behind which nothing is wanted

    def run(self, roots: Sequence[Node], gradients: Sequence[Any]) -> None:
        """Carry the gradients of the roots back."""
        nodes = self._reachable(roots)
        first = getattr(gradients[0], "_array", gradients[0]) if gradients else None
        outer, _running.callbacks = _running.callbacks, self.callbacks
        try:
            with set_grad_enabled(self.record), at(first):
                for root, gradient in zip(roots, gradients, strict=True):
                    self._add(root, gradient)
                for root in roots:
                    if type(root) is Leaf and self.pending.setdefault(root, 0) == 0:
                        self._finish_leaf(root)
                self._work_off(nodes)
        finally:
            _running.callbacks = outer
        for callback in self.callbacks:
            callback()

    def _reachable(self, roots: Sequence[Node]) -> list[Node]:
        """Return the nodes that gradients pass through in order, and count how many add to each leaf."""
        seen = {root for root in roots if type(root) is not Leaf}
        nodes = list(seen)
        pending = self.pending
        for node in nodes:  # which grows meanwhile
            for edge in node.edges:
                if type(edge) is Leaf:
                    pending[edge] = pending.get(edge, 0) + 1
                elif edge is not None and edge not in seen:
                    seen.add(edge)
                    nodes.append(edge)
        nodes.sort(key=by_order)
        return nodes if self.wanted is None or self.accumulate else self._needed(nodes, self.wanted)

    def _needed(self, nodes: list[Node], wanted: frozenset[Node]) -> list[Node]:
        """Leave out nodes that lead to nothing that is wanted."""
        leading: set[Node] = set()
        for node in nodes:
            if any(edge in wanted or edge in leading for edge in node.edges):
                leading.add(node)
        self.ends = wanted - leading
        for node in nodes:
            if node not in leading:
                self._count_down(node)
        return [node for node in nodes if node in leading or node in wanted]

    def _count_down(self, node: Node) -> None:
        """Do not wait for a node that will add nothing to its leaves."""
        for edge in node.edges:
            if type(edge) is Leaf:
                self.pending[edge] -= 1

    def _work_off(self, nodes: list[Node]) -> None:  # noqa: C901 - the hot loop, where calls cost more than they tidy
        """Take the nodes from the end, so that each and what it saved live no longer than needed."""
        gradients, plain, keep_graph = self.gradients, self.plain, self.keep_graph
        pending, fresh = self.pending, self.fresh
        while nodes:
            node = nodes.pop()
            gradient = gradients.pop(node, None)
            if not (plain and gradient is not None and type(node) is Node and node.hooks is None):
                self._work_off_special(node, gradient)
                continue
            saved, version = node.saved, node.version
            for counter in node.guards:
                version -= counter[0]
            if saved is None or version:
                raise node.unusable()
            if type(gradient) is ndarray:
                xp: Any = numpy
            else:
                gradient = as_strided_gradient(gradient, False)
                xp = entered(gradient)
            for pullback, edge in zip(node.pullbacks, node.edges):  # noqa: B905 - strict takes time, and grads() checks
                if edge is None:
                    continue
                result = pullback(xp, gradient, *saved)
                if result is not None:
                    if xp is not numpy:
                        make_current(result)  # a gradient may have moved
                    if result.shape != edge.shape:
                        result = sum_to_shape(result, edge)
                    if result.dtype is not edge.dtype:
                        result = self._cast(result, edge)
                    before = gradients.get(edge)
                    if before is not None:
                        result = before + result if type(before) is type(result) else total(before, result)
                    gradients[edge] = result
                if type(edge) is Leaf:
                    pending[edge] = left = pending[edge] - 1
                    if not left:
                        if result is not gradient and type(result) is ndarray and result.base is None:
                            fresh.add(edge)  # the pullback made it, and nobody else holds it
                        self._finish_leaf(edge)
            if saved and not keep_graph:
                if node.guards:
                    node.saved = None
                elif len(saved) > 1 or type(saved[0]) is not int:  # the factor of a sum needs no closer look
                    node.free()

    def _work_off_special(self, node: Node, gradient: Any) -> None:
        """Do the same for nodes with hooks, several results, no gradient, or gradients recorded or asked for."""
        if node in self.ends:
            if gradient is not None:
                self.found[node] = self._before_use(node, gradient)
            return
        if gradient is None:
            results: Sequence[Any] = (None,) * len(node.edges)
        else:
            results = self._pull(node, gradient) if inspect is None else self._inspected(node, gradient)
        if not self.keep_graph:
            node.free()
        for edge, result in zip(node.edges, results, strict=True):
            if edge is not None and result is not None:
                self._add(edge, result)
            if type(edge) is Leaf:
                self._serve(edge)

    def _inspected(self, node: Node, gradient: Any) -> Sequence[Any]:
        assert inspect is not None
        return inspect(node, lambda: self._pull(node, gradient))

    def _add(self, node: Node, gradient: Any) -> None:
        """Add a gradient to what a node has got so far, in the node's shape and type."""
        make_current(gradient)
        if gradient.shape != node.shape:
            gradient = sum_to_shape(gradient, node)
        if gradient.dtype is not node.dtype:
            gradient = self._cast(gradient, node)
        before = self.gradients.get(node)
        self.gradients[node] = gradient if before is None else total(before, gradient)

    def _serve(self, leaf: Leaf) -> None:
        """Count down the nodes that are still to add to a leaf; finish it after the last."""
        self.pending[leaf] -= 1
        if self.pending[leaf] == 0:
            self._finish_leaf(leaf)

    def _pull(self, node: Node, gradient: Any) -> Sequence[Any]:
        gradient = self._before_use(node, as_strided_gradient(gradient, self.record))
        if self.wanted is not None and node in self.wanted:
            self.found[node] = gradient
        if type(node) is OutputNode:
            given = self.gradients.setdefault(node.parent, {})
            # results that were saved have nodes of their own
            given[node.index] = given[node.index] + gradient if node.index in given else gradient
            return (None,)
        if self.record:
            results = node.backward(gradient, tensor_namespace, node.saved_tensors())
        else:
            xp = entered(*gradient) if isinstance(node, MultiNode) else entered(gradient)
            results = node.backward(gradient, xp, node.checked_saved())
        return results if node.hooks is None else run_after_hooks(node, results, gradient, self.record)

    def _before_use(self, node: Node, gradient: Any) -> Any:
        if isinstance(node, MultiNode):
            gradient = node.complete(gradient, self.record)
        return gradient if node.hooks is None else run_hooks(node, gradient, self.record)

    def _cast(self, gradient: Any, node: Node) -> Any:
        wanted = node.dtype
        if isinstance(gradient, Sparse):
            return gradient.to(wanted)
        have = gradient.dtype if not self.record else gradient._array.dtype
        if have == wanted:
            return gradient
        if have.kind == "c" and wanted.kind != "c":
            gradient = gradient.real
        return gradient.astype(wanted)

    def _finish_leaf(self, leaf: Node) -> None:
        assert isinstance(leaf, Leaf)
        gradient = self.gradients.pop(leaf, None)
        if gradient is None:
            return
        if leaf.hooks is not None:
            gradient = run_hooks(leaf, gradient, self.record)
        if self.wanted is not None and leaf in self.wanted:
            self.found[leaf] = gradient
        elif self.wanted is None or self.accumulate:
            accumulate(leaf, gradient, self.record, leaf in self.fresh and leaf.hooks is None)
        if leaf.hooks is not None:
            run_after_hooks(leaf, (), gradient, self.record)


def accumulate(leaf: Leaf, gradient: Any, record: bool, fresh: bool) -> None:
    """Add a gradient to the `.grad` of a leaf's tensor, and tell those who wait for it.

    Args:
        leaf: where the gradient ends.
        gradient: a raw array, or a tensor when recording.
        record: whether the gradient's own computation is recorded.
        fresh: nobody else holds the gradient, so that it need not be copied.
    """
    tensor = leaf.target()
    if tensor is None:
        return  # nobody can see it any more
    with accumulating:
        before: Any = tensor._grad
        if isinstance(gradient, Sparse) or isinstance(before, Sparse):
            tensor._grad = sum_with_sparse(before, gradient)
        elif record:
            tensor._grad = gradient.clone() if before is None else before + gradient
        elif before is None:
            array = as_array(gradient)
            tensor._grad = wrap(array if fresh else array.copy())
        elif before._edge is None and not before.is_inference():
            before._array += gradient
            before._counter[0] += 1
        else:
            tensor._grad = wrap(before._array + gradient)
    for hook in tuple(leaf.post_hooks):
        hook(tensor)


def total(before: Any, gradient: Any) -> Any:
    """Return the sum of two gradients that came to one node: of a sparse and a strided one, the strided sum."""
    if type(before) is not type(gradient) and (isinstance(before, Sparse) or isinstance(gradient, Sparse)):
        record = isinstance(before, Tensor) or isinstance(gradient, Tensor)
        before, gradient = as_strided_gradient(before, record), as_strided_gradient(gradient, record)
    return before + gradient


def sum_with_sparse(before: Any, gradient: Any) -> Any:
    """Return the sum of two gradients of which at least one is sparse: sparse where both are."""
    if not isinstance(gradient, Sparse):
        return before + (gradient if isinstance(gradient, Tensor) else wrap(gradient))
    return gradient.clone() if before is None else before + gradient


def as_strided_gradient(gradient: Any, record: bool) -> Any:
    """Return the gradient of a result as pullbacks take it: leaves alone get sparse ones."""
    if not isinstance(gradient, Sparse):
        return gradient
    tensor: Tensor = gradient.to_dense()
    return tensor if record else tensor._array


def as_array(value: Any) -> Any:
    """Return an array: NumPy gives scalars where 0-d arrays would be meant."""
    return numpy.asarray(value) if isinstance(value, numpy.generic) else value


def entered(*arrays: Any) -> ModuleType:
    """Return the module that arrays belong to, and make their device the current one."""
    xp = array_module(*arrays)
    if xp is not numpy:
        make_current(next(array for array in arrays if array is not None))
    return xp


def sum_to_shape(gradient: Any, node: Node) -> Any:
    """Undo broadcasting: sum a gradient over the axes along which a node's value was repeated.

    Raises:
        ShapeError: the node's shape does not broadcast to the gradient's, so a pullback is wrong.
    """
    given, shape = tuple(gradient.shape), tuple(node.shape)
    extra = len(given) - len(shape)
    if extra == 1 and given[1:] == shape:  # nearly always: the gradient of a bias
        return as_array(gradient.sum(axis=0))
    if extra < 0 or any(length not in (1, given[extra + k]) for k, length in enumerate(shape)):
        raise ShapeError(f"backward: a gradient of shape {given} came to {node!r}")
    axes = tuple(k for k in range(len(given)) if k < extra or (shape[k - extra] == 1 and given[k] != 1))
    if gradient.dtype.name in ("float16", "bfloat16"):  # which few terms would drown in rounding
        gradient = gradient.astype("float32")
    return gradient.sum(axis=axes, keepdims=True).reshape(shape)
