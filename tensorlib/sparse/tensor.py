"""`SparseTensor`: the elements that are not zero, and their places.

Both are tensors, and whatever is done with the elements is recorded by the operations on strided tensors that do it: so
gradients pass through sparse tensors without anything of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from tensorlib._xp import array_module, is_array
from tensorlib.autograd.graph import Node
from tensorlib.autograd.modes import mode
from tensorlib.creation import zeros
from tensorlib.device import device as Device
from tensorlib.dims import as_dim
from tensorlib.dtypes import as_dtype, can_store, dtype
from tensorlib.errors import ArgumentError, GraphError, LayoutError, ShapeError
from tensorlib.layouts import Sparse, layout, sparse_coo
from tensorlib.ops.casting import CASTS, TYPE_NAME_OF, type_and_place
from tensorlib.size import Size
from tensorlib.sparse.places import coordinates_of, flat_places
from tensorlib.sparse.printing import format_sparse
from tensorlib.tensor import Tensor, wrap


class SparseTensor(Sparse):
    """A tensor of which only some elements are stored; all others are zero. Made by `tensorlib.sparse_coo_tensor`.

    The first dimensions are sparse, the others, if any, dense: every place in the sparse ones has a whole tensor of the
    dense ones. A place may be stored several times, as long as the tensor is not coalesced: what is stored adds up.

    It is no `Tensor`: operations that need all elements in memory refuse it, by name. Operations that zero elements do
    not matter to take it: sums, products, functions that keep zero.

    Args:
        indices: the places, integers of shape (sparse dimensions, stored places).
        values: what is stored there, of shape (stored places, dense dimensions...).
        shape: of the whole.
        coalesced: whether the places are known to be in row-major order, each there once.

    Example:
        >>> x = tensorlib.sparse_coo_tensor([[0, 1, 1], [2, 0, 2]], [3.0, 4.0, 5.0], (2, 3))
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 5.]])
    """

    __array_ufunc__ = None  # so that NumPy leaves `array + sparse` to __radd__
    __array_priority__ = 1001
    __hash__ = object.__hash__

    def __init__(self, indices: Tensor, values: Tensor, shape: Sequence[int], coalesced: bool = False) -> None:
        self._index = indices
        self._value = values
        self._shape = Size(shape)
        self._coalesced = coalesced

    # -- what it is --------------------------------------------------------------------------------------------------

    is_sparse = True

    @property
    def layout(self) -> layout:
        """How the elements are stored."""
        return sparse_coo

    @property
    def shape(self) -> Size:
        """Lengths of the dimensions, sparse and dense."""
        return self._shape

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the length of one dimension.

        Raises:
            DimensionError: the dimension is out of range.
        """
        return self._shape if dim is None else self._shape[as_dim("size", dim, len(self._shape))]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self._shape)

    def dim(self) -> int:
        """Return the number of dimensions."""
        return len(self._shape)

    def sparse_dim(self) -> int:
        """Return the number of sparse dimensions."""
        return cast(int, self._index.shape[0])

    def dense_dim(self) -> int:
        """Return the number of dense dimensions, which come after the sparse ones."""
        return self.ndim - self.sparse_dim()

    def numel(self) -> int:
        """Return the number of elements, with those that are not stored."""
        return self._shape.numel()

    def _nnz(self) -> int:
        """Return how many places are stored."""
        return cast(int, self._index.shape[1])

    @property
    def dtype(self) -> dtype:
        """Element type."""
        return self._value.dtype

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return self._value.device

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a CUDA device."""
        return self._value.is_cuda

    def get_device(self) -> int:
        """Return the number of the CUDA device that the tensor is on; -1 on the CPU."""
        return self._value.get_device()

    def is_floating_point(self) -> bool:
        """Tell whether the elements are floating point numbers."""
        return self._value.is_floating_point()

    def __len__(self) -> int:
        if not self._shape:
            raise TypeError("len: a 0-d tensor has no length")
        return int(self._shape[0])

    def __bool__(self) -> bool:
        raise ArgumentError(f"bool: needs one element in a strided tensor, not a sparse one of shape {self._shape}")

    def __repr__(self) -> str:
        return format_sparse(self)

    # -- what is stored ----------------------------------------------------------------------------------------------

    def is_coalesced(self) -> bool:
        """Tell whether the places are known to be in row-major order, each stored once."""
        return self._coalesced or self._nnz() < 2

    def coalesce(self) -> SparseTensor:
        """Return the tensor with every place stored once, in row-major order: itself if that is known."""
        if self.is_coalesced():
            return self
        lengths = self._sparse_lengths()
        xp = array_module(self._index._array)
        flat, inverse = xp.unique(self._flat_places(), return_inverse=True)
        rows = self._new_zeros(len(flat), *self._value.shape[1:]).index_add(0, wrap(inverse.reshape(-1)), self._value)
        return SparseTensor(wrap(coordinates_of(flat, lengths)), rows, self._shape, coalesced=True)

    def indices(self) -> Tensor:
        """Return the places of a coalesced tensor, of shape (sparse dimensions, stored places).

        Raises:
            ArgumentError: the tensor is not coalesced.
        """
        return self._checked_coalesced("indices")._index

    def values(self) -> Tensor:
        """Return what a coalesced tensor stores, of shape (stored places, dense dimensions...).

        Raises:
            ArgumentError: the tensor is not coalesced.
        """
        return self._checked_coalesced("values")._value

    def _checked_coalesced(self, name: str) -> SparseTensor:
        if not self.is_coalesced():
            raise ArgumentError(f"{name}: the tensor is not coalesced: call coalesce() first")
        return self

    def parts(self) -> tuple[Tensor, Tensor]:
        """Return the places and the values as they are stored."""
        return self._index, self._value

    def _indices(self) -> Tensor:
        """Return the places as they are stored: perhaps one several times."""
        return self._index

    def _values(self) -> Tensor:
        """Return the values as they are stored: those of one place add up."""
        return self._value

    def _sparse_lengths(self) -> tuple[int, ...]:
        return tuple(self._shape[: self.sparse_dim()])

    def _dense_lengths(self) -> tuple[int, ...]:
        return tuple(self._shape[self.sparse_dim() :])

    def _flat_places(self) -> Any:
        return flat_places(self._index._array, self._sparse_lengths())

    def _new_zeros(self, *shape: int) -> Tensor:
        return zeros(*shape, dtype=self.dtype, device=self.device)

    def _with_values(self, values: Tensor) -> SparseTensor:
        """Return a tensor that stores other values at the same places."""
        shape = self._sparse_lengths() + tuple(values.shape[1:])
        return SparseTensor(self._index, values, shape, self._coalesced)

    def to_dense(self, dtype: Any = None) -> Tensor:
        """Return the strided tensor of all elements.

        Args:
            dtype: its type; that of this tensor unless given.
        """
        lengths = math.prod(self._sparse_lengths()), *self._dense_lengths()
        flat = self._new_zeros(*lengths).index_add(0, wrap(self._flat_places()), self._value)
        result: Tensor = flat.reshape(self._shape)
        return result if dtype is None else result.to(as_dtype(dtype))

    def toDense(self) -> Tensor:  # noqa: N802 - the name in PyTorch 0.3
        """Return the strided tensor of all elements, as `to_dense`."""
        return self.to_dense()

    def to_sparse(self, sparse_dim: int | None = None) -> SparseTensor:
        """Return the tensor itself; with another number of sparse dimensions than its own, one that has so many."""
        if sparse_dim is None or sparse_dim == self.sparse_dim():
            return self
        return cast(SparseTensor, self.to_dense().to_sparse(sparse_dim))

    # -- gradients ---------------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient goes to this tensor or through it; may be set on leaves."""
        return self._value.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._value.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Say whether operations on this leaf are recorded; returns itself.

        Raises:
            GraphError: it is the result of a recorded operation.
            TypeError: its elements are no floating point or complex numbers.
        """
        self._value.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the user made it: it is no result of a recorded operation."""
        return self._value.is_leaf

    @property
    def grad_fn(self) -> Node | None:
        """The node of the operation that made its values; None for leaves."""
        return self._value.grad_fn

    @property
    def grad(self) -> SparseTensor | None:
        """The gradient added up so far, at the places that are stored; None before the first backward."""
        gradient = self._value.grad
        return None if gradient is None else self._with_values(gradient)

    @grad.setter
    def grad(self, value: SparseTensor | None) -> None:
        if value is not None and not (isinstance(value, SparseTensor) and value._nnz() == self._nnz()):
            raise TypeError(f"grad: needs None or a sparse tensor with {self._nnz()} stored places")
        self._value.grad = None if value is None else value._value

    def detach(self) -> SparseTensor:
        """Return a tensor that shares this one's memory and has no history."""
        return self._with_values(self._value.detach())

    @property
    def data(self) -> SparseTensor:
        """The same memory without history, and without tracking modifications for gradients."""
        return self._with_values(self._value.data) if self.requires_grad else self

    def clone(self) -> SparseTensor:
        """Return a copy."""
        return SparseTensor(self._index.clone(), self._value.clone(), self._shape, self._coalesced)

    def _become(self, name: str, other: SparseTensor, reshape: bool = False) -> SparseTensor:
        """Take over what another tensor stores: the end of every operation in place; returns itself.

        Args:
            name: the operation, for errors.
            other: the tensor.
            reshape: also take over its shape, which else must be the same.

        Raises:
            GraphError: it is a leaf that requires a gradient, and recording is on.
            ShapeError: the other's shape is another.
            TypeError: the other's type is of a higher category.
        """
        if mode.recording and self.requires_grad and self.is_leaf:
            raise GraphError(f"{name}: a leaf that requires a gradient cannot be modified; use no_grad()")
        if not (reshape or (other._shape == self._shape and other.sparse_dim() == self.sparse_dim())):
            raise ShapeError(f"{name}: the result has shape {tuple(other._shape)}, the tensor {tuple(self._shape)}")
        if not can_store(other.dtype.numpy, self.dtype.numpy):
            raise TypeError(f"{name}: a result of type {other.dtype} cannot be stored in a tensor of type {self.dtype}")
        values = other._value.to(self.dtype)
        if self.requires_grad and self.is_leaf:  # which it stays, as tensors do that are modified without recording
            values = values.detach().requires_grad_()
            values.grad = self._value.grad if values.shape == self._value.shape else None
        self._index, self._value = other._index, values
        self._shape, self._coalesced = other._shape, other._coalesced
        return self

    # -- types and devices -------------------------------------------------------------------------------------------

    def to(self, *target: Any, dtype: Any = None, device: Any = None, copy: bool = False) -> SparseTensor:
        """Return the tensor as another type, on another device: itself where it is so already.

        Args:
            target: a dtype, a device, both, or a tensor whose type and device are meant.
            dtype: the type.
            device: the device.
            copy: copy in any case.

        Raises:
            DeviceError: there is no such device.
            TypeError: there is no such type.
        """
        device, dtype = type_and_place(target, device, dtype)
        values = self._value.to(dtype=dtype, device=device)
        if values is self._value:
            return self.clone() if copy else self
        return SparseTensor(self._index.to(device=device), values, self._shape, self._coalesced)

    def cpu(self) -> SparseTensor:
        """Return the tensor on the CPU: itself if it is there."""
        return self.to(device="cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> SparseTensor:
        """Return the tensor on a CUDA device: itself if it is there; on the current device unless another is given."""
        return self.to(device="cuda" if device is None else device)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """Return the name of the tensor's type, "tensorlib.sparse.FloatTensor", or the tensor as another type.

        Raises:
            TypeError: there is no such type.
        """
        if dtype is None:
            prefix = "tensorlib.cuda.sparse." if self.is_cuda else "tensorlib.sparse."
            return prefix + TYPE_NAME_OF.get(self.dtype, f"{self.dtype.name}Tensor")
        wanted = dtype.replace("sparse.", "") if isinstance(dtype, str) else getattr(dtype, "dtype", dtype)
        values = self._value.type(wanted)
        return self if values is self._value else self.to(values)

    # -- what strided tensors have -----------------------------------------------------------------------------------

    @property
    def _array(self) -> Any:
        raise LayoutError("this needs a strided tensor, a sparse one was given; use to_dense()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise LayoutError("numpy: needs a strided tensor, a sparse one was given; use to_dense()")

    def __getattr__(self, name: str) -> Any:
        if hasattr(Tensor, name):
            raise LayoutError(f"{name}: a sparse tensor has no such method; use to_dense()")
        raise AttributeError(f"a sparse tensor has no attribute {name!r}")


def _cast_method(name: str) -> Any:
    def cast_to(self: SparseTensor) -> SparseTensor:
        return self.to(dtype=CASTS[name])

    cast_to.__name__ = cast_to.__qualname__ = name
    cast_to.__doc__ = f"Return the tensor as {CASTS[name]}: itself if it is so already."
    return cast_to


for _name in CASTS:
    setattr(SparseTensor, _name, _cast_method(_name))


def sparse_rows(rows: Tensor, numbers: Any, shape: Sequence[int]) -> SparseTensor:
    """Return a tensor whose rows are zero, but those of the given numbers, an array.

    Example:
        >>> import numpy
        >>> sparse_rows(tensorlib.ones(1, 2), numpy.array([1]), (3, 2)).to_dense()
        tensor([[0., 0.],
                [1., 1.],
                [0., 0.]])
    """
    return SparseTensor(wrap(numbers.reshape(1, -1)), rows, shape)


def is_operand(value: Any) -> bool:
    """Tell whether operators take a value beside a sparse tensor."""
    return isinstance(value, (SparseTensor, Tensor, int, float, complex)) or is_array(value)
