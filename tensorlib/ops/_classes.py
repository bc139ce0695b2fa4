"""What losses of classification share: layouts of scores, right classes, weights and reductions."""

from __future__ import annotations

from typing import Any

from tensorlib.errors import ShapeError

Shape = tuple[int, ...]


def class_axis(shape: Shape) -> int:
    """Return the axis of the classes in scores of shape (C) or (N, C, d1, ...)."""
    return 1 if len(shape) > 1 else 0


def class_rows(xp: Any, x: Any) -> Any:
    """Return scores as rows: shape (C) or (N, C, d1, ...) becomes (examples, C)."""
    if x.ndim == 2:
        return x
    axis = class_axis(x.shape)
    examples = x.size // max(x.shape[axis], 1)
    return xp.moveaxis(x, axis, -1).reshape(examples, x.shape[axis])


def from_class_rows(xp: Any, rows: Any, shape: Shape) -> Any:
    """Return rows of scores in the shape that they came from."""
    if len(shape) == 2:
        return rows
    axis = class_axis(shape)
    return xp.moveaxis(rows.reshape(*shape[:axis], *shape[axis + 1 :], shape[axis]), -1, axis)


def per_example(value: Any, shape: Shape) -> Any:
    """Return a value for each example in a shape that broadcasts with the scores; one for all as it is."""
    if not getattr(value, "ndim", 0):
        return value
    axis = class_axis(shape)
    return value.reshape((*shape[:axis], 1, *shape[axis + 1 :]))


def right_classes(name: str, xp: Any, x: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Return the right class of each example, and the factor on each loss: an array, or 1.

    Raises:
        IndexError: a class is out of range.
        ShapeError: the shapes do not fit.
        TypeError: the target is not of integers.
    """
    if x.ndim == 0 or target.shape != x.shape[: class_axis(x.shape)] + x.shape[2:]:
        raise ShapeError(
            f"{name}: scores of shape {x.shape} and classes of shape {target.shape} do not fit: "
            "need (N, C, ...) and (N, ...)"
        )
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: the classes must be integers, not {target.dtype}")
    count = x.shape[class_axis(x.shape)]
    if weight is not None and weight.shape != (count,):
        raise ShapeError(f"{name}: the weight has shape {weight.shape}, but must have ({count},), one for each class")
    classes = target.reshape(-1)
    factors: Any = 1
    if not _in_range(classes, count) or 0 <= ignore_index < count:
        kept = classes != ignore_index
        classes, factors = xp.where(kept, classes, 0), kept.astype(x.dtype)
        if not _in_range(classes, count):
            wrong = classes[(classes < 0) | (classes >= count)][0]
            raise IndexError(f"{name}: class {wrong} is out of range: the scores have {count} classes")
    return classes, factors if weight is None else weight[classes].astype(x.dtype) * factors


def _in_range(classes: Any, count: int) -> bool:
    return not classes.size or bool(classes.min() >= 0 and classes.max() < count)


def reduced_classes(xp: Any, losses: Any, factors: Any, reduction: str, shape: Shape) -> tuple[Any, Any]:
    """Return the reduced losses, and the factors of their gradient.

    Args:
        xp: the array module.
        losses: one for each example.
        factors: on the losses, an array or 1.
        reduction: "mean", "sum" or "none"; the mean is divided by the sum of factors.
        shape: of the result where there is no reduction.
    """
    weighted = hasattr(factors, "sum")
    losses = losses * factors if weighted else losses
    if reduction == "none":
        return losses.reshape(shape), factors
    total = losses.sum()
    if reduction == "sum":
        return total, factors
    if not weighted:
        return total / losses.size, factors / max(losses.size, 1)
    weight = factors.sum()
    return total / weight, factors / (weight or 1)
