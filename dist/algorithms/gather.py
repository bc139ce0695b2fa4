"""Gather and scatter: a row per rank, on one rank."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dist.channel import Channel
from dist.collectives import Rows


def linear_gather(channel: Channel, rows: Rows | None, array: NDArray[Any], root: int) -> None:
    """Copy the array of every rank to group rank `root`: everybody sends it his.

    Args:
        channel: the call's channel.
        rows: on the root one contiguous array per rank, of which `rows[k]` becomes that of rank k; None elsewhere.
        array: this rank's, contiguous and 1-D.
        root: the group rank that gets the rows.
    """
    if rows is None:
        channel.wait(channel.isend(array, root))
        return
    receives = [channel.irecv(rows[peer], peer) for peer in range(channel.size) if peer != root]
    np.copyto(rows[root], array)
    channel.wait(*receives)


def linear_scatter(channel: Channel, array: NDArray[Any], rows: Rows | None, root: int) -> None:
    """Copy `rows[k]` of group rank `root`, which alone has rows, to the array of rank k: it sends each his.

    Args: as in `linear_gather`, with rows and array exchanged.
    """
    if rows is None:
        channel.wait(channel.irecv(array, root))
        return
    sends = [channel.isend(rows[peer], peer) for peer in range(channel.size) if peer != root]
    np.copyto(array, rows[root])
    channel.wait(*sends)
