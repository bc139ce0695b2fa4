"""`ReduceOp`: how a collective combines the elements of the ranks."""

from __future__ import annotations

from enum import Enum


class ReduceOp(Enum):
    """How `all_reduce` and `reduce` combine the elements of all ranks, element by element and in rank order.

    `SUM`, `PRODUCT`: every dtype; on bool they are "or" and "and". `MIN`, `MAX`: every dtype but complex; a NaN on
    any rank gives NaN. `AVG`: the sum divided by the number of ranks, floating and complex dtypes. `BAND`, `BOR`,
    `BXOR`: bitwise, integers and bool.
    """

    SUM = "sum"
    PRODUCT = "product"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    BAND = "band"
    BOR = "bor"
    BXOR = "bxor"
