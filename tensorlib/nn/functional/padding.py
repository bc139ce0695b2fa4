"""Padding: cells around the last dimensions of a tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tensorlib._xp import array_module, at
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.indexing import index_select
from tensorlib.ops.padding import constant_pad
from tensorlib.tensor import Tensor, wrap


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return a tensor with cells put before and after its last dimensions.

    Args:
        input: a tensor.
        pad: how many cells before and after, in pairs from the last dimension backwards; negative numbers cut off.
        mode: what the cells hold: "constant", "reflect" (mirrored without the edge), "replicate" (the edge), or
            "circular" (what is at the other side).
        value: what "constant" takes; 0 unless given.

    Raises:
        ArgumentError: the mode is unknown, or the numbers do not come in pairs.
        ShapeError: there are more pairs than dimensions, or a reflection is wider than the dimension.

    Example:
        >>> pad(tensorlib.tensor([1.0, 2.0, 3.0]), (2, 1), mode="reflect")
        tensor([3., 2., 1., 2., 3., 2.])
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ArgumentError(
            f"pad: needs pairs of numbers for at most {input.ndim} dimensions of shape {tuple(input.shape)}, not {pad}"
        )
    pairs = [(int(pad[k]), int(pad[k + 1])) for k in range(0, len(pad), 2)]
    if mode == "constant":
        before_first = [(0, 0)] * (input.ndim - len(pairs))
        result: Tensor = constant_pad(input, pads=(*before_first, *reversed(pairs)), value=value or 0)
        return result
    if mode not in _PLACES or value is not None:
        raise ArgumentError(f"pad: mode must be constant, {', '.join(_PLACES)} (these without a value), not {mode!r}")
    for k, (before, after) in enumerate(pairs):
        input = _taken(input, input.ndim - 1 - k, before, after, mode)
    return input


def _taken(input: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Pad one dimension by taking from the tensor itself."""
    length = input.shape[dim]
    widest = {"reflect": length - 1, "circular": length}.get(mode)
    if widest is not None and max(before, after) > widest:
        raise ShapeError(
            f"pad: {mode} by ({before}, {after}) needs at most {widest}, since dimension {dim} has length {length}"
        )
    xp = array_module(input._array)
    with at(input._array):
        places = _PLACES[mode](xp, xp.arange(-before, length + after), length)
    return index_select(input, dim, wrap(places))


def _reflected(xp: Any, places: Any, length: int) -> Any:
    return (length - 1) - xp.absolute((length - 1) - xp.absolute(places))


_PLACES: dict[str, Callable[[Any, Any, int], Any]] = {
    "reflect": _reflected,
    "replicate": lambda xp, places, length: xp.clip(places, 0, length - 1),
    "circular": lambda xp, places, length: places % length,
}
