"""Max pooling over any number of spatial axes, from one strided view of the input per cell of the window.

Letters in shapes: N images, C channels; `*size` stands for the spatial axes of the input and `*out` for those of the
output. Passing over whole views is about twice as fast as a compiled loop over windows.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from tensorlib.errors import ShapeError
from tensorlib.kernels.convolution import Array, Sizes, pad


def pooled_size(
    size: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    ceil_mode: bool,
    name: str = "max_pool",
) -> Sizes:
    """Return how many windows there are along each spatial axis.

    Args:
        size: Spatial shape of the input.
        kernel: Shape of the window.
        stride: Step between windows.
        padding: Cells added on both sides of each axis.
        dilation: Step between the cells of one window.
        ceil_mode: Count a last window that reaches over the end, if it starts in the input or the padding before it.
        name: The operation, for errors.

    Raises:
        ShapeError: If the window does not fit, or the padding is more than half of it.

    Example:
        >>> pooled_size((5,), (2,), (2,), (0,), (1,), ceil_mode=False), pooled_size((5,), (2,), (2,), (0,), (1,), True)
        ((2,), (3,))
    """
    if min(kernel + stride + dilation) < 1 or min(padding) < 0:
        raise ShapeError(
            f"{name}: kernel {kernel}, stride {stride} and dilation {dilation} must be positive,"
            f" padding {padding} not negative"
        )
    if any(p > (d * (k - 1) + 1) // 2 for p, k, d in zip(padding, kernel, dilation, strict=True)):
        raise ShapeError(f"{name}: padding {padding} may be at most half of kernel {kernel} with dilation {dilation}")
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        count = (room + (s - 1 if ceil_mode else 0)) // s + 1
        out.append(count - 1 if ceil_mode and (count - 1) * s >= n + p else count)
    if min(out) < 1:
        raise ShapeError(
            f"{name}: kernel {kernel} with dilation {dilation} does not fit into size {size} with padding {padding}"
        )
    return tuple(out)


def max_pool(
    xp: Any, x: Array, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Array, Array]:
    """Take the largest cell of every window, and where it was.

    Padding counts as minus infinity. Of equal cells the first counts. A NaN is larger than any number, and of several
    the last counts: as in PyTorch.

    Args:
        xp: Array namespace of `x`.
        x: Array of shape (N, C, *size).
        kernel: Shape of the window.
        stride: Step between windows, one number per spatial axis.
        padding: Cells on both sides of each axis, at most half of the kernel.
        dilation: Step between the cells of one window.
        ceil_mode: See `pooled_size`.

    Returns:
        Maxima of shape (N, C, *out), and their positions in the flattened spatial axes, int64 of the same shape.

    Raises:
        ShapeError: See `pooled_size`.
    """
    size = x.shape[2:]
    out = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    lowest = -math.inf if x.dtype.kind == "f" else xp.iinfo(x.dtype).min
    cells = windows(xp, x, out, kernel, stride, padding, dilation, lowest)
    y = cells[0].copy()
    for window in cells[1:]:
        xp.maximum(y, window, out=y)
    within = _plane(xp, size, [xp.arange(k) * d for k, d in zip(kernel, dilation, strict=True)])
    starts = [xp.arange(o) * s - p for o, s, p in zip(out, stride, padding, strict=True)]
    indices = within.reshape(-1).take(_first_match(xp, cells, y))
    indices += _plane(xp, size, starts)
    if any(padding):
        # Where nothing is larger than the padding, the window's first cell inside the input counts.
        inside = [xp.where(start < 0, start % d, start) for start, d in zip(starts, dilation, strict=True)]
        indices = xp.where(y == lowest, _plane(xp, size, inside), indices)
    return y, indices


def max_pool_backward(xp: Any, g: Array, indices: Array, size: Sizes) -> Array:
    """Return the gradient of max pooling: every cell of `g` goes to where the maximum was. Also max unpooling.

    Args:
        xp: Array namespace of the arrays.
        g: Gradient of the maxima, shape (N, C, *out).
        indices: Positions as `max_pool` returns them, of the same shape.
        size: Spatial shape of the input.

    Returns:
        New array of shape (N, C, *size) and the dtype of `g`. Cells that several windows chose get the sum.
    """
    planes, cells = math.prod(g.shape[:2]), math.prod(size)
    gx = xp.zeros(planes * cells, g.dtype)
    flat = indices.reshape(planes, math.prod(g.shape[2:])) + (xp.arange(planes) * cells)[:, None]
    xp.add.at(gx, flat.reshape(-1), g.reshape(-1))
    return gx.reshape(*g.shape[:2], *size)


def windows(
    xp: Any, x: Array, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, lowest: float
) -> list[Array]:
    """Return one view of shape (N, C, *out) per cell of the window, in the order of the cells."""
    axes = list(zip(x.shape[2:], out, kernel, stride, padding, dilation, strict=True))
    after = tuple(max(0, (o - 1) * s + d * (k - 1) + 1 - n - p) for n, o, k, s, p, d in axes)
    x = pad(xp, x, padding, after, lowest)
    along = [[slice(c * d, c * d + (o - 1) * s + 1, s) for c in range(k)] for _, o, k, s, _, d in axes]
    return [x[(..., *cell)] for cell in itertools.product(*along)]


def _first_match(xp: Any, cells: list[Array], y: Array) -> Array:
    """Number of the first cell that equals the maximum; of the last NaN where that is the maximum."""
    missed = cells[0] != y
    cell = missed.astype(xp.uint8 if len(cells) <= 256 else xp.int64)
    for window in cells[1:-1]:
        missed &= window != y
        cell += missed
    nan = y != y
    if nan.any():
        for number, window in enumerate(cells):
            cell[nan & (window != window)] = number
    return cell


def _plane(xp: Any, size: Sizes, positions: list[Array]) -> Array:
    """Positions along each axis, combined to positions in the flattened axes: shape (len(positions[0]), ...)."""
    total = xp.zeros((1,) * len(size), xp.int64)
    for axis, along in enumerate(positions):
        total = total + along.reshape(-1, *(1,) * (len(size) - axis - 1)) * math.prod(size[axis + 1 :])
    return total
