"""Other shapes of the same elements: views where NumPy can make them, which share memory."""

from __future__ import annotations

from typing import Any

from tensorlib.autograd.op import op
from tensorlib.dims import as_dim, as_dims, as_ints, as_shape, unpacked
from tensorlib.errors import ShapeError
from tensorlib.kernels.copying import row_major_copy
from tensorlib.ops.indexing import getitem_backward


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
    return _reshaped("reshape", x, shape), (x.shape,)


reshape.grads(lambda xp, g, shape: g.reshape(shape))


def _reshaped(name: str, x: Any, shape: Any) -> Any:
    wanted = as_ints(name, unpacked(shape))
    try:
        return x.reshape(wanted)
    except ValueError:
        raise ShapeError(f"{name}: {x.size} elements of shape {x.shape} do not fit the shape {wanted}") from None


@op(view=True, packs="shape")
def view(xp: Any, x: Any, *, shape: Any) -> Any:
    """Return a view of the same elements in another shape; it never copies.

    Args:
        x: a tensor.
        shape: the new lengths; one may be -1, which stands for what is left.

    Raises:
        ShapeError: the shape has another number of elements, or would need a copy because of gaps in memory.

    Example:
        >>> tensorlib.arange(4).view(2, 2)
        tensor([[0, 1],
                [2, 3]])
    """
    value = _reshaped("view", x, shape)
    if x.size and not xp.may_share_memory(value, x):
        raise ShapeError(
            f"view: a tensor of shape {x.shape} with gaps in memory cannot be seen in shape {value.shape} without a "
            "copy; use reshape()"
        )
    return value, (x.shape,)


view.grads(lambda xp, g, shape: g.reshape(shape))


@op(view=True, packs="dim")
def squeeze(xp: Any, x: Any, *, dim: Any = None) -> Any:
    """Return a view without dimensions of length 1.

    Args:
        x: a tensor.
        dim: the dimensions to leave out where their length is 1; all such dimensions unless given.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.zeros(1, 3, 1).squeeze().shape, tensorlib.zeros(1, 3, 1).squeeze(0).shape
        (tensorlib.Size([3]), tensorlib.Size([3, 1]))
    """
    dims = as_dims("squeeze", None if dim is None else unpacked(dim), x.ndim)
    kept = tuple([length for k, length in enumerate(x.shape) if length != 1 or k not in dims])
    return x.reshape(kept), (x.shape,)


squeeze.grads(lambda xp, g, shape: g.reshape(shape))


@op(view=True)
def unsqueeze(xp: Any, x: Any, *, dim: int) -> Any:
    """Return a view with a further dimension of length 1.

    Args:
        x: a tensor.
        dim: where the dimension is to be in the result.

    Raises:
        DimensionError: the dimension is out of range.

    Example:
        >>> tensorlib.zeros(3).unsqueeze(-1).shape
        tensorlib.Size([3, 1])
    """
    place = as_dim("unsqueeze", dim, x.ndim + 1)
    return x.reshape(x.shape[:place] + (1,) + x.shape[place:]), (x.shape,)


unsqueeze.grads(lambda xp, g, shape: g.reshape(shape))


@op(view=True, aliases=("swapaxes", "swapdims"))
def transpose(xp: Any, x: Any, *, dim0: int, dim1: int) -> Any:
    """Return a view with two dimensions exchanged.

    Args:
        x: a tensor.
        dim0: one dimension.
        dim1: the other.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.tensor([[1, 2], [3, 4]]).transpose(0, 1)
        tensor([[1, 3],
                [2, 4]])
    """
    first, second = as_dim("transpose", dim0, x.ndim), as_dim("transpose", dim1, x.ndim)
    return x.swapaxes(first, second) if x.ndim else x[...], (first, second)


transpose.grads(lambda xp, g, first, second: transpose.via(xp, g, dim0=first, dim1=second))


@op(view=True, packs="dims")
def permute(xp: Any, x: Any, *, dims: Any) -> Any:
    """Return a view with the dimensions in another order.

    Args:
        x: a tensor.
        dims: for each dimension of the result the one of `x` that it is.

    Raises:
        DimensionError: a dimension is out of range.
        ArgumentError: one is named twice.
        ShapeError: not all are named.

    Example:
        >>> tensorlib.zeros(2, 3, 4).permute(2, 0, 1).shape
        tensorlib.Size([4, 2, 3])
    """
    order = as_dims("permute", unpacked(dims), x.ndim)
    if len(order) != x.ndim:
        raise ShapeError(f"permute: {len(order)} dimensions named, the tensor has {x.ndim}")
    inverse = tuple(sorted(range(len(order)), key=order.__getitem__))
    return x.transpose(order), (inverse,)


permute.grads(lambda xp, g, inverse: permute.via(xp, g, dims=inverse))


