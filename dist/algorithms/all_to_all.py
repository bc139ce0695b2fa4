"""All-to-all: every rank has a row for every rank."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from dist.channel import Channel
from dist.collectives import Rows
from dist.transport.base import Work

# Steps under way at a time: enough to keep the links busy, few enough for the kernel's buffers.
STEPS_AT_A_TIME: Final = 8


def pairwise_all_to_all(channel: Channel, received: Rows, sent: Rows) -> None:
    """Fill `received[k]` on rank r with `sent[r]` of rank k: in step i, rank r sends to r + i and receives from r - i.

    Args:
        channel: the call's channel.
        received: one contiguous array per rank, as long as what that rank sends to this one.
        sent: one contiguous array per rank.
    """
    rank, size = channel.rank, channel.size
    under_way: deque[tuple[Work, Work]] = deque()
    for step in range(1, size):
        if len(under_way) == STEPS_AT_A_TIME:
            channel.wait(*under_way.popleft())
        source, target = (rank - step) % size, (rank + step) % size
        under_way.append((channel.irecv(received[source], source), channel.isend(sent[target], target)))
    np.copyto(received[rank], sent[rank])
    for works in under_way:
        channel.wait(*works)
