"""Dropout: zeros at random."""

from __future__ import annotations

from tensorlib._xp import at
from tensorlib.errors import ArgumentError
from tensorlib.random import rand
from tensorlib.tensor import Tensor, wrap


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set elements to zero with probability `p`, and scale the others by `1 / (1 - p)`; do nothing unless training.

    Args:
        input: a tensor of floating point.
        p: the probability of each element, independent of the others.
        training: whether to do anything.
        inplace: do it in the input's memory.

    Raises:
        ArgumentError: the probability is not from 0 to 1.

    References:
        Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012.

    Example:
        >>> sorted(set(dropout(tensorlib.ones(100), 0.75).tolist()))
        [0.0, 4.0]
    """
    return _dropout("dropout", input, tuple(input.shape), p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, L) or (C, L) to zero; arguments as of `dropout`.

    Example:
        >>> dropout1d(tensorlib.ones(1, 2, 3), 1.0).sum()
        tensor(0.)
    """
    return _feature_dropout("dropout1d", input, 1, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, H, W) or (C, H, W) to zero; arguments as of `dropout`.

    Example:
        >>> dropout2d(tensorlib.ones(1, 2, 3, 3), 1.0).sum()
        tensor(0.)
    """
    return _feature_dropout("dropout2d", input, 2, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels of (N, C, D, H, W) or (C, D, H, W) to zero; arguments as of `dropout`.

    Example:
        >>> dropout3d(tensorlib.ones(1, 2, 3, 3, 3), 1.0).sum()
        tensor(0.)
    """
    return _feature_dropout("dropout3d", input, 3, p, training, inplace)


def _feature_dropout(name: str, input: Tensor, axes: int, p: float, training: bool, inplace: bool) -> Tensor:
    if input.ndim not in (axes + 1, axes + 2):
        raise ArgumentError(f"{name}: needs {axes + 2} or {axes + 1} dimensions, given is shape {tuple(input.shape)}")
    return _dropout(name, input, (*input.shape[:-axes], *(1,) * axes), p, training, inplace)


def _dropout(name: str, input: Tensor, shape: tuple[int, ...], p: float, training: bool, inplace: bool) -> Tensor:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{name}: p must be a probability from 0 to 1, {p} given")
    if not training or p == 0:
        return input
    with at(input._array):
        kept = rand(shape, dtype=input.dtype, device=input.device)._array >= p
        scale = wrap(kept * input._array.dtype.type(0 if p == 1 else 1 / (1 - p)))
    result: Tensor = input.mul_(scale) if inplace else input * scale
    return result
