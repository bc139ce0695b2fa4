"""Counting and looking up: histograms, most frequent elements, places in sorted sequences, membership."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.gather_scatter import gather_backward
from tensorlib.ops.joining import cat
from tensorlib.return_types import TYPES
from tensorlib.tensor import Tensor, wrap


@op(ordered=True)
def mode(xp: Any, x: Any, *, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the most frequent elements along a dimension, the least of several, and where the last of them is.

    Args:
        x: a tensor.
        dim: the dimension.
        keepdim: keep it with length 1.

    Raises:
        ArgumentError: there are no elements to choose from.
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.mode(tensorlib.tensor([3, 1, 1, 2]))
        tensorlib.return_types.mode(
        values=tensor(1),
        indices=tensor(2))
    """
    axis = as_dim("mode", dim, x.ndim)
    rows = xp.swapaxes(x, axis, -1) if x.ndim else x.reshape(1)
    if not rows.shape[-1]:
        raise ArgumentError(f"mode: there are no elements to choose from in shape {x.shape}")
    flat = rows.reshape(-1, rows.shape[-1])
    ordered = xp.sort(flat, axis=-1)
    counts = (ordered[:, :, None] == ordered[:, None, :]).sum(-1)
    line = xp.arange(len(flat))
    values = ordered[line, counts.argmax(-1)]
    last = flat.shape[1] - 1 - (flat[:, ::-1] == values[:, None]).argmax(-1)
    shape = (*rows.shape[:-1], 1)
    chosen = [xp.swapaxes(each.reshape(shape), axis, -1) if x.ndim else each for each in (values, last)]
    whole = tuple(chosen[1].shape)
    if not (keepdim and x.ndim):
        chosen = [each.reshape(each.shape[:axis] + each.shape[axis + 1 :]) for each in chosen]
    return TYPES["mode"](*chosen), (last.reshape(shape), axis, whole, x.shape)


def _mode_gradient(xp: Any, g: Any, last: Any, axis: int, whole: Any, shape: Any) -> Any:
    given = g[0].reshape(whole)
    index = xp.swapaxes(last, axis, -1) if shape else last
    return gather_backward.via(xp, given, dim=axis, index=index, shape=shape or (1,)).reshape(shape)


mode.grads(_mode_gradient)


