"""Plain questions about tensors, and a few functions made of others."""

from __future__ import annotations

import math
from typing import Any

from tensorlib.attach import public_function, require_tensor, tensor_method
from tensorlib.dims import as_dims
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.broadcasting import broadcast_tensors
from tensorlib.ops.comparison import eq
from tensorlib.ops.joining import cat
from tensorlib.ops.matrix_norms import linalg_vector_norm
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def isposinf(input: Tensor) -> Tensor:
    """Tell which elements are +inf.

    Example:
        >>> tensorlib.isposinf(tensorlib.tensor([float("inf"), 1.0]))
        tensor([ True, False])
    """
    return _is_infinite("isposinf", input, math.inf)


@public_function
@tensor_method
def isneginf(input: Tensor) -> Tensor:
    """Tell which elements are -inf.

    Example:
        >>> tensorlib.isneginf(tensorlib.tensor([float("-inf"), 1.0]))
        tensor([ True, False])
    """
    return _is_infinite("isneginf", input, -math.inf)


def _is_infinite(name: str, x: Tensor, value: float) -> Tensor:
    require_tensor(name, x)
    if x.dtype.is_complex:
        raise TypeError(f"{name}: complex numbers have no sign; take real or imag first")
    return eq(x, value)  # type: ignore[no-any-return]


@public_function
@tensor_method
def is_nonzero(input: Tensor) -> bool:
    """Tell whether the only element of a tensor is not zero.

    Raises:
        ShapeError: there is not exactly one element.

    Example:
        >>> tensorlib.is_nonzero(tensorlib.tensor([2.0]))
        True
    """
    require_tensor("is_nonzero", input)
    return bool(input)


@public_function
@tensor_method
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors have the same shape.

    Example:
        >>> tensorlib.is_same_size(tensorlib.zeros(2), tensorlib.ones(2))
        True
    """
    require_tensor("is_same_size", input)
    require_tensor("is_same_size", other)
    return input.shape == other.shape


@public_function
@tensor_method
def is_conj(input: Tensor) -> bool:
    """Tell whether a tensor is a conjugate that is still to be computed: never, as conjugates are computed at once.

    Example:
        >>> tensorlib.is_conj(tensorlib.tensor([1j]).conj())
        False
    """
    require_tensor("is_conj", input)
    return False


@public_function
@tensor_method
def is_neg(input: Tensor) -> bool:
    """Tell whether a tensor is a negative that is still to be computed: never, as negatives are computed at once.

    Example:
        >>> tensorlib.is_neg(-tensorlib.tensor([1.0]))
        False
    """
    require_tensor("is_neg", input)
    return False


@public_function
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosines of the angles between vectors along a dimension.

    Args:
        x1: a floating point tensor.
        x2: one that broadcasts with it.
        dim: the dimension.
        eps: the least product of lengths to divide by.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.cosine_similarity(tensorlib.tensor([1.0, 0.0]), tensorlib.tensor([1.0, 1.0]), dim=0)
        tensor(0.7071)
    """
    require_tensor("cosine_similarity", x1)
    require_tensor("cosine_similarity", x2)
    x1, x2 = broadcast_tensors(x1, x2)
    lengths = [linalg_vector_norm(x, 2, dim, True).clamp(min=eps) for x in (x1, x2)]
    result: Tensor = ((x1 / lengths[0]) * (x2 / lengths[1])).sum(dim)
    return result


@public_function
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """Return the p-norms of the differences of vectors, which are the last dimension.

    Args:
        x1: a floating point tensor.
        x2: one that broadcasts with it.
        p: order of the norm.
        eps: added to the differences, so that gradients are finite at 0.
        keepdim: keep the last dimension with length 1.

    Example:
        >>> tensorlib.pairwise_distance(tensorlib.tensor([0.0, 0.0]), tensorlib.tensor([3.0, 4.0]))
        tensor(5.0000)
    """
    require_tensor("pairwise_distance", x1)
    require_tensor("pairwise_distance", x2)
    return linalg_vector_norm(x1 - x2 + eps, p, -1, keepdim)


@public_function
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Estimate derivatives along dimensions by differences, which are central inside.

    Args:
        input: values of a function on a grid.
        spacing: distance of the grid's points: a number, or for each dimension a number or a tensor of coordinates.
        dim: a dimension or several; all unless given.
        edge_order: 1 or 2: the order of the one-sided differences at the edges.

    Raises:
        ArgumentError: the edge order is another, or there are not as many spacings as dimensions.
        ShapeError: a dimension has too few elements.

    Example:
        >>> tensorlib.gradient(tensorlib.tensor([1.0, 2.0, 4.0, 7.0]))
        (tensor([1.0000, 1.5000, 2.5000, 3.0000]),)
    """
    require_tensor("gradient", input)
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order is {edge_order!r}, but must be 1 or 2")
    given = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dims = as_dims("gradient", tuple(given), input.ndim)
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise ArgumentError(f"gradient: {len(spacings)} spacings given for {len(dims)} dimensions")
    return tuple([_derivative(input, axis, step, edge_order) for axis, step in zip(dims, spacings, strict=True)])


def _derivative(x: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    """Return second-order differences on a grid whose steps may differ (Fornberg's formulas for three points)."""
    n = x.shape[dim]
    if n <= edge_order:
        raise ShapeError(f"gradient: dimension {dim} of length {n} is too short for edge_order {edge_order}")
    y = x.movedim(dim, -1)
    steps = spacing.diff() if isinstance(spacing, Tensor) and spacing.ndim else y.new_ones(n - 1) * spacing
    a, b = steps[:-1], steps[1:]
    left, middle, right = y[..., :-2], y[..., 1:-1], y[..., 2:]
    inside = left * (-b / (a * (a + b))) + middle * ((b - a) / (a * b)) + right * (a / (b * (a + b)))
    first, last = (y[..., 1:2] - y[..., :1]) / steps[0], (y[..., -1:] - y[..., -2:-1]) / steps[-1]
    if edge_order == 2:
        first = first + (first - (y[..., 2:3] - y[..., 1:2]) / steps[1]) * steps[0] / (steps[0] + steps[1])
        last = last + (last - (y[..., -2:-1] - y[..., -3:-2]) / steps[-2]) * steps[-1] / (steps[-1] + steps[-2])
    result: Tensor = cat([first, inside, last], dim=-1).movedim(-1, dim)
    return result
