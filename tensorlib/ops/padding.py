"""Padding with a constant."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError
from tensorlib.kernels.convolution import pad

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
    kept = [slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, pads, strict=True)]
    if any(part.start > part.stop for part in kept):
        raise ShapeError(f"constant_pad: pads {pads} cut more off shape {x.shape} than there is")
    before, after = [tuple([max(0, pair[side]) for pair in pads]) for side in (0, 1)]
    result = pad(xp, x[tuple(kept)], before, after, value)
    return result.copy() if result.base is not None else result, (tuple([(-a, -b) for a, b in pads]),)


constant_pad.grads(lambda xp, g, pads: constant_pad.via(xp, g, pads=pads))
