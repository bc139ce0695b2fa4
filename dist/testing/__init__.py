"""Helpers for testing distributed code, for users and for the project itself."""

from __future__ import annotations

from dist.faults import Fault, FaultError, FaultPlan
from dist.testing.collectives import check_collectives
from dist.testing.mismatches import check_mismatches
from dist.testing.transport import check_transport
from dist.testing.world import Outcome, RankError, run_ranks, run_world

__all__ = [
    "Fault",
    "FaultError",
    "FaultPlan",
    "Outcome",
    "RankError",
    "check_collectives",
    "check_mismatches",
    "check_transport",
    "run_ranks",
    "run_world",
]
