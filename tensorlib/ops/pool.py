"""Pooling over any number of spatial axes, and its gradients.

`tensorlib.nn.functional.max_pool2d` and its siblings accept single numbers and single images, and call these.
"""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.kernels import averaging, pooling

Sizes = tuple[int, ...]


@op(method=False)
def max_pool(
    xp: Any, x: Any, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool = False
) -> Any:
    """Return the largest cell of every window.

    Args:
        x: a tensor of shape (N, C, *size).
        kernel: shape of the window.
        stride: steps between windows, one for each spatial axis.
        padding: cells on both sides that are smaller than any other.
        dilation: steps between the cells of a window.
        ceil_mode: count a last window that reaches over the end.

    Returns:
        A tensor of shape (N, C, *out).

    Raises:
        ShapeError: no window fits, or the padding is more than half of it.

    Example:
        >>> x = tensorlib.tensor([[[1.0, 3.0, 2.0, 0.0]]])
        >>> tensorlib.max_pool(x, kernel=(2,), stride=(2,), padding=(0,), dilation=(1,))
        tensor([[[3., 2.]]])
    """
    value, indices = pooling.max_pool(xp, x, kernel, stride, padding, dilation, ceil_mode)
    return value, (indices, x.shape[2:])


@op(method=False)
def max_pool_with_indices(
    xp: Any, x: Any, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil_mode: bool = False
) -> Any:
    """Return the largest cell of every window, and where it is; arguments as of `max_pool`.

    Returns:
        Two tensors of shape (N, C, *out); the second of int64 holds positions in the flattened spatial axes.

    Raises:
        ShapeError: no window fits, or the padding is more than half of it.

    Example:
        >>> x = tensorlib.tensor([[[1.0, 3.0, 2.0, 0.0]]])
        >>> tensorlib.max_pool_with_indices(x, kernel=(2,), stride=(2,), padding=(0,), dilation=(1,))[1]
        tensor([[[1, 2]]])
    """
    value, indices = pooling.max_pool(xp, x, kernel, stride, padding, dilation, ceil_mode)
    return (value, indices), (indices, x.shape[2:])


@op(method=False)
def put_at(xp: Any, x: Any, indices: Any, *, size: Sizes) -> Any:
    """Add the elements of each plane up at given positions of a plane of zeros: the gradient of `take_at`.

    Args:
        x: a tensor of shape (N, C, *out).
        indices: positions in the flattened spatial axes of the result, int64 of the same shape.
        size: spatial shape of the result.

    Returns:
        A tensor of shape (N, C, *size).

    Example:
        >>> tensorlib.put_at(tensorlib.tensor([[[5.0, 7.0]]]), tensorlib.tensor([[[2, 0]]]), size=(3,))
        tensor([[[7., 0., 5.]]])
    """
    return pooling.max_pool_backward(xp, x, indices, size), (indices,)


@op(method=False)
def take_at(xp: Any, x: Any, indices: Any) -> Any:
    """Return the elements at given positions of each plane.

    Args:
        x: a tensor of shape (N, C, *size).
        indices: positions in its flattened spatial axes, int64 of shape (N, C, *out).

    Returns:
        A tensor of shape (N, C, *out).

    Example:
        >>> tensorlib.take_at(tensorlib.tensor([[[5.0, 6.0, 7.0]]]), tensorlib.tensor([[[2, 0]]]))
        tensor([[[7., 5.]]])
    """
    planes, places = x.reshape(*x.shape[:2], -1), indices.reshape(*indices.shape[:2], -1)
    return xp.take_along_axis(planes, places, axis=2).reshape(indices.shape), (indices, x.shape[2:])


def _no_gradient(xp: Any, g: Any, *saved: Any) -> Any:
    """Positions are integers, and have no gradient."""


max_pool.grads(lambda xp, g, indices, size: put_at.via(xp, g, indices, size=size))
max_pool_with_indices.grads(lambda xp, g, indices, size: put_at.via(xp, g[0], indices, size=size))
put_at.grads(lambda xp, g, indices: take_at.via(xp, g, indices), _no_gradient)
take_at.grads(lambda xp, g, indices, size: put_at.via(xp, g, indices, size=size), _no_gradient)


@op(method=False)
def sum_pool(xp: Any, x: Any, *, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes) -> Any:
    """Return the sum of the cells of every window.

    Args:
        x: a tensor of shape (N, C, *size).
        out: number of windows along each spatial axis; the last may reach over the end.
        kernel: shape of the window.
        stride: steps between windows.
        padding: zeros on both sides of each axis.

    Returns:
        A tensor of shape (N, C, *out).

    Example:
        >>> x = tensorlib.tensor([[[1.0, 3.0, 2.0, 0.0]]])
        >>> tensorlib.sum_pool(x, out=(2,), kernel=(2,), stride=(2,), padding=(0,))
        tensor([[[4., 2.]]])
    """
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    return averaging.sum_pool(xp, x, out, **window), (x.shape[2:], window)


@op(method=False)
def sum_pool_grad(xp: Any, g: Any, *, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes) -> Any:
    """Return the gradient of `sum_pool` with respect to its input.

    Args:
        g: gradient of the sums, (N, C, *out).
        size: spatial shape of the input.
        kernel: as of `sum_pool`, and so are the rest.

    Returns:
        A tensor of shape (N, C, *size).

    Example:
        >>> tensorlib.sum_pool_grad(tensorlib.tensor([[[4.0, 2.0]]]), size=(4,), kernel=(2,), stride=(2,), padding=(0,))
        tensor([[[4., 4., 2., 2.]]])
    """
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    return averaging.sum_pool_backward(xp, g, size, **window), (g.shape[2:], window)


sum_pool.grads(lambda xp, g, size, window: sum_pool_grad.via(xp, g, size=size, **window))
sum_pool_grad.grads(lambda xp, g, out, window: sum_pool.via(xp, g, out=out, **window))
