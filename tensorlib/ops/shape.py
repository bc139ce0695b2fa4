"""Other shapes of the same elements: views where NumPy can make them, which share memory."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.errors import ShapeError


@op(view=True, packs="shape")
def reshape(xp: Any, x: Any, *, shape: Any) -> Any:
    """Return the same elements, in row-major order, in another shape: a view where possible, a copy otherwise.

    Args:
        x: a tensor.
        shape: the new lengths; one may be -1, which stands for what is left.

    Raises:
        ShapeError: the shape has another number of elements.

    Example:
        >>> tensorlib.tensor([1.0, 2.0, 3.0, 4.0]).reshape(2, -1)
        tensor([[1., 2.],
                [3., 4.]])
    """
    try:
        return x.reshape(tuple(shape)), (x.shape,)
    except ValueError:
        raise ShapeError(f"reshape: {x.size} elements of shape {x.shape} do not fit the shape {tuple(shape)}") from None


reshape.grads(lambda xp, g, shape: g.reshape(shape))
