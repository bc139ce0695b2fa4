"""Collectives as plain functions over a `Channel`; `docs/algorithms.md` states the steps and bytes of each."""

from __future__ import annotations

from dist.algorithms.barrier import dissemination_barrier as barrier
from dist.algorithms.broadcast import tree_broadcast as broadcast
from dist.algorithms.choose import all_reduce
from dist.algorithms.gather import all_gather, gather, scatter
from dist.algorithms.reduce import linear_reduce as reduce

__all__ = ["all_gather", "all_reduce", "barrier", "broadcast", "gather", "reduce", "scatter"]
