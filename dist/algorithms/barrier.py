"""Barrier."""

from __future__ import annotations

import numpy as np

from dist.channel import Channel


def dissemination_barrier(channel: Channel) -> None:
    """Return once every rank has called this: in round i each rank hears from the one 2**i places to its left.

    Source: Hensgen, Finkel, Manber, "Two algorithms for barrier synchronization", 1988.
    """
    nothing = np.empty(0, np.uint8)
    distance = 1
    while distance < channel.size:
        heard = channel.irecv(nothing, (channel.rank - distance) % channel.size)
        said = channel.isend(nothing, (channel.rank + distance) % channel.size)
        channel.wait(heard, said)
        distance *= 2
