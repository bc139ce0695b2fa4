"""Distances between points, and points brought within a distance of the origin."""

from __future__ import annotations

from tensorlib.attach import in_place_method, public_function, require_tensor, tensor_method
from tensorlib.dims import as_dims
from tensorlib.errors import ShapeError
from tensorlib.ops import selection, statistics
from tensorlib.tensor import Tensor


@public_function
@tensor_method
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of the difference of two tensors.

    Example:
        >>> tensorlib.dist(tensorlib.tensor([1.0, 2.0]), tensorlib.tensor([4.0, 6.0]))
        tensor(5.)
    """
    require_tensor("dist", input)
    result: Tensor = statistics.norm(input - other, p)
    return result


@public_function
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """Return the p-norm distances between all rows of two matrices, or of batches of them.

    Args:
        x1: a tensor of shape (..., n, d).
        x2: a tensor of shape (..., m, d).
        p: of the norm.
        compute_mode: accepted and not used: distances are always computed of the differences.

    Returns:
        A tensor of shape (..., n, m).

    Raises:
        ShapeError: the tensors have fewer than two dimensions, or rows of different lengths.

    Example:
        >>> tensorlib.cdist(tensorlib.tensor([[0.0, 0.0]]), tensorlib.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor([[5., 1.]])
    """
    require_tensor("cdist", x1)
    require_tensor("cdist", x2)
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        shapes = f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        raise ShapeError(f"cdist: needs shapes (..., n, d) and (..., m, d), not {shapes}")
    result: Tensor = statistics.norm(x1[..., :, None, :] - x2[..., None, :, :], p, -1)
    return result


@public_function
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norm distances between all pairs of rows of a matrix, in the order of the upper triangle.

    Raises:
        ShapeError: the tensor is no matrix.

    Example:
        >>> tensorlib.pdist(tensorlib.tensor([[0.0], [1.0], [3.0]]))
        tensor([1., 3., 2.])
    """
    require_tensor("pdist", input)
    if input.ndim != 2:
        raise ShapeError(f"pdist: needs a matrix, not {input.ndim} dimensions")
    count = input.shape[0]
    first = [i for i in range(count) for _ in range(i + 1, count)]
    second = [j for i in range(count) for j in range(i + 1, count)]
    result: Tensor = statistics.norm(input[first] - input[second], p, -1)
    return result


@public_function
@in_place_method
@tensor_method
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return the tensor with the slices along a dimension scaled down whose p-norm exceeds a limit.

    Args:
        input: a tensor of two dimensions or more.
        p: of the norm.
        dim: the dimension along which the slices lie.
        maxnorm: the limit.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.renorm(tensorlib.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
        tensor([[0.6000, 0.8000],
                [0.3000, 0.4000]])
    """
    require_tensor("renorm", input)
    axis = as_dims("renorm", dim, input.ndim)[0]
    others = [k for k in range(input.ndim) if k != axis]
    norms = statistics.norm(input, p, others, keepdim=True)
    factors = selection.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)
    result: Tensor = input * factors
    return result
