"""Order: sort, argsort, topk, kthvalue, unique."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.errors import ArgumentError
from tensorlib.ops._index import along_dim
from tensorlib.ops.gather_scatter import gather_backward
from tensorlib.return_types import TYPES


def _order(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Return the stable order of elements along an axis; nan counts as the greatest, as in PyTorch."""
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    # Equal elements keep their order: sort the reversed tensor, and count its places from the end.
    places = xp.flip(xp.argsort(xp.flip(x, axis), axis=axis, kind="stable"), axis)
    return x.shape[axis] - 1 - places


def _sorted(xp: Any, x: Any, axis: int, descending: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), xp.zeros((), "i8")
    order = _order(xp, x, axis, descending)
    return x[along_dim(xp, order, axis)], order


def _to_places(xp: Any, g: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """Send the gradient of selected values to where they were selected from."""
    return gather_backward.via(xp, g[0], dim=dim, index=index, shape=shape)


@op(ordered=True)
def sort(xp: Any, x: Any, *, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Return the elements in order along a dimension, and the places they come from.

    Args:
        x: a tensor.
        dim: the dimension.
        descending: the greatest first. nan counts as the greatest.
        stable: accepted and not used: equal elements always keep their order.

    Returns:
        A named tuple: the sorted `values`, and their `indices` as int64.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> ordered = tensorlib.sort(tensorlib.tensor([3.0, 1.0, 2.0]))
        >>> ordered.values, ordered.indices
        (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    axis = as_dim("sort", dim, x.ndim)
    values, order = _sorted(xp, x, axis, descending)
    return TYPES["sort"](values, order), (axis, order, x.shape)


sort.grads(_to_places)


@op(differentiable=False, ordered=True)
def argsort(xp: Any, x: Any, *, dim: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """Return the places of the elements in their order along a dimension.

    Args:
        x: a tensor.
        dim: the dimension.
        descending: the greatest first. nan counts as the greatest.
        stable: accepted and not used: equal elements always keep their order.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([3.0, 1.0, 2.0]).argsort()
        tensor([1, 2, 0])
    """
    return _sorted(xp, x, as_dim("argsort", dim, x.ndim), descending)[1], ()


@op(ordered=True)
def topk(xp: Any, x: Any, *, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return the k greatest or smallest elements along a dimension, and the places they come from.

    Args:
        x: a tensor.
        k: how many.
        dim: the dimension.
        largest: the greatest, otherwise the smallest.
        sorted: accepted and not used: the results are always in order.

    Returns:
        A named tuple: the `values`, the most extreme first, and their `indices` as int64.

    Raises:
        ArgumentError: there are not k elements.
        DimensionError: the dimension is out of range.

    Example:
        >>> values, indices = tensorlib.topk(tensorlib.tensor([3.0, 1.0, 2.0]), 2)
        >>> values, indices
        (tensor([3., 2.]), tensor([0, 2]))
    """
    axis = as_dim("topk", dim, x.ndim)
    available = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= available:
        raise ArgumentError(f"topk: there are {available} elements along dimension {dim}, not {k}")
    values, order = _extremes(xp, x, k, axis, largest) if x.ndim else _sorted(xp, x, axis, largest)
    return TYPES["topk"](values, order), (axis, order, x.shape)


def _extremes(xp: Any, x: Any, k: int, axis: int, largest: bool) -> tuple[Any, Any]:
    """Return the k greatest or smallest elements in order, and their places."""
    n, before = x.shape[axis], (slice(None),) * axis
    if not 0 < 8 * k < n:
        values, order = _sorted(xp, x, axis, largest)
        return values[(*before, slice(k))].copy(), order[(*before, slice(k))].copy()
    # Few of many are found without putting all in order.
    apart = xp.argpartition(x, n - k if largest else k - 1, axis)
    places = xp.sort(apart[(*before, slice(n - k, n) if largest else slice(k))], axis)
    values, order = _sorted(xp, x[along_dim(xp, places, axis)], axis, largest)
    return values, places[along_dim(xp, order, axis)]


topk.grads(_to_places)


@op(ordered=True)
def kthvalue(xp: Any, x: Any, *, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the k-th smallest element along a dimension, and the place it comes from.

    Args:
        x: a tensor.
        k: which one, counted from 1.
        dim: the dimension.
        keepdim: keep the dimension with length 1.

    Returns:
        A named tuple: the `values`, and their `indices` as int64.

    Raises:
        ArgumentError: there are not k elements.
        DimensionError: the dimension is out of range.

    Example:
        >>> value, index = tensorlib.kthvalue(tensorlib.tensor([3.0, 1.0, 2.0]), 2)
        >>> value, index
        (tensor(2.), tensor(2))
    """
    axis = as_dim("kthvalue", dim, x.ndim)
    available = x.shape[axis] if x.ndim else 1
    if not 1 <= k <= available:
        raise ArgumentError(f"kthvalue: there are {available} elements along dimension {dim}, and no number {k}")
    values, order = _sorted(xp, x, axis, False)
    if x.ndim:
        place = (slice(None),) * axis + (slice(k - 1, k),)
        values, order = values[place], order[place]
    kept = values.shape
    shape = kept if keepdim or not x.ndim else kept[:axis] + kept[axis + 1 :]
    chosen = TYPES["kthvalue"](values.reshape(shape).copy(), order.reshape(shape).copy())
    return chosen, (axis, order, kept, x.shape)


kthvalue.grads(
    lambda xp, g, dim, index, kept, shape: gather_backward.via(
        xp, g[0].reshape(kept), dim=dim, index=index, shape=shape
    )
)


@op(differentiable=False)
def unique(
    xp: Any,
    x: Any,
    *,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return the different elements, in order.

    Args:
        x: a tensor.
        sorted: accepted and not used: the result is always in order.
        return_inverse: also return, for each element of `x`, where it is in the result.
        return_counts: also return how often each occurs.
        dim: compare places along this dimension instead of elements.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([3, 1, 3]).unique(return_counts=True)
        (tensor([1, 3]), tensor([1, 2]))
    """
    axis = None if dim is None else as_dim("unique", dim, x.ndim)
    found = xp.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=axis, equal_nan=False)
    if return_inverse:
        shape = x.shape if axis is None else (x.shape[axis],)
        found = (found[0], found[1].reshape(shape), *found[2:])
    return found, ()
