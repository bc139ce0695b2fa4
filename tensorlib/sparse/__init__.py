"""Sparse tensors: of which only the elements that are not zero are stored, with their places (layout "COO")."""

from __future__ import annotations

from typing import Any

from tensorlib.sparse.creation import TYPES as _TYPES
from tensorlib.sparse.creation import sparse_coo_tensor as sparse_coo_tensor
from tensorlib.sparse.tensor import SparseTensor as SparseTensor


def __getattr__(name: str) -> Any:
    """Find the types of sparse tensors: `tensorlib.sparse.FloatTensor`."""
    if name not in _TYPES:
        raise AttributeError(f"module 'tensorlib.sparse' has no attribute {name!r}")
    return _TYPES[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_TYPES})
