"""Checks of gradients: what backward computes against differences of nearby values."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
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
    **options: bool | float,
) -> bool:
    """Check the gradients of a function against central differences of its values.

    Args:
        func: takes the inputs; returns a tensor or several. Called again and again, so it must give the same each time.
        inputs: a tensor or several; those that require a gradient should be float64. Other values are passed on.
        eps: step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise where gradients differ, instead of returning False.
        options: PyTorch's `check_undefined_grad`, `fast_mode` and the like, which are not used.

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
    _check_options("gradcheck", options)
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
    **options: bool | float,
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
        options: PyTorch's `check_undefined_grad`, `fast_mode` and the like, which are not used.

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
    _check_options("gradgradcheck", options)
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    positions = [position for position, _ in _watched("gradgradcheck", given)]
    starts = _starts(func, given, grad_outputs)

    def gradients(*args: Any) -> tuple[Tensor | None, ...]:
        values, start = args[: len(given)], args[len(given) :]
        outputs = _differentiable(func(*values))
        watched = [values[k] for k in positions]
        found = grad(outputs, watched, start, create_graph=True, allow_unused=True)
        return tuple([None if gradient is None else gradient.to_dense() for gradient in found])

    return gradcheck(gradients, (*given, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


NOT_USED = {
    "check_backward_ad",
    "check_batched_forward_grad",
    "check_batched_grad",
    "check_forward_ad",
    "check_fwd_over_rev",
    "check_grad_dtypes",
    "check_rev_over_rev",
    "check_undefined_grad",
    "fast_mode",
    "gen_non_contig_grad_outputs",
    "masked",
    "nondet_tol",
}


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    for option in options.keys() - NOT_USED:
        raise TypeError(f"{name}: unknown argument {option!r}")


def _watched(name: str, inputs: Sequence[Any]) -> list[tuple[int, Tensor]]:
    """Return the inputs that require a gradient, with their positions."""
    found = [(k, x) for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not found:
        raise ArgumentError(f"{name}: none of the {len(inputs)} inputs requires a gradient")
    for position, x in found:
        if x._array.dtype not in (numpy.float64, numpy.complex128):
            warnings.warn(f"{name}: input {position} is {x.dtype}; differences need double precision", stacklevel=3)
    return found


def _outputs(result: Any) -> list[Tensor]:
    values = [result] if isinstance(result, Tensor) else list(result)
    return [value for value in values if isinstance(value, Tensor) and value._array.dtype.kind in "fc"]


def _differentiable(result: Any) -> list[Tensor]:
    return [value for value in _outputs(result) if value.requires_grad]


def _starts(func: Function, inputs: Sequence[Any], given: Tensors | None) -> tuple[Tensor, ...]:
    """Return gradients of the outputs to start from, which require a gradient themselves."""
    if given is not None:
        return (given,) if isinstance(given, Tensor) else tuple(given)
    generator = numpy.random.default_rng(0)
    with enable_grad():
        outputs = _differentiable(func(*inputs))
    starts = []
    for output in outputs:
        values = sum(part * generator.normal(size=output.shape) for part in _parts(output))
        starts.append(_like(output, values).requires_grad_())
    return tuple(starts)


def _parts(tensor: Tensor) -> tuple[complex, ...]:
    """Return what stands for the real numbers that make an element: 1, and i where it is complex."""
    return (1, 1j) if tensor._array.dtype.kind == "c" else (1,)


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
            at_output, at_input = _element(row, output), _element(column, x)
            raise GradcheckError(
                f"gradcheck: gradient of output {k}{at_output} by input {position}{at_input}: backward computes "
                f"{computed[row, column]:.9g}, differences give {expected[row, column]:.9g} "
                f"(atol {atol}, rtol {rtol}; {len(wrong)} of {computed.size} differ)"
            )


def _element(flat: int, tensor: Tensor) -> str:
    parts = _parts(tensor)
    place = str([int(k) for k in numpy.unravel_index(flat // len(parts), tensor.shape)]) if tensor.ndim else ""
    return place + ("" if len(parts) == 1 else (".real", ".imag")[flat % 2])


def _numerical_jacobians(func: Function, inputs: Sequence[Any], x: Tensor, eps: float) -> list[Any]:
    """Return for each output the array `[its elements, elements of x]` of central differences."""
    columns: list[list[Any]] = [[] for _ in _values(func, inputs)]
    for index, part in itertools.product(numpy.ndindex(*x.shape), _parts(x)):
        before = x._array[index].item()
        x._array[index] = before + eps * part
        above = _values(func, inputs)
        x._array[index] = before - eps * part
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
    """Return the real numbers of each output, flat; copies, as an output may share the memory of an input."""
    return [_real_numbers(output._array) for output in _outputs(func(*inputs))]


def _real_numbers(array: Any) -> Any:
    """Return a flat copy of an array; real and imaginary parts take turns."""
    copy = numpy.array(to_host(array), numpy.complex128 if array.dtype.kind == "c" else numpy.float64, order="C")
    return copy.reshape(-1).view(numpy.float64)


def _analytical_jacobian(output: Tensor, x: Tensor) -> Any:
    """Return the array `[elements of output, elements of x]` that backward computes, row by row."""
    parts = _parts(output)
    jacobian = numpy.zeros((output.numel() * len(parts), x.numel() * len(_parts(x))))
    if not output.requires_grad:
        return jacobian
    for k, row in enumerate(jacobian):
        start = numpy.zeros(output.shape, output._array.dtype)
        start.flat[k // len(parts)] = parts[k % len(parts)]
        (gradient,) = grad(output, x, _like(output, start), retain_graph=True, allow_unused=True)
        if gradient is not None:
            row[...] = _real_numbers(gradient.to_dense()._array)
    return jacobian
