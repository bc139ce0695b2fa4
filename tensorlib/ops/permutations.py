"""Permutations of rows, as LAPACK's factorizations tell them."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib.autograd.op import op
from tensorlib.dtypes import dtype as DType


@op(method=False, differentiable=False)
def permutation_matrix(xp: Any, pivots: Any, *, rows: int, dtype: DType) -> Any:
    """Return the matrices P of `P @ L @ U`, from the rows that were exchanged with the first, second, ... row.

    Args:
        pivots: the numbers of the rows, counted from 1; of shape (..., k).
        rows: the number of rows of the matrices.
        dtype: of the result.

    Example:
        >>> tensorlib.permutation_matrix(tensorlib.tensor([2, 2]), rows=2, dtype=tensorlib.float32)
        tensor([[0., 1.],
                [1., 0.]])
    """
    result = xp.zeros((*pivots.shape[:-1], rows, rows), dtype.numpy)
    for place in numpy.ndindex(*pivots.shape[:-1]):
        order = list(range(rows))
        for k, other in enumerate((pivots[place] - 1).tolist()):
            order[k], order[other] = order[other], order[k]
        result[(*place, xp.asarray(order, numpy.int64), xp.arange(rows))] = 1
    return result, ()
