"""Collectives as plain functions over a `Channel`; `docs/algorithms.md` states the steps and bytes of each."""

from dist.algorithms.collectives import MessageCollectives
from dist.algorithms.hierarchical import HierarchicalCollectives

__all__ = ["HierarchicalCollectives", "MessageCollectives"]
