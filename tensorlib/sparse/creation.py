"""Functions that make sparse tensors, and their types by the names of PyTorch 0.3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tensorlib.creation import as_tensor, empty
from tensorlib.dims import as_shape
from tensorlib.dtypes import dtype as Dtype
from tensorlib.dtypes import int64
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.ops.casting import TYPE_BY_NAME
from tensorlib.size import Size
from tensorlib.sparse.forms import sparse_form
from tensorlib.sparse.tensor import SparseTensor
from tensorlib.tensor import Tensor, wrap


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> SparseTensor:
    """Return a sparse tensor of places and the values there. With sizes alone: one that stores nothing.

    Args:
        indices: integers of shape (sparse dimensions, stored places), as a tensor or nested sequences.
        values: of shape (stored places, dense dimensions...). A place may be there several times: its values add up.
        size: of the whole; the smallest that holds all places unless given.
        dtype: element type; that of the values unless given.
        device: where the tensor is to be; where the values are unless given.
        requires_grad: record operations on it. Where the values require a gradient, it passes on to them.
        check_invariants: accepted and not used: places are always checked.
        is_coalesced: says that the places are in row-major order, each there once.

    Raises:
        IndexError: a place lies outside the size.
        ShapeError: indices, values and size do not fit each other.
        TypeError: the indices are no integers.

    Example:
        >>> tensorlib.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
        tensor(indices=tensor([[0, 1],
                               [2, 0]]),
               values=tensor([3., 4.]),
               size=(2, 3), nnz=2, layout=tensorlib.sparse_coo)
    """
    if values is None:
        lengths = size if indices is None else indices
        return _empty(as_shape("sparse_coo_tensor", lengths), dtype, device, requires_grad)
    held = as_tensor(values, dtype=dtype, device=device)
    held = held if held.ndim else held.reshape(1)
    places = _as_places(indices, held)
    shape = _smallest(places, held) if size is None else as_shape("sparse_coo_tensor", size)
    _check(places, held, shape)
    if not held.requires_grad:
        held = held.detach()
    made = SparseTensor(places, held, shape, bool(is_coalesced))
    return made.requires_grad_() if requires_grad else made


def _empty(shape: Sequence[int], dtype: Any, device: Any, requires_grad: bool) -> SparseTensor:
    indices = empty(len(shape), 0, dtype=int64, device=device)
    return SparseTensor(indices, empty(0, dtype=dtype, device=device, requires_grad=requires_grad), shape)


def _as_places(indices: Any, values: Tensor) -> Tensor:
    """Return the places as a tensor of int64 where the values are."""
    given = as_tensor(indices, device=values.device)
    if given.dtype.numpy.kind not in "iu" and given.numel():
        raise TypeError(f"sparse_coo_tensor: indices must be integers, not {given.dtype}")
    if given.ndim != 2 or given.shape[1] != values.shape[0]:
        raise ShapeError(
            f"sparse_coo_tensor: indices of shape {tuple(given.shape)} and values of shape {tuple(values.shape)}; "
            "needed are (sparse dimensions, count) and (count, dense dimensions...)"
        )
    return wrap(given._array.astype("i8"))  # a copy: the caller may go on with his own


def _smallest(places: Tensor, values: Tensor) -> tuple[int, ...]:
    """Return the smallest shape that holds all places."""
    if not places.shape[1] and places.shape[0]:
        raise ArgumentError("sparse_coo_tensor: needs a size, as there are no places to tell it from")
    lengths = (places._array.max(axis=1) + 1).tolist() if places.shape[0] else []
    return (*lengths, *values.shape[1:])


def _check(places: Tensor, values: Tensor, shape: tuple[int, ...]) -> None:
    sparse = places.shape[0]
    if len(shape) != sparse + values.ndim - 1 or tuple(values.shape[1:]) != shape[sparse:]:
        raise ShapeError(
            f"sparse_coo_tensor: indices of shape {tuple(places.shape)} and values of shape {tuple(values.shape)} do "
            f"not fit the size {shape}: needed are {sparse} sparse dimensions, then those of the values but the first"
        )
    if math.prod(shape[:sparse]) >= 2**63:
        raise ShapeError(f"sparse_coo_tensor: a size of {shape} has more places than 64 bits can count")
    for dim, (row, length) in enumerate(zip(places._array, shape, strict=False)):
        if row.size and (row.min() < 0 or row.max() >= length):
            worst = int(row.min() if row.min() < 0 else row.max())
            raise IndexError(f"sparse_coo_tensor: place {worst} lies outside dimension {dim} of length {length}")


class SparseType(type):
    """The type of sparse tensors of one element type; calling it makes such a tensor."""

    dtype: Dtype

    def __call__(cls, *data: Any) -> SparseTensor:
        """Make a sparse tensor: of places, values and perhaps a size; or of a size alone, which stores nothing.

        Raises:
            TypeError: the values are a tensor of another type.
        """
        if not data or isinstance(data[0], (int, Size)):
            size = data[0] if data and isinstance(data[0], Size) else data or (0,)
            return sparse_coo_tensor(size, dtype=cls.dtype)
        values = data[1] if len(data) > 1 else None
        if isinstance(values, Tensor) and values.dtype is not cls.dtype:
            raise TypeError(f"sparse.{cls.__name__}: values of {values.dtype} given, needed are {cls.dtype}")
        if values is None:
            raise TypeError(f"sparse.{cls.__name__}: needs sizes, or indices and values, not {data!r}")
        return sparse_coo_tensor(*data, dtype=cls.dtype)

    def __getattr__(cls, name: str) -> Any:
        """Find the methods of sparse tensors: `sparse.FloatTensor.coalesce` is `SparseTensor.coalesce`."""
        if name.startswith("__"):
            raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
        return getattr(SparseTensor, name)

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, SparseTensor) and value.dtype is cls.dtype and not value.is_cuda

    def __repr__(cls) -> str:
        return f"<class 'tensorlib.sparse.{cls.__name__}'>"


TYPES = {
    name: SparseType(name, (), {"dtype": dtype, "__module__": "tensorlib.sparse"})
    for name, dtype in TYPE_BY_NAME.items()
}


@sparse_form("zeros_like", "empty_like", method=False)
def zeros_like(
    input: SparseTensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> SparseTensor:
    """Return a sparse tensor of the shape, type and place of another, unless told otherwise, that stores nothing."""
    kind, place = input.dtype if dtype is None else dtype, input.device if device is None else device
    indices = empty(input.sparse_dim(), 0, dtype=int64, device=place)
    values = empty(0, *input._dense_lengths(), dtype=kind, device=place, requires_grad=requires_grad)
    return SparseTensor(indices, values, input.shape)


def restored_sparse(indices: Tensor, values: Tensor, size: Sequence[int]) -> SparseTensor:
    """Return a sparse tensor that was saved as its parts; whether it is coalesced is found out anew.

    Raises:
        IndexError: a place lies outside the size.
        ShapeError: indices, values and size do not fit each other.
        TypeError: the indices are no integers.
    """
    made = sparse_coo_tensor(indices, values, tuple(size))
    flat = made._flat_places()
    return SparseTensor(made._index, made._value, made.shape, coalesced=bool((flat[1:] > flat[:-1]).all()))
