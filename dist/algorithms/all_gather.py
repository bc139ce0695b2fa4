"""All-gather: everybody gets the row of every rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.all_to_all import pairwise_all_to_all
from dist.channel import Channel
from dist.collectives import Rows
from dist.transport.base import Work


def direct_all_gather(channel: Channel, rows: Rows, array: NDArray[Any]) -> None:
    """Copy the array of every rank to all ranks: everybody sends to everybody.

    Args:
        channel: the call's channel.
        rows: one contiguous array per rank; `rows[k]` becomes that of group rank k. Lengths may differ.
        array: this rank's, contiguous and 1-D; may be `rows[channel.rank]`.
    """
    pairwise_all_to_all(channel, rows, [array] * channel.size)


def ring_all_gather(channel: Channel, rows: Rows, array: NDArray[Any]) -> None:
    """Copy the array of every rank to all ranks: each row goes round the ring. Args: as in `direct_all_gather`."""
    rank, size = channel.rank, channel.size
    np.copyto(rows[rank], array)
    order = [(rank - step) % size for step in range(size)]  # as they come by
    receives = [channel.irecv(rows[row], (rank - 1) % size) for row in order[1:]]
    sends: list[Work] = []
    for step in range(size - 1):
        channel.wait(*receives[step - 1 : step])
        sends.append(channel.isend(rows[order[step]], (rank + 1) % size))
    channel.wait(*receives, *sends)
