"""Which gradients are reduced together: pure policy, no communication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Shape:
    """What bucketing needs to know of a parameter: its number of elements, bytes per element, and kind.

    Attributes:
        kind: the type, and the device; only parameters of one kind share a bucket.
    """

    count: int
    itemsize: int
    kind: str


def assign_buckets(parameters: Sequence[Shape], capacity: int, first_capacity: int = MEGABYTE) -> list[list[int]]:
    """Group parameters into buckets that are reduced as one.

    Backward makes gradients roughly in the reverse order of the parameters, so buckets are filled in that order: the
    first is complete, and on its way, while backward still computes the others. It is small so that it starts early.

    Args:
        parameters: in the order of the model.
        capacity: bytes that a bucket holds before it is closed; a larger parameter gets a bucket of its own.
        first_capacity: the same for the first bucket of each kind.

    Returns:
        For each bucket the positions of its parameters; a bucket holds one kind only.

    Example:
        >>> assign_buckets([Shape(100, 4, "float32"), Shape(10, 4, "float32"), Shape(5, 4, "float32")], 400, 40)
        [[2, 1], [0]]
    """
    buckets: list[list[int]] = []
    open_bucket: dict[str, int] = {}  # kind -> its bucket that is not full yet
    filled: list[int] = []
    seen: set[str] = set()
    for position in reversed(range(len(parameters))):
        parameter = parameters[position]
        place = open_bucket.get(parameter.kind)
        if place is None:
            place = open_bucket[parameter.kind] = len(buckets)
            buckets.append([])
            filled.append(0)
        buckets[place].append(position)
        filled[place] += parameter.count * parameter.itemsize
        if filled[place] >= (capacity if parameter.kind in seen else min(first_capacity, capacity)):
            del open_bucket[parameter.kind]
            seen.add(parameter.kind)
    return buckets
