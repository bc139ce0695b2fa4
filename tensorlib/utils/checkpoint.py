"""Memory for time: parts of a network that keep no intermediate results, and compute them again in backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib.autograd.api import grad
from tensorlib.autograd.function import Function
from tensorlib.autograd.graph import Leaf, Node
from tensorlib.autograd.modes import enable_grad, is_grad_enabled
from tensorlib.errors import ArgumentError
from tensorlib.random import get_rng_state, set_rng_state
from tensorlib.tensor import Tensor, edge_of


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function without keeping what its gradients need; backward calls it again.

    Gradients reach the arguments and all parameters that the function uses, by `backward` and by `grad`.

    Args:
        function: takes the arguments and returns tensors; the same every time it is called with the same.
        args: its arguments; gradients go to the tensors among them.
        use_reentrant: accepted for PyTorch's sake; there is one way.
        preserve_rng_state: the second call draws the random numbers of the first.
        kwargs: its arguments by name, to which no gradients go.

    Example:
        >>> from tensorlib.utils.checkpoint import checkpoint
        >>> x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
        >>> checkpoint(lambda x: x.exp().log(), x).sum().backward()
        >>> x.grad
        tensor([1., 1.])
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    call = _Call(lambda *given: function(*given, **kwargs), args, state)
    outputs, leaves = call.first()
    if not any(isinstance(output, Tensor) and output.requires_grad for output in outputs):
        return call.shaped(outputs)
    results = _Checkpoint.apply(call, outputs, *call.tensors, *leaves)
    return call.shaped(results)


class _Call:
    """A function and its arguments, to be called twice."""

    def __init__(self, function: Callable[..., Any], args: Sequence[Any], state: Tensor | None) -> None:
        self.function, self.args, self.state = function, tuple(args), state
        self.places = [k for k, arg in enumerate(args) if isinstance(arg, Tensor)]
        self.tensors = [args[k] for k in self.places]
        self.single = False

    def run(self, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
        """Call the function with other tensors in the places of its own."""
        args = list(self.args)
        for k, tensor in zip(self.places, tensors, strict=True):
            args[k] = tensor
        returned = self.function(*args)
        self.single = not isinstance(returned, (tuple, list))
        return (returned,) if self.single else tuple(returned)

    def first(self) -> tuple[tuple[Any, ...], list[Tensor]]:
        """Call it for the first time; return its results, and the leaves beside its arguments that they depend on."""
        inside = [x.detach().requires_grad_(x.requires_grad) for x in self.tensors]
        outputs = self.run(inside)
        own = {id(x._edge) for x in inside}
        roots = [edge_of(output) for output in outputs if isinstance(output, Tensor)]
        leaves = [leaf.target() for leaf in _leaves(roots) if id(leaf) not in own]
        return outputs, [tensor for tensor in leaves if tensor is not None]

    def again(self, tensors: Sequence[Tensor]) -> tuple[Any, ...]:
        """Call it once more, with the random numbers of the first time."""
        if self.state is None:
            return self.run(tensors)
        now = get_rng_state()
        set_rng_state(self.state)
        try:
            return self.run(tensors)
        finally:
            set_rng_state(now)

    def shaped(self, outputs: Any) -> Any:
        """Return results as the function did: alone, or as a tuple."""
        return outputs[0] if self.single else tuple(outputs)


def _leaves(roots: Sequence[Node | None]) -> list[Leaf]:
    found: dict[Node, None] = {root: None for root in roots if root is not None}
    for node in (queue := list(found)):  # which grows meanwhile
        for edge in node.edges:
            if edge is not None and edge not in found:
                found[edge] = None
                queue.append(edge)
    return [node for node in found if isinstance(node, Leaf)]


class _Checkpoint(Function):
    """Results that were computed already; backward computes them again to find their gradients."""

    @staticmethod
    def forward(ctx: Any, call: _Call, outputs: Sequence[Any], *tensors: Tensor) -> Any:
        ctx.call = call
        ctx.save_for_backward(*tensors)
        return tuple([output.detach() if isinstance(output, Tensor) else output for output in outputs])

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        given: list[Tensor] = list(ctx.saved_tensors)
        count = len(ctx.call.tensors)
        record = is_grad_enabled()
        with enable_grad():
            inside = given[:count] if record else [x.detach().requires_grad_(x.requires_grad) for x in given[:count]]
            outputs = ctx.call.again(inside)
        pairs = [(y, g) for y, g in zip(outputs, grads, strict=True) if isinstance(y, Tensor) and y.requires_grad]
        targets = [*inside, *given[count:]]
        wanted = [k for k, x in enumerate(targets) if x.requires_grad]
        starts = [g for _, g in pairs]
        found = grad(
            [y for y, _ in pairs], [targets[k] for k in wanted], starts, create_graph=record, allow_unused=True
        )
        results: list[Tensor | None] = [None] * len(targets)
        for k, gradient in zip(wanted, found, strict=True):
            results[k] = gradient
        return (None, None, *results)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Call functions one after the other in segments, each of which is a checkpoint; the last one is not.

    Args:
        functions: a `Sequential`, or a list of functions of one argument.
        segments: the number of segments.
        input: what the first function takes.
        use_reentrant: accepted for PyTorch's sake.
        kwargs: `preserve_rng_state`, as for `checkpoint`.

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
