"""All-to-all: every rank has a row for every rank."""

from __future__ import annotations

import numpy as np

from dist.algorithms.gather import Rows
from dist.channel import Channel


def pairwise_all_to_all(channel: Channel, received: Rows, sent: Rows) -> None:
    """Fill `received[k]` on rank r with `sent[r]` of rank k: in step i, rank r sends to r + i and receives from r - i.

    Args:
        channel: the call's channel.
        received: one contiguous array per rank, as long as what that rank sends to this one.
        sent: one contiguous array per rank.
    """
    steps = range(1, channel.size)
    receives = [channel.irecv(received[peer], peer) for peer in ((channel.rank - i) % channel.size for i in steps)]
    sends = [channel.isend(sent[peer], peer) for peer in ((channel.rank + i) % channel.size for i in steps)]
    np.copyto(received[channel.rank], sent[channel.rank])
    channel.wait(*receives, *sends)
