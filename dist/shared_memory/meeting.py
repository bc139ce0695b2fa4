"""How ranks of one host come to share memory."""

from __future__ import annotations

import logging
import os
from functools import reduce
from operator import or_
from typing import NamedTuple

import numpy as np

from dist.algorithms.all_gather import direct_all_gather
from dist.channel import Channel
from dist.shared_memory.segment import Handle, Memory, attach, create

_logger = logging.getLogger(__name__)


class Shared(NamedTuple):
    """The memory of each rank of a group, by group rank, and how many cores the ranks have together."""

    memories: list[Memory]
    cores: int


def share_memory(channel: Channel, nbytes: int) -> Shared | None:
    """Give every rank of a group on one host `nbytes` of memory that all of them see; zeros at first. Rank 0 makes it.

    Returns:
        What they share, or None, on all ranks, where not all of them can share: they do not see each other's files, or
        there is too little memory.

    Raises:
        DistError: what sending messages over the channel raises.
    """
    handle, memory = _make(nbytes * channel.size) if channel.rank == 0 else (Handle(), None)
    try:
        handles = [Handle.decode(row) for row in _tell(channel, handle.encode())]
        if memory is None:
            memory = _attach(handles[0])
        done = _tell(channel, np.array([memory is not None], np.uint8))  # until here the descriptor is needed
    finally:
        if handle.descriptor >= 0:
            os.close(handle.descriptor)
    if memory is None or not all(row[0] for row in done):
        return None
    memories = [memory[rank * nbytes : (rank + 1) * nbytes] for rank in range(channel.size)]
    return Shared(memories, reduce(or_, (handle.cores for handle in handles)).bit_count())


def _make(nbytes: int) -> tuple[Handle, Memory | None]:
    try:
        return create(nbytes)
    except OSError as error:
        _logger.info("no shared memory: %s", error)
        return Handle(), None


def _tell(channel: Channel, data: Memory) -> list[Memory]:
    rows = [np.empty_like(data) for _ in range(channel.size)]
    direct_all_gather(channel, rows, data)
    return rows


def _attach(handle: Handle) -> Memory | None:
    if handle.descriptor < 0:
        return None
    try:
        return attach(handle)
    except OSError as error:
        _logger.info("no shared memory: %s", error)
        return None
