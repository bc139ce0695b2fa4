"""Initial values of parameters, written in place. Every function has an older name without the trailing underscore."""

from __future__ import annotations

import math
from typing import Any

import numpy

from tensorlib._xp import array_module, at
from tensorlib.autograd.modes import no_grad
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.random import Generator, randperm
from tensorlib.tensor import Tensor

_GAINS = {
    **dict.fromkeys(("linear", "sigmoid", "identity"), 1.0),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much weights must be larger because of the nonlinearity that follows.

    Args:
        nonlinearity: "linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu" and the like.
        param: the slope of "leaky_relu"; 0.01 unless given.

    Raises:
        ArgumentError: there is no such nonlinearity.

    Example:
        >>> calculate_gain("leaky_relu", 1.0)
        1.0
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ArgumentError(f"calculate_gain: no gain is known for {nonlinearity!r}; there are {sorted(_GAINS)}")
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers uniform between `a` and `b`.

    Example:
        >>> uniform_(tensorlib.empty(3), 5.0, 6.0).long()
        tensor([5, 5, 5])
    """
    with no_grad():
        tensor.uniform_(a, b, generator=generator)
    return tensor


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of a normal distribution.

    Example:
        >>> normal_(tensorlib.empty(2), mean=7.0, std=0.0)
        tensor([7., 7.])
    """
    with no_grad():
        tensor.normal_(mean, std, generator=generator)
    return tensor


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers of a normal distribution that is cut off at `a` and `b`.

    Example:
        >>> bool((trunc_normal_(tensorlib.empty(100), a=-1.0, b=1.0).abs() <= 1).all())
        True
    """
    from scipy.special import ndtr, ndtri  # the normal distribution and its inverse

    low, high = ndtr((a - mean) / std), ndtr((b - mean) / std)
    uniform_(tensor, 0.0, 1.0, generator)
    shares = low + (high - low) * numpy.asarray(tensor.detach().cpu().numpy(), float)
    return _filled(tensor, numpy.clip(mean + std * ndtri(shares), a, b))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number.

    Example:
        >>> constant_(tensorlib.empty(2), 0.3)
        tensor([0.3000, 0.3000])
    """
    return _filled(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones.

    Example:
        >>> ones_(tensorlib.empty(2))
        tensor([1., 1.])
    """
    return _filled(tensor, 1)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros.

    Example:
        >>> zeros_(tensorlib.empty(2))
        tensor([0., 0.])
    """
    return _filled(tensor, 0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    Raises:
        ShapeError: it is no matrix.

    Example:
        >>> eye_(tensorlib.empty(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"eye_: needs a matrix, given is shape {tuple(tensor.shape)}")
    return _filled(tensor, numpy.eye(*tensor.shape))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it keeps as many channels as possible as they are.

    Raises:
        ShapeError: it has not 3, 4 or 5 dimensions, or its filters cannot be divided into the groups.

    Example:
        >>> dirac_(tensorlib.empty(1, 1, 3))
        tensor([[[0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ShapeError(
            f"dirac_: needs the weight of a convolution of {groups} groups, not shape {tuple(tensor.shape)}"
        )
    values = numpy.zeros(tensor.shape)
    per_group = tensor.shape[0] // groups
    middle = tuple([length // 2 for length in tensor.shape[2:]])
    for group in range(groups):
        for k in range(min(per_group, tensor.shape[1])):
            values[(group * per_group + k, k, *middle)] = 1
    return _filled(tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers uniform between -bound and bound, `bound = gain * sqrt(6 / (fan_in + fan_out))`.

    References:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Example:
        >>> bool((xavier_uniform_(tensorlib.empty(3, 3)).abs() <= 1).all())
        True
    """
    bound = gain * math.sqrt(6.0 / sum(fans("xavier_uniform_", tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of a normal distribution of deviation `gain * sqrt(2 / (fan_in + fan_out))`.

    References:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    Example:
        >>> xavier_normal_(tensorlib.empty(2, 2), gain=0.0)
        tensor([[0., 0.],
                [0., 0.]])
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans("xavier_normal_", tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers uniform between -bound and bound, `bound = gain * sqrt(3 / fan)`.

    Args:
        tensor: a weight.
        a: the slope of "leaky_relu" that follows.
        mode: "fan_in" or "fan_out", which fan to take.
        nonlinearity: what follows; see `calculate_gain`.
        generator: where the randomness comes from.

    Raises:
        ArgumentError: mode or nonlinearity is unknown.
        ShapeError: the tensor has fewer than two dimensions.

    References:
        He et al., "Delving deep into rectifiers: Surpassing human-level performance on ImageNet classification", 2015.

    Example:
        >>> bool((kaiming_uniform_(tensorlib.empty(3, 4), a=5**0.5).abs() <= 0.5).all())
        True
    """
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * _kaiming_deviation("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with numbers of a normal distribution of deviation `gain / sqrt(fan)`; arguments as of `kaiming_uniform_`.

    Example:
        >>> kaiming_normal_(tensorlib.empty(3, 4), nonlinearity="relu").shape
        tensorlib.Size([3, 4])
    """
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, _kaiming_deviation("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def _kaiming_deviation(name: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = fans(name, tensor)
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{name}: mode must be 'fan_in' or 'fan_out', not {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill a matrix, or the matrix that a tensor is when all but its first dimension are one, with orthogonal rows.

    Where there are more rows than columns, the columns are orthogonal.

    References:
        Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.

    Example:
        >>> w = orthogonal_(tensorlib.empty(2, 3))
        >>> tensorlib.allclose(w @ w.T, tensorlib.eye(2), atol=1e-6)
        True
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_: needs two or more dimensions, given is shape {tuple(tensor.shape)}")
    if not tensor.numel():
        return tensor
    normal_(tensor, generator=generator)
    flat = numpy.asarray(tensor.detach().cpu().numpy(), float).reshape(tensor.shape[0], -1)
    q, r = numpy.linalg.qr(flat if flat.shape[0] >= flat.shape[1] else flat.T)
    q = q * numpy.sign(numpy.diag(r))  # makes the distribution uniform
    return _filled(tensor, gain * (q if flat.shape[0] >= flat.shape[1] else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with numbers of a normal distribution, and set a share of each column to zero.

    References:
        Martens, "Deep learning via Hessian-free optimization", 2010.

    Example:
        >>> (sparse_(tensorlib.empty(4, 2), 0.5) == 0).sum(0)
        tensor([2, 2])
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_: needs a matrix, given is shape {tuple(tensor.shape)}")
    normal_(tensor, 0.0, std, generator)
    values = numpy.array(tensor.detach().cpu().numpy())
    rows, columns = tensor.shape
    for column in range(columns):
        values[randperm(rows, generator=generator).numpy()[: math.ceil(sparsity * rows)], column] = 0
    return _filled(tensor, values)


def fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs each output of a weight has, and how many outputs each input.

    Raises:
        ShapeError: it has fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ShapeError(f"{name}: needs a weight of two or more dimensions, given is shape {tuple(tensor.shape)}")
    cells = math.prod(tensor.shape[2:])
    return tensor.shape[1] * cells, tensor.shape[0] * cells


def _filled(tensor: Tensor, values: Any) -> Tensor:
    array = tensor._array
    with at(array):
        array[...] = array_module(array).asarray(values, array.dtype)
    tensor._bump_version()
    return tensor


uniform, normal, constant, eye, dirac = uniform_, normal_, constant_, eye_, dirac_
xavier_uniform, xavier_normal = xavier_uniform_, xavier_normal_
kaiming_uniform, kaiming_normal = kaiming_uniform_, kaiming_normal_
orthogonal, sparse = orthogonal_, sparse_
