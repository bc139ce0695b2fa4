"""Reduce-scatter: every rank gets one row of the reduction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.gather import Rows
from dist.algorithms.scratch import scratch
from dist.channel import Channel
from dist.reduction import ReduceOp


def direct_reduce_scatter(channel: Channel, array: NDArray[Any], rows: Rows, op: ReduceOp) -> None:
    """Fill `array` on rank k with the reduction of all ranks' `rows[k]`: rank k gets row k from everybody, and adds.

    Args:
        channel: the call's channel.
        array: contiguous and 1-D, as long as `rows[k]` on rank k.
        rows: one contiguous array per rank; left as they are.
        op: what to compute.
    """
    others = [(channel.rank + i) % channel.size for i in range(1, channel.size)]
    parts = scratch(channel.size, len(array), array.dtype)
    receives = [channel.irecv(parts[peer], peer) for peer in others]
    sends = [channel.isend(rows[peer], peer) for peer in others]
    np.copyto(parts[channel.rank], rows[channel.rank])  # the first part serves as scratch
    channel.wait(*receives)
    op.reduce(parts, out=array)
    channel.wait(*sends)
