"""Keeping gradients within bounds, in place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor, wrap


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float | str = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of parameters so that their norm, as one vector, is at most `max_norm`.

    Args:
        parameters: one or several; those without a gradient are passed over.
        max_norm: the largest norm.
        norm_type: p of the p-norm; "inf" for the largest absolute value.
        error_if_nonfinite: raise an error instead of going on with gradients that are infinite or NaN.
        foreach: accepted for PyTorch's sake; it makes no difference here.

    Returns:
        The norm before, a 0-d tensor.

    Raises:
        ArgumentError: the norm is infinite or NaN, and that is to be an error.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.zeros(2))
        >>> p.grad = tensorlib.tensor([3.0, 4.0])
        >>> clip_grad_norm_([p], 1.0), p.grad
        (tensor(5.), tensor([0.6000, 0.8000]))
    """
    gradients = _gradients(parameters)
    total = _norm(gradients, float(norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise ArgumentError(f"clip_grad_norm_: the gradients' norm is {total}")
    factor = min(1.0, max_norm / (total + 1e-6)) if not math.isnan(total) else total
    if factor != 1.0:
        for gradient in gradients:
            with at(gradient._array):
                gradient._array *= factor
            gradient._bump_version()
    like = gradients[0]._array if gradients else None
    with at(like):
        return wrap(array_module(like).asarray(total, None if like is None else like.dtype))


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [_elements(parameter).detach() for parameter in listed if parameter.grad is not None]


def _elements(parameter: Tensor) -> Any:
    """Return the gradient of a parameter; of a sparse one what it stores, at each place once."""
    gradient: Any = parameter.grad
    if not gradient.is_sparse:
        return gradient
    parameter.grad = gradient = gradient.coalesce()
    return gradient.values()


def _norm(gradients: list[Tensor], order: float) -> float:
    """Return the p-norm of all elements; sums are in float64."""
    if math.isinf(order):
        return max((_of_array(g._array, lambda array: abs(array).max(initial=0)) for g in gradients), default=0.0)
    powers = [_of_array(g._array, lambda array: (abs(array) ** order).sum(dtype="float64")) for g in gradients]
    return float(sum(powers) ** (1 / order)) if powers else 0.0


def _of_array(array: Any, function: Callable[[Any], Any]) -> float:
    with at(array):
        return float(function(array))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Bring the elements of the gradients of parameters to at least `-clip_value` and at most `clip_value`.

    Example:
        >>> p = tensorlib.nn.Parameter(tensorlib.zeros(2))
        >>> p.grad = tensorlib.tensor([3.0, -4.0])
        >>> clip_grad_value_(p, 1.0)
        >>> p.grad
        tensor([ 1., -1.])
    """
    for gradient in _gradients(parameters):
        array = gradient._array
        with at(array):
            array_module(array).clip(array, -clip_value, clip_value, out=array)
        gradient._bump_version()


clip_grad_norm = clip_grad_norm_
