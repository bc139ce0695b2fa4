"""The fingerprint of a call: two ranks compute the same 64 bits only where they make the same call.

Every message of a collective carries it, so that a rank that calls something else, or the same with other arguments,
is found out by the first message that it sends.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15  # odd: multiplying by it modulo 2**64 maps different numbers to different ones
NO_ROOT = -1
_ROOTS = {"send": "to", "isend": "to", "recv": "from", "irecv": "from"}


class Signature(NamedTuple):
    """What all ranks of a group must agree on in one call."""

    op: str
    dtype: str
    elements: int
    root: int = NO_ROOT
    reduce_op: str = ""

    def __str__(self) -> str:
        words = [f"{self.elements} x {self.dtype}"] if self.dtype else []
        words += [f"{_ROOTS.get(self.op, 'root')} {self.root}"] if self.root != NO_ROOT else []
        words += [self.reduce_op] if self.reduce_op else []
        return f"{self.op}({', '.join(words)})"


@lru_cache(maxsize=4096)
def _hash(signature: Signature, group: str) -> int:
    digest = blake2b(repr((tuple(signature), group)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def fingerprint(number: int, signature: Signature, group: str) -> int:
    """Return the 64-bit hash of call number, operation, dtype, element count, root, reduce op and group."""
    return (_hash(signature, group) + number * _GOLDEN) & _MASK


@lru_cache(maxsize=4096)
def tag_of(group: str, channel: str) -> int:
    """Return the 64-bit message tag that keeps one group's traffic of one kind apart from everything else."""
    return int.from_bytes(blake2b(f"{group}/{channel}".encode(), digest_size=8).digest(), "little")
