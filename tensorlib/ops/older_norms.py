"""Norms of matrices by their older names; better use `tensorlib.linalg`."""

from __future__ import annotations

from collections.abc import Sequence

from tensorlib.attach import public_function, require_tensor
from tensorlib.ops.matrix_norms import linalg_matrix_norm
from tensorlib.ops.statistics import norm
from tensorlib.tensor import Tensor


@public_function
def frobenius_norm(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor:
    """Return the roots of the sums of squares along dimensions; of all elements where none are named.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.frobenius_norm(tensorlib.tensor([[3.0, 4.0], [0.0, 2.0]]), 1)
        tensor([5., 2.])
    """
    require_tensor("frobenius_norm", input)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    result: Tensor = norm(input, 2, dims or None, keepdim)
    return result


@public_function
def nuclear_norm(input: Tensor, dim: Sequence[int] = (-2, -1), keepdim: bool = False) -> Tensor:
    """Return the sums of the singular values of matrices.

    Raises:
        ArgumentError: there are not two dimensions.
        DimensionError: a dimension is out of range.
        ShapeError: the tensor is no matrix or batch of them.

    Example:
        >>> tensorlib.nuclear_norm(tensorlib.tensor([[3.0, 0.0], [0.0, -2.0]]))
        tensor(5.)
    """
    require_tensor("nuclear_norm", input)
    return linalg_matrix_norm(input, "nuc", dim, keepdim)
