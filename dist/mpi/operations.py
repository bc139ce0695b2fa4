"""Which reductions MPI computes as this package promises them, and under which of its names.

MPI's MIN and MAX may lose a NaN, and how it multiplies complex numbers is not said: those are left to messages, as are
functions of the user's own. What MPI computes of floats it adds, or multiplies, in an order of its own choice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from dist.reduction import ReduceOp

_INTEGERS: Final = {name: name for name in ("SUM", "MIN", "MAX", "BAND", "BOR", "BXOR")} | {"PRODUCT": "PROD"}
_FLOATS: Final = {"SUM": "SUM", "AVG": "SUM", "PRODUCT": "PROD"}
_COMPLEX: Final = {"SUM": "SUM", "AVG": "SUM"}
# A byte that is 0 or 1: adding is "or" as in NumPy, multiplying is "and".
_BOOLS: Final = {
    **{"SUM": "BOR", "MAX": "BOR", "BOR": "BOR"},
    **{"PRODUCT": "BAND", "MIN": "BAND", "BAND": "BAND"},
    **{"BXOR": "BXOR"},
}
_OPERATIONS: Final = {"b": _BOOLS, "i": _INTEGERS, "u": _INTEGERS, "f": _FLOATS, "c": _COMPLEX}
_DATATYPES: Final = {
    "bool": "UINT8_T",
    **{f"{sign}int{bits}": f"{sign.upper()}INT{bits}_T" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    **{"float32": "FLOAT", "float64": "DOUBLE", "complex64": "C_FLOAT_COMPLEX", "complex128": "C_DOUBLE_COMPLEX"},
}


class Native(NamedTuple):
    """A reduction as MPI knows it.

    Attributes:
        operation: MPI's operation.
        datatype: MPI's datatype.
        accumulator: the dtype that MPI computes in.
        in_place: the result needs no more to be done to it.
    """

    operation: Any
    datatype: Any
    accumulator: np.dtype[Any]
    in_place: bool


@lru_cache(maxsize=256)
def native(mpi: Any, op: ReduceOp, dtype: np.dtype[Any]) -> Native | None:
    """Return how the module `mpi4py.MPI` computes a reduction, or None where it does not."""
    accumulator = op.accumulator(dtype)
    operation = _OPERATIONS.get(accumulator.kind, {}).get(op.name)
    datatype = _DATATYPES.get(accumulator.name)
    if operation is None or datatype is None:
        return None
    in_place = accumulator == dtype and op is not ReduceOp.AVG
    return Native(getattr(mpi, operation), getattr(mpi, datatype), accumulator, in_place)