@op(view=True, packs="shape", aliases=("broadcast_to",))
def expand(xp: Any, x: Any, *, shape: Any) -> Any:
    """Return a view in which dimensions of length 1 are repeated, without a copy; it cannot be written to.

    Args:
        x: a tensor.
        shape: the new lengths, -1 for those that stay; dimensions that `x` does not have come first.

    Raises:
        ShapeError: a dimension of another length than 1 would change, or there are too few lengths.

    Example:
        >>> tensorlib.tensor([[1], [2]]).expand(-1, 3)
        tensor([[1, 1, 1],
                [2, 2, 2]])
    """
    wanted = as_ints("expand", unpacked(shape))
    extra = len(wanted) - x.ndim
    lengths = (-1,) * extra + x.shape
    full = tuple([have if want == -1 else want for want, have in zip(wanted, lengths, strict=False)])
    fits = extra >= 0 and all(want == have or have in (1, -1) for want, have in zip(full, lengths, strict=True))
    if not fits or any(length < 0 for length in full):
        raise ShapeError(f"expand: a tensor of shape {x.shape} does not expand to {wanted}")
    if all(length == 1 for length in full[:extra]) and full[extra:] == x.shape:
        return x.reshape(full), ()  # nothing is repeated, so it stays writable
    return xp.broadcast_to(x, full), ()


expand.grads(lambda xp, g: g)


@op(view=True)
def narrow(xp: Any, x: Any, *, dim: int, start: Any, length: int) -> Any:
    """Return a view of some neighbouring places along a dimension.

    Args:
        x: a tensor.
        dim: the dimension.
        start: the first place, negative ones from the end.
        length: the number of places.

    Raises:
        DimensionError: the dimension is out of range.
        IndexError: the places are.

    Example:
        >>> tensorlib.arange(5).narrow(0, 1, 3)
        tensor([1, 2, 3])
    """
    axis = as_dim("narrow", dim, x.ndim)
    (first, count), available = as_ints("narrow", (start, length)), x.shape[axis]
    first += available if first < 0 else 0
    if not 0 <= first <= available or not 0 <= count <= available - first:
        raise IndexError(
            f"narrow: {length} places from {start} on are not within dimension {dim} of length {available}"
        )
    part = (slice(None),) * axis + (slice(first, first + count),)
    return x[part], (part, x.shape)


narrow.grads(lambda xp, g, part, shape: getitem_backward.via(xp, g, basic=part, advanced=None, shape=shape))


@op(moves=True)
def clone(xp: Any, x: Any, *, memory_format: Any = None) -> Any:
    """Return a copy; gradients go through to the original.

    Args:
        x: a tensor.
        memory_format: accepted and not used: copies lie in row-major order.

    Example:
        >>> x = tensorlib.zeros(2)
        >>> x.clone().add_(1), x
        (tensor([1., 1.]), tensor([0., 0.]))
    """
    return row_major_copy(x), ()


clone.grads(lambda xp, g: g)


@op(moves=True, packs="repeats")
def repeat(xp: Any, x: Any, *, repeats: Any) -> Any:
    """Return copies of the whole tensor side by side.

    Args:
        x: a tensor.
        repeats: how often along each dimension; dimensions that `x` does not have come first.

    Raises:
        ShapeError: there are fewer numbers than dimensions, or one is negative.

    Example:
        >>> tensorlib.tensor([1, 2]).repeat(2, 2)
        tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    times = as_shape("repeat", repeats)
    if len(times) < x.ndim:
        raise ShapeError(f"repeat: {len(times)} numbers given for a tensor of {x.ndim} dimensions")
    lengths = (1,) * (len(times) - x.ndim) + x.shape
    folded = tuple([n for pair in zip(times, lengths, strict=True) for n in pair])
    return xp.tile(x, times), (folded,)


repeat.grads(lambda xp, g, folded: g.reshape(folded).sum(axis=tuple(range(0, len(folded), 2))))


@op(moves=True, packs="dims")
def flip(xp: Any, x: Any, *, dims: Any) -> Any:
    """Return a copy with the order along dimensions reversed.

    Args:
        x: a tensor.
        dims: the dimensions.

    Raises:
        DimensionError: a dimension is out of range.

    Example:
        >>> tensorlib.arange(3).flip(0)
        tensor([2, 1, 0])
    """
    axes = as_dims("flip", unpacked(dims), x.ndim)
    return (xp.flip(x, axes) if x.ndim else x).copy(), (axes,)


flip.grads(lambda xp, g, axes: flip.via(xp, g, dims=axes))


@op(moves=True)
def roll(xp: Any, x: Any, *, shifts: Any, dims: Any = None) -> Any:
    """Return a copy with the elements moved along dimensions; what falls out at the end comes in at the start.

    Args:
        x: a tensor.
        shifts: by how many places, one number for each dimension.
        dims: the dimensions; the flattened tensor is rolled unless given.

    Raises:
        DimensionError: a dimension is out of range.
        ShapeError: there are not as many shifts as dimensions.

    Example:
        >>> tensorlib.arange(4).roll(1)
        tensor([3, 0, 1, 2])
    """
    places = as_ints("roll", shifts)
    axes = None if dims is None else tuple([as_dim("roll", dim, x.ndim) for dim in as_ints("roll", dims)])
    if len(places) != (1 if axes is None else len(axes)):
        raise ShapeError(f"roll: {len(places)} shifts given for {1 if axes is None else len(axes)} dimensions")
    back = tuple([-place for place in places])
    return xp.roll(x, places, axes) if axes is not None else xp.roll(x, places[0]), (back, axes)


roll.grads(lambda xp, g, back, axes: roll.via(xp, g, shifts=back, dims=axes))
