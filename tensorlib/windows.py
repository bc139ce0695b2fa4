"""Windows: weights that fade a stretch of a signal in and out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tensorlib.attach import public_function
from tensorlib.creation import finished
from tensorlib.dtypes import as_dtype, default_float
from tensorlib.errors import ArgumentError
from tensorlib.ops.bessel import i0
from tensorlib.placement import array_module_on
from tensorlib.tensor import Tensor


@public_function
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the Bartlett window, a triangle: `1 - |2 * n / (N - 1) - 1|`.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.bartlett_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def triangle(xp: Any, part: Any) -> Any:
        return 1 - xp.abs(2 * part - 1)

    return _window("bartlett_window", window_length, periodic, triangle, dtype, device, requires_grad)


@public_function
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the Hann window: `0.5 - 0.5 * cos(2 * pi * n / (N - 1))`.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.hann_window(4)
        tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, _cosines(0.5, 0.5), dtype, device, requires_grad)


@public_function
def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the Hamming window: `alpha - beta * cos(2 * pi * n / (N - 1))`.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.
        alpha: the constant term.
        beta: the factor of the cosine.
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.hamming_window(4)
        tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return _window("hamming_window", window_length, periodic, _cosines(alpha, beta), dtype, device, requires_grad)


@public_function
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return the Blackman window: `0.42 - 0.5 * cos(2 * pi * n / (N - 1)) + 0.08 * cos(4 * pi * n / (N - 1))`.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.blackman_window(4)[1:]
        tensor([0.3400, 1.0000, 0.3400])
    """
    return _window("blackman_window", window_length, periodic, _cosines(0.42, 0.5, 0.08), dtype, device, requires_grad)


@public_function
def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the Kaiser window: `I0(beta * sqrt(1 - (2 * n / (N - 1) - 1) ** 2)) / I0(beta)`.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.
        beta: how steep it is; 0 gives ones.
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.kaiser_window(4, beta=2.0)
        tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """

    def bessel(xp: Any, part: Any) -> Any:
        inside = xp.maximum(1 - (2 * part - 1) ** 2, 0)
        return i0.via(xp, beta * xp.sqrt(inside)) / i0.via(xp, xp.asarray(float(beta)))

    return _window("kaiser_window", window_length, periodic, bessel, dtype, device, requires_grad)


def _cosines(constant: float, first: float, second: float = 0.0) -> Callable[[Any, Any], Any]:
    def values(xp: Any, part: Any) -> Any:
        return constant - first * xp.cos(2 * math.pi * part) + second * xp.cos(4 * math.pi * part)

    return values


def _window(
    name: str,
    length: int,
    periodic: bool,
    values: Callable[[Any, Any], Any],
    dtype: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    """Return a window of which `values(xp, part)` gives the elements at parts of the way from its first to its last."""
    kind = as_dtype(dtype or default_float())
    if not kind.is_floating_point:
        raise TypeError(f"{name}: needs a floating point type, not {kind.name}")
    if length < 0:
        raise ArgumentError(f"{name}: needs a length of zero or more, not {length}")
    with array_module_on(device) as xp:
        count = length + 1 if periodic else length
        part = xp.arange(length, dtype="f8") / max(count - 1, 1)
        array = values(xp, part) if length > 1 else xp.ones(length)
    return finished(array.astype(kind.numpy), None, requires_grad)
