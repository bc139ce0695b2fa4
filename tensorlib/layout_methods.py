"""What strided tensors know of layouts, and how they become sparse ones."""

from __future__ import annotations

from typing import Any

from tensorlib.attach import tensor_method, tensor_property
from tensorlib.dtypes import as_dtype
from tensorlib.layouts import layout, strided
from tensorlib.tensor import Tensor


def _layout(self: Tensor) -> layout:
    """How the elements are stored: `tensorlib.strided`."""
    return strided


def is_sparse(self: Tensor) -> bool:
    """Whether only some elements are stored: never of a Tensor, always of a sparse tensor."""
    return False


_layout.__name__ = "layout"
tensor_property(_layout)
tensor_property(is_sparse)


@tensor_method
def to_dense(self: Tensor, dtype: Any = None) -> Tensor:
    """Return the tensor itself, as another type if one is given: for code that takes sparse tensors too."""
    return self if dtype is None else self.to(as_dtype(dtype))


@tensor_method
def to_sparse(self: Tensor, sparse_dim: int | None = None) -> Any:
    """Return the sparse tensor of what is not zero.

    Args:
        self: a tensor.
        sparse_dim: how many of its dimensions, from the first on, are to be sparse; all unless given.

    Raises:
        ArgumentError: it has not so many.

    Example:
        >>> tensorlib.tensor([[0, 2], [0, 0]]).to_sparse()
        tensor(indices=tensor([[0],
                               [1]]),
               values=tensor([2]),
               size=(2, 2), nnz=1, layout=tensorlib.sparse_coo)
    """
    from tensorlib.sparse import strided as sparse_from_strided

    return sparse_from_strided.to_sparse(self, sparse_dim)


@tensor_method
def to_sparse_coo(self: Tensor) -> Any:
    """Return the sparse tensor of what is not zero, as `to_sparse`."""
    return to_sparse(self)


@tensor_method
def sparse_mask(self: Tensor, mask: Any) -> Any:
    """Return a sparse tensor of the elements at the places that another sparse tensor stores.

    Args:
        self: a tensor.
        mask: a sparse tensor of the same shape; a place that it stores several times is taken as often.

    Raises:
        ShapeError: the shapes differ.
        TypeError: the mask is no sparse tensor.

    Example:
        >>> mask = tensorlib.tensor([0.0, 1.0, 1.0]).to_sparse()
        >>> tensorlib.tensor([5.0, 6.0, 7.0]).sparse_mask(mask)
        tensor(indices=tensor([[1, 2]]),
               values=tensor([6., 7.]),
               size=(3,), nnz=2, layout=tensorlib.sparse_coo)
    """
    from tensorlib.sparse import strided as sparse_from_strided

    return sparse_from_strided.sparse_mask(self, mask)


@tensor_method
def _sparse_mask(self: Tensor, mask: Any) -> Any:
    """Return a sparse tensor of the elements at another's places: the name of `sparse_mask` in PyTorch 0.3."""
    return sparse_mask(self, mask)
