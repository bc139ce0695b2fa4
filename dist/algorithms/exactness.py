"""Which reductions give the same bits in every order, so that an algorithm is free to add as it likes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dist.reduction import ReduceOp

_EXACT: Final = (
    *(ReduceOp.SUM, ReduceOp.PRODUCT, ReduceOp.MIN, ReduceOp.MAX),
    *(ReduceOp.BAND, ReduceOp.BOR, ReduceOp.BXOR),
)


def is_exact(op: ReduceOp, dtype: np.dtype[Any]) -> bool:
    """Tell whether `op` on `dtype` gives the same bits in whatever order the ranks are combined.

    On integers and bools these do: they wrap around, and nothing is rounded. On floats they do not, not even MIN and
    MAX: which of -0.0 and 0.0, or of two kinds of NaN, comes out depends on which of them came first.

    >>> is_exact(ReduceOp.SUM, np.dtype("int32")), is_exact(ReduceOp.MAX, np.dtype("float32"))
    (True, False)
    """
    return dtype.kind in "biu" and op in _EXACT
