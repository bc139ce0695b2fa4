"""Differences of neighbours, and integrals by the trapezoidal rule."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.dims import as_dim
from tensorlib.errors import ShapeError
from tensorlib.ops import joining, reduction
from tensorlib.ops.cumulative import cumsum
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Return the differences of neighbours along a dimension, n times over.

    Args:
        input: a tensor.
        n: how many times.
        dim: the dimension.
        prepend: what comes before the tensor along the dimension.
        append: what comes behind it.

    Raises:
        DimensionError: the dimension is out of range.
        ShapeError: the tensor has no dimensions.

    Example:
        >>> tensorlib.diff(tensorlib.tensor([1, 4, 9]))
        tensor([3, 5])
    """
    require_tensor("diff", input)
    if not input.ndim:
        raise ShapeError("diff: needs a dimension or more, not 0")
    axis = as_dim("diff", dim, input.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    x: Tensor = joining.cat(parts, axis) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[axis])):
        later, earlier = x.narrow(axis, 1, x.shape[axis] - 1), x.narrow(axis, 0, x.shape[axis] - 1)
        x = later ^ earlier if x.dtype.name == "bool" else later - earlier
    return x


def _trapezoids(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> tuple[Tensor, int]:
    """Return the areas of the trapezoids between neighbours, and the dimension that they lie along."""
    require_tensor(name, y)
    axis = as_dim(name, dim, y.ndim)
    length = y.shape[axis] - 1
    heights = (y.narrow(axis, 1, length) + y.narrow(axis, 0, length)) / 2
    if x is None:
        return heights * dx, axis
    require_tensor(name, x)
    at = x.reshape((-1,) + (1,) * (y.ndim - 1 - axis)) if x.ndim == 1 else x
    return heights * diff(at, dim=axis - y.ndim), axis


@public_function
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """Return the integral along a dimension by the trapezoidal rule.

    Args:
        y: values, floating point.
        x: where they are; otherwise they are `dx` apart.
        dx: the distance.
        dim: the dimension.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.trapezoid(tensorlib.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    areas, axis = _trapezoids("trapezoid", y, x, dx, dim)
    result: Tensor = reduction.sum(areas, axis)
    return result


@public_function
def trapz(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """Return the integral along a dimension by the trapezoidal rule: another name for `trapezoid`.

    Example:
        >>> tensorlib.trapz(tensorlib.tensor([1.0, 2.0, 3.0]), dx=2)
        tensor(8.)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


@public_function
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """Return the integrals up to each place along a dimension by the trapezoidal rule; see `trapezoid`.

    Example:
        >>> tensorlib.cumulative_trapezoid(tensorlib.tensor([1.0, 2.0, 3.0]))
        tensor([1.5000, 4.0000])
    """
    areas, axis = _trapezoids("cumulative_trapezoid", y, x, dx, dim)
    result: Tensor = cumsum(areas, axis)
    return result
