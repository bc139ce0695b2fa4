"""What an all_reduce costs: how much each algorithm does, counted, and what that takes on a machine.

    from dist.cost_model import Costs, all_reduce_time

    costs = Costs(call=19e-6, latency=23e-6, shared_latency=48e-6, message=16e-6, byte=1.6e-10, reduced_byte=3e-11)
    all_reduce_time(costs, size=1024, nbytes=4 << 20, algorithm="ring")     # seconds

`docs/scale.md` has the constants of one machine, and how far predictions are from what was measured.
"""

from __future__ import annotations

from dist.cost_model.costs import Costs, Load, Work
from dist.cost_model.counting import count_work
from dist.cost_model.formulas import FORMULAS, all_reduce_time, all_reduce_work
from dist.cost_model.two_level import two_level_time

__all__ = ["FORMULAS", "Costs", "Load", "Work", "all_reduce_time", "all_reduce_work", "count_work", "two_level_time"]
