"""Pooling with PyTorch's arguments."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy

from tensorlib._xp import array_module
from tensorlib.errors import ArgumentError
from tensorlib.kernels.pooling import pooled_size
from tensorlib.nn.functional._sizes import Sizes, as_sizes, batched
from tensorlib.ops.pool import max_pool, max_pool_with_indices, sum_pool
from tensorlib.tensor import Tensor, wrap


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest cell of every window of sequences; arguments as of `max_pool2d`, with one axis.

    Example:
        >>> max_pool1d(tensorlib.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
        tensor([[3., 2.]])
    """
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the largest cell of every window of images.

    Args:
        input: images, (N, C, H, W), or one image, (C, H, W).
        kernel_size: shape of the window; a number or one for each axis, as also in what follows.
        stride: steps between windows; as the window's shape unless given.
        padding: cells on both sides that are smaller than any other; at most half of the window.
        dilation: steps between the cells of a window.
        ceil_mode: count a last window that reaches over the end.
        return_indices: also return where the largest cells are, in the flattened spatial axes.

    Raises:
        ShapeError: no window fits, or the padding is more than half of it.

    Example:
        >>> max_pool2d(tensorlib.arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _max_pool(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    window = {
        **_window(name, kernel_size, stride, padding, axes),
        "dilation": as_sizes(name, "dilation", dilation, axes),
        "ceil_mode": ceil_mode,
    }
    return batched(name, input, axes, partial(max_pool_with_indices if return_indices else max_pool, **window))


def _window(name: str, kernel_size: Any, stride: Any, padding: Any, axes: int) -> dict[str, Sizes]:
    kernel = as_sizes(name, "kernel_size", kernel_size, axes)
    return {
        "kernel": kernel,
        "stride": kernel if stride in (None, (), []) else as_sizes(name, "stride", stride, axes),
        "padding": as_sizes(name, "padding", padding, axes),
    }


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of every window of sequences; arguments as of `avg_pool2d`, with one axis.

    Example:
        >>> avg_pool1d(tensorlib.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]), kernel_size=3, stride=2)
        tensor([[2., 4., 6.]])
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of every window of images.

    Args:
        input: images, (N, C, H, W), or one image, (C, H, W).
        kernel_size: shape of the window; a number or one for each axis, as also in what follows.
        stride: steps between windows; as the window's shape unless given.
        padding: zeros on both sides; at most half of the window.
        ceil_mode: count a last window that reaches over the end.
        count_include_pad: divide by the number of all cells, those of the padding too.
        divisor_override: divide by this number instead.

    Raises:
        ShapeError: no window fits, or the padding is more than half of it.
        ArgumentError: the divisor is zero.

    Example:
        >>> avg_pool2d(tensorlib.arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """
    if divisor_override == 0:
        raise ArgumentError("avg_pool2d: divisor_override must not be zero")
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _avg_pool(
    name: str,
    axes: int,
    input: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Tensor:
    window = _window(name, kernel_size, stride, padding, axes)

    def pooled(x: Tensor) -> Tensor:
        size = tuple(x.shape[2:])
        out = pooled_size(size, **window, dilation=(1,) * axes, ceil_mode=ceil_mode, name=name)
        cells: Any = divisor or _cells(x, size, out, window, count_include_pad)
        mean: Tensor = sum_pool(x, out=out, **window) / cells
        return mean

    result: Tensor = batched(name, input, axes, pooled)
    return result


def _cells(x: Tensor, size: Sizes, out: Sizes, window: dict[str, Sizes], count_include_pad: bool) -> Any:
    """Return how many cells each window has, in the shape of `out`; what lies behind the padding does not count."""
    whole = math.prod(window["kernel"])
    counts = numpy.ones((1,) * len(size), int)
    for axis, (n, o, k, s, p) in enumerate(zip(size, out, *window.values(), strict=True)):
        starts = numpy.arange(o) * s - p
        first, end = (-p, n + p) if count_include_pad else (0, n)
        along = numpy.minimum(starts + k, end) - numpy.maximum(starts, first)
        counts = counts * along.reshape(-1, *(1,) * (len(size) - axis - 1))
    if (counts == whole).all():
        return whole
    return wrap(array_module(x._array).asarray(counts.astype(x._array.dtype)))


def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of `output_size` parts of sequences; see `adaptive_avg_pool2d`.

    Example:
        >>> adaptive_avg_pool1d(tensorlib.tensor([[1.0, 2.0, 3.0, 4.0]]), 2)
        tensor([[1.5000, 3.5000]])
    """
    return _adaptive_avg_pool("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of as many parts of images as wanted, whatever the images' size.

    Args:
        input: images, (N, C, H, W), or one image, (C, H, W).
        output_size: how many parts; a number or one for each axis, where None keeps the axis as it is. Part i of n
            reaches from `floor(i * H / n)` up to but not including `ceil((i + 1) * H / n)`.

    Example:
        >>> adaptive_avg_pool2d(tensorlib.arange(6.0).reshape(1, 2, 3), (1, 2))
        tensor([[[2., 3.]]])
    """
    return _adaptive_avg_pool("adaptive_avg_pool2d", 2, input, output_size)


def _adaptive_avg_pool(name: str, axes: int, input: Tensor, output_size: Any) -> Tensor:
    wanted = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if len(wanted) != axes:
        raise ArgumentError(f"{name}: output_size must be one number or {axes}, {output_size!r} given")

    def pooled(x: Tensor) -> Tensor:
        for k, parts in enumerate(wanted):
            if parts is not None:
                x = _averaged(x, 2 + k, parts)
        return x

    result: Tensor = batched(name, input, axes, pooled)
    return result


def _averaged(x: Tensor, dim: int, parts: int) -> Tensor:
    """Replace an axis by the means of its parts: a product with a matrix of weights."""
    if parts == 1:
        mean: Tensor = x.mean(dim, keepdim=True)
        return mean
    length = x.shape[dim]
    weights = numpy.zeros((length, parts), x._array.dtype)
    for part in range(parts):
        start, end = part * length // parts, -(-(part + 1) * length // parts)
        weights[start:end, part] = 1 / (end - start)
    matrix = wrap(array_module(x._array).asarray(weights))
    product: Tensor = (x.transpose(dim, -1) @ matrix).transpose(dim, -1)
    return product
