"""Memory for time: parts of a network that keep no intermediate results, and compute them again in backward."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from tensorlib.autograd.graph import BeforeHook, Node, next_order
from tensorlib.autograd.modes import enable_grad, is_grad_enabled
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.random import fork_rng, get_rng_state, set_rng_state
from tensorlib.tensor import Tensor, edge_of

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: Callable[[], Contexts] = lambda: (nullcontext(), nullcontext()),
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function without keeping what its gradients need; backward calls it again.

    Gradients reach all tensors that the function uses: its arguments, parameters, and results of what came before.

    Args:
        function: takes the arguments and returns tensors, also within sequences and dictionaries; it does the same
            every time it is called.
        args: its arguments.
        use_reentrant: accepted for PyTorch's sake, as `debug` and `early_stop`; there is one way.
        preserve_rng_state: the second call draws the random numbers of the first.
        context_fn: returns two context managers: one around the first call, one around the second.
        determinism_check: "default" compares the shapes of what the two calls compute, "none" does not.
        debug: not used.
        early_stop: not used.
        kwargs: its arguments by name.

    Raises:
        ArgumentError: there is no such check.
        GraphError: by backward, where the function does something else the second time, or an argument was modified.

    Example:
        >>> from tensorlib.utils.checkpoint import checkpoint
        >>> x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
        >>> checkpoint(lambda x: x.exp().log(), x).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"checkpoint: determinism_check is {determinism_check!r}, but must be 'default' or 'none'")
    if not is_grad_enabled():
        return function(*args, **kwargs)
    before, again = context_fn()
    given = list(_tensors_in((args, kwargs)))
    part = _Part(partial(function, *args, **kwargs), given, again, preserve_rng_state, determinism_check == "default")
    start = next_order()
    with before:
        result = function(*args, **kwargs)
    part.drop(_nodes_of(result, start))
    return result


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """Give the tensors in nested sequences and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors_in(item)
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))


def _nodes_of(result: Any, start: int) -> list[Node]:
    """Return the nodes behind a result that were made since a number was drawn, and save something, in their order."""
    edges = [edge_of(tensor) for tensor in _tensors_in(result)]
    found = {edge: None for edge in edges if edge is not None and edge.order > start}
    for node in (queue := list(found)):  # which grows meanwhile
        for edge in node.edges:
            if edge is not None and edge.order > start and edge not in found:
                found[edge] = None
                queue.append(edge)
    saving = [node for node in found if node.saved is None or any(item is not None for item in node.saved)]
    return sorted(saving, key=lambda node: node.order)


class _Part:
    """A call of a function whose nodes let go of what they saved, until a gradient comes to the first of them."""

    def __init__(
        self,
        call: Callable[[], Any],
        given: Sequence[Tensor],
        context: AbstractContextManager[Any],
        preserve_rng_state: bool,
        compare: bool,
    ) -> None:
        self.call, self.given, self.context, self.compare = call, given, context, compare
        self.versions: list[Any] = []
        self.state = get_rng_state() if preserve_rng_state else None
        self.nodes: list[weakref.ref[Node]] = []  # which hold this object
        self.done: list[tuple[Any, ...]] = []

    def drop(self, nodes: Sequence[Node]) -> None:
        """Let nodes go of what they saved."""
        self.nodes = [weakref.ref(node) for node in nodes]
        self.done = [(node.op.name, tuple(node.shape)) for node in nodes]
        self.versions = [x._counter[0] for x in self.given]
        for place, node in enumerate(nodes):
            node.saved, node.guards, node.version = None, (), 0
            others = [hook for hook in node.hooks or () if not isinstance(hook, _Refill)]
            node.hooks = [_Refill(partial(self.fill, place), self, place), *others]

    def fill(self, place: int, gradients: Any) -> None:
        """See to it that a node has what it saved: the hook that is called before the node is used."""
        node = self.nodes[place]()
        if node is not None and node.saved is None:
            self.compute()
            inner = [hook for hook in node.hooks or () if isinstance(hook, _Refill) and hook.part is not self]
            if node.saved is None and inner:  # it belongs to a checkpoint within this one
                inner[-1].function(gradients)

    def compute(self) -> None:
        """Call the function again, and give the nodes what the new ones have saved."""
        if [x._counter[0] for x in self.given] != self.versions:
            raise GraphError("checkpoint: an argument was modified in place before the function was called again")
        with fork_rng(enabled=self.state is not None), enable_grad():
            if self.state is not None:
                set_rng_state(self.state)
            start = next_order()
            with self.context:
                result = self.call()
        nodes = _nodes_of(result, start)
        done = [(node.op.name, tuple(node.shape)) for node in nodes]
        if len(done) != len(self.done) or (self.compare and done != self.done):
            raise GraphError(f"checkpoint: the function did {self.done} the first time, but {done} the second time")
        for new, reference in zip(nodes, self.nodes, strict=True):
            old = reference()
            if old is not None:
                _take(old, new, reference)


def _take(old: Node, new: Node, reference: weakref.ref[Node]) -> None:
    """Give a node what another saved, and its place in checkpoints within."""
    old.saved, old.roles, old.guards, old.version = new.saved, new.roles, new.guards, new.version
    for hook in new.hooks or ():
        if isinstance(hook, _Refill):
            hook.part.nodes[hook.place] = reference
            assert old.hooks is not None  # it has that of the checkpoint
            old.hooks.append(hook)


@dataclass(frozen=True, eq=False)
class _Refill(BeforeHook):
    """The hook of a node of a checkpoint."""

    part: _Part
    place: int


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call functions one after the other in segments, each of which is a checkpoint; the last one is not.

    Args:
        functions: a `Sequential`, or a list of functions of one argument.
        segments: the number of segments.
        input: what the first function takes.
        use_reentrant: accepted for PyTorch's sake.
        kwargs: `preserve_rng_state` and the like, as for `checkpoint`.

    Raises:
        ArgumentError: there are more segments than functions, or none.

    Example:
        >>> from tensorlib.utils.checkpoint import checkpoint_sequential
        >>> checkpoint_sequential([tensorlib.exp, tensorlib.log], 2, tensorlib.ones(1))
        tensor([1.])
    """
    chain = list(functions)
    if not 0 < segments <= len(chain):
        raise ArgumentError(f"checkpoint_sequential: {segments} segments do not fit {len(chain)} functions")
    size = len(chain) // segments

    def run(part: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            for function in part:
                x = function(x)
            return x

        return call

    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(run(chain[start : start + size]), input, use_reentrant=use_reentrant, **kwargs)
    return run(chain[last:])(input)
