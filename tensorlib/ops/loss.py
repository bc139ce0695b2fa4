"""Losses that compare elementwise, each reduced to its mean or sum, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tensorlib.ops.activation import logsigmoid, sigmoid


def reduction_of(name: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """Return "mean", "sum" or "none"; the older two flags win where they are given.

    Raises:
        ArgumentError: the reduction is something else.
    """
    if size_average is not None or reduce is not None:
        if reduce is False:
            return "none"
        return "sum" if size_average is False else "mean"
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{name}: reduction is {reduction!r}, but must be 'mean', 'sum' or 'none'")
    return reduction


def reduced(xp: Any, losses: Any, reduction: str) -> tuple[Any, float]:
    """Return the reduced losses, and what their gradient is multiplied by for each of them."""
    if reduction == "none":
        return losses, 1
    total = losses.sum()
    if reduction == "sum":
        return xp.asarray(total), 1
    return xp.asarray(total / losses.size), 1 / max(losses.size, 1)


def no_gradient(name: str, argument: str) -> Callable[..., Any]:
    """Return the pullback of an argument that losses take as constant: it says so."""

    def refuse(xp: Any, g: Any, *saved: Any) -> Any:
        raise GraphError(f"{name}: {argument} is a constant and gets no gradient; detach() it")

    return refuse


@op(promotion="common", method=False)
def mse_loss(
    xp: Any,
    x: Any,
    target: Any,
    *,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Return the squared differences of two tensors.

    Args:
        x: a floating point tensor.
        target: a tensor that broadcasts with `x`.
        size_average: older spelling of the reduction: False for "sum".
        reduce: older spelling of the reduction: False for "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: the reduction is something else.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.mse_loss(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([1.0, 4.0]))
        tensor(2.)
    """
    losses = x - target
    losses *= losses
    value, factor = reduced(xp, losses, reduction_of("mse_loss", size_average, reduce, reduction))
    return value, (x, target, factor)


mse_loss.grads(
    lambda xp, g, x, target, factor: g * (2 * factor) * (x - target),
    lambda xp, g, x, target, factor: g * (2 * factor) * (target - x),
)


@op(promotion="common", method=False)
def l1_loss(
    xp: Any,
    x: Any,
    target: Any,
    *,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Return the absolute differences of two tensors.

    Args:
        x: a floating point tensor.
        target: a tensor that broadcasts with `x`.
        size_average: older spelling of the reduction: False for "sum".
        reduce: older spelling of the reduction: False for "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: the reduction is something else.
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.l1_loss(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([1.0, 4.0]))
        tensor(1.)
    """
    losses = xp.absolute(x - target)
    value, factor = reduced(xp, losses, reduction_of("l1_loss", size_average, reduce, reduction))
    return value, (x, target, factor)


l1_loss.grads(
    lambda xp, g, x, target, factor: g * factor * xp.sign(x - target),
    lambda xp, g, x, target, factor: g * factor * xp.sign(target - x),
)


@op(method=False)
def binary_cross_entropy_with_logits(
    xp: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the cross entropy of probabilities and the sigmoids of logits, computed so that it does not overflow.

    Args:
        x: logits, a floating point tensor.
        target: probabilities in [0, 1], a tensor of the same shape.
        weight: a constant tensor that broadcasts with `x` and multiplies the losses.
        size_average: older spelling of the reduction: False for "sum".
        reduce: older spelling of the reduction: False for "none".
        reduction: "mean", "sum" or "none".
        pos_weight: a constant tensor that broadcasts with `x` and multiplies the losses of what is positive.

    Raises:
        ArgumentError: the reduction is something else.
        ShapeError: the shapes differ.

    Example:
        >>> tensorlib.binary_cross_entropy_with_logits(tensorlib.tensor([0.0, 3.0]), tensorlib.tensor([1.0, 1.0]))
        tensor(0.3709)
    """
    name = "binary_cross_entropy_with_logits"
    if x.shape != target.shape:
        raise ShapeError(f"{name}: the target has shape {target.shape}, but must have that of the logits, {x.shape}")
    weight = 1 if weight is None else weight
    positive = 1 if pos_weight is None else getattr(pos_weight, "_array", pos_weight).copy()
    log_sigmoid = logsigmoid.via(xp, x)
    losses = ((1 - target) * (x - log_sigmoid) - positive * target * log_sigmoid) * weight
    value, factor = reduced(xp, losses, reduction_of(name, size_average, reduce, reduction))
    return value, (x, target, weight, positive, factor)


def _by_logits(xp: Any, g: Any, x: Any, target: Any, weight: Any, positive: Any, factor: float) -> Any:
    slope = (1 - target + positive * target) * sigmoid.via(xp, x) - positive * target
    return g * factor * weight * slope


def _by_probabilities(xp: Any, g: Any, x: Any, target: Any, weight: Any, positive: Any, factor: float) -> Any:
    return g * factor * weight * (-positive * logsigmoid.via(xp, x) - (x - logsigmoid.via(xp, x)))


binary_cross_entropy_with_logits.grads(
    _by_logits, _by_probabilities, no_gradient("binary_cross_entropy_with_logits", "weight")
)
