"""Losses of classification: how improbable the right classes are."""

from __future__ import annotations

from typing import Any

from tensorlib._xp import array_module
from tensorlib.attach import public_function
from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.kernels import loss as kernels
from tensorlib.ops._classes import (
    Shape,
    class_axis,
    class_rows,
    from_class_rows,
    per_example,
    reduced_classes,
    right_classes,
)
from tensorlib.ops.activation import log_softmax, softmax
from tensorlib.ops.loss import no_gradient, reduction_of
from tensorlib.tensor import Tensor


@op(method=False)
def nll_loss(
    xp: Any,
    x: Any,
    target: Any,
    weight: Any = None,
    *,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Return minus the log-probability of the right class of each example, weighted by class.

    Args:
        x: log-probabilities of shape (C), (N, C) or (N, C, d1, ...).
        target: right classes, integers of shape (), (N) or (N, d1, ...).
        weight: constant weights of the classes, shape (C); a weighted mean is divided by the sum of weights.
        size_average: older spelling of the reduction: False for "sum".
        ignore_index: examples of this class count for nothing.
        reduce: older spelling of the reduction: False for "none".
        reduction: "mean", "sum" or "none".

    Raises:
        ArgumentError: the reduction is something else.
        IndexError: a class is out of range.
        ShapeError: the shapes do not fit.
        TypeError: the target is not of integers.

    Example:
        >>> tensorlib.nll_loss(tensorlib.tensor([[-0.5, -1.0], [-2.0, -0.1]]), tensorlib.tensor([0, 1]))
        tensor(0.3000)
    """
    reduction = reduction_of("nll_loss", size_average, reduce, reduction)
    classes, factors = right_classes("nll_loss", xp, x, target, weight, ignore_index)
    losses = -class_rows(xp, x)[xp.arange(classes.size), classes]
    value, factors = reduced_classes(xp, losses, factors, reduction, target.shape)
    return value, (x.shape, x.dtype, classes, factors)


def _nll_gradient(xp: Any, g: Any, shape: Shape, dtype: Any, classes: Any, factors: Any) -> Any:
    return per_example(g, shape) * _minus_one_hot(shape, dtype, classes, factors)


def _minus_one_hot(shape: Shape, dtype: Any, classes: Any, factors: Any = 1) -> Any:
    """Return an array of scores that are minus a factor for the right class and 0 for the others."""
    xp = array_module(classes)
    rows = xp.zeros((classes.size, shape[class_axis(shape)]), dtype)
    rows[xp.arange(classes.size), classes] = -factors
    return from_class_rows(xp, rows, shape)


nll_loss.grads(_nll_gradient, no_gradient("nll_loss", "target"), no_gradient("nll_loss", "weight"))


@op(method=False)
def class_cross_entropy(
    xp: Any, x: Any, target: Any, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """Return `nll_loss(log_softmax(x), target)` in one step.

    Args:
        x: logits of shape (C), (N, C) or (N, C, d1, ...).
        target: right classes, integers of shape (), (N) or (N, d1, ...).
        weight: constant weights of the classes, shape (C); a weighted mean is divided by the sum of weights.
        ignore_index: examples of this class count for nothing.
        reduction: "mean", "sum" or "none".

    Raises:
        IndexError: a class is out of range.
        ShapeError: the shapes do not fit.
        TypeError: the target is not of integers.

    Example:
        >>> tensorlib.class_cross_entropy(tensorlib.tensor([[1.0, 2.0], [3.0, 3.0]]), tensorlib.tensor([0, 1]))
        tensor(1.0032)
    """
    classes, factors = right_classes("cross_entropy", xp, x, target, weight, ignore_index)
    losses, probabilities = kernels.cross_entropy(xp, class_rows(xp, x), classes)
    value, factors = reduced_classes(xp, losses, factors, reduction, target.shape)
    return value, (x, classes, factors, probabilities)


def _cross_entropy_gradient(xp: Any, g: Any, x: Any, classes: Any, factors: Any, probabilities: Any) -> Any:
    step = class_cross_entropy_backward
    return step.via(xp, g, x, classes=classes, factors=factors, probabilities=probabilities)


class_cross_entropy.grads(
    _cross_entropy_gradient, no_gradient("cross_entropy", "target"), no_gradient("cross_entropy", "weight")
)


@op(method=False)
def class_cross_entropy_backward(
    xp: Any, g: Any, x: Any, *, classes: Any, factors: Any = 1, probabilities: Any = None
) -> Any:
    """Return the gradient of `class_cross_entropy` by the logits: softmax less one-hot, times `g` and factors.

    Args:
        g: gradient of the loss, 0-d or with an element for each example.
        x: logits of shape (C), (N, C) or (N, C, d1, ...).
        classes: an array of the right classes of all examples in a row.
        factors: a number, or an array of numbers, one for each example in a row.
        probabilities: the softmax of the logits, an array with a row for each example; computed unless given.

    Example:
        >>> class_cross_entropy_backward(tensorlib.tensor(2.0), tensorlib.zeros(1, 2), classes=numpy.array([0]))
        tensor([[-1.,  1.]])
    """
    if probabilities is None:
        probabilities = class_rows(xp, softmax.via(xp, x, dim=class_axis(x.shape)))
    g_of_rows = xp.zeros(classes.shape, x.dtype)
    g_of_rows += g.reshape(-1) * factors
    rows = kernels.cross_entropy_backward(xp, g_of_rows, probabilities, classes)
    return from_class_rows(xp, rows, x.shape), (g, x, classes, factors)


def _backward_by_g(xp: Any, h: Any, g: Any, x: Any, classes: Any, factors: Any) -> Any:
    axis = class_axis(x.shape)
    less_one_hot = softmax.via(xp, x, dim=axis) + _minus_one_hot(x.shape, classes.dtype, classes)
    return (h * per_example(factors, x.shape) * less_one_hot).sum(axis=axis)


def _backward_by_x(xp: Any, h: Any, g: Any, x: Any, classes: Any, factors: Any) -> Any:
    axis = class_axis(x.shape)
    y = softmax.via(xp, x, dim=axis)
    weighted = h * per_example(g, x.shape) * per_example(factors, x.shape)
    return y * (weighted - (weighted * y).sum(axis=axis, keepdims=True))


class_cross_entropy_backward.grads(_backward_by_g, _backward_by_x)


@public_function
def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross entropy of the right classes, or of their probabilities, and the softmax of logits.

    Args:
        input: logits of shape (C), (N, C) or (N, C, d1, ...).
        target: right classes, integers of shape (), (N) or (N, d1, ...); or probabilities of the shape of the logits.
        weight: constant weights of the classes, shape (C); for right classes a mean is divided by the sum of weights.
        size_average: older spelling of the reduction: False for "sum".
        ignore_index: examples of this class count for nothing.
        reduce: older spelling of the reduction: False for "none".
        reduction: "mean", "sum" or "none".
        label_smoothing: the part, from 0 to 1, of each example that is spread evenly over all classes.

    Raises:
        ArgumentError: the reduction or the smoothing is out of range.
        IndexError: a class is out of range.
        ShapeError: the shapes do not fit.
        TypeError: an argument is of another type.

    Example:
        >>> logits = tensorlib.tensor([[1.0, 2.0], [3.0, 3.0]])
        >>> tensorlib.cross_entropy(logits, tensorlib.tensor([0, 1]))
        tensor(1.0032)
        >>> tensorlib.cross_entropy(logits, tensorlib.tensor([[1.0, 0.0], [0.5, 0.5]]))
        tensor(1.0032)
    """
    reduction = reduction_of("cross_entropy", size_average, reduce, reduction)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"cross_entropy: label_smoothing is {label_smoothing}, but must be from 0 to 1")
    if isinstance(target, Tensor) and target.is_floating_point():
        if ignore_index >= 0:
            raise ArgumentError("cross_entropy: ignore_index is for right classes; the target holds probabilities")
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    loss: Tensor = class_cross_entropy(input, target, weight, ignore_index=ignore_index, reduction=reduction)
    if not label_smoothing:
        return loss
    even = _even_cross_entropy(input, target, weight, ignore_index, reduction)
    return loss * (1 - label_smoothing) + even * label_smoothing


def _soft_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, smoothing: float) -> Tensor:
    """Return the cross entropy of given probabilities; the mean is that over examples."""
    if x.shape != target.shape or not x.ndim:
        raise ShapeError(
            f"cross_entropy: probabilities of shape {tuple(target.shape)} given for logits of shape {tuple(x.shape)}"
        )
    axis = class_axis(x.shape)
    if smoothing:
        target = target * (1 - smoothing) + smoothing / x.shape[axis]
    losses = -(_weighted_log_softmax(x, weight) * target).sum(axis)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.sum() / losses.numel()


def _even_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """Return the cross entropy of equal probabilities of all classes, with the mean as for right classes."""
    losses = -_weighted_log_softmax(x, weight).mean(class_axis(x.shape))
    kept = target != ignore_index
    losses = losses.masked_fill(~kept, 0)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    factors = kept if weight is None else weight[target.masked_fill(~kept, 0)] * kept
    return losses.sum() / factors.sum()


def _weighted_log_softmax(x: Tensor, weight: Tensor | None) -> Tensor:
    axis = class_axis(x.shape)
    y: Tensor = log_softmax(x, dim=axis)
    return y if weight is None else y * weight.reshape((-1,) + (1,) * (x.ndim - axis - 1))