@op(differentiable=False)
def bincount(xp: Any, x: Any, weights: Any = None, *, minlength: int = 0) -> Any:
    """Return how often each number from 0 on occurs, or the sum of the weights of its occurrences.

    Args:
        x: a vector of integers, not negative.
        weights: of each element, or None.
        minlength: the least length of the result.

    Raises:
        ArgumentError: a number is negative.
        ShapeError: the tensor is no vector, or the weights have another shape.
        TypeError: the elements are no integers.

    Example:
        >>> tensorlib.bincount(tensorlib.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    if x.dtype.kind not in "iu":
        raise TypeError(f"bincount: needs integers, not {x.dtype}")
    if x.ndim != 1 or (weights is not None and weights.shape != x.shape):
        raise ShapeError(f"bincount: needs a vector, and weights of its shape, not {x.shape}")
    if x.size and x.min() < 0:
        raise ArgumentError(f"bincount: needs numbers that are not negative, not {int(x.min())}")
    counts = xp.bincount(x, weights, minlength=minlength)
    if weights is not None and weights.dtype.name == "float32":
        counts = counts.astype("float32")
    return counts, ()


@op(differentiable=False)
def histc(xp: Any, x: Any, *, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """Return how many elements lie in each of several equal intervals.

    Args:
        x: a floating point tensor; elements outside the range are not counted.
        bins: the number of intervals.
        min: where the first begins.
        max: where the last ends; if that is also 0, or equal to `min`, the elements' own extremes are taken.

    Raises:
        ArgumentError: there are no intervals, or the range is empty or not finite.
        TypeError: the elements are no floating point numbers.

    Example:
        >>> tensorlib.histc(tensorlib.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    if x.dtype.kind != "f":
        raise TypeError(f"histc: needs a floating point tensor, not {x.dtype}")
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1, high + 1
    if bins < 1 or not -float("inf") < low < high < float("inf"):
        raise ArgumentError(f"histc: needs a number of intervals and a range, not {bins} from {low} to {high}")
    inside = x[(x >= low) & (x <= high)]
    place = ((inside - low) / (high - low) * bins).astype("int64")
    return xp.bincount(xp.minimum(place, bins - 1), minlength=bins).astype(x.dtype), ()


@public_function
@tensor_method
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Return how many elements lie in each interval, and where the intervals begin.

    Args:
        input: a floating point tensor.
        bins: the number of equal intervals, or their edges.
        range: where the first begins and the last ends; the elements' own extremes unless given.
        weight: what each element counts.
        density: make the area 1.

    Example:
        >>> tensorlib.histogram(tensorlib.tensor([1.0, 2.0, 1.0]), 2, range=(0.0, 4.0))
        tensorlib.return_types.histogram(
        hist=tensor([2., 1.]),
        bin_edges=tensor([0., 2., 4.]))
    """
    import numpy

    require_tensor("histogram", input)
    x = input.detach().cpu().numpy().reshape(-1)
    edges = bins.detach().cpu().numpy().copy() if isinstance(bins, Tensor) else bins
    weights = None if weight is None else weight.detach().cpu().numpy().reshape(-1)
    counts, found = numpy.histogram(x, edges, range, density, weights)
    arrays = [wrap(numpy.asarray(values, x.dtype)).to(input.device) for values in (counts, found)]
    return TYPES["histogram"](*arrays)


@op(method=False, differentiable=False, ordered=True)
def sorted_places(xp: Any, ordered: Any, values: Any, *, side: str) -> Any:
    """Return where values belong in sorted sequences: `searchsorted` of tensors.

    Args:
        ordered: ascending along the last dimension.
        values: of the same leading shape, or any where there is one sequence.
        side: of equal ones, "left" or "right".

    Example:
        >>> tensorlib.sorted_places(tensorlib.tensor([1, 3]), tensorlib.tensor([3]), "right")
        tensor([2])
    """
    if ordered.ndim == 1:
        return xp.searchsorted(ordered, values, side), ()
    rows, wanted = ordered.reshape(-1, ordered.shape[-1]), values.reshape(-1, values.shape[-1])
    found = [xp.searchsorted(row, each, side) for row, each in zip(rows, wanted, strict=True)]
    return (xp.stack(found) if found else xp.zeros(0, "int64")).reshape(values.shape), ()


@public_function
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Return where values would have to be put into sorted sequences to keep them sorted.

    Args:
        sorted_sequence: ascending along the last dimension.
        input: the values, a tensor of the same leading shape, or any where there is one sequence; or a number.
        out_int32: give int32, not int64.
        right: put values behind equal ones.
        side: "left" or "right", the same as `right`.
        sorter: the order that sorts the sequences, where they are not sorted.

    Raises:
        ArgumentError: `side` is no side, or contradicts `right`.
        ShapeError: the shapes do not agree.

    Example:
        >>> tensorlib.searchsorted(tensorlib.tensor([1, 3, 5]), tensorlib.tensor([3, 6]))
        tensor([1, 3])
    """
    require_tensor("searchsorted", sorted_sequence)
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ArgumentError(f"searchsorted: side is {side!r} and right {right}, which do not go together")
    values = input if isinstance(input, Tensor) else sorted_sequence.new_tensor(input)
    ordered = sorted_sequence if sorter is None else sorted_sequence.gather(-1, sorter)
    if ordered.ndim != 1 and (ordered.ndim != values.ndim or ordered.shape[:-1] != values.shape[:-1]):
        shapes = f"{tuple(ordered.shape)} and {tuple(values.shape)}"
        raise ShapeError(f"searchsorted: shapes {shapes} do not agree apart from the last dimension")
    where = "right" if right or side == "right" else "left"
    result: Tensor = sorted_places(ordered.detach(), values.detach(), where)
    return result.int() if out_int32 else result


@public_function
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Return the number of the interval between ascending boundaries that each element lies in.

    Args:
        input: a tensor or number.
        boundaries: a vector, ascending.
        out_int32: give int32, not int64.
        right: elements equal to a boundary lie in the interval that begins with it.

    Raises:
        ShapeError: the boundaries are no vector.

    Example:
        >>> tensorlib.bucketize(tensorlib.tensor([0, 3, 9]), tensorlib.tensor([1, 3, 5]))
        tensor([0, 1, 3])
    """
    require_tensor("bucketize", boundaries)
    if boundaries.ndim != 1:
        raise ShapeError(f"bucketize: needs a vector of boundaries, not {boundaries.ndim} dimensions")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@public_function
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Tell which elements are among others.

    Args:
        elements: a tensor or number.
        test_elements: a tensor or number.
        assume_unique: accepted and not used.
        invert: tell which are not.

    Raises:
        TypeError: neither is a tensor.

    Example:
        >>> tensorlib.isin(tensorlib.tensor([1, 2, 3]), tensorlib.tensor([2, 4]))
        tensor([False,  True, False])
    """
    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin: needs a tensor among elements and test_elements")
    values = elements if isinstance(elements, Tensor) else test_elements.new_tensor(elements)
    others = test_elements if isinstance(test_elements, Tensor) else values.new_tensor(test_elements)
    if not others.numel():
        found = values != values if values.dtype.name == "bool" else values.detach() * 0 != 0
    else:
        ordered = others.detach().reshape(-1).sort()[0]
        place = searchsorted(ordered, values.detach()).clamp(max=ordered.numel() - 1)
        found = ordered[place] == values.detach()
    return ~found if invert else found


@public_function
@tensor_method
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements, or slices, without those equal to the one before.

    Args:
        input: a tensor.
        return_inverse: return also where in the result each element is.
        return_counts: return also of how many each was made.
        dim: the dimension along which the slices lie; single elements unless given.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.unique_consecutive(tensorlib.tensor([1, 1, 2, 1]), return_counts=True)
        (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    require_tensor("unique_consecutive", input)
    axis = 0 if dim is None else as_dim("unique_consecutive", dim, input.ndim)
    x = (input.reshape(-1) if dim is None else input).detach()
    slices = x.movedim(axis, 0)
    changed = (slices[1:] != slices[:-1]).reshape(max(len(slices) - 1, 0), -1).any(1) if len(slices) else slices != 0
    new = changed.new_ones(min(len(slices), 1)).bool()
    starts = cat([new, changed.reshape(-1)])
    places = starts.nonzero().reshape(-1)
    results = [slices[places].movedim(0, axis)]
    if return_inverse:
        inverse = starts.long().cumsum(0) - 1
        results.append(inverse.reshape(input.shape) if dim is None else inverse)
    if return_counts:
        ends = cat([places[1:], places.new_tensor([len(slices)]) if len(places) else places])
        results.append(ends - places)
    return results[0] if len(results) == 1 else tuple(results)
