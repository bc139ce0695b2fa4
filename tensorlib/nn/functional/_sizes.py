"""Sizes of windows as users give them: one number for all spatial axes, or one for each."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.tensor import Tensor

Sizes = tuple[int, ...]


def as_sizes(name: str, what: str, value: Any, axes: int) -> Sizes:
    """Return one number for each spatial axis.

    Args:
        name: the function, for errors.
        what: the argument, for errors.
        value: a number, which stands for all axes, or a sequence of one or of as many as there are axes.
        axes: how many spatial axes there are.

    Raises:
        TypeError: these are no whole numbers.
        ArgumentError: there are more or fewer of them.

    Example:
        >>> as_sizes("conv2d", "stride", 2, 2), as_sizes("conv2d", "stride", [1, 2], 2)
        ((2, 2), (1, 2))
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    try:
        sizes = tuple([index(each) for each in values])
    except TypeError:
        raise TypeError(f"{name}: {what} must be whole numbers, not {value!r}") from None
    if len(sizes) not in (1, axes):
        raise ArgumentError(f"{name}: {what} must be one number or {axes}, {value!r} given")
    return sizes * axes if len(sizes) == 1 else sizes


def batched(name: str, input: Any, axes: int, function: Callable[[Tensor], Any]) -> Any:
    """Call a function of a batch (N, C, *size); a single sample (C, *size) is made a batch of one for it.

    Raises:
        TypeError: the input is no tensor.
        ShapeError: it has another number of dimensions.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}: input must be a Tensor, not {type(input).__name__}")
    if input.ndim == axes + 2:
        return function(input)
    if input.ndim != axes + 1:
        raise ShapeError(
            f"{name}: needs an input of {axes + 2} dimensions (a batch) or {axes + 1} (a single sample), "
            f"given is shape {tuple(input.shape)}"
        )
    result = function(input.reshape(1, *input.shape))
    parts = result if isinstance(result, tuple) else (result,)
    single = tuple([part.reshape(part.shape[1:]) for part in parts])
    return single if isinstance(result, tuple) else single[0]
