"""How the ranks of a group attach each other's memory."""

from __future__ import annotations

import logging
import os
from functools import reduce
from operator import or_
from typing import NamedTuple

import numpy as np

from dist.algorithms.gather import all_gather
from dist.channel import Channel
from dist.shared_memory.segment import Handle, Memory, attach, create, host_identity

_logger = logging.getLogger(__name__)


class Shared(NamedTuple):
    """The memory of each rank of a group, by group rank, and how many cores the ranks have together."""

    memories: list[Memory]
    cores: int


def share_memory(channel: Channel, nbytes: int) -> Shared | None:
    """Give every rank of a group `nbytes` of memory that all of them see, by group rank; zeros at first.

    Returns:
        What they share, or None, on all ranks, where not all of them can share: they are on several hosts, or
        do not see each other's files, or there is too little memory.

    Raises:
        DistError: what sending messages over the channel raises.
    """
    try:
        handle, own, descriptor = create(nbytes)
    except OSError as error:
        _logger.info("no shared memory: %s", error)
        handle, own, descriptor = Handle(b"\0" * 16, 0, 0, b"\0" * 16), np.empty(0, np.uint8), -1
    try:
        handles = [Handle.decode(row) for row in _tell(channel, handle.encode())]
        memories = _attach_all(handles, channel.rank, own)
        done = _tell(channel, np.array([memories is not None], np.uint8))  # until here the descriptor is needed
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    if memories is None or not all(row[0] for row in done):
        return None
    return Shared(memories, reduce(or_, (handle.cores for handle in handles)).bit_count())


def _tell(channel: Channel, data: Memory) -> list[Memory]:
    rows = [np.empty_like(data) for _ in range(channel.size)]
    all_gather(channel, rows, data)
    return rows


def _attach_all(handles: list[Handle], rank: int, own: Memory) -> list[Memory] | None:
    if any(handle.host != host_identity() for handle in handles):
        return None
    try:
        return [own if peer == rank else attach(handle) for peer, handle in enumerate(handles)]
    except OSError as error:
        _logger.info("no shared memory: %s", error)
        return None
