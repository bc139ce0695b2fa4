"""A handful of seeds; `scripts/faults.py` runs hundreds."""

from __future__ import annotations

import pytest

from tests.distributed.seeded_faults import run_seed


@pytest.mark.parametrize("seed", [5, 7, 9, 14])  # an os._exit, a raise, an exit and a kill, among 2 to 4 ranks
def test_every_survivor_of_a_random_fault_names_the_culprit(seed: int) -> None:
    result = run_seed(seed)
    assert result.problems == []
    assert result.struck
