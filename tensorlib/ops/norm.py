"""Normalisation by the statistics of a batch."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.autograd.op import op, tensor_namespace


@op(method=False)
def batch_norm_training(xp: Any, x: Any, weight: Any = None, bias: Any = None, *, eps: float) -> Any:
    """Return the input with mean 0 and variance 1 in each channel, scaled and shifted, and the statistics.

    Args:
        x: a tensor of shape (N, C, ...), floating point.
        weight: factors, (C,), or None.
        bias: summands, (C,), or None.
        eps: added to the variance.

    Returns:
        `(x - mean) / sqrt(variance + eps) * weight + bias`, of the shape of `x`; the means and the variances (those
        that divide by the number of elements) of all channels, (C,).

    References:
        Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift", 2015.

    Example:
        >>> y, mean, variance = tensorlib.batch_norm_training(tensorlib.tensor([[1.0], [3.0]]), eps=0.0)
        >>> y, mean, variance
        (tensor([[-1.],
                [ 1.]]), tensor([2.]), tensor([1.]))
    """
    mean, centered, variance = _statistics(xp, x)
    inverse = 1 / xp.sqrt(variance + eps)
    y = centered * (inverse if weight is None else inverse * _by_channel(weight, x.ndim))
    if bias is not None:
        y += _by_channel(bias, x.ndim)
    return (y, mean.reshape(-1), variance.reshape(-1)), (x, weight, centered, inverse, eps)


def _statistics(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return of every channel the mean, the elements' distance from it, and the variance, all to broadcast with `x`."""
    count = math.prod(x.shape) // x.shape[1]
    mean = _by_channel(_sum_by_channel(x) / count, x.ndim)
    centered = x - mean
    return mean, centered, _by_channel(_sum_by_channel(centered * centered) / count, x.ndim)


def _by_channel(values: Any, ndim: int) -> Any:
    """Shape values of the channels so that they broadcast with (N, C, ...)."""
    return values.reshape(1, -1, *(1,) * (ndim - 2))


def _sum_by_channel(values: Any) -> Any:
    return values.sum(axis=(0, *range(2, values.ndim)))


def _differentiable(xp: Any, x: Any, centered: Any, inverse: Any, eps: float) -> tuple[Any, Any]:
    """Return what was saved; where gradients are recorded, computed anew, since saved values are constants there."""
    if xp is not tensor_namespace:
        return centered, inverse
    _, centered, variance = _statistics(xp, x)
    return centered, 1 / xp.sqrt(variance + eps)


def _input_gradient(xp: Any, g: Any, x: Any, weight: Any, centered: Any, inverse: Any, eps: float) -> Any:
    """Gradient through the values, and through the mean and the variance that they are made with."""
    centered, inverse = _differentiable(xp, x, centered, inverse, eps)
    of_values, of_mean, of_variance = g
    if weight is not None:
        of_values = of_values * _by_channel(weight, x.ndim)
    along_centered = _by_channel(_sum_by_channel(of_values * centered), x.ndim)
    slope = 2 * _by_channel(of_variance, x.ndim) - along_centered * inverse * inverse * inverse
    shift = _by_channel(of_mean, x.ndim) - _by_channel(_sum_by_channel(of_values), x.ndim) * inverse
    return of_values * inverse + (centered * slope + shift) / (math.prod(x.shape) // x.shape[1])


def _weight_gradient(xp: Any, g: Any, x: Any, weight: Any, centered: Any, inverse: Any, eps: float) -> Any:
    centered, inverse = _differentiable(xp, x, centered, inverse, eps)
    return _sum_by_channel(g[0] * centered * inverse)


batch_norm_training.grads(
    _input_gradient,
    _weight_gradient,
    lambda xp, g, x, weight, centered, inverse, eps: _sum_by_channel(g[0]),
)
