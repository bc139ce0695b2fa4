"""Who is blamed, and in which words: by tables."""

from __future__ import annotations

import pytest

from launcher.verdict import RankEnd, exit_code, failure_message, first_failure, how, ranks

KILLED = RankEnd(2, 12, -9, at=5.0)
RAISED = RankEnd(1, 11, 1, at=6.0, words="ValueError: bad batch (train.py:41)")
PEER = RankEnd(0, 10, 76, at=4.0, consequence=True, words="PeerError: rank 2 is silent")
WRAPPED = RankEnd(3, 13, 1, at=4.5, consequence=True)
STOPPED = RankEnd(4, 14, -15, at=3.0, stopped=True)
FINE = RankEnd(5, 15, 0, at=1.0)
LATE = RankEnd(6, 16, 3, at=9.0)

CASES: list[tuple[list[RankEnd], str | None]] = [
    ([], None),
    ([FINE], None),
    ([FINE, STOPPED], None),
    ([KILLED], "rank 2 (pid 12) was killed by SIGKILL"),
    ([RAISED, FINE], "rank 1 (pid 11) exited with code 1: ValueError: bad batch (train.py:41)"),
    ([PEER, WRAPPED, KILLED, STOPPED], "rank 2 (pid 12) was killed by SIGKILL; ranks 0, 3, 4 were stopped"),
    ([PEER, KILLED], "rank 2 (pid 12) was killed by SIGKILL; rank 0 was stopped"),
    ([PEER, STOPPED], "rank 2 is silent; ranks 0, 4 were stopped"),
    ([WRAPPED], "rank 3 (pid 13) exited with code 1"),
    ([LATE, KILLED, RAISED], "rank 2 (pid 12) was killed by SIGKILL; ranks 1, 6 failed too"),
]


@pytest.mark.parametrize(("ends", "expected"), CASES)
def test_the_first_cause_is_blamed(ends: list[RankEnd], expected: str | None) -> None:
    culprit = first_failure(ends)
    assert (culprit and failure_message(culprit, ends)) == expected


@pytest.mark.parametrize(
    ("code", "words", "shown"),
    [
        (0, "exited with code 0", 0),
        (3, "exited with code 3", 3),
        (-9, "was killed by SIGKILL", 137),
        (-2, "was killed by SIGINT", 130),
        (-40, "was killed by signal 40", 168),
    ],
)
def test_codes(code: int, words: str, shown: int) -> None:
    assert (how(code), exit_code(code)) == (words, shown)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([2], "rank 2"), ([1, 0], "ranks 0, 1"), ([0, 1, 2, 3, 7, 9, 10], "ranks 0-3, 7, 9, 10")],
)
def test_lists_of_ranks(numbers: list[int], text: str) -> None:
    assert ranks(numbers) == text
