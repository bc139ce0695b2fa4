"""What ranks must agree on in one call, where lengths may differ from rank to rank."""

from __future__ import annotations

import itertools
import json

import pytest

from dist.comparison import read_signature
from dist.fingerprint import Signature, fingerprint, signed

MEMBERS = (2, 5, 7)  # global ranks


def gather(elements: int | tuple[int, ...], op: str = "gather", root: int = 5) -> Signature:
    return Signature(op, "float32", elements, root)


def to_all(*elements: int) -> Signature:
    return Signature("all_to_all", "int8", elements)


@pytest.mark.parametrize(
    ("calls", "fit"),
    [
        ([gather(1), gather((1, 2, 0)), gather(0)], True),
        ([gather(1), gather((1, 2, 0)), gather(1)], False),
        ([gather(4), gather(4), gather(4)], True),
        ([gather(4), gather(4), gather(5)], False),
        ([gather(1, "scatter"), gather((1, 2, 0), "scatter"), gather(0, "scatter")], True),
        ([gather(2, "scatter"), gather((1, 2, 0), "scatter"), gather(0, "scatter")], False),
        ([gather(1), gather((1, 2, 0)), gather(0, "scatter")], False),
        ([gather(1), gather((1, 2, 0), root=2), gather(0)], False),
        ([to_all(1, 2, 3, 1, 4, 7), to_all(4, 5, 6, 2, 5, 8), to_all(7, 8, 9, 3, 6, 9)], True),
        ([to_all(1, 2, 3, 1, 4, 7), to_all(4, 5, 6, 2, 5, 8), to_all(7, 8, 9, 3, 5, 9)], False),
        ([to_all(2, 2, 2, 2, 2, 2), Signature("all_to_all", "int8", 2), Signature("all_to_all", "int8", 2)], True),
        ([to_all(2, 2, 3, 2, 2, 2), Signature("all_to_all", "int8", 2), Signature("all_to_all", "int8", 2)], False),
    ],
)
def test_lengths_fit_or_not(calls: list[Signature], fit: bool) -> None:
    pairs = itertools.permutations(zip(MEMBERS, calls, strict=True), 2)
    assert all(call.fits(rank, other, other_rank, MEMBERS) for (rank, call), (other_rank, other) in pairs) == fit


def test_fingerprints_are_equal_where_a_rank_cannot_know_the_lengths_of_others() -> None:
    def mark(signature: Signature) -> int:
        return fingerprint(1, signed("world (0, 1)", *signature)[1])

    assert mark(gather((1, 2, 0))) == mark(gather(2)) != mark(gather(2, "scatter"))
    assert mark(gather(2)) != mark(gather(2, root=2))
    rows = [Signature("all_gather", "float32", lengths) for lengths in (2, (2, 3), (3, 2))]
    assert len(set(map(mark, rows))) == 3


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        (Signature("all_reduce", "float32", 4, reduce_op="SUM"), "all_reduce(4 x float32, SUM)"),
        (gather((1, 2, 0)), "gather(1+2+0 x float32, root 5)"),
        (to_all(1, 2, 3, 4), "all_to_all(1+2 out, 3+4 in x int8)"),
        (gather(tuple(range(12))), "gather(0+1+2+3+4+5+6+7+... (12 lengths) x float32, root 5)"),
        (Signature("barrier", "", 0), "barrier()"),
    ],
)
def test_text_and_back_from_json(signature: Signature, text: str) -> None:
    assert str(signature) == text
    assert read_signature(*json.loads(json.dumps(signature))) == signature
