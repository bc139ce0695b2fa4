"""A few cells of the failure matrix; `scripts/failure_matrix.py` runs all of them."""

from __future__ import annotations

import pytest

from tests.distributed.failure_matrix import cells, measure


@pytest.mark.parametrize(
    ("situation", "fault"),
    [
        ("rendezvous", "os._exit"),
        ("idle", "SIGKILL"),
        ("large all_reduce", "os._exit"),
        ("recv", "other dtype"),
        ("async pending", "exception"),
    ],
)
def test_all_survivors_name_the_culprit_in_time_and_nothing_is_left(situation: str, fault: str) -> None:
    assert measure(situation, fault).problems == []


def test_the_matrix_has_every_combination_that_can_be() -> None:
    assert len(set(cells())) == len(list(cells())) == 57
