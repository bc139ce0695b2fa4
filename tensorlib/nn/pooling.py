"""Pooling layers. Their arguments are those of the functions of the same names in `functional`."""

from __future__ import annotations

from typing import Any

from tensorlib.nn import functional as F
from tensorlib.nn.functional._sizes import as_sizes
from tensorlib.nn.module import Module
from tensorlib.tensor import Tensor


class _MaxPool(Module):
    """What the max pooling layers share."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _window(self) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        """Return the window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Largest cell of every window of sequences (N, C, L).

    Example:
        >>> tensorlib.nn.MaxPool1d(3, stride=2)(tensorlib.ones(20, 16, 50)).shape
        tensorlib.Size([20, 16, 24])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the output, and where it is found if asked for."""
        return F.max_pool1d(input, *self._window())


class MaxPool2d(_MaxPool):
    """Largest cell of every window of images (N, C, H, W).

    Args:
        kernel_size: shape of the window; a number or one for each axis, as also in what follows.
        stride: steps between windows; as the window's shape unless given.
        padding: cells on both sides that are smaller than any other; at most half of the window.
        dilation: steps between the cells of a window.
        return_indices: also return where the largest cells are, in the flattened spatial axes.
        ceil_mode: count a last window that reaches over the end.

    Example:
        >>> tensorlib.nn.MaxPool2d((3, 2), stride=(2, 1))(tensorlib.ones(2, 16, 50, 32)).shape
        tensorlib.Size([2, 16, 24, 31])
    """

    def forward(self, input: Tensor) -> Any:
        """Return the output, and where it is found if asked for."""
        return F.max_pool2d(input, *self._window())


class AvgPool1d(Module):
    """Mean of every window of sequences (N, C, L).

    Example:
        >>> tensorlib.nn.AvgPool1d(3, stride=2)(tensorlib.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]))
        tensor([[2., 4., 6.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = as_sizes("AvgPool1d", "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else as_sizes("AvgPool1d", "stride", stride, 1)
        self.padding = as_sizes("AvgPool1d", "padding", padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Return the output."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """Return the window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
    """Mean of every window of images (N, C, H, W).

    Args:
        kernel_size: shape of the window; a number or one for each axis, as also in what follows.
        stride: steps between windows; as the window's shape unless given.
        padding: zeros on both sides; at most half of the window.
        ceil_mode: count a last window that reaches over the end.
        count_include_pad: divide by the number of all cells, those of the padding too.
        divisor_override: divide by this number instead.

    Example:
        >>> tensorlib.nn.AvgPool2d(2)(tensorlib.arange(16.0).reshape(1, 4, 4))
        tensor([[[ 2.5000,  4.5000],
                 [10.5000, 12.5000]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Return the output."""
        window = (self.kernel_size, self.stride, self.padding)
        return F.avg_pool2d(input, *window, self.ceil_mode, self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        """Return the window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool1d(Module):
    """Means of as many parts of sequences (N, C, L) as wanted.

    Example:
        >>> tensorlib.nn.AdaptiveAvgPool1d(2)(tensorlib.tensor([[1.0, 2.0, 3.0, 4.0]]))
        tensor([[1.5000, 3.5000]])
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the output."""
        return F.adaptive_avg_pool1d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the size of the output."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(Module):
    """Means of as many parts of images (N, C, H, W) as wanted.

    Args:
        output_size: how many parts; a number or one for each axis, where None keeps the axis as it is.

    Example:
        >>> tensorlib.nn.AdaptiveAvgPool2d((5, None))(tensorlib.ones(1, 64, 8, 9)).shape
        tensorlib.Size([1, 64, 5, 9])
    """

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Return the output."""
        return F.adaptive_avg_pool2d(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the size of the output."""
        return f"output_size={self.output_size}"
