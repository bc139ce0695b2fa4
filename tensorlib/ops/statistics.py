"""Reductions of statistics: variance, standard deviation, norms, log-sum-exp."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dtypes import as_dtype
from tensorlib.errors import ArgumentError
from tensorlib.kernels.sums import sum_along
from tensorlib.ops.extremes import check_some
from tensorlib.ops.reduction import Axes, check_float, kept, mean_array, reduced_axes, reduced_count


@op()
def var(
    xp: Any,
    x: Any,
    *,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> Any:
    """Return the variance: the sum of squared distances from the mean, divided by their number less a correction.

    Args:
        x: a floating point tensor.
        dim: a dimension or several; all unless given. A bool stands for `unbiased`.
        unbiased: the correction is 1 (Bessel's), otherwise 0.
        keepdim: keep reduced dimensions with length 1.
        correction: what the number of elements is diminished by, instead of what `unbiased` says.

    Raises:
        DimensionError: a dimension is out of range.
        TypeError: the type is no floating point type.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0, 6.0]).var(), tensorlib.tensor([1.0, 3.0]).var(0, unbiased=False)
        (tensor(4.6667), tensor(1.))
    """
    axes, freedom = _freedom("var", x, dim, unbiased, correction)
    return _variance(x, axes, freedom, keepdim), (x, axes, freedom)


def _freedom(name: str, x: Any, dim: Any, unbiased: bool, correction: float | None) -> tuple[Axes, float]:
    """Return the axes and what the sum of squares is divided by."""
    check_float(name, x)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    axes = reduced_axes(name, dim, x.ndim)
    less = int(unbiased) if correction is None else correction
    return axes, max(reduced_count(x.shape, axes) - less, 0)


def _variance(x: Any, axes: Axes, freedom: float, keepdim: bool) -> Any:
    centred = x - mean_array(x, axes, True)
    centred *= centred.conj()
    return sum_along(centred.real, axes, keepdim) / freedom


def _var_gradient(xp: Any, g: Any, x: Any, axes: Axes, freedom: float) -> Any:
    centred = x - x.sum(axis=axes, keepdims=True) / reduced_count(x.shape, axes)
    return kept(g, x.shape, axes) * 2 / freedom * centred


var.grads(_var_gradient)


@op()
def std(
    xp: Any,
    x: Any,
    *,
    dim: Any = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
) -> Any:
    """Return the standard deviation: the square root of the variance; its gradient is 0 where it is 0 itself.

    Args:
        x: a floating point tensor.
        dim: a dimension or several; all unless given. A bool stands for `unbiased`.
        unbiased: the correction is 1 (Bessel's), otherwise 0.
        keepdim: keep reduced dimensions with length 1.
        correction: what the number of elements is diminished by, instead of what `unbiased` says.

    Raises:
        DimensionError: a dimension is out of range.
        TypeError: the type is no floating point type.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0, 6.0]).std()
        tensor(2.1602)
    """
    axes, freedom = _freedom("std", x, dim, unbiased, correction)
    y = xp.sqrt(_variance(x, axes, freedom, keepdim))
    return y, (x, y, axes, freedom)


def _std_gradient(xp: Any, g: Any, x: Any, y: Any, axes: Axes, freedom: float) -> Any:
    return _var_gradient(xp, xp.where(y == 0, 0, g / (2 * y)), x, axes, freedom)


std.grads(_std_gradient)


@op()
def norm(xp: Any, x: Any, *, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the p-norm of all elements, or along dimensions: the p-th root of the sum of p-th powers of magnitudes.

    Args:
        x: a floating point tensor.
        p: a number; "fro" stands for 2, inf gives the greatest magnitude, -inf the least, 0 the number of nonzeros.
        dim: a dimension or several; all unless given.
        keepdim: keep reduced dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        ArgumentError: `p` is no number nor "fro".
        DimensionError: a dimension is out of range.
        TypeError: the type is no floating point type.

    Example:
        >>> tensorlib.tensor([3.0, -4.0]).norm(), tensorlib.tensor([3.0, -4.0]).norm(1)
        (tensor(5.), tensor(7.))
    """
    if p != "fro" and not isinstance(p, (int, float)):
        raise ArgumentError(f"norm: p is {p!r}, but must be a number or 'fro'; for 'nuc' use nuclear_norm")
    if dtype is not None:
        x = x.astype(as_dtype(dtype).numpy)
    check_float("norm", x)
    axes, p = reduced_axes("norm", dim, x.ndim), 2.0 if p == "fro" else float(p)
    if math.isinf(p):
        check_some("norm", x, axes)
    y = _norm_array(xp, x, p, axes, keepdim)
    return y, (x, y, p, axes)


def _norm_array(xp: Any, x: Any, p: float, axes: Axes, keepdim: bool) -> Any:
    if p == 2 and x.dtype.kind == "f":
        return xp.sqrt((x * x).sum(axis=axes, keepdims=keepdim))
    magnitudes = xp.absolute(x)
    if p == float("inf"):
        return magnitudes.max(axis=axes, keepdims=keepdim)
    if p == float("-inf"):
        return magnitudes.min(axis=axes, keepdims=keepdim)
    if p == 0:
        return (x != 0).sum(axis=axes, keepdims=keepdim).astype(magnitudes.dtype)
    return (magnitudes**p).sum(axis=axes, keepdims=keepdim) ** (1 / p)


def _norm_gradient(xp: Any, g: Any, x: Any, y: Any, p: float, axes: Axes) -> Any:
    g, y = kept(g, x.shape, axes), kept(y, x.shape, axes)
    if p in (float("inf"), float("-inf")):
        reached = xp.absolute(x) == y
        return g / reached.sum(axis=axes, keepdims=True) * reached * xp.sign(x)
    if p == 0:
        return g * 0 * x
    if p == 1:
        return g * xp.sign(x)
    if p == 2:
        return xp.where(y == 0, 0, g / y) * x
    return xp.where(y == 0, 0, g * y ** (1 - p)) * (xp.sign(x) * xp.absolute(x) ** (p - 1))


norm.grads(_norm_gradient)


@op(promotion="float")
def logsumexp(xp: Any, x: Any, *, dim: Any, keepdim: bool = False) -> Any:
    """Return `log(sum(exp(x)))` along dimensions, without overflow.

    Args:
        x: a floating point tensor.
        dim: a dimension or several.
        keepdim: keep reduced dimensions with length 1.

    Raises:
        DimensionError: a dimension is out of range.
        TypeError: the type is no floating point type.

    Example:
        >>> tensorlib.logsumexp(tensorlib.tensor([1000.0, 1000.0]), 0)
        tensor(1000.6932)
    """
    axes = reduced_axes("logsumexp", dim, x.ndim)
    highest = x.max(axis=axes, keepdims=True) if x.size else xp.zeros((), x.dtype)
    highest = xp.where(xp.isfinite(highest), highest, 0)
    total = xp.exp(x - highest).sum(axis=axes, keepdims=True)
    y = (highest + xp.log(total)).sum(axis=axes, keepdims=keepdim)
    return y, (x, y, axes)


logsumexp.grads(lambda xp, g, x, y, axes: kept(g, x.shape, axes) * xp.exp(x - kept(y, x.shape, axes)))
