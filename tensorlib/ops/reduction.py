"""Reductions: sums, means, extremes along dimensions."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dtypes import as_dtype


@op()
def sum(xp: Any, x: Any, *, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Return the sum of all elements, or along dimensions.

    Args:
        x: a tensor; bools and integers are summed as int64.
        dim: a dimension or several; all unless given.
        keepdim: keep summed dimensions with length 1.
        dtype: convert the elements to this type first.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(0)
        tensor([4., 6.])
    """
    kind = as_dtype(dtype).numpy if dtype is not None else None
    return x.sum(axis=dim, keepdims=keepdim, dtype=kind), (x.shape, dim, keepdim)


def _repeat(xp: Any, g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """Spread the gradient of a reduction over what was reduced."""
    if dim is not None and not keepdim:
        dims = (dim,) if isinstance(dim, int) else dim
        kept = {d % len(shape) for d in dims}
        g = g.reshape(tuple(1 if k in kept else length for k, length in enumerate(shape)))
    return xp.broadcast_to(g, shape)


sum.grads(_repeat)
