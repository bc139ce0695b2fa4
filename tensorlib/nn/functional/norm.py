"""Batch normalisation with PyTorch's arguments, and vectors of length one."""

from __future__ import annotations

import math
from typing import Any

from tensorlib._xp import at
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.norm import batch_norm_training
from tensorlib.tensor import Tensor


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return the input with mean 0 and variance 1 in each channel, scaled by `weight` and shifted by `bias`.

    Args:
        input: (N, C, ...), floating point.
        running_mean: (C,); changed in training: `(1 - momentum) * running_mean + momentum * mean`. None for none.
        running_var: (C,), changed likewise; by the variance that divides by the number of elements less one.
        weight: (C,), or None.
        bias: (C,), or None.
        training: take mean and variance from the input, not those that were kept.
        momentum: how much the kept statistics follow the input's.
        eps: added to the variance.

    Raises:
        ShapeError: a shape does not fit, or there is only one value per channel in training.
        ArgumentError: statistics are needed, and not given.

    Example:
        >>> batch_norm(tensorlib.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
        tensor([[-1.],
                [ 1.]])
    """
    _check_shapes(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: running_mean and running_var are needed unless training")
        return _by_kept_statistics(input, running_mean, running_var, weight, bias, eps)
    return _by_own_statistics(input, running_mean, running_var, weight, bias, momentum, eps)


def _by_own_statistics(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    momentum: float,
    eps: float,
) -> Tensor:
    count = math.prod(input.shape) // input.shape[1] if input.shape[1] else 0
    if count == 1:
        raise ShapeError(
            f"batch_norm: needs more than one value per channel in training, given is shape {tuple(input.shape)}"
        )
    values: Tensor
    values, mean, variance = batch_norm_training(input, weight, bias, eps=eps)
    if running_mean is not None:
        _follow(running_mean, mean._array, momentum)
    if running_var is not None:
        _follow(running_var, variance._array, momentum, count / (count - 1))
    return values


def _check_shapes(input: Tensor, **by_channel: Tensor | None) -> None:
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: needs an input (N, C, ...), given is shape {tuple(input.shape)}")
    for name, tensor in by_channel.items():
        if tensor is not None and tuple(tensor.shape) != (input.shape[1],):
            raise ShapeError(
                f"batch_norm: {name} has shape {tuple(tensor.shape)}, needed is ({input.shape[1]},) "
                f"for an input of shape {tuple(input.shape)}"
            )


def _by_kept_statistics(
    input: Tensor, mean: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    factor: Any = (variance + eps).rsqrt()
    if weight is not None:
        factor = factor * weight
    shift = -mean * factor if bias is None else bias - mean * factor
    shape = (1, -1, *(1,) * (input.ndim - 2))
    result: Tensor = input * factor.reshape(shape) + shift.reshape(shape)
    return result


def _follow(kept: Tensor, observed: Any, momentum: float, factor: float = 1.0) -> None:
    with at(kept._array):
        kept._array[...] = (1 - momentum) * kept._array + momentum * (observed if factor == 1 else observed * factor)
    kept._bump_version()


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Return the vectors along a dimension divided by their p-norm, or by `eps` where that is larger.

    Example:
        >>> normalize(tensorlib.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """
    result: Tensor = input / input.norm(p, dim, keepdim=True).clamp(min=eps)
    return result
