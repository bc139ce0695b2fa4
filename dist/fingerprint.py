"""The fingerprint of a call: two ranks compute the same 64 bits only where they make the same call.

Every message of a collective carries it, so that a rank that calls something else, or the same with other arguments,
is found out by the first message that it sends. Where a rank cannot know the lengths of all others, in a gather say,
the length of the message itself must be the one that its receiver expects.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15  # odd: multiplying by it modulo 2**64 maps different numbers to different ones
NO_ROOT = -1
_ROOTS = {"send": "to", "isend": "to", "recv": "from", "irecv": "from"}
# Here a rank knows its own lengths only; those of the others must fit, and need not be equal.
_TO_AND_FROM_ROOT = ("gather", "scatter")
_TO_AND_FROM_ALL = ("all_to_all", "all_to_all_single")
_SHOWN = 8


class Signature(NamedTuple):
    """What all ranks of a group must agree on in one call.

    Attributes:
        op: the operation.
        dtype: of the tensors.
        elements: of each tensor; where they differ in length, a tuple with the length for each rank, or of each tensor.
            For all-to-all this rank's outgoing lengths, then its incoming ones.
        root: the global rank, or NO_ROOT.
        reduce_op: the name of the operator.
    """

    op: str
    dtype: str
    elements: int | tuple[int, ...]
    root: int = NO_ROOT
    reduce_op: str = ""

    def agreed(self) -> Signature:
        """Return the part that is equal on all ranks."""
        return self._replace(elements=0) if self.op in _TO_AND_FROM_ROOT + _TO_AND_FROM_ALL else self

    def fits(self, rank: int, other: Signature, other_rank: int, members: tuple[int, ...]) -> bool:
        """Tell whether this call of `rank` and that of `other_rank`, in a group of `members`, can be one.

        >>> root = Signature("gather", "float32", (3, 5), root=0)
        >>> [root.fits(0, Signature("gather", "float32", n, root=0), 1, members=(0, 1)) for n in (5, 4)]
        [True, False]
        """
        if self.agreed() != other.agreed():
            return False
        place, other_place, size = members.index(rank), members.index(other_rank), len(members)
        if self.op in _TO_AND_FROM_ALL:
            mine, theirs = self._lengths(2 * size), other._lengths(2 * size)
            return mine[other_place] == theirs[size + place] and theirs[place] == mine[size + other_place]
        if self.op in _TO_AND_FROM_ROOT and self.root == rank:
            return self._lengths(size)[other_place] == other.elements
        return (
            self.op not in _TO_AND_FROM_ROOT or self.root != other_rank or other.fits(other_rank, self, rank, members)
        )

    def _lengths(self, count: int) -> tuple[int, ...]:
        return self.elements if isinstance(self.elements, tuple) else (self.elements,) * count

    def __str__(self) -> str:
        words = [f"{self._count()} x {self.dtype}"] if self.dtype else []
        words += [f"{_ROOTS.get(self.op, 'root')} {self.root}"] if self.root != NO_ROOT else []
        words += [self.reduce_op] if self.reduce_op else []
        return f"{self.op}({', '.join(words)})"

    def _count(self) -> str:
        if isinstance(self.elements, int):
            return str(self.elements)
        if self.op in _TO_AND_FROM_ALL:
            half = len(self.elements) // 2
            return f"{_listing(self.elements[:half])} out, {_listing(self.elements[half:])} in"
        return _listing(self.elements)


def _listing(lengths: tuple[int, ...]) -> str:
    """Write lengths briefly: "3+5+2"."""
    more = f"+... ({len(lengths)} lengths)" if len(lengths) > _SHOWN else ""
    return "+".join(map(str, lengths[:_SHOWN])) + more


@lru_cache(maxsize=4096)
def signed(
    group: str, op: str, dtype: str, elements: int | tuple[int, ...], root: int = NO_ROOT, reduce_op: str = ""
) -> tuple[Signature, int]:
    """Return the signature of a call in a group, and its hash; kept, for the same calls are made again and again."""
    signature = Signature(op, dtype, elements, root, reduce_op)
    digest = blake2b(repr((tuple(signature.agreed()), group)).encode(), digest_size=8).digest()
    return signature, int.from_bytes(digest, "little")


def fingerprint(number: int, signed_hash: int) -> int:
    """Return 64 bits made of a call's number and the hash that `signed` gave."""
    return (signed_hash + number * _GOLDEN) & _MASK


@lru_cache(maxsize=4096)
def tag_of(group: str, channel: str) -> int:
    """Return the 64-bit message tag that keeps one group's traffic of one kind apart from everything else."""
    return int.from_bytes(blake2b(f"{group}/{channel}".encode(), digest_size=8).digest(), "little")
