"""Arithmetic, elementwise, with broadcasting. Python numbers may stand for tensors."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op


@op(promotion="common", in_place=True, operator="add")
def add(xp: Any, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `x + alpha * other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.
        alpha: a number that multiplies `other`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.add(tensorlib.tensor([1.0, 2.0]), 10, alpha=0.5)
        tensor([6., 7.])
    """
    return (x + other if alpha == 1 else x + alpha * other), (alpha,)


add.grads(
    lambda xp, g, alpha: g,
    lambda xp, g, alpha: g if alpha == 1 else g * alpha,
)


@op(promotion="common", in_place=True, operator="sub", aliases=("subtract",))
def sub(xp: Any, x: Any, other: Any, *, alpha: Any = 1) -> Any:
    """Return `x - alpha * other`, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.
        alpha: a number that multiplies `other`.

    Raises:
        ShapeError: the shapes do not broadcast.
        TypeError: both are bool; use logical operations for those.

    Example:
        >>> tensorlib.tensor([1.0, 2.0]) - 1
        tensor([0., 1.])
    """
    return (x - other if alpha == 1 else x - alpha * other), (alpha,)


sub.grads(
    lambda xp, g, alpha: g,
    lambda xp, g, alpha: -g if alpha == 1 else g * -alpha,
)


@op(promotion="common", in_place=True, operator="mul", aliases=("multiply",))
def mul(xp: Any, x: Any, other: Any) -> Any:
    """Return the product, elementwise.

    Args:
        x: a tensor or number.
        other: a tensor or number that broadcasts with `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> tensorlib.tensor([1.0, 2.0]) * tensorlib.tensor([[1.0], [10.0]])
        tensor([[ 1.,  2.],
                [10., 20.]])
    """
    return x * other, (x, other)


mul.grads(
    lambda xp, g, x, other: g * other,
    lambda xp, g, x, other: g * x,
)


@op(promotion="common", in_place=True, operator="neg", aliases=("negative",))
def neg(xp: Any, x: Any) -> Any:
    """Return the negative, elementwise.

    Raises:
        TypeError: `x` is bool.

    Example:
        >>> -tensorlib.tensor([1.0, -2.0])
        tensor([-1.,  2.])
    """
    return -x, ()


neg.grads(lambda xp, g: -g)
