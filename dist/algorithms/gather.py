"""Gather, all-gather and scatter: a row per rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.channel import Channel

Rows = Sequence[NDArray[Any]] | NDArray[Any]


def all_gather(channel: Channel, rows: Rows, array: NDArray[Any]) -> None:
    """Copy the array of every rank to all ranks; everybody sends to everybody.

    Args:
        channel: the call's channel.
        rows: one contiguous array per rank, or a 2-D array of them; `rows[k]` becomes that of group rank k.
        array: this rank's, contiguous and 1-D, of equal length and dtype on all ranks.
    """
    others = [(channel.rank + i) % channel.size for i in range(1, channel.size)]
    receives = [channel.irecv(rows[peer], peer) for peer in others]
    sends = [channel.isend(array, peer) for peer in others]
    np.copyto(rows[channel.rank], array)
    channel.wait(*receives, *sends)


def gather(channel: Channel, rows: Rows | None, array: NDArray[Any], root: int) -> None:
    """Copy the array of every rank to group rank `root`, which alone has `rows`. Args: as in `all_gather`."""
    if rows is None:
        channel.wait(channel.isend(array, root))
        return
    receives = [channel.irecv(rows[peer], peer) for peer in range(channel.size) if peer != root]
    np.copyto(rows[root], array)
    channel.wait(*receives)


def scatter(channel: Channel, array: NDArray[Any], rows: Rows | None, root: int) -> None:
    """Copy `rows[k]` of group rank `root`, which alone has `rows`, to the array of rank k. Args: as in `all_gather`."""
    if rows is None:
        channel.wait(channel.irecv(array, root))
        return
    sends = [channel.isend(rows[peer], peer) for peer in range(channel.size) if peer != root]
    np.copyto(array, rows[root])
    channel.wait(*sends)
