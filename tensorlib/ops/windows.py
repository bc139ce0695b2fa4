"""Sliding windows along a dimension."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError


@op()
def unfold(xp: Any, x: Any, *, dimension: int, size: int, step: int) -> Any:
    """Return all windows along a dimension, as a copy.

    Args:
        x: a tensor.
        dimension: the dimension that the windows slide along.
        size: the length of a window.
        step: the distance between the starts of neighbouring windows.

    Returns:
        A tensor in which the dimension counts the windows, (length - size) // step + 1 of them, and a new last
        dimension holds their elements.

    Raises:
        ArgumentError: the size is larger than the dimension or negative, or the step is not positive.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.arange(5).unfold(0, 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    axis = as_dim("unfold", dimension, x.ndim)
    flat = x if x.ndim else x.reshape((1,))
    length = flat.shape[axis]
    if not 0 <= size <= length or step < 1:
        raise ArgumentError(f"unfold: windows of length {size}, {step} apart, along dimension {dimension} of {length}")
    count = (length - size) // step + 1
    starts = xp.arange(count)[:, None] * step + xp.arange(size)
    windows = xp.moveaxis(flat.take(starts, axis), axis + 1, -1)
    return (windows if x.ndim else windows[0]), (axis, size, step, x.shape)


@op(method=False)
def unfold_backward(xp: Any, g: Any, *, dim: int, size: int, step: int, shape: tuple[int, ...]) -> Any:
    """Return the sum of windows at their places in a tensor of zeros: the gradient of `unfold`.

    Args:
        g: windows, as `unfold` returns them.
        dim: the dimension that the windows slide along, counted from the front.
        size: the length of a window.
        step: the distance between the starts of neighbouring windows.
        shape: of the result.

    Example:
        >>> tensorlib.unfold_backward(tensorlib.ones(2, 3), dim=0, size=3, step=2, shape=(5,))
        tensor([1., 1., 2., 1., 1.])
    """
    result = xp.zeros(shape or (1,), g.dtype)
    windows = g if shape else g[None]
    before = (slice(None),) * dim
    for k in range(size):  # the windows' k-th elements never meet
        result[(*before, slice(k, k + (windows.shape[dim] - 1) * step + 1, step))] += windows[..., k]
    return result.reshape(shape), (dim, size, step)


unfold.grads(
    lambda xp, g, dim, size, step, shape: unfold_backward.via(xp, g, dim=dim, size=size, step=step, shape=shape)
)
unfold_backward.grads(lambda xp, g, dim, size, step: unfold.via(xp, g, dimension=dim, size=size, step=step))
