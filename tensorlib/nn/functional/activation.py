"""Activations with PyTorch's arguments."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.in_place import in_place_function
from tensorlib.ops import activation as ops
from tensorlib.ops.trigonometric import tanh as tanh
from tensorlib.tensor import Tensor

relu_ = in_place_function(ops.relu)
leaky_relu_ = in_place_function(ops.leaky_relu)
elu_ = in_place_function(ops.elu)
hardtanh_ = in_place_function(ops.hardtanh)
celu_ = in_place_function(ops.celu)
selu_ = in_place_function(ops.selu)
threshold_ = in_place_function(ops.threshold)
hardshrink = ops.hardshrink
sigmoid = ops.sigmoid
logsigmoid = ops.logsigmoid
softplus = ops.softplus
gelu = ops.gelu


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the larger of each element and 0.

    Example:
        >>> relu(tensorlib.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    result: Tensor = relu_(input) if inplace else ops.relu(input)
    return result


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return each element, multiplied by `negative_slope` where it is negative.

    Example:
        >>> leaky_relu(tensorlib.tensor([-1.0, 2.0]), 0.5)
        tensor([-0.5000,  2.0000])
    """
    result: Tensor = (leaky_relu_ if inplace else ops.leaky_relu)(input, negative_slope=negative_slope)
    return result


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each element, or `alpha * (exp(x) - 1)` where it is negative.

    Example:
        >>> elu(tensorlib.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    result: Tensor = (elu_ if inplace else ops.elu)(input, alpha=alpha)
    return result


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each element, or `alpha * (exp(x / alpha) - 1)` where it is negative.

    Example:
        >>> celu(tensorlib.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """
    result: Tensor = (celu_ if inplace else ops.celu)(input, alpha=alpha)
    return result


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `elu` scaled so that means and variances are kept from layer to layer.

    Example:
        >>> selu(tensorlib.tensor([-1.0, 2.0]))
        tensor([-1.1113,  2.1014])
    """
    result: Tensor = (selu_ if inplace else ops.selu)(input)
    return result


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return each element, or `value` where it is not above a threshold.

    Example:
        >>> tensorlib.nn.functional.threshold(tensorlib.tensor([0.5, 2.0]), 1.0, 0.0)
        tensor([0., 2.])
    """
    result: Tensor = (threshold_ if inplace else ops.threshold)(input, threshold=threshold, value=value)
    return result


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Return each element, or the nearer bound where it is outside.

    Example:
        >>> hardtanh(tensorlib.tensor([-3.0, 0.5]))
        tensor([-1.0000,  0.5000])
    """
    result: Tensor = (hardtanh_ if inplace else ops.hardtanh)(input, min_val=min_val, max_val=max_val)
    return result


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return each element, at least 0 and at most 6.

    Example:
        >>> relu6(tensorlib.tensor([-1.0, 2.0, 9.0]))
        tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return `x * sigmoid(x)`, elementwise.

    Example:
        >>> silu(tensorlib.tensor([0.0, 2.0]))
        tensor([0.0000, 1.7616])
    """
    result: Tensor = (in_place_function(ops.silu) if inplace else ops.silu)(input)
    return result


def softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Return positive numbers that add up to 1 along a dimension: `exp(x)`, divided by its sum.

    Args:
        input: a tensor.
        dim: the dimension; unless given the first of 0, 1 and 3 dimensions, else the second.
        dtype: convert the input to this type first.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> softmax(tensorlib.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    result: Tensor = ops.softmax(input, dim=_implied(input, dim), dtype=dtype)
    return result


def softmin(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Return the softmax of the negative; arguments as of `softmax`.

    Example:
        >>> softmin(tensorlib.tensor([0.0, 0.0]), dim=0)
        tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Return the logarithm of the softmax, computed without overflow; arguments as of `softmax`.

    Example:
        >>> log_softmax(tensorlib.tensor([0.0, 0.0]), dim=0)
        tensor([-0.6931, -0.6931])
    """
    result: Tensor = ops.log_softmax(input, dim=_implied(input, dim), dtype=dtype)
    return result


def _implied(input: Tensor, dim: int | None) -> int:
    """Return the dimension that was meant where none is given, as older scripts have it."""
    if dim is not None:
        return dim
    return 0 if input.ndim in (0, 1, 3) else 1
