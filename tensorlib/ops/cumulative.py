"""Running sums along a dimension."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dims import as_dim
from tensorlib.ops.reduction import sum_type


@op(in_place=True)
def cumsum(xp: Any, x: Any, *, dim: int, dtype: Any = None) -> Any:
    """Return the sums of the elements so far along a dimension.

    Args:
        x: a tensor; bools and integers are summed as int64.
        dim: the dimension.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0]).cumsum(0)
        tensor([1., 3., 6.])
    """
    axis = as_dim("cumsum", dim, x.ndim)
    y = xp.cumsum(x, axis, dtype=sum_type(x.dtype.kind, dtype))
    return y.reshape(x.shape), (axis,)


cumsum.grads(lambda xp, g, axis: xp.flip(xp.cumsum(xp.flip(g, axis), axis), axis) if g.ndim else g)
