"""The graph of gradients: one node for each recorded result, and one for each leaf.

A tensor that needs a gradient points at its node; a node points at the nodes of what it was made from. Nodes are
numbered in the order of their making, and a node is always made after those it points at: descending numbers are a
topological order, which is all that the engine needs.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType, NoneType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy

from tensorlib._xp import array_module
from tensorlib.autograd.node_names import node_name
from tensorlib.errors import GraphError

if TYPE_CHECKING:
    from tensorlib.autograd.op import Op
    from tensorlib.tensor import Tensor


def wrap_array(array: Any, edge: Node | None = None) -> Tensor:
    """Make a tensor of an array; imported late, since tensors are made of nodes."""
    from tensorlib.tensor import wrap

    return wrap(array, edge)


next_order = itertools.count(1).__next__
OUTPUT = -1  # role of a saved value that is the result, less k for the k-th; inputs have their position, others None

PLAIN = (NoneType, EllipsisType, int, float, complex, str, slice, numpy.dtype, numpy.generic)

Guards = Sequence[list[int]]  # version counters of saved values


def version_sum(guards: Guards) -> int:
    """Return the sum of versions: they only grow, so equal sums mean that none has moved."""
    total = 0
    for counter in guards:
        total += counter[0]
    return total


def is_plain(value: Any) -> bool:
    """Tell whether a saved value is a number, a shape, an index or the like, which takes no memory to speak of."""
    if isinstance(value, (tuple, list)):
        return all(is_plain(item) for item in value)
    return isinstance(value, PLAIN)


class Node:
    """How one result was made, and with it how a gradient goes from the result to the inputs.

    Attributes:
        order: number in the order of making.
        edges: for each input the node that its gradient goes to, None where none is needed.
        op: the operation.
        pullbacks: for each input the function that makes its gradient.
        saved: what its pullbacks need; None once freed.
        roles: for each saved value: the input it is, OUTPUT, or None for a constant.
        guards: version counters of the saved inputs and results.
        version: sum of the versions when they were saved.
        shape, dtype: of the result, and so of its gradient.
        hooks: called with the gradient before it is used; None where there are none.
    """

    __slots__ = (
        "__weakref__",
        "dtype",
        "edges",
        "guards",
        "hooks",
        "op",
        "order",
        "pullbacks",
        "roles",
        "saved",
        "shape",
        "version",
    )

    shape: tuple[int, ...]

    def __init__(
        self,
        op: Op,
        edges: tuple[Node | None, ...],
        value: Any,
        saved: tuple[Any, ...],
        roles: tuple[int | None, ...],
        guards: Guards,
    ) -> None:
        self.order = next_order()
        self.op: Any = op  # of a call of a `Function` its class
        self.edges = edges
        self.pullbacks = op.pullbacks_for(len(edges)) if op.variadic else op.pullbacks
        self.saved: tuple[Any, ...] | None = saved
        self.roles = roles
        self.guards = guards
        version = 0
        for counter in guards:
            version += counter[0]
        self.version = version
        self.shape = value.shape
        self.dtype = value.dtype
        self.hooks: list[Any] | None = None

    def name(self) -> str:
        """Name of the node as PyTorch prints it: MulBackward0."""
        return node_name(self)

    def __repr__(self) -> str:
        return f"<{self.name()} of shape {tuple(self.shape)}>"

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """The nodes that the gradient goes to, each with the number of its output."""
        return tuple((edge, getattr(edge, "index", 0)) for edge in self.edges)

    def add_hook(self, hook: Any) -> RemovableHandle:
        """Call `hook(gradient)` with the gradient of this node's result; what it returns, unless None, replaces it."""
        if self.hooks is None:
            self.hooks = []
        last = [] if isinstance(hook, LastHook) else [k for k, x in enumerate(self.hooks) if isinstance(x, LastHook)]
        return RemovableHandle(self.hooks, hook, last[0] if last else None)

    def register_prehook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(gradients)` with the gradients of the results, a tuple; one that it returns replaces them."""
        return self.add_hook(BeforeHook(hook))

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Call `hook(gradients of inputs, gradients of results)`, two tuples, when this node has done its work.

        A tuple that it returns replaces the gradients of the inputs.
        """
        return self.add_hook(AfterHook(hook))

    @property
    def metadata(self) -> dict[str, Any]:
        """A place for notes on this node."""
        return notes.setdefault(self, {})

    def checked_saved(self) -> tuple[Any, ...]:
        """Return what was saved.

        Raises:
            GraphError: it was freed by an earlier backward, or modified in place since.
        """
        if self.saved is None or version_sum(self.guards) != self.version:
            raise self.unusable()
        return self.saved

    def free(self) -> None:
        """Let go of what was saved; a node that saved no arrays keeps its few numbers, and can be used again."""
        if self.saved is not None and not all(is_plain(value) for value in self.saved):
            self.saved = None

    def unusable(self) -> GraphError:
        """Return the error that says why what was saved cannot be used."""
        if self.saved is None:
            return GraphError(
                f"backward through {self.op.name} a second time: its saved values are freed; "
                "give the first backward retain_graph=True"
            )
        return GraphError(
            f"{self.op.name}: a value that its gradient needs was modified in place: saved were tensors of shapes "
            f"{self._guarded_shapes()}, and they are {version_sum(self.guards) - self.version} modifications further; "
            "clone the tensor before modifying it"
        )

    def _guarded_shapes(self) -> str:
        saved = [pair for pair in zip(self.saved or (), self.roles, strict=True) if hasattr(pair[0], "shape")]
        named = [value for value, role in saved if role is not None] or [value for value, _ in saved]
        return ", ".join(str(tuple(value.shape)) for value in named)

    def backward(self, gradient: Any, xp: Any, saved: tuple[Any, ...]) -> Sequence[Any]:
        """Return the gradients of the inputs; None where none is needed."""
        return [
            None if edge is None else pullback(xp, gradient, *saved)
            for pullback, edge in zip(self.pullbacks, self.edges, strict=True)
        ]

    def saved_tensors(self) -> tuple[Any, ...]:
        """Return what was saved, inputs and result as tensors with their place in the graph."""
        saved = self.checked_saved()
        tensors = list(saved)
        for k, role in enumerate(self.roles):
            if role is not None:
                tensors[k] = wrap_array(saved[k], self.edges[role] if role >= 0 else self.output(OUTPUT - role))
        return tuple(tensors)

    def output(self, k: int) -> Node:
        """Return the node of the k-th result: this one, where there is but one."""
        return self


class ComplexNode(Node):
    """How a complex result was made by a holomorphic operation, whose pullbacks are written as for real numbers.

    The gradient of a product by `x` is then `g * y` by the chain rule, but `g * conj(y)` as the derivative by real part
    plus i times that by imaginary part: conjugating before and after turns the one into the other.
    """

    __slots__ = ()

    def backward(self, gradient: Any, xp: Any, saved: tuple[Any, ...]) -> Sequence[Any]:
        """Return the gradients of the inputs; None where none is needed."""
        results = super().backward(gradient.conj(), xp, saved)
        return [None if result is None else result.conj() for result in results]


class Leaf(Node):
    """Where gradients end: adds them up in the `.grad` of a tensor that the user made."""

    __slots__ = ("post_hooks", "target")

    def __init__(self, tensor: Tensor, array: Any) -> None:
        self.order = 0
        self.edges = ()
        self.saved = ()
        self.roles = self.guards = ()
        self.version = 0
        self.shape = array.shape
        self.dtype = array.dtype
        self.hooks = None
        self.target = weakref.ref(tensor)  # the tensor holds this node; no cycle
        self.post_hooks: list[Callable[[Tensor], None]] = []

    def name(self) -> str:
        """Name of the node as PyTorch prints it."""
        return "AccumulateGrad"

    @property
    def variable(self) -> Tensor | None:
        """The tensor whose gradient is added up here; None where nobody holds it any more."""
        return self.target()


class MultiNode(Node):
    """How several results were made at once: the engine collects the gradients of all before it goes on.

    Attributes:
        outputs: shape and type of each result; None for what is no tensor.
    """

    __slots__ = ("outputs",)

    def __init__(
        self,
        op: Op,
        edges: tuple[Node | None, ...],
        values: Sequence[Any],
        saved: tuple[Any, ...],
        roles: tuple[int | None, ...],
        guards: Guards,
    ) -> None:
        super().__init__(op, edges, values[0], saved, roles, guards)
        self.outputs: tuple[Any, ...] = tuple([(value.shape, value.dtype) for value in values])

    def output(self, k: int) -> Node:
        """Return the node of the k-th result."""
        return OutputNode(self, k)

    def complete(self, given: dict[int, Any], as_tensors: bool) -> tuple[Any, ...]:
        """Return the gradients of all results: zeros for those that none came to, None for what is no tensor."""
        some = next(iter(given.values()))
        xp = array_module(some._array if as_tensors else some)

        def zeros(shape: tuple[int, ...], dtype: Any) -> Any:
            array = xp.zeros(shape, dtype)
            return wrap_array(array) if as_tensors else array

        missing = [None if output is None or k in given else zeros(*output) for k, output in enumerate(self.outputs)]
        return tuple([given.get(k, zero) for k, zero in enumerate(missing)])


class OutputNode(Node):
    """One of several results; hands its gradient on to the node of the operation."""

    __slots__ = ("index", "parent")

    def __init__(self, parent: MultiNode, index: int) -> None:
        self.order = next_order()
        self.op = parent.op
        self.parent = parent
        self.index = index
        self.edges = (parent,)
        self.saved = ()
        self.roles = self.guards = ()
        self.version = 0
        self.shape, self.dtype = parent.outputs[index]
        self.hooks = None

    def name(self) -> str:
        """Name of the operation's node."""
        return self.parent.name()

    def register_prehook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Call `hook(gradients)` with the gradients of all results of the operation."""
        return self.parent.register_prehook(hook)

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Call `hook(gradients of inputs, gradients of results)` when the operation's node has done its work."""
        return self.parent.register_hook(hook)


notes: WeakKeyDictionary[Node, dict[str, Any]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class BeforeHook:
    """A user's hook on the gradients of all results of a node."""

    function: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class AfterHook:
    """A user's hook on what a node made of the gradients of its results."""

    function: Callable[[Any, Any], Any]


class LastHook:
    """A hook that hears of a gradient when all others have seen it, those that are added later too."""


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook away again. Also a context manager."""

    def __init__(self, hooks: list[Any], hook: Any, place: int | None = None) -> None:
        self._hooks = hooks
        self._hook = hook
        hooks.insert(len(hooks) if place is None else place, hook)

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        for k, hook in enumerate(self._hooks):
            if hook is self._hook:
                del self._hooks[k]
                return

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
