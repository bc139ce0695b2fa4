"""Sparse tensors: of which only the elements that are not zero are stored, with their places (layout "COO")."""

from __future__ import annotations

from typing import Any

from tensorlib.sparse.creation import TYPES as _TYPES
from tensorlib.sparse.creation import sparse_coo_tensor as sparse_coo_tensor
from tensorlib.sparse.forms import attach_aliases as _attach_aliases
from tensorlib.sparse.forms import attach_method as _attach_method
from tensorlib.sparse.matrix import addmm as addmm
from tensorlib.sparse.matrix import hspmm as hspmm
from tensorlib.sparse.matrix import mm as mm
from tensorlib.sparse.matrix import smm as smm
from tensorlib.sparse.matrix import sspaddmm as sspaddmm
from tensorlib.sparse.reduction import log_softmax as log_softmax
from tensorlib.sparse.reduction import softmax as softmax
from tensorlib.sparse.reduction import sparse_sum as sum  # noqa: F401 - PyTorch's name
from tensorlib.sparse.strided import sparse_mask as _sparse_mask
from tensorlib.sparse.tensor import SparseTensor as SparseTensor

spmm = mm
_attach_aliases()
for _name in ("sparse_mask", "_sparse_mask"):
    _attach_method(_name, _sparse_mask)


def __getattr__(name: str) -> Any:
    """Find the types of sparse tensors: `tensorlib.sparse.FloatTensor`."""
    if name not in _TYPES:
        raise AttributeError(f"module 'tensorlib.sparse' has no attribute {name!r}")
    return _TYPES[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_TYPES})
