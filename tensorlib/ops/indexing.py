"""Parts of tensors by index: x[...] and its assignment."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.ops._index import add_at, split_index, take_index


@op(view=True, method=False, operator="getitem")
def getitem(xp: Any, x: Any, *, index: Any) -> Any:
    """Return `x[index]`: a view for integers, slices, None and ..., a copy where tensors or lists select elements.

    Args:
        x: a tensor.
        index: integers, slices with positive steps, None, ..., integer tensors or sequences that broadcast with each
            other, bool (or uint8) masks; or a tuple of these. Integers apply before tensors do.

    Raises:
        IndexError: an index is out of range, of another type, or there are too many.

    Example:
        >>> x = tensorlib.arange(6).reshape(2, 3)
        >>> x[1, ::2], x[:, [2, 0]], x[x > 3]
        (tensor([3, 5]), tensor([[2, 0],
                [5, 3]]), tensor([4, 5]))
    """
    basic, advanced = split_index("getitem", index, x.shape)
    return take_index("getitem", x, basic, advanced), (basic, advanced, x.shape)


@op(method=False)
def getitem_backward(xp: Any, g: Any, *, basic: Any, advanced: Any, shape: tuple[int, ...]) -> Any:
    """Return zeros of a shape to which `g` is added at an index: the gradient of `getitem`.

    Args:
        g: a tensor of the shape that the index selects.
        basic: integers, slices, None: the part of the index that makes a view.
        advanced: arrays that index this view; None where there are none.
        shape: of the result.

    Example:
        >>> tensorlib.getitem_backward(tensorlib.ones(2), basic=(slice(1, 3),), advanced=None, shape=(4,))
        tensor([0., 1., 1., 0.])
    """
    result = xp.zeros(shape, g.dtype)
    if advanced is None:
        result[basic] = g
    else:
        add_at(xp, result[basic], advanced, g)
    return result, (basic, advanced)


getitem.grads(
    lambda xp, g, basic, advanced, shape: getitem_backward.via(xp, g, basic=basic, advanced=advanced, shape=shape)
)
getitem_backward.grads(
    lambda xp, g, basic, advanced: getitem.via(xp, getitem.via(xp, g, index=basic), index=advanced or ...)
)
