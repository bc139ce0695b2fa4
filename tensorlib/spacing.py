"""Functions that make tensors of evenly spaced values."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.creation import finished
from tensorlib.dtypes import as_dtype, default_float, result_type
from tensorlib.errors import ArgumentError
from tensorlib.factories import factory
from tensorlib.placement import array_module_on
from tensorlib.tensor import Tensor


@factory
def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the values from `start` up to but without `end`, `step` apart. `arange(end)` starts at zero.

    Args:
        start: first value.
        end: where to stop.
        step: distance between neighbours, not zero.
        dtype: element type; int64 for integers and the default type otherwise, unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the step is zero, or leads away from the end.

    Example:
        >>> tensorlib.arange(3), tensorlib.arange(1, 2, 0.5)
        (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    if end is None:
        start, end = 0, start
    start, end, step = [value.item() if isinstance(value, Tensor) else value for value in (start, end, step)]
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(f"arange: a step of {step} does not lead from {start} to {end}")
    kind = as_dtype(dtype).numpy if dtype is not None else result_type([start, end, step])
    whole = all(isinstance(value, int) for value in (start, end, step))
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    with array_module_on(device) as xp:
        whole = kind.kind in "iu" or all(isinstance(value, int) for value in (start, step))
        steps = xp.arange(count, dtype="i8" if whole else "f8")
        array = (start + steps * step).astype(kind)
    return finished(array, None, requires_grad)


@factory
def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the values from `start` up to and with `end`, `step` apart, in the default type; better use `arange`.

    Raises:
        ArgumentError: the step is zero, or leads away from the end.

    Example:
        >>> tensorlib.range(1, 3)
        tensor([1., 2., 3.])
    """
    start, end = (0, start) if end is None else (start, end)
    if step == 0 or (end - start) * step < 0:
        raise ArgumentError(f"range: a step of {step} does not lead from {start} to {end}")
    count = math.floor((end - start) / step) + 1
    kind = dtype or default_float()
    return arange(start, start + (count - 0.5) * step, step, dtype=kind, device=device, requires_grad=requires_grad)


@factory
def logspace(
    start: Any,
    end: Any,
    steps: int = 100,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` values from `base ** start` to `base ** end` whose logarithms are evenly spaced.

    Raises:
        ArgumentError: the number of steps is negative.

    Example:
        >>> tensorlib.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    exponents = _spaced("logspace", start, end, steps, device)
    kind = result_type([start, end, 1.0]) if dtype is None else as_dtype(dtype).numpy
    return finished((base**exponents).astype(kind), None, requires_grad)


@factory
def linspace(
    start: Any, end: Any, steps: int = 100, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return `steps` evenly spaced values from `start` to `end`, both included.

    Raises:
        ArgumentError: the number of steps is negative.

    Example:
        >>> tensorlib.linspace(0, 1, 5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    values = _spaced("linspace", start, end, steps, device)
    kind = result_type([start, end, 1.0]) if dtype is None else as_dtype(dtype).numpy
    return finished(values.astype(kind), None, requires_grad)


def _spaced(name: str, start: Any, end: Any, steps: int, device: Any) -> Any:
    if steps < 0:
        raise ArgumentError(f"{name}: needs zero or more steps, not {steps}")
    ends = [value.item() if isinstance(value, Tensor) else value for value in (start, end)]
    kind = "c16" if any(isinstance(value, complex) for value in ends) else "f8"
    with array_module_on(device) as xp:
        return xp.linspace(*ends, steps, dtype=kind)
