"""Reduce to one rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.segments import segments, slices
from dist.algorithms.slice_reduction import SliceReduction, all_for, piece_bytes
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.transport.base import Work


def linear_reduce(channel: Channel, array: NDArray[Any], root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks, in rank order, on group rank `root`: everybody sends it everything.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, of equal length and dtype on all ranks; replaced by the result on the root.
        root: the group rank that gets the result.
        op: what to compute.
    """
    reduction = SliceReduction(channel, op, all_for(root, array, channel.size), keep=False)
    for _ in reduction.reduced(outs=segments(array)):
        pass  # nothing is left to do for a segment
    channel.wait(*reduction.sends)


def pairwise_reduce(channel: Channel, array: NDArray[Any], root: int, op: ReduceOp) -> None:
    """Reduce `array` over all ranks, in rank order, on `root`: rank k reduces slice k, and sends the root the result.

    All ranks add at the same time, and twice the array comes in at the root, not n - 1 times. Args: as in
    `linear_reduce`.
    """
    rank, is_root = channel.rank, channel.rank == root
    pieces = [slices(part, channel.size) for part in segments(array, piece_bytes(channel.size))]
    reduction = SliceReduction(channel, op, pieces, keep=not is_root)
    outs = [piece[rank] if is_root else np.empty_like(piece[rank]) for piece in pieces]
    results: list[Work] = []
    for index in reduction.reduced(outs):
        if is_root:
            # Into the memory of a slice that was sent; its sender had that slice when it made the result.
            results += [channel.irecv(pieces[index][peer], peer) for peer in reduction.others]
        else:
            results.append(channel.isend(outs[index], root))
    channel.wait(*reduction.sends, *results)
