"""Convolutions with PyTorch's arguments."""

from __future__ import annotations

from typing import Any

from tensorlib.errors import ArgumentError
from tensorlib.nn.functional._sizes import Sizes, as_sizes, batched
from tensorlib.nn.functional.padding import pad
from tensorlib.ops.conv import convolution
from tensorlib.tensor import Tensor


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of sequences with a bank of filters; arguments as of `conv2d`, with one axis.

    Example:
        >>> conv1d(tensorlib.tensor([[[1.0, 2.0, 4.0]]]), tensorlib.tensor([[[-1.0, 1.0]]]))
        tensor([[[1., 2.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of images with a bank of filters, plus a bias for each filter.

    Args:
        input: images, (N, C, H, W), or one image, (C, H, W).
        weight: filters, (K, C / groups, height, width), of the same type.
        bias: (K,), or None.
        stride: steps between windows; a number or one for each axis, as also in what follows.
        padding: zeros on both sides of each axis; "valid" for none, "same" for as many as keep the size.
        dilation: steps between the cells of a window.
        groups: filters of group g see the channels of group g only.

    Returns:
        A tensor of shape (N, K, H_out, W_out), H_out = (H + 2 * padding - dilation * (height - 1) - 1) // stride + 1.

    Raises:
        ShapeError: shapes, groups and window do not agree.
        TypeError: the types differ.
        ArgumentError: the padding is "same" and a stride not 1.

    Example:
        >>> conv2d(tensorlib.ones(1, 1, 3, 3), tensorlib.ones(1, 1, 2, 2))
        tensor([[[[4., 4.],
                  [4., 4.]]]])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of volumes with a bank of filters; arguments as of `conv2d`, with three axes.

    Example:
        >>> conv3d(tensorlib.ones(1, 1, 2, 2, 2), tensorlib.ones(1, 1, 2, 2, 2))
        tensor([[[[[8.]]]]])
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _conv(
    name: str,
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> Tensor:
    if not isinstance(weight, Tensor):
        raise TypeError(f"{name}: weight must be a Tensor, not {type(weight).__name__}")
    strides, dilations = as_sizes(name, "stride", stride, axes), as_sizes(name, "dilation", dilation, axes)
    if isinstance(padding, str):
        before, after = named_padding(name, padding, tuple(weight.shape[2:]), strides, dilations)
        if before != after:
            extra = [amount for a, b in zip(reversed(before), reversed(after), strict=True) for amount in (0, b - a)]
            input = pad(input, extra)
    else:
        before = as_sizes(name, "padding", padding, axes)
    window = {"stride": strides, "padding": before, "dilation": dilations, "groups": groups}
    result: Tensor = batched(name, input, axes, lambda x: convolution(x, weight, bias, **window))
    return result


def named_padding(name: str, padding: str, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    """Return what "same" or "valid" adds before and after each axis; "same" adds what is odd after.

    Raises:
        ArgumentError: it is another word, or "same" with a stride.
    """
    if padding == "valid":
        return (0,) * len(kernel), (0,) * len(kernel)
    if padding != "same":
        raise ArgumentError(f"{name}: padding must be numbers, 'same' or 'valid', not {padding!r}")
    if any(step != 1 for step in stride):
        raise ArgumentError(f"{name}: padding 'same' needs stride 1, {stride} given")
    total = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple([t // 2 for t in total]), tuple([t - t // 2 for t in total])
