"""Reduce-scatter: every rank gets one row of the reduction."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import SliceReduction
from dist.channel import Channel
from dist.collectives import Rows
from dist.reduction import ReduceOp


def pairwise_reduce_scatter(channel: Channel, array: NDArray[Any], rows: Rows, op: ReduceOp) -> None:
    """Fill `array` on rank k with the reduction of all ranks' `rows[k]`: rank k gets row k from everybody, and adds.

    Works on one segment of every row after the other, so that memory for what comes in is bounded.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, as long as `rows[k]` on rank k.
        rows: one contiguous array per rank, whose lengths may differ; left as they are.
        op: what to compute.
    """
    count = max(len(segments(row)) for row in rows)
    pieces = list(zip(*[slices(row, count) for row in rows], strict=True))
    reduction = SliceReduction(channel, op, pieces, keep=True)
    for _ in reduction.reduced(outs=slices(array, count)):
        pass  # nothing is left to do for a piece
    channel.wait(*reduction.sends)
