"""Checks of gradients: what backward computes against differences of nearby values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from tensorlib._xp import array_module, to_host
from tensorlib.autograd.api import grad
from tensorlib.autograd.modes import enable_grad
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor, wrap

Function = Callable[..., Any]
Tensors = Tensor | Sequence[Any]


class GradcheckError(RuntimeError):
    """The gradients of a function differ from the differences of its values."""


def gradcheck(
    func: Function,
    inputs: Tensors,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of a function against central differences of its values.

    Args:
        func: takes the inputs; returns a tensor or several. Called again and again, so it must give the same each time.
        inputs: a tensor or several; those that require a gradient should be float64. Other values are passed on.
        eps: step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise where gradients differ, instead of returning False.

    Returns:
        Whether all gradients agree.

    Raises:
        GradcheckError: gradients differ; says which element of which output and input, and both numbers.
        ArgumentError: no input requires a gradient.

    Example:
        >>> x = tensorlib.Tensor(numpy.array([1.0, 2.0]), requires_grad=True)
        >>> gradcheck(lambda x: x * x, x)
        True
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    watched = _watched("gradcheck", given)
    try:
        with enable_grad():
            for position, x in watched:
                _check_input(func, given, position, x, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Function,
    inputs: Tensors,
    grad_outputs: Tensors | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Check the gradients of a function's gradients against central differences.

    Args:
        func: takes the inputs; returns a tensor or several.
        inputs: a tensor or several; those that require a gradient should be float64. Other values are passed on.
        grad_outputs: gradients of the outputs to start from; random ones unless given.
        eps: step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise where gradients differ, instead of returning False.

    Returns:
        Whether all second gradients agree.

    Raises:
        GradcheckError: second gradients differ; "input" then counts the inputs, followed by the outputs' gradients.
        ArgumentError: no input requires a gradient.

    Example:
        >>> x = tensorlib.Tensor(numpy.array([1.0, 2.0]), requires_grad=True)
        >>> gradgradcheck(lambda x: x * x * x, x)
        True
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    positions = [position for position, _ in _watched("gradgradcheck", given)]
    starts = _starts(func, given, grad_outputs)

    def gradients(*args: Any) -> tuple[Tensor | None, ...]:
        values, start = args[: len(given)], args[len(given) :]
        outputs = _differentiable(func(*values))
        watched = [values[k] for k in positions]
        return grad(outputs, watched, start, create_graph=True, allow_unused=True)

    return gradcheck(gradients, (*given, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


def _watched(name: str, inputs: Sequence[Any]) -> list[tuple[int, Tensor]]:
    """Return the inputs that require a gradient, with their positions."""
    found = [(k, x) for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not found:
        raise ArgumentError(f"{name}: none of the {len(inputs)} inputs requires a gradient")
    for position, x in found:
        if x._array.dtype != numpy.float64:
            warnings.warn(f"{name}: input {position} is {x.dtype}; differences need float64", stacklevel=3)
    return found


def _outputs(result: Any) -> list[Tensor]:
    values = [result] if isinstance(result, Tensor) else list(result)
    return [value for value in values if isinstance(value, Tensor) and value.is_floating_point()]


def _differentiable(result: Any) -> list[Tensor]:
    return [value for value in _outputs(result) if value.requires_grad]


def _starts(func: Function, inputs: Sequence[Any], given: Tensors | None) -> tuple[Tensor, ...]:
    """Return gradients of the outputs to start from, which require a gradient themselves."""
    if given is not None:
        return (given,) if isinstance(given, Tensor) else tuple(given)
    generator = numpy.random.default_rng(0)
    with enable_grad():
        outputs = _differentiable(func(*inputs))
    return tuple(_like(output, generator.normal(size=output.shape)).requires_grad_() for output in outputs)


def _like(tensor: Tensor, values: Any) -> Tensor:
    """Return host values as a tensor of the given one's type, on its device."""
    return wrap(array_module(tensor._array).asarray(values, tensor._array.dtype))


def _check_input(
    func: Function, inputs: Sequence[Any], position: int, x: Tensor, eps: float, atol: float, rtol: float
) -> None:
    """Compare the gradients of all outputs by one input with differences."""
    numerical = _numerical_jacobians(func, inputs, x, eps)
    for k, (output, expected) in enumerate(zip(_outputs(func(*inputs)), numerical, strict=True)):
        computed = _analytical_jacobian(output, x)
        wrong = numpy.argwhere(~numpy.isclose(computed, expected, rtol, atol, equal_nan=True))
        if len(wrong):
            row, column = wrong[0]
            at_output = _element(row, output.shape)
            at_input = _element(column, x.shape)
            raise GradcheckError(
                f"gradcheck: gradient of output {k}{at_output} by input {position}{at_input}: backward computes "
                f"{computed[row, column]:.9g}, differences give {expected[row, column]:.9g} "
                f"(atol {atol}, rtol {rtol}; {len(wrong)} of {computed.size} differ)"
            )


def _element(flat: int, shape: tuple[int, ...]) -> str:
    return str([int(k) for k in numpy.unravel_index(flat, shape)]) if shape else ""


def _numerical_jacobians(func: Function, inputs: Sequence[Any], x: Tensor, eps: float) -> list[Any]:
    """Return for each output the array `[its elements, elements of x]` of central differences."""
    columns: list[list[Any]] = [[] for _ in _values(func, inputs)]
    for index in numpy.ndindex(*x.shape):
        before = float(x._array[index])
        x._array[index] = before + eps
        above = _values(func, inputs)
        x._array[index] = before - eps
        below = _values(func, inputs)
        x._array[index] = before
        for column, high, low in zip(columns, above, below, strict=True):
            column.append((high - low) / (2 * eps))
    sizes = [value.size for value in _values(func, inputs)]
    return [
        numpy.stack(column, axis=1) if column else numpy.zeros((size, 0))
        for column, size in zip(columns, sizes, strict=True)
    ]


def _values(func: Function, inputs: Sequence[Any]) -> list[Any]:
    """Return the elements of each output, flat; copies, as an output may share the memory of an input."""
    return [numpy.array(to_host(output._array), numpy.float64).reshape(-1) for output in _outputs(func(*inputs))]


def _analytical_jacobian(output: Tensor, x: Tensor) -> Any:
    """Return the array `[elements of output, elements of x]` that backward computes, row by row."""
    jacobian = numpy.zeros((output.numel(), x.numel()))
    if not output.requires_grad:
        return jacobian
    for k, row in enumerate(jacobian):
        start = numpy.zeros(output.shape)
        start.flat[k] = 1
        (gradient,) = grad(output, x, _like(output, start), retain_graph=True, allow_unused=True)
        if gradient is not None:
            row[...] = to_host(gradient._array).reshape(-1)
    return jacobian
