"""A handful of seeds; `scripts/faults.py` runs hundreds."""

from __future__ import annotations

import pytest

import dist
from dist.errors import DistError
from dist.faults import FaultError, FaultPlan
from tests.distributed.seeded_faults import CALLS, Schedule, run_seed


@pytest.mark.parametrize("seed", [7, 11, 12, 14, 35])  # raise, exit, another call, kill, os._exit; 2 to 4 ranks
def test_every_survivor_names_the_culprit(seed: int) -> None:
    result = run_seed(seed)
    assert result.problems == []
    assert result.struck


@pytest.mark.parametrize("ranks", [2, 3, 4, 5, 7, 9])
def test_every_simulated_rank_names_the_one_that_raises(ranks: int) -> None:
    said: dict[int, DistError] = {}

    def play(seed: int) -> None:
        try:
            Schedule(seed).run()
        except DistError as error:
            said[dist.get_rank()] = error

    for seed in range(5):
        said.clear()
        plan = FaultPlan.random(seed, ranks, CALLS, kinds=["raise"])
        (fault,) = plan.faults
        with pytest.raises(FaultError, match=str(fault)):
            dist.simulate(ranks, play, seed, timeout=30, faults=plan)
        assert said.keys() == set(range(ranks)) - {fault.rank}
        assert {getattr(error, "rank", None) for error in said.values()} == {fault.rank}
