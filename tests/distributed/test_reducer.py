"""Reductions of parts in shared memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dist.reduction import OPERATIONS, ReduceOp
from dist.shared_memory.reducer import Reducer


def reduced_by_pairs(op: ReduceOp, parts: list[Any]) -> Any:
    out = np.empty_like(parts[0])
    op.reduce([part.copy() for part in parts], out)
    return out


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("op", OPERATIONS, ids=str)
def test_each_operation_leaves_the_parts_alone_and_is_silent(op: ReduceOp, count: int) -> None:
    """Where floats overflow, and whatever NumPy advises against."""
    dtype = np.int32 if op.name.startswith("B") else np.float32
    draws = [np.random.default_rng(k).uniform(-3e38, 3e38, 40) for k in range(count)]
    parts = [draw.astype(np.float32).view(dtype) for draw in draws]
    copies = [part.copy() for part in parts]
    out = np.empty_like(parts[0])
    Reducer().reduce(op, parts, out)
    assert out.tobytes() == reduced_by_pairs(op, parts).tobytes()
    assert [part.tobytes() for part in parts] == [copy.tobytes() for copy in copies]
