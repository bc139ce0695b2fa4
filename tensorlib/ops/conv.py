"""Convolutions over any number of spatial axes, and their gradients.

A convolution is linear in its input and in its weight; the two operations that make its gradients are linear too, in
the gradient and in the weight or input. The gradients of each of the three are made by the other two, so that
derivatives of any order come from the same three kernels.
"""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError
from tensorlib.kernels import convolution as kernels

Sizes = tuple[int, ...]


@op(method=False)
def convolution(
    xp: Any, x: Any, weight: Any, bias: Any = None, *, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """Return the cross-correlation of images with a bank of filters, plus a bias for each filter.

    `tensorlib.nn.functional.conv2d` and its siblings accept single numbers, words and single images, and call this.

    Args:
        x: images, (N, C, *size), floating point.
        weight: filters, (K, C / groups, *kernel), of the same type.
        bias: (K,), of the same type, or None.
        stride: steps between windows, one for each spatial axis.
        padding: zeros added on both sides of each spatial axis.
        dilation: steps between the cells of a window.
        groups: filters of group g see the channels of group g only.

    Returns:
        A tensor of shape (N, K, *out), where `out = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`.

    Raises:
        ShapeError: shapes, groups and window do not agree.
        TypeError: the types differ.

    Example:
        >>> x = tensorlib.tensor([[[1.0, 2.0, 4.0]]])
        >>> weight = tensorlib.tensor([[[-1.0, 1.0]]])
        >>> tensorlib.convolution(x, weight, stride=(1,), padding=(0,), dilation=(1,), groups=1)
        tensor([[[1., 2.]]])
    """
    check_types(x, weight, bias)
    window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError(f"convolution: bias has shape {bias.shape}, needed is {weight.shape[:1]}: one for each filter")
    value = kernels.convolution(xp, x, weight, bias, **window)
    return value, (x, weight, x.shape[2:], weight.shape[2:], window)


def check_types(x: Any, weight: Any, bias: Any) -> None:
    """Raise the error that names the types, where they differ."""
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != x.dtype):
        types = ", ".join([str(array.dtype) for array in (x, weight, bias) if array is not None])
        raise TypeError(f"convolution: input, weight and bias must be of one type, given are {types}")


@op(method=False)
def convolution_input_grad(
    xp: Any, g: Any, weight: Any, *, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """Return the gradient of a convolution with respect to its input; also the transposed convolution.

    Args:
        g: gradient of the output, (N, K, *out).
        weight: filters, (K, C / groups, *kernel).
        size: spatial shape of the input.
        stride: as of `convolution`, and so are the rest.

    Returns:
        A tensor of shape (N, C, *size).

    Example:
        >>> g = tensorlib.tensor([[[1.0, 2.0]]])
        >>> weight = tensorlib.tensor([[[-1.0, 1.0]]])
        >>> window = dict(stride=(1,), padding=(0,), dilation=(1,), groups=1)
        >>> tensorlib.convolution_input_grad(g, weight, size=(3,), **window)
        tensor([[[-1., -1.,  2.]]])
    """
    window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    value = kernels.convolution_grad_input(xp, g, weight, size, **window)
    return value, (g, weight, weight.shape[2:], window)


@op(method=False)
def convolution_weight_grad(
    xp: Any, g: Any, x: Any, *, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """Return the gradient of a convolution with respect to its weight.

    Args:
        g: gradient of the output, (N, K, *out).
        x: images, (N, C, *size).
        kernel: spatial shape of the weight.
        stride: as of `convolution`, and so are the rest.

    Returns:
        A tensor of shape (K, C / groups, *kernel).

    Example:
        >>> g = tensorlib.tensor([[[1.0, 2.0]]])
        >>> x = tensorlib.tensor([[[1.0, 2.0, 4.0]]])
        >>> window = dict(stride=(1,), padding=(0,), dilation=(1,), groups=1)
        >>> tensorlib.convolution_weight_grad(g, x, kernel=(2,), **window)
        tensor([[[ 5., 10.]]])
    """
    window: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    value = kernels.convolution_grad_weight(xp, g, x, kernel, **window)
    return value, (g, x, x.shape[2:], window)


convolution.grads(
    lambda xp, g, x, weight, size, kernel, window: convolution_input_grad.via(xp, g, weight, size=size, **window),
    lambda xp, g, x, weight, size, kernel, window: convolution_weight_grad.via(xp, g, x, kernel=kernel, **window),
    lambda xp, g, x, weight, size, kernel, window: g.sum(axis=(0, *range(2, g.ndim))),
)

convolution_input_grad.grads(
    lambda xp, g, given, weight, kernel, window: convolution.via(xp, g, weight, **window),
    lambda xp, g, given, weight, kernel, window: convolution_weight_grad.via(xp, given, g, kernel=kernel, **window),
)

convolution_weight_grad.grads(
    lambda xp, g, given, x, size, window: convolution.via(xp, x, g, **window),
    lambda xp, g, given, x, size, window: convolution_input_grad.via(xp, given, g, size=size, **window),
)
