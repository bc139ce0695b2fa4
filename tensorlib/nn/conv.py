"""Convolution layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from tensorlib.creation import empty
from tensorlib.errors import ArgumentError
from tensorlib.nn import functional as F
from tensorlib.nn import init
from tensorlib.nn.functional._sizes import as_sizes
from tensorlib.nn.functional.convolution import named_padding
from tensorlib.nn.module import Module
from tensorlib.nn.parameter import Parameter
from tensorlib.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What the convolution layers share; they differ in the number of spatial axes."""

    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ArgumentError(
                f"{name}: in_channels {in_channels} and out_channels {out_channels} must be multiples of "
                f"groups {groups}"
            )
        if padding_mode not in PADDING_MODES:
            raise ArgumentError(f"{name}: padding_mode must be one of {PADDING_MODES}, not {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_sizes(name, "kernel_size", kernel_size, self.axes)
        self.stride = as_sizes(name, "stride", stride, self.axes)
        self.dilation = as_sizes(name, "dilation", dilation, self.axes)
        self.padding: str | tuple[int, ...]
        self._around = self._set_padding(padding)
        self.groups = groups
        self.padding_mode = padding_mode
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.bias: Parameter | None
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def _set_padding(self, padding: Any) -> list[int]:
        """Keep the padding, and return it as `F.pad` takes it."""
        name = type(self).__name__
        if isinstance(padding, str):
            before, after = named_padding(name, padding, self.kernel_size, self.stride, self.dilation)
            self.padding = padding
        else:
            before = after = self.padding = as_sizes(name, "padding", padding, self.axes)
        return [cells for pair in zip(reversed(before), reversed(after), strict=True) for cells in pair]

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = math.prod(self.weight.shape[1:])
            bound = 1 / math.sqrt(fan_in) if fan_in else 0
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Tensor) -> tuple[Tensor, Any]:
        """Return the input and the padding that is left for the convolution."""
        if self.padding_mode == "zeros":
            return input, self.padding
        return F.pad(input, self._around, self.padding_mode), 0

    def extra_repr(self) -> str:
        """Return sizes, and what is not as usual."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        usual = {"padding": (0,) * self.axes, "dilation": (1,) * self.axes, "groups": 1, "padding_mode": "zeros"}
        for name in ("padding", "dilation", "groups"):
            if getattr(self, name) != usual[name]:
                text += f", {name}={getattr(self, name)}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class Conv1d(_Conv):
    """Cross-correlation of sequences (N, C, L) with filters; arguments as of `Conv2d`, with one axis.

    Example:
        >>> tensorlib.nn.Conv1d(16, 33, 3, stride=2)(tensorlib.ones(20, 16, 50)).shape
        tensorlib.Size([20, 33, 24])
    """

    axes = 1

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for sequences (N, C, L) or one, (C, L)."""
        x, padding = self._padded(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(_Conv):
    """Cross-correlation of images with filters, plus a bias for each filter.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output: the number of filters.
        kernel_size: shape of the filters; a number or one for each axis, as also in what follows.
        stride: steps between windows.
        padding: cells around the input; "valid" for none, "same" for as many as keep the size.
        dilation: steps between the cells of a window.
        groups: filters of group g see the channels of group g only.
        bias: whether there is a bias.
        padding_mode: what the cells around hold: "zeros", "reflect", "replicate" or "circular".
        device: where the parameters are.
        dtype: type of the parameters.

    Attributes:
        weight: (out_channels, in_channels / groups, *kernel_size), at first uniform between -sqrt(k) and sqrt(k), where
            k is groups / (in_channels * product of kernel_size).
        bias: (out_channels,), at first from the same distribution; or None.

    Raises:
        ArgumentError: channels are no multiples of the groups, or an argument is out of range.

    Example:
        >>> tensorlib.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))(tensorlib.ones(2, 16, 50, 10)).shape
        tensorlib.Size([2, 33, 28, 10])
    """

    axes = 2

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for images (N, C, H, W) or one, (C, H, W)."""
        x, padding = self._padded(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv3d(_Conv):
    """Cross-correlation of volumes (N, C, D, H, W) with filters; arguments as of `Conv2d`, with three axes.

    Example:
        >>> tensorlib.nn.Conv3d(1, 2, 3, padding=1)(tensorlib.ones(1, 1, 4, 4, 4)).shape
        tensorlib.Size([1, 2, 4, 4, 4])
    """

    axes = 3

    def forward(self, input: Tensor) -> Tensor:
        """Return the output for volumes (N, C, D, H, W) or one, (C, D, H, W)."""
        x, padding = self._padded(input)
        return F.conv3d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
