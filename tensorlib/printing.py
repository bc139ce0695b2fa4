"""Tensors as text, as PyTorch prints them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy

from tensorlib._xp import to_host
from tensorlib.dtypes import bfloat16, bool_, get_default_dtype, int64, result_type
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor


@dataclass(frozen=True)
class PrintOptions:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}


class _Current:
    options = PROFILES["default"]


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is not given stays.

    Args:
        precision: digits after the point.
        threshold: number of elements above which a tensor is summarised.
        edgeitems: how many elements a summary shows at each end of a dimension.
        linewidth: characters per line.
        profile: "default", "short" or "full", which the other arguments then change.
        sci_mode: True always prints floats as 1.0000e+00, False never; unless given it depends on the values.

    Raises:
        ArgumentError: there is no such profile.

    Example:
        >>> tensorlib.set_printoptions(precision=2)
        >>> tensorlib.tensor([0.5])
        tensor([0.50])
        >>> tensorlib.set_printoptions(profile="default")
    """
    if profile is not None and profile not in PROFILES:
        raise ArgumentError(f"set_printoptions: profile {profile!r} is not known; there are {', '.join(PROFILES)}")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    start = _Current.options if profile is None else PROFILES[profile]
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    _Current.options = replace(start, **changes, sci_mode=sci_mode)


def format_tensor(tensor: Tensor) -> str:
    """Return the text of a tensor: `tensor([1., 2.], requires_grad=True)`."""
    array = to_host(tensor._array)
    prefix = "tensor("
    return with_suffixes(prefix + format_array(array, len(prefix)), _suffixes(tensor), len(prefix))


def _suffixes(tensor: Tensor) -> list[str]:
    """What is said after the elements, of what goes without saying nothing."""
    found = []
    if tensor.is_cuda:
        found.append(f"device='{tensor.device}'")
    if not tensor.numel() and tensor.ndim != 1:
        found.append(f"size={tuple(tensor.shape)}")
    expected: tuple[Any, ...] = (get_default_dtype(),)
    if tensor.numel():
        expected = (*expected, int64, bool_)
    if tensor.dtype not in expected and tensor.dtype.numpy != result_type([0j]):
        found.append(f"dtype={tensor.dtype}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found


def with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append suffixes, on a new line where the line is full."""
    last_line = len(text) - (text.rfind("\n") + 1)
    for suffix in suffixes:
        if last_line + len(suffix) + 4 > _Current.options.linewidth:
            text += ",\n" + " " * indent + suffix
            last_line = indent + len(suffix)
        else:
            text += ", " + suffix
            last_line += len(suffix) + 2
    return text + ")"


def format_array(array: numpy.ndarray[Any, Any], indent: int) -> str:
    """Return the text of an array's elements in brackets; further lines are indented."""
    if not array.size:
        return "[]"
    if array.dtype == bfloat16.numpy:
        array = array.astype(numpy.float32)
    summarize = array.size > _Current.options.threshold
    shown = _edges(array) if summarize else array
    formatter = ComplexFormat(shown) if array.dtype.kind == "c" else RealFormat(shown)
    return _nested(array, indent, summarize, formatter)


def _edges(array: numpy.ndarray[Any, Any]) -> numpy.ndarray[Any, Any]:
    """Return the elements that a summary shows."""
    edge = _Current.options.edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * edge:
            array = numpy.take(array, [*range(edge), *range(length - edge, length)], axis)
    return array


def _nested(array: numpy.ndarray[Any, Any], indent: int, summarize: bool, formatter: RealFormat | ComplexFormat) -> str:
    if array.ndim == 0:
        return formatter(array.item())
    edge = _Current.options.edgeitems
    cut = summarize and len(array) > 2 * edge
    first, last = (array[:edge], array[len(array) - edge :]) if cut else (array, array[:0])
    if array.ndim == 1:
        items = [formatter(value) for value in first.tolist()]
        items += [" ..."] * cut + [formatter(value) for value in last.tolist()]
        return _wrapped(items, indent, formatter.width)
    parts = [_nested(part, indent + 1, summarize, formatter) for part in first]
    parts += ["..."] * cut + [_nested(part, indent + 1, summarize, formatter) for part in last]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _wrapped(items: list[str], indent: int, width: int) -> str:
    """Put a row's elements on as many lines as they need."""
    per_line = max(1, (_Current.options.linewidth - indent) // (width + 2))
    lines = [", ".join(items[k : k + per_line]) for k in range(0, len(items), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


class RealFormat:
    """How the numbers of one tensor are written, all alike: as integers, with fixed digits, or with exponents.

    Args:
        values: the numbers that will be shown.
    """

    def __init__(self, values: numpy.ndarray[Any, Any]) -> None:
        self.spec = "" if values.dtype.kind != "f" else self._spec_for_floats(values.astype("f8").ravel())
        if values.dtype.kind == "f":  # as in PyTorch, -0., inf and nan may stick out
            values = values[numpy.isfinite(values) & (values != 0)]
        self.width = max((len(self._text(value)) for value in values.ravel().tolist()), default=1)

    def _spec_for_floats(self, values: numpy.ndarray[Any, Any]) -> str:
        options = _Current.options
        values = numpy.abs(values[numpy.isfinite(values) & (values != 0)])
        if not values.size:
            return ".0f"
        whole = bool((values == numpy.ceil(values)).all())
        scientific = options.sci_mode
        if scientific is None:
            scientific = bool(
                values.max() > 1000 * values.min() or values.max() > 1e8 or (not whole and values.min() < 1e-4)
            )
        return f".{options.precision}{'e' if scientific else 'f'}" if scientific or not whole else ".0f"

    def _text(self, value: Any) -> str:
        text = format(value, self.spec)
        return text + "." if self.spec == ".0f" and math.isfinite(value) else text

    def __call__(self, value: Any) -> str:
        """Return a number's text, as wide as all others."""
        return self._text(value).rjust(self.width)


class ComplexFormat:
    """How complex numbers are written: real and imaginary parts each as numbers of their own.

    Args:
        values: the numbers that will be shown.
    """

    def __init__(self, values: numpy.ndarray[Any, Any]) -> None:
        self.real, self.imaginary = RealFormat(values.real), RealFormat(values.imag)
        self.width = self.real.width + self.imaginary.width + 1

    def __call__(self, value: complex) -> str:
        """Return a number's text, as wide as all others."""
        imaginary = (self.imaginary(value.imag) + "j").lstrip()
        return self.real(value.real) + ("" if imaginary[0] in "+-" else "+") + imaginary
