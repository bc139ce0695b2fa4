"""Log-softmax, and the cross entropy of class indices in one step.

The fused form keeps one array of the logits' shape for the gradient, and its gradient makes no other.
"""

from __future__ import annotations

from typing import Any

from tensorlib.kernels.convolution import Array


def log_softmax(xp: Any, x: Array, axis: int | None) -> Array:
    """Return the logarithm of the softmax along an axis, without overflow.

    Args:
        xp: Array namespace of `x`.
        x: Any shape, a floating dtype.
        axis: Axis along which the exponentials sum to one; None for all.
    """
    y = shifted_by_maximum(x, axis)
    y -= xp.log(xp.exp(y).sum(axis=axis, keepdims=True))
    return y


def shifted_by_maximum(x: Array, axis: int | None) -> Array:
    """Return `x` less its maximum along an axis, so that its exponential does not overflow."""
    return x - x.max(axis=axis, keepdims=True) if x.size else x.copy()


def cross_entropy(xp: Any, x: Array, target: Array) -> tuple[Array, Array]:
    """Return minus the logarithm of the probability of the right class, for each row of logits.

    Weights, ignored rows and reductions are factors on the rows: on the result here, and on `g` in the gradient.

    Args:
        xp: Array namespace of the arrays.
        x: Logits, shape (N, C), a floating dtype.
        target: Class of each row, integers of shape (N,) from 0 to C - 1.

    Returns:
        Losses of shape (N,), and the probabilities of all classes, shape (N, C), for the gradient.
    """
    shifted = shifted_by_maximum(x, 1)
    probabilities = xp.exp(shifted)
    total = probabilities.sum(1, keepdims=True)
    probabilities /= total
    return xp.log(total[:, 0]) - shifted[xp.arange(len(x)), target], probabilities


def cross_entropy_backward(xp: Any, g: Array, probabilities: Array, target: Array) -> Array:
    """Return the gradient of the cross entropy with respect to the logits.

    Args:
        xp: Array namespace of the arrays.
        g: Gradient of each row's loss, shape (N,).
        probabilities: As returned by `cross_entropy`.
        target: Class of each row, shape (N,).
    """
    gx = probabilities * g[:, None]
    gx[xp.arange(len(target)), target] -= g
    return gx
