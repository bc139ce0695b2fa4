"""Sparse tensors as text, as PyTorch prints them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorlib._xp import to_host
from tensorlib.dtypes import bool_, get_default_dtype, int64, result_type
from tensorlib.printing import format_array, with_suffixes

if TYPE_CHECKING:
    from tensorlib.sparse.tensor import SparseTensor

PREFIX = "tensor("


def format_sparse(tensor: SparseTensor) -> str:
    """Return the text of a sparse tensor: places, values, and what is to be said of the whole."""
    indent = " " * len(PREFIX)
    text = f"{PREFIX}indices={_part(tensor._index._array, 'indices=')},\n{indent}"
    text += f"values={_part(tensor._value._array, 'values=')},\n{indent}"
    return with_suffixes(f"{text}size={tuple(tensor.shape)}", _suffixes(tensor), len(PREFIX))


def _part(array: Any, name: str) -> str:
    """Return the text of the places or the values."""
    text = PREFIX + format_array(to_host(array), 2 * len(PREFIX) + len(name))
    return text + ")" if array.size else f"{text}, size={tuple(array.shape)})"


def _suffixes(tensor: SparseTensor) -> list[str]:
    """What is said after the size, of what goes without saying nothing."""
    found = [f"nnz={tensor._nnz()}"]
    if tensor.is_cuda:
        found.insert(0, f"device='{tensor.device}'")
    if tensor.dtype not in (get_default_dtype(), int64, bool_) and tensor.dtype.numpy != result_type([0j]):
        found.append(f"dtype={tensor.dtype}")
    found.append(f"layout={tensor.layout}")
    if tensor.grad_fn is not None:
        found.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        found.append("requires_grad=True")
    return found
