"""The policy of buckets."""

from __future__ import annotations

import pytest

from dist.parallel.buckets import Shape, assign_buckets

KILO = Shape(256, 4, "float32")  # 1,024 bytes


@pytest.mark.parametrize(
    ("parameters", "capacity", "first", "expected"),
    [
        ([], 1024, 1024, []),
        ([KILO], 1024, 1024, [[0]]),
        ([KILO] * 4, 2048, 1024, [[3], [2, 1], [0]]),
        ([KILO] * 4, 1 << 20, 1 << 20, [[3, 2, 1, 0]]),
        ([KILO, Shape(10_000, 4, "float32"), KILO], 2048, 100, [[2], [1], [0]]),
        ([KILO, Shape(1, 8, "float64"), KILO], 1 << 20, 1 << 20, [[2, 0], [1]]),
        ([Shape(0, 4, "float32"), KILO], 1 << 20, 1 << 20, [[1, 0]]),
        ([KILO] * 3, 512, 1 << 20, [[2], [1], [0]]),
    ],
)
def test_parameters_are_taken_from_the_last_to_the_first(
    parameters: list[Shape], capacity: int, first: int, expected: list[list[int]]
) -> None:
    assert assign_buckets(parameters, capacity, first) == expected
