"""`backward` and `grad`: what users call to differentiate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.autograd.engine import Pass
from tensorlib.autograd.graph import Node
from tensorlib.autograd.op import OPS
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tensorlib.layouts import Sparse
from tensorlib.tensor import Tensor, edge_of, wrap

Tensors = Sequence[Tensor] | Tensor


def backward(
    tensors: Tensors,
    grad_tensors: Sequence[Tensor | None] | Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensors | None = None,
) -> None:
    """Add the gradients of tensors to the `.grad` of the leaves they were made from.

    Args:
        tensors: the results to start from.
        grad_tensors: their gradients, each of its tensor's shape; None stands for one at a single element.
        retain_graph: keep what was saved, so that backward may run again; as `create_graph` unless given.
        create_graph: record the computation of the gradients, so that they can be differentiated.
        inputs: the tensors to add up gradients in; all leaves unless given.

    Raises:
        GraphError: a tensor needs no gradient, or its graph was freed or modified in place.
        ShapeError: a gradient is needed or has another shape.
        ArgumentError: `inputs` is empty.

    Example:
        >>> x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
        >>> backward((x**3).sum())
        >>> x.grad
        tensor([ 3., 12.])
    """
    roots = as_tuple(tensors)
    nodes, gradients = _start("backward", roots, grad_tensors, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        Pass(keep, create_graph, wanted=None).run(nodes, gradients)
        return
    targets = _differentiated(inputs)
    if not targets:
        raise ArgumentError("backward: inputs is empty; leave it out to add up gradients in all leaves")
    found = _gradients_at("backward", targets, nodes, gradients, keep, create_graph)
    for target, gradient in zip(targets, found, strict=True):
        if gradient is not None:
            target._grad = gradient if target._grad is None else target._grad + gradient


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Sequence[Tensor | None] | Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Return the gradients of the sum of `outputs` with respect to `inputs`, and leave every `.grad` alone.

    Args:
        outputs: the results to differentiate.
        inputs: what to differentiate them by; leaves or results.
        grad_outputs: gradients of the outputs, each of its tensor's shape; None stands for one at a single element.
        retain_graph: keep what was saved, so that the graph may be used again; as `create_graph` unless given.
        create_graph: record the computation of the gradients, so that they can be differentiated.
        only_inputs: False also adds the gradients of the other leaves to their `.grad`.
        allow_unused: return None for an input that the outputs do not depend on, instead of raising.
        is_grads_batched: each of `grad_outputs` holds several gradients along a first dimension more, and each result
            has the gradients of all of them along its first.
        materialize_grads: return zeros for such an input.

    Raises:
        GraphError: an input or output needs no gradient, is unused, or the graph was freed or modified in place.
        ShapeError: a gradient is needed or has another shape.

    Example:
        >>> x = tensorlib.tensor(3.0, requires_grad=True)
        >>> (first,) = grad(x**3, x, create_graph=True)
        >>> first, grad(first, x)
        (tensor(27., grad_fn=<MulBackward0>), (tensor(18.),))
    """
    if is_grads_batched:
        one = partial(grad, outputs, inputs, only_inputs=only_inputs, materialize_grads=materialize_grads)
        return _one_by_one(one, grad_outputs, retain_graph, create_graph, allow_unused)
    targets = _differentiated(inputs)
    nodes, gradients = _start("grad", as_tuple(outputs), grad_outputs, create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = _gradients_at("grad", targets, nodes, gradients, keep, create_graph, accumulate=not only_inputs)
    for k, (target, gradient) in enumerate(zip(targets, found, strict=True)):
        if gradient is None and materialize_grads:
            with at(target._array):
                found[k] = wrap(array_module(target._array).zeros_like(target._array))
        elif gradient is None and not allow_unused:
            raise GraphError(f"grad: input {k} was not used for the outputs; give allow_unused=True to get None for it")
    given = zip(as_tuple(inputs), found, strict=True)
    return tuple([x.with_values(g) if isinstance(x, Sparse) and g is not None else g for x, g in given])


def _one_by_one(
    one: Callable[..., Any], batch: Any, retain_graph: bool | None, create_graph: bool, allow_unused: bool | None
) -> tuple[Tensor | None, ...]:
    """Return the gradients for each of a batch of gradients of the outputs, stacked."""
    batches = as_tuple(() if batch is None else batch)
    lengths = {len(each) for each in batches if each is not None}
    if len(lengths) != 1 or 0 in lengths:
        raise ShapeError(f"grad: is_grads_batched needs as many gradients for each output, not {sorted(lengths)}")
    (count,) = lengths
    keep = create_graph if retain_graph is None else retain_graph
    parts = []
    for k in range(count):
        start = [None if each is None else each[k] for each in batches]
        last = k == count - 1
        parts.append(one(start, retain_graph=keep or not last, create_graph=create_graph, allow_unused=allow_unused))
    stack = OPS["stack"]
    return tuple([None if found[0] is None else stack(list(found)) for found in zip(*parts, strict=True)])


def as_tuple(tensors: Any) -> tuple[Any, ...]:
    """Return one tensor or a sequence of tensors as a tuple."""
    return (tensors,) if isinstance(tensors, (Tensor, Sparse)) else tuple(tensors)


def reset_gradient(tensor: Tensor, to_none: bool) -> None:
    """Take a tensor's gradient away, or make it zeros that are not recorded."""
    gradient = tensor._grad
    if to_none or gradient is None:
        tensor._grad = None
        return
    tensor._grad = gradient.detach()
    tensor._grad.zero_()


def _differentiated(tensors: Any) -> tuple[Tensor, ...]:
    """Return tensors to differentiate by; of a sparse one that is the tensor of its values."""
    return tuple([x.parts()[1] if isinstance(x, Sparse) else x for x in as_tuple(tensors)])


def _start(
    name: str, roots: Sequence[Tensor], given: Sequence[Tensor | None] | Tensor | None, record: bool
) -> tuple[list[Node], list[Any]]:
    """Return the nodes to start from and their gradients."""
    listed = (given,) if given is None or isinstance(given, Tensor) else tuple(given)
    if given is None:
        listed = (None,) * len(roots)
    if len(listed) != len(roots):
        raise ShapeError(f"{name}: {len(roots)} tensors, but {len(listed)} gradients given")
    nodes, gradients = [], []
    for root, gradient in zip(roots, listed, strict=True):
        if isinstance(root, Sparse):
            raise TypeError(f"{name}: needs strided results to start from, not sparse ones; use to_dense()")
        node = edge_of(root)
        if node is None:
            raise GraphError(f"{name}: the tensor of shape {tuple(root.shape)} does not require a gradient")
        nodes.append(node)
        tensor = _first_gradient(name, root, gradient)
        gradients.append(tensor if record else tensor._array)
    return nodes, gradients


def _first_gradient(name: str, root: Tensor, gradient: Tensor | None) -> Tensor:
    if gradient is None:
        if root.numel() != 1:
            raise ShapeError(
                f"{name}: a tensor of shape {tuple(root.shape)} needs a gradient of that shape to start from"
            )
        if root.is_complex():
            raise GraphError(f"{name}: a complex result needs a gradient to start from; only for real ones it is one")
        with at(root._array):
            return wrap(array_module(root._array).ones_like(root._array))
    if not isinstance(gradient, Tensor):
        raise TypeError(f"{name}: a gradient must be a Tensor or None, not {type(gradient).__name__}")
    if gradient.shape != root.shape:
        raise ShapeError(
            f"{name}: a gradient of shape {tuple(gradient.shape)} given for a tensor of shape {tuple(root.shape)}"
        )
    return gradient


def _gradients_at(
    name: str,
    targets: Sequence[Tensor],
    nodes: Sequence[Node],
    gradients: Sequence[Any],
    keep: bool,
    record: bool,
    accumulate: bool = False,
) -> list[Tensor | None]:
    wanted = []
    for k, target in enumerate(targets):
        node = edge_of(target)
        if node is None:
            raise GraphError(f"{name}: input {k} of shape {tuple(target.shape)} does not require a gradient")
        wanted.append(node)
    work = Pass(keep, record, wanted, accumulate)
    work.run(nodes, gradients)
    found = [work.found.get(node) for node in wanted]
    return [g if g is None or record or isinstance(g, Sparse) else wrap(_copied(g)) for g in found]


def _copied(array: Any) -> Any:
    with at(array):
        return array_module(array).array(array)
