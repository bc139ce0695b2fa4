"""Batch normalisation layers."""

from __future__ import annotations

from typing import Any, ClassVar

from tensorlib._xp import at
from tensorlib.creation import ones, tensor, zeros
from tensorlib.dtypes import int64
from tensorlib.errors import ShapeError
from tensorlib.nn import functional as F
from tensorlib.nn import init
from tensorlib.nn.module import Module
from tensorlib.nn.parameter import Parameter
from tensorlib.tensor import Tensor


class _BatchNorm(Module):
    """What the batch normalisation layers share; they differ in the dimensions of the input."""

    dimensions: ClassVar[tuple[int, ...]]
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        kind = {"device": device, "dtype": dtype}
        self.weight: Parameter | None
        self.bias: Parameter | None
        self.register_parameter("weight", Parameter(ones(num_features, **kind)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features, **kind)) if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **kind) if tracked else None)
        self.register_buffer("running_var", ones(num_features, **kind) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)

    def reset_running_stats(self) -> None:
        """Forget the statistics kept so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the statistics, and set weights to one and biases to zero."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input; in training its statistics are kept for evaluation."""
        if input.ndim not in self.dimensions:
            raise ShapeError(
                f"{type(self).__name__}: needs an input of {' or '.join(map(str, self.dimensions))} dimensions, "
                f"given is shape {tuple(input.shape)}"
            )
        momentum = self.momentum or 0.0
        if self.training and self.num_batches_tracked is not None:
            with at(self.num_batches_tracked._array):
                self.num_batches_tracked._array[...] += 1
            self.num_batches_tracked._bump_version()
            if self.momentum is None:  # the mean over all batches so far
                momentum = 1.0 / int(self.num_batches_tracked)
        training = self.training or self.running_mean is None
        kept = (self.running_mean, self.running_var)
        return F.batch_norm(input, *kept, self.weight, self.bias, training, momentum, self.eps)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); arguments as of `BatchNorm2d`.

    Example:
        >>> tensorlib.nn.BatchNorm1d(1, eps=0.0, affine=False)(tensorlib.tensor([[1.0], [3.0]]))
        tensor([[-1.],
                [ 1.]])
    """

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Gives each channel of images (N, C, H, W) mean 0 and variance 1 over the batch, then scales and shifts it.

    In training the batch's own statistics are taken, and followed by running ones; in evaluation those are taken.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: how much the running statistics follow the batch's; None for the mean over all batches.
        affine: whether there are `weight` and `bias`.
        track_running_stats: whether there are running statistics; otherwise evaluation too takes the batch's own.
        device: where parameters and statistics are.
        dtype: type of the parameters and statistics.
        bias: whether `affine` includes a bias.

    Attributes:
        weight: (C,), at first ones; or None.
        bias: (C,), at first zeros; or None.
        running_mean, running_var: (C,), or None.
        num_batches_tracked: how many batches the statistics have followed, or None.

    References:
        Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift", 2015.

    Example:
        >>> tensorlib.nn.BatchNorm2d(100)(tensorlib.ones(20, 100, 3, 4)).shape
        tensorlib.Size([20, 100, 3, 4])
    """

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes (N, C, D, H, W); arguments as of `BatchNorm2d`.

    Example:
        >>> tensorlib.nn.BatchNorm3d(2)(tensorlib.ones(3, 2, 1, 2, 2)).shape
        tensorlib.Size([3, 2, 1, 2, 2])
    """

    dimensions = (5,)
