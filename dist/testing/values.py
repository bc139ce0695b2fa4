"""What the ranks of a conformance check have, and what must come out, computed plainly."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import dist
from dist.arguments import DTYPES
from dist.reduction import OPERATIONS, ReduceOp

Array = NDArray[Any]

_UFUNCS: Final = {
    "SUM": np.add,
    "PRODUCT": np.multiply,
    "MIN": np.minimum,
    "MAX": np.maximum,
    "AVG": np.add,
    "BAND": np.bitwise_and,
    "BOR": np.bitwise_or,
    "BXOR": np.bitwise_xor,
}


def here() -> tuple[int, int]:
    """Return this rank and the number of ranks."""
    return dist.get_rank(), dist.get_world_size()


@lru_cache(maxsize=1000)
def values(rank: int, count: int, dtype: Any) -> Array:
    """Return small whole numbers, whose sums are exact in every dtype and so do not depend on their order."""
    return _read_only(np.random.default_rng((rank, count)).integers(0, 4, count).astype(dtype))


@lru_cache(maxsize=30)
def random(rank: int, count: int) -> Array:
    """Return floats whose sums depend on their order."""
    return _read_only(np.random.default_rng(rank).normal(size=count).astype(np.float32))


def _read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


def operators(dtype: np.dtype[Any]) -> list[ReduceOp]:
    """Return the operators that are defined for a dtype."""
    found = []
    for op in OPERATIONS:
        try:
            op.check(dtype)
        except TypeError:
            continue
        found.append(op)
    return found


def reduced(op: ReduceOp, parts: Sequence[Array]) -> Array:
    """Compute a reduction plainly, in rank order; floats of 16 bits in 32 bits."""
    dtype = parts[0].dtype
    narrow = DTYPES[dtype] in ("float16", "bfloat16")
    total = parts[0].astype(np.float32 if narrow else dtype)
    for part in parts[1:]:
        total = _UFUNCS[op.name](total, part.astype(total.dtype))
    return (total / len(parts) if op is ReduceOp.AVG else total).astype(dtype)


def empty_like(arrays: Sequence[Array]) -> list[Array]:
    """Return zeros of the same shapes and dtypes."""
    return [np.zeros_like(array) for array in arrays]


def same(found: Array, expected: Any, what: str) -> None:
    """Check that an array is as it must be, dtype aside."""
    if found.shape != np.shape(expected) or not np.array_equal(found, expected):
        raise AssertionError(f"{what}: got {found!r}, need {expected!r}")


def same_all(found: Sequence[Array] | Array, expected: Sequence[Array], what: str) -> None:
    """Check several arrays."""
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        same(one, other, f"{what}, place {k}")


def expect(condition: bool, complaint: str) -> None:
    """Raise AssertionError where a condition does not hold."""
    if not condition:
        raise AssertionError(complaint)
