"""Summaries of data, made of other operations: quantiles, covariances, distances, and reductions that pass over nan."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops import comparison, extremes, gather_scatter, reduction, selection, sorting, statistics
from tensorlib.ops.complex import complex as complex_of
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor

INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@public_function
@tensor_method
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the least and the greatest elements, of all or along a dimension.

    Raises:
        ArgumentError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.aminmax(tensorlib.tensor([2.0, 1.0, 3.0]))
        tensorlib.return_types.aminmax(
        min=tensor(1.),
        max=tensor(3.))
    """
    require_tensor("aminmax", input)
    dims = () if dim is None else dim
    return TYPES["aminmax"](extremes.amin(input, dims, keepdim), extremes.amax(input, dims, keepdim))


def _without_nan(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return where there are numbers, and the tensor with 0 for nan."""
    require_tensor(name, x)
    present = x == x
    return present, selection.where(present, x, 0)


@public_function
@tensor_method
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the sum of all elements but nan, or along dimensions.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.nansum(tensorlib.tensor([1.0, float("nan"), 2.0]))
        tensor(3.)
    """
    result: Tensor = reduction.sum(_without_nan("nansum", input)[1], dim, keepdim, dtype)
    return result


def _check_float(name: str, x: Tensor) -> None:
    if not x.is_floating_point():
        raise TypeError(f"{name}: needs a floating point tensor, not {x.dtype}")


@public_function
@tensor_method
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Return the mean of all elements but nan, or along dimensions.

    Raises:
        DimensionError: a dimension is out of range.
        TypeError: the elements are no floating point numbers.

    Example:
        >>> tensorlib.nanmean(tensorlib.tensor([1.0, float("nan"), 2.0]))
        tensor(1.5000)
    """
    present, numbers = _without_nan("nanmean", input)
    _check_float("nanmean", input)
    result: Tensor = reduction.sum(numbers, dim, keepdim, dtype) / reduction.sum(present, dim, keepdim)
    return result


@public_function
@tensor_method
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Return the median of all elements but nan, the lower of two; along a dimension also where it is.

    Raises:
        ArgumentError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.nanmedian(tensorlib.tensor([1.0, float("nan"), 3.0, 2.0]))
        tensor(2.)
    """
    require_tensor("nanmedian", input)
    if dim is None:
        return nanmedian(input.reshape(-1), 0)[0]
    axis = as_dim("nanmedian", dim, input.ndim)
    x = input if input.ndim else input.reshape(1)
    if not x.shape[axis]:
        raise ArgumentError(f"nanmedian: there are no elements to choose from in shape {tuple(x.shape)}")
    values, order = sorting.sort(x, axis)
    place = (((x == x).sum(axis, keepdim=True) - 1) // 2).clamp(min=0)
    chosen = [gather_scatter.gather(each, axis, place) for each in (values, order)]
    kept = keepdim and input.ndim
    return TYPES["nanmedian"](*[each if kept else each.squeeze(axis) for each in chosen])


@public_function
@tensor_method
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """Return the values below which given fractions of the elements lie; nan where there is one.

    Args:
        input: a floating point tensor.
        q: a fraction, or a 1-d tensor of some, from 0 to 1; several come first in the result's shape.
        dim: the dimension; all elements unless given.
        keepdim: keep it with length 1.
        interpolation: what lies between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    Raises:
        ArgumentError: a fraction is outside 0 to 1, or the interpolation unknown.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.quantile(tensorlib.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
        tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@public_function
@tensor_method
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """Return the values below which given fractions of the elements lie, as if there were no nan among them.

    Args:
        input: a floating point tensor.
        q: a fraction, or a 1-d tensor of some, from 0 to 1; several come first in the result's shape.
        dim: the dimension; all elements unless given.
        keepdim: keep it with length 1.
        interpolation: what lies between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    Raises:
        ArgumentError: a fraction is outside 0 to 1, or the interpolation unknown.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.nanquantile(tensorlib.tensor([0.0, float("nan"), 2.0]), 0.5)
        tensor(1.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


def _quantile(name: str, x: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str) -> Tensor:
    require_tensor(name, x)
    _check_float(name, x)
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"{name}: interpolation is {interpolation!r}, but must be one of {INTERPOLATIONS}")
    fractions = q.to(x.dtype) if isinstance(q, Tensor) else x.new_tensor(q)
    if fractions.numel() and not bool(((fractions >= 0) & (fractions <= 1)).all()):
        raise ArgumentError(f"{name}: q must lie between 0 and 1, not {q}")
    axis = 0 if dim is None else as_dim(name, dim, x.ndim)
    rows = (x.reshape(-1) if dim is None else x).movedim(axis, -1)
    if not rows.shape[-1]:
        raise ArgumentError(f"{name}: there are no elements to choose from in shape {tuple(x.shape)}")
    values = sorting.sort(rows, -1)[0]
    chosen = _between(values, _ranks(name, rows, fractions.reshape(-1)), interpolation)
    if keepdim:
        shape = (1,) * x.ndim if dim is None else (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        chosen = chosen.reshape((-1, *shape))
    return chosen if fractions.ndim else chosen[0]


def _ranks(name: str, rows: Tensor, fractions: Tensor) -> Tensor:
    """Return where in the sorted rows the quantiles lie: rows of ranks, with fractions of places."""
    count = (rows == rows).sum(-1, keepdim=True)
    last = rows.shape[-1] - 1
    if name == "quantile":  # one nan makes the result nan, and nan is sorted to the end
        ranks: Tensor = selection.where(count == last + 1, fractions * last, float(last))
        return ranks
    return fractions * (count - 1).clamp(min=0)


def _between(values: Tensor, ranks: Tensor, interpolation: str) -> Tensor:
    below, above = ranks.floor(), ranks.ceil()
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": below, "higher": above, "nearest": ranks.round()}[interpolation]
        chosen: Tensor = gather_scatter.gather(values, -1, rank.long()).movedim(-1, 0)
        return chosen
    low, high = (gather_scatter.gather(values, -1, rank.long()) for rank in (below, above))
    weight = ranks - below if interpolation == "linear" else (above != below).to(values.dtype) * 0.5
    between: Tensor = selection.where(weight == 0, low, low + (high - low) * weight).movedim(-1, 0)
    return between


@public_function
@tensor_method
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """Return how many elements are not 0, of all or along dimensions.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.count_nonzero(tensorlib.tensor([[0, 1], [2, 3]]), 0)
        tensor([1, 2])
    """
    require_tensor("count_nonzero", input)
    result: Tensor = reduction.sum(comparison.ne(input, 0), dim)
    return result


@public_function
def var_mean(
    input: Tensor, dim: Any = None, *, correction: float | None = None, keepdim: bool = False, unbiased: bool = True
) -> tuple[Tensor, Tensor]:
    """Return the variance and the mean, of all elements or along dimensions; see `var` for the arguments.

    Example:
        >>> tensorlib.var_mean(tensorlib.tensor([1.0, 3.0]))
        (tensor(2.), tensor(2.))
    """
    variance = statistics.var(input, dim, unbiased, keepdim, correction)
    return variance, reduction.mean(input, None if isinstance(dim, bool) else dim, keepdim)


@public_function
def std_mean(
    input: Tensor, dim: Any = None, *, correction: float | None = None, keepdim: bool = False, unbiased: bool = True
) -> tuple[Tensor, Tensor]:
    """Return the standard deviation and the mean, of all elements or along dimensions; see `std` for the arguments.

    Example:
        >>> tensorlib.std_mean(tensorlib.tensor([1.0, 3.0]))
        (tensor(1.4142), tensor(2.))
    """
    deviation = statistics.std(input, dim, unbiased, keepdim, correction)
    return deviation, reduction.mean(input, None if isinstance(dim, bool) else dim, keepdim)


@public_function
@tensor_method
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """Return the covariances of variables, which are the rows of a matrix; its columns are observations.

    Args:
        input: a matrix, or a vector of observations of one variable.
        correction: what the number of observations is diminished by.
        fweights: how often each observation was made; integers.
        aweights: how much each observation counts.

    Raises:
        ShapeError: the tensor has more than two dimensions.

    Example:
        >>> tensorlib.cov(tensorlib.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    require_tensor("cov", input)
    if input.ndim > 2:
        raise ShapeError(f"cov: needs at most 2 dimensions, not {input.ndim}")
    x = input.reshape(1, -1) if input.ndim < 2 else input
    weights = (x.real if x.dtype.is_complex else x).new_ones(x.shape[1])
    for given in (fweights, aweights):
        weights = weights if given is None else weights * given
    total = weights.sum()
    centred = x - (x * weights).sum(1, keepdim=True) / total
    less = correction if aweights is None else correction * (weights * aweights).sum() / total
    result: Tensor = (centred * weights) @ centred.conj().t() / (total - less).clamp(min=0)
    return result.reshape(()) if input.ndim < 2 else result


@public_function
@tensor_method
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlations of variables, which are the rows of a matrix; its columns are observations.

    Raises:
        ShapeError: the tensor has more than two dimensions.

    Example:
        >>> tensorlib.corrcoef(tensorlib.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    covariance = cov(input)
    if not covariance.ndim:
        return covariance / covariance
    deviation = covariance.diagonal().sqrt()
    result: Tensor = covariance / deviation[:, None] / deviation
    if result.dtype.is_complex:
        return complex_of(result.real.clamp(-1, 1), result.imag.clamp(-1, 1))  # type: ignore[no-any-return]
    return result.clamp(-1, 1)
