"""Counts of what a process communicated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Statistics:
    """What all groups of a process did since `init_process_group`.

    Attributes:
        calls: collectives and point-to-point calls.
        bytes: size of the tensors that this rank passed to them; what went over the wire depends on the algorithm.
        seconds: time during which the caller was blocked, in synchronous calls and in `Work.wait`.
    """

    calls: int = 0
    bytes: int = 0
    seconds: float = 0.0
