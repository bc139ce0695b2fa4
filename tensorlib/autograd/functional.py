"""Derivatives of functions: whole matrices of them, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib.autograd.api import grad
from tensorlib.autograd.modes import enable_grad
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tensorlib.ops.joining import stack
from tensorlib.tensor import Tensor

Tensors = tuple[Tensor, ...]


def _as_tuple(name: str, value: Any, what: str) -> tuple[Tensors, bool]:
    """Return tensors as a tuple, and whether they were one.

    Raises:
        TypeError: they are no tensors.
    """
    several = isinstance(value, (tuple, list))
    tensors = tuple(value) if several else (value,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: {what} must be tensors, not {type(tensor).__name__}")
    return tensors, several


def _prepared(inputs: Tensors, create_graph: bool) -> Tensors:
    """Return tensors to differentiate by: with the history of the given ones where the result keeps it."""
    if create_graph:
        return tuple([x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs])
    return tuple([x.detach().requires_grad_() for x in inputs])


def _outputs(name: str, func: Callable[..., Any], inputs: Tensors, strict: bool) -> tuple[Tensors, bool]:
    outputs, several = _as_tuple(name, func(*inputs), "what the function returns")
    if strict and any(not output.requires_grad for output in outputs):
        raise GraphError(f"{name}: strict=True, but a result does not depend on the inputs")
    return outputs, several


def _grad(name: str, outputs: Tensors, inputs: Tensors, starts: Any, create_graph: bool, strict: bool) -> Tensors:
    """Return gradients, zeros where there is none."""
    roots = [(output, start) for output, start in zip(outputs, starts, strict=True) if output.requires_grad]
    found: Sequence[Tensor | None] = (None,) * len(inputs)
    if roots:
        found = grad(
            [output for output, _ in roots],
            inputs,
            [start for _, start in roots],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    if strict and any(g is None for g in found):
        raise GraphError(f"{name}: strict=True, but a result does not depend on one of the inputs")
    if strict and create_graph and not all(g is None or g.requires_grad for g in found):
        raise GraphError(f"{name}: strict=True, but a derivative does not depend on the inputs")
    return tuple([x.new_zeros(x.shape) if g is None else g for x, g in zip(inputs, found, strict=True)])


def _starts(name: str, v: Any, outputs: Tensors) -> Tensors:
    """Return the vectors of a product; one at a single element unless given.

    Raises:
        GraphError: none is given, and there are more elements.
        ShapeError: the shapes differ.
    """
    if v is None:
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise GraphError(f"{name}: v may be left out for a single element only")
        return (outputs[0].detach() * 0 + 1,)
    vectors, _ = _as_tuple(name, v, "v")
    if [tuple(each.shape) for each in vectors] != [tuple(each.shape) for each in outputs]:
        given, needed = [tuple(each.shape) for each in vectors], [tuple(each.shape) for each in outputs]
        raise ShapeError(f"{name}: v has shapes {given}, needed are {needed}")
    return vectors


def _result(values: Tensors, several: bool, keep: bool) -> Any:
    kept = values if keep else tuple([value.detach() for value in values])
    return kept if several else kept[0]


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Return a function's value, and the product of a vector and its Jacobian.

    Args:
        func: takes tensors and returns one or a tuple.
        inputs: a tensor or a tuple of them.
        v: a vector of the result's shape, or a tuple; one unless given, for a result of one element.
        create_graph: keep the history of both, so that they can be differentiated.
        strict: a result that does not depend on an input is an error, not zeros.

    Raises:
        GraphError: `v` is missing, or a result is independent of an input with `strict`.
        ShapeError: `v` has another shape than the result.

    Example:
        >>> tensorlib.autograd.functional.vjp(lambda x: x * x, tensorlib.tensor([1.0, 2.0]), tensorlib.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, several = _as_tuple("vjp", inputs, "inputs")
    with enable_grad():
        prepared = _prepared(given, create_graph)
        outputs, many = _outputs("vjp", func, prepared, strict)
        starts = _starts("vjp", v, outputs)
    found = _grad("vjp", outputs, prepared, starts, create_graph, strict)
    return _result(outputs, many, create_graph), _result(found, several, create_graph)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Return a function's value, and the product of its Jacobian and a vector.

    It is computed by differentiating the product of a vector and the Jacobian, which is linear in the vector.

    Args:
        func: takes tensors and returns one or a tuple.
        inputs: a tensor or a tuple of them.
        v: a vector of the inputs' shape, or a tuple; one unless given, for an input of one element.
        create_graph: keep the history of both, so that they can be differentiated.
        strict: a result that does not depend on an input is an error, not zeros.

    Raises:
        GraphError: `v` is missing, or a result is independent of an input with `strict`.
        ShapeError: `v` has another shape than the inputs.

    Example:
        >>> tensorlib.autograd.functional.jvp(lambda x: x * x, tensorlib.tensor([1.0, 2.0]), tensorlib.ones(2))
        (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, _ = _as_tuple("jvp", inputs, "inputs")
    with enable_grad():
        prepared = _prepared(given, create_graph)
        vectors = _starts("jvp", v, prepared)
        outputs, many = _outputs("jvp", func, prepared, strict)
        dummies = tuple([(output.detach() * 0).requires_grad_() for output in outputs])
        found = _grad("jvp", outputs, prepared, dummies, True, strict)
    products = _grad("jvp", found, dummies, vectors, create_graph, False)
    return _result(outputs, many, create_graph), _result(products, many, create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of a function: for each element of a result its derivatives by all elements of an input.

    Args:
        func: takes tensors and returns one or a tuple.
        inputs: a tensor or a tuple of them.
        create_graph: keep its history, so that it can be differentiated.
        strict: a result that does not depend on an input is an error, not zeros.
        vectorize: accepted for PyTorch's sake, but not together with `strict`.
        strategy: "reverse-mode" or "forward-mode", for PyTorch's sake: the result is the same.

    Returns:
        A tensor of the result's shape followed by the input's; for tuples a tuple of them by results, of tuples by
        inputs.

    Raises:
        GraphError: a result is independent of an input with `strict`.
        ArgumentError: there is no such strategy, or `strict` is given with it or with `vectorize`.

    Example:
        >>> tensorlib.autograd.functional.jacobian(lambda x: x * x, tensorlib.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    _check_strategy("jacobian", strategy, strict, vectorize)
    given, several = _as_tuple("jacobian", inputs, "inputs")
    with enable_grad():
        prepared = _prepared(given, create_graph)
        outputs, many = _outputs("jacobian", func, prepared, strict)
        rows = tuple([_rows(output, prepared, create_graph, strict) for output in outputs])
    kept = rows if create_graph else tuple([tuple([part.detach() for part in row]) for row in rows])
    by_inputs = kept if several else tuple([row[0] for row in kept])
    return by_inputs if many else by_inputs[0]


def _check_strategy(name: str, strategy: str, strict: bool, vectorize: bool) -> None:
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(f"{name}: strategy {strategy!r} is not known; there are reverse-mode and forward-mode")
    if strict and (vectorize or strategy == "forward-mode"):
        raise ArgumentError(f"{name}: strict=True goes with neither vectorize=True nor forward-mode")


def _rows(output: Tensor, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """Return the derivatives of one result by each input."""
    parts: list[Tensors] = []
    for k in range(output.numel()):
        start = output.detach() * 0
        start.view(-1)[k] = 1
        parts.append(_grad("jacobian", (output,), inputs, (start,), create_graph, strict))
    if not parts:
        return tuple([x.new_zeros((*output.shape, *x.shape)) for x in inputs])
    return tuple([stack([part[i] for part in parts]).reshape(*output.shape, *x.shape) for i, x in enumerate(inputs)])


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of a function with one element: its second derivatives by all pairs of elements.

    Args:
        func: takes tensors and returns one of a single element.
        inputs: a tensor or a tuple of them.
        create_graph: keep its history, so that it can be differentiated.
        strict: a result that does not depend on an input is an error, not zeros.
        vectorize: accepted for PyTorch's sake, but not together with `strict`.
        outer_jacobian_strategy: as `strategy` of `jacobian`.

    Returns:
        A tensor of the input's shape twice; for a tuple of inputs a tuple of tuples.

    Raises:
        GraphError: the function returns more than one element, or is independent of an input with `strict`.
        ArgumentError: there is no such strategy, or `strict` is given with it or with `vectorize`.

    Example:
        >>> tensorlib.autograd.functional.hessian(lambda x: (x**3).sum(), tensorlib.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy, strict, vectorize)
    given, several = _as_tuple("hessian", inputs, "inputs")

    def gradients(*tensors: Tensor) -> Any:
        outputs, _ = _outputs("hessian", func, tensors, strict)
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise GraphError("hessian: the function must return one element")
        return _grad("hessian", outputs, tensors, (outputs[0].detach() * 0 + 1,), True, strict)

    found = jacobian(gradients, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if several else found[0][0]


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Return a function's value, and the product of a vector and its Hessian.

    Raises:
        GraphError: the function returns more than one element, or `v` is missing.
        ShapeError: `v` has another shape than the inputs.

    Example:
        >>> tensorlib.autograd.functional.vhp(lambda x: (x**3).sum(), tensorlib.tensor([1.0, 2.0]), tensorlib.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    given, several = _as_tuple("vhp", inputs, "inputs")
    with enable_grad():
        prepared = _prepared(given, create_graph)
        vectors = _starts("vhp", v, prepared)
        outputs, many = _outputs("vhp", func, prepared, strict)
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise GraphError("vhp: the function must return one element")
        first = _grad("vhp", outputs, prepared, (outputs[0].detach() * 0 + 1,), True, strict)
    found = _grad("vhp", first, prepared, vectors, create_graph, strict)
    return _result(outputs, many, create_graph), _result(found, several, create_graph)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """Return a function's value, and the product of its Hessian and a vector; as `vhp`, since Hessians are symmetric.

    Raises:
        GraphError: the function returns more than one element, or `v` is missing.
        ShapeError: `v` has another shape than the inputs.

    Example:
        >>> tensorlib.autograd.functional.hvp(lambda x: (x**3).sum(), tensorlib.tensor([1.0, 2.0]), tensorlib.ones(2))
        (tensor(9.), tensor([ 6., 12.]))
    """
    return vhp(func, inputs, v, create_graph, strict)
