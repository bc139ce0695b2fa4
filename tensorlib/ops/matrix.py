"""Products of matrices and vectors."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.kernels.linear import as_rows
from tensorlib.kernels.linear import linear as affine


@op(operator="matmul")
def matmul(xp: Any, x: Any, other: Any) -> Any:
    """Return the matrix product, of batches too.

    Args:
        x: a tensor of shape (..., n, k), or a vector of shape (k,).
        other: a tensor of shape (..., k, m), or a vector of shape (k,), of the same type.

    Returns:
        A tensor of shape (..., n, m); batches broadcast, and a vector's dimension is left out.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree, or one tensor has no dimensions.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]]) @ tensorlib.tensor([1.0, 1.0])
        tensor([3., 7.])
    """
    check_product("matmul", x, other)
    if other.ndim == 2 and x.ndim > 2 and x.flags.c_contiguous:
        return (as_rows(x) @ other).reshape(x.shape[:-1] + other.shape[1:]), (x, other)
    try:
        return xp.matmul(x, other), (x, other)
    except ValueError:
        raise ShapeError(f"matmul: the batches of shapes {x.shape} and {other.shape} do not broadcast") from None


def check_product(name: str, x: Any, y: Any) -> None:
    """Check that two arrays have a matrix product.

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.
    """
    if x.dtype != y.dtype:
        raise ArgumentError(f"{name}: needs two tensors of one type, not {x.dtype} and {y.dtype}")
    if not (x.ndim and y.ndim) or x.shape[-1] != y.shape[-2 if y.ndim > 1 else -1]:
        raise ShapeError(
            f"{name}: shapes {tuple(x.shape)} and {tuple(y.shape)} do not agree: need (..., n, k) and (..., k, m)"
        )


def _product_left(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """Gradient of the left factor; the engine sums over batches that it was broadcast over."""
    if x.ndim == 1:
        return g * y if y.ndim == 1 else (y @ g[..., None])[..., 0]
    if y.ndim == 1:
        return g[..., None] * y
    return g @ xp.swapaxes(y, -1, -2)


def _product_right(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """Gradient of the right factor."""
    if x.ndim == 1:
        return x * g if y.ndim == 1 else x[:, None] * g[..., None, :]
    if y.ndim > 2:
        return xp.swapaxes(x, -1, -2) @ g
    # One product for the whole batch, instead of one for each and their sum.
    rows = as_rows(x)
    return xp.swapaxes(rows, 0, 1) @ g.reshape((rows.shape[0],) + tuple(y.shape[1:]))


matmul.grads(_product_left, _product_right)


@op(method=False)
def linear(xp: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    """Return `x @ weight.T + bias`.

    Args:
        x: a tensor of shape (..., inputs).
        weight: a tensor of shape (outputs, inputs), or (inputs,) for one output without a dimension.
        bias: a tensor of shape (outputs,); none is added unless given.

    Returns:
        A tensor of shape (..., outputs).

    Raises:
        ArgumentError: the types differ.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.linear(tensorlib.ones(1, 2), tensorlib.tensor([[1.0, 2.0]]), tensorlib.tensor([0.5]))
        tensor([[3.5000]])
    """
    if not x.ndim or weight.ndim not in (1, 2) or x.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            f"linear: input of shape {tuple(x.shape)} and weight of shape {tuple(weight.shape)} do not agree: "
            "need (..., inputs) and (outputs, inputs)"
        )
    if x.dtype != weight.dtype or (bias is not None and bias.dtype != x.dtype):
        types = ", ".join(str(each.dtype) for each in (x, weight, bias) if each is not None)
        raise ArgumentError(f"linear: needs tensors of one type, not {types}")
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ShapeError(f"linear: needs a bias of shape {weight.shape[:-1]}, not {tuple(bias.shape)}")
    if weight.ndim == 2:
        return affine(xp, x, weight, bias), (x, weight)
    value = x @ weight
    return (value if bias is None else value + bias), (x, weight)


def _linear_weight(xp: Any, g: Any, x: Any, weight: Any) -> Any:
    rows = as_rows(x)
    if weight.ndim == 1:
        return g.reshape(rows.shape[0]) @ rows
    return xp.swapaxes(g.reshape(rows.shape[0], weight.shape[0]), 0, 1) @ rows


linear.grads(
    lambda xp, g, x, weight: g[..., None] * weight if weight.ndim == 1 else g @ weight,
    _linear_weight,
    lambda xp, g, x, weight: g,
)
