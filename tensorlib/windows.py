"""Windows: weights that fade a stretch of a signal in and out."""

from __future__ import annotations

import inspect
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

# Makes the elements `values(xp, part, ...)` at parts of the way from the first to the last; parameters may follow.
Values = Callable[..., Any]

DOCUMENTATION = """Return the {what}.

    Args:
        window_length: the number of elements.
        periodic: leave out the last one of a window that is longer by one, so that copies of it join.{parameters}
        dtype: floating point element type; the default type unless given.
        device: where to put it.
        requires_grad: record operations on it.

    Raises:
        ArgumentError: the length is negative.
        TypeError: the type is not floating point.

    Example:
        >>> tensorlib.{name}({given})
        tensor({found})
    """


def _window(what: str, found: str, given: str = "4", **parameters: str) -> Callable[[Values], Values]:
    """Make a public function of the values of a window: those of `_hann` give `hann_window`.

    Args:
        what: the window in words.
        found: the elements that the example prints.
        given: the arguments of the example.
        parameters: what the further parameters of the values mean.
    """

    def publish(values: Values) -> Values:
        name = f"{values.__name__.strip('_')}_window"
        signature = _signature(values)

        def window(*args: Any, **kwargs: Any) -> Tensor:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{name}() {error}") from None
            bound.apply_defaults()
            return _filled(name, values, **bound.arguments)

        lines = "".join(f"\n        {parameter}: {meaning}." for parameter, meaning in parameters.items())
        window.__name__ = window.__qualname__ = name
        window.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
        window.__annotations__["return"] = signature.return_annotation
        window.__signature__ = signature  # type: ignore[attr-defined]
        window.__doc__ = DOCUMENTATION.format(what=what, parameters=lines, name=name, given=given, found=found)
        public_function(window)
        return values

    return publish


def _signature(values: Values) -> inspect.Signature:
    """Return the signature of a window's function: `periodic` is followed by the parameters of its values."""
    _, _, length, periodic, *options, _ = inspect.signature(_filled).parameters.values()
    _, _, *parameters = inspect.signature(values).parameters.values()
    return inspect.Signature([length, periodic, *parameters, *options], return_annotation=Tensor)


def _filled(
    name: str,
    values: Values,
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **parameters: float,
) -> Tensor:
    kind = as_dtype(dtype or default_float())
    if not kind.is_floating_point:
        raise TypeError(f"{name}: needs a floating point type, not {kind.name}")
    if window_length < 0:
        raise ArgumentError(f"{name}: needs a length of zero or more, not {window_length}")
    with array_module_on(device) as xp:
        count = window_length + 1 if periodic else window_length
        part = xp.arange(window_length, dtype="f8") / max(count - 1, 1)
        array = values(xp, part, **parameters) if window_length > 1 else xp.ones(window_length)
    return finished(array.astype(kind.numpy), None, requires_grad)


@_window("Bartlett window, a triangle: `1 - |2 * n / (N - 1) - 1|`", "[0.0000, 0.5000, 1.0000, 0.5000]")
def _bartlett(xp: Any, part: Any) -> Any:
    return 1 - xp.abs(2 * part - 1)


@_window("Hann window: `0.5 - 0.5 * cos(2 * pi * n / (N - 1))`", "[0.0000, 0.5000, 1.0000, 0.5000]")
def _hann(xp: Any, part: Any) -> Any:
    return _hamming(xp, part, 0.5, 0.5)


@_window(
    "Hamming window: `alpha - beta * cos(2 * pi * n / (N - 1))`",
    "[0.0800, 0.5400, 1.0000, 0.5400]",
    alpha="the constant term",
    beta="the factor of the cosine",
)
def _hamming(xp: Any, part: Any, alpha: float = 0.54, beta: float = 0.46) -> Any:
    return alpha - beta * xp.cos(2 * math.pi * part)


@_window(
    "Blackman window: `0.42 - 0.5 * cos(2 * pi * n / (N - 1)) + 0.08 * cos(4 * pi * n / (N - 1))`",
    "[-1.3878e-17,  3.4000e-01,  1.0000e+00,  3.4000e-01]",
)
def _blackman(xp: Any, part: Any) -> Any:
    return 0.42 - 0.5 * xp.cos(2 * math.pi * part) + 0.08 * xp.cos(4 * math.pi * part)


@_window(
    "Kaiser window: `I0(beta * sqrt(1 - (2 * n / (N - 1) - 1) ** 2)) / I0(beta)`",
    "[0.4387, 0.8348, 1.0000, 0.8348]",
    "4, beta=2.0",
    beta="how steep it is; 0 gives ones",
)
def _kaiser(xp: Any, part: Any, beta: float = 12.0) -> Any:
    inside = xp.maximum(1 - (2 * part - 1) ** 2, 0)
    return i0.via(xp, beta * xp.sqrt(inside)) / i0.via(xp, xp.asarray(float(beta)))
