"""Padding with a constant."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError

Pads = tuple[tuple[int, int], ...]


@op(method=False)
def constant_pad(xp: Any, x: Any, *, pads: Pads, value: float = 0) -> Any:
    """Return a tensor with cells of one value put before and after its dimensions, or with cells cut off.

    `tensorlib.nn.functional.pad` takes PyTorch's arguments, and calls this.

    Args:
        x: a tensor.
        pads: for each dimension how many cells to put before and after; negative numbers cut off.
        value: what the new cells hold.

    Raises:
        ShapeError: more is cut off than there is.

    Example:
        >>> tensorlib.constant_pad(tensorlib.tensor([1.0, 2.0]), pads=((2, -1),), value=9.0)
        tensor([9., 9., 1.])
    """
    shape = tuple([n + before + after for n, (before, after) in zip(x.shape, pads, strict=True)])
    if any(length < 0 for length in shape):
        raise ShapeError(f"constant_pad: pads {pads} cut more off shape {x.shape} than there is")
    result = xp.full(shape, value, x.dtype)
    inside = [slice(max(0, b), max(max(0, b), n - max(0, a))) for n, (b, a) in zip(shape, pads, strict=True)]
    kept = [slice(max(0, -b), max(max(0, -b), n - max(0, -a))) for n, (b, a) in zip(x.shape, pads, strict=True)]
    result[tuple(inside)] = x[tuple(kept)]
    return result, (tuple([(-before, -after) for before, after in pads]),)


constant_pad.grads(lambda xp, g, pads: constant_pad.via(xp, g, pads=pads))
