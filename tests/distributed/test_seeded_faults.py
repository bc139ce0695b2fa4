"""A handful of seeds; `scripts/faults.py` runs hundreds."""

from __future__ import annotations

import pytest

from tests.distributed.seeded_faults import run_seed


@pytest.mark.parametrize("seed", [7, 11, 12, 14, 35])  # raise, exit, another call, kill, os._exit; 2 to 4 ranks
def test_every_survivor_names_the_culprit(seed: int) -> None:
    result = run_seed(seed)
    assert result.problems == []
    assert result.struck
