"""Sums over windows, and their adjoint: what average pooling is made of.

Letters in shapes: N images, C channels; `*size` stands for the spatial axes of the input and `*out` for those of the
output.
"""

from __future__ import annotations

from typing import Any

from tensorlib.kernels.convolution import Array, Sizes, fold
from tensorlib.kernels.pooling import windows


def sum_pool(xp: Any, x: Array, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes) -> Array:
    """Add up the cells of every window.

    Args:
        xp: Array namespace of `x`.
        x: Array of shape (N, C, *size).
        out: Number of windows along each spatial axis; the last may reach over the end.
        kernel: Shape of the window.
        stride: Step between windows.
        padding: Zeros on both sides of each axis.

    Returns:
        New array of shape (N, C, *out).
    """
    cells = windows(xp, x, out, kernel, stride, padding, (1,) * len(kernel), 0)
    total = cells[0].copy()
    for cell in cells[1:]:
        total += cell
    return total


def sum_pool_backward(xp: Any, g: Array, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes) -> Array:
    """Return the gradient of `sum_pool`: every cell of `g` goes to all cells of its window.

    Args:
        xp: Array namespace of `g`.
        g: Gradient of the sums, shape (N, C, *out).
        size: Spatial shape of the input.
        kernel: As of `sum_pool`.
        stride: As of `sum_pool`.
        padding: As of `sum_pool`.

    Returns:
        New array of shape (N, C, *size).
    """
    axes = zip(size, g.shape[2:], kernel, stride, padding, strict=True)
    reached = tuple(max(n, (o - 1) * s + k - p) for n, o, k, s, p in axes)  # the last window may reach over the end
    ones = (1,) * len(kernel)
    columns = xp.broadcast_to(g.reshape(*g.shape[:2], *ones, *g.shape[2:]), (*g.shape[:2], *kernel, *g.shape[2:]))
    gx = fold(xp, columns, reached, stride, padding, ones)
    return xp.ascontiguousarray(gx[(..., *map(slice, size))])
