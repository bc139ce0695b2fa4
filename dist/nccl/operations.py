"""Which reductions NCCL computes as this package promises them, and under which of its names.

What NCCL computes of floats it adds, or multiplies, in an order of its own. All else each rank computes itself, on its
device: bitwise operations, MIN and MAX of floats, which may lose a NaN, 16-bit integers, products of complex numbers,
and functions of the user's own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from dist.reduction import ReduceOp

_INTEGERS: Final = {"SUM": "SUM", "PRODUCT": "PROD", "MIN": "MIN", "MAX": "MAX"}
_FLOATS: Final = {"SUM": "SUM", "AVG": "SUM", "PRODUCT": "PROD"}
_COMPLEX: Final = {"SUM": "SUM", "AVG": "SUM"}
# A byte that is 0 or 1: adding is "or" as in NumPy, multiplying is "and".
_BOOLS: Final = {"SUM": "MAX", "MAX": "MAX", "BOR": "MAX", "PRODUCT": "MIN", "MIN": "MIN", "BAND": "MIN"}
_OPERATIONS: Final = {"b": _BOOLS, "i": _INTEGERS, "u": _INTEGERS, "f": _FLOATS, "c": _COMPLEX}
# Names of NCCL's datatypes, and how many of its elements one is.
_DATATYPES: Final = {
    "bool": ("UINT8", 1),
    **{f"{sign}int{bits}": (f"{sign.upper()}INT{bits}", 1) for sign in ("", "u") for bits in (8, 32, 64)},
    **{"float32": ("FLOAT32", 1), "float64": ("FLOAT64", 1), "complex64": ("FLOAT32", 2), "complex128": ("FLOAT64", 2)},
}


class Native(NamedTuple):
    """A reduction as NCCL knows it.

    Attributes:
        operation: NCCL's number of the operation.
        datatype: NCCL's number of the datatype.
        width: how many elements of that type one of the tensor's is.
        accumulator: the dtype that NCCL computes in.
    """

    operation: int
    datatype: int
    width: int
    accumulator: np.dtype[Any]


@lru_cache(maxsize=256)
def native(nccl: Any, op: ReduceOp, dtype: np.dtype[Any]) -> Native | None:
    """Return how the module `cupy.cuda.nccl` computes a reduction, or None where it does not."""
    accumulator = op.accumulator(dtype)
    operation = _OPERATIONS.get(accumulator.kind, {}).get(op.name)
    datatype, width = _DATATYPES.get(accumulator.name, (None, 0))
    if operation is None or datatype is None:
        return None
    return Native(getattr(nccl, f"NCCL_{operation}"), getattr(nccl, f"NCCL_{datatype}"), width, accumulator)
