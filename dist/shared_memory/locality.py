"""Which ranks of a group are on one host."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from dist.algorithms.all_gather import direct_all_gather
from dist.channel import Channel


@lru_cache(maxsize=1)
def host_identity() -> bytes:
    """Return 16 bytes that are equal only in processes that see each other under `/proc`.

    Made of the system's boot and the namespace of process numbers: containers of one host may share one or not.
    """
    with open("/proc/sys/kernel/random/boot_id", "rb") as file:
        boot = file.read()
    return blake2b(boot + os.readlink("/proc/self/ns/pid").encode(), digest_size=16).digest()


def find_hosts(channel: Channel) -> tuple[int, ...]:
    """Return the host of each group rank, numbered in the order in which they first appear; the same on all ranks.

    Nothing is assumed: each rank tells the others which system it runs on. Ranks that do not see each other's processes
    are on different hosts here, such as those in containers of their own.

    Raises:
        DistError: what sending messages over the channel raises.

    >>> import time
    >>> from dist.transport.inproc import make_inproc_world
    >>> (transport,) = make_inproc_world(1)
    >>> find_hosts(Channel(transport, ranks=(0,), rank=0, tag=1, fingerprint=7, deadline=time.monotonic() + 5))
    (0,)
    """
    own = np.frombuffer(host_identity(), np.uint8).copy()
    rows = [np.empty_like(own) for _ in range(channel.size)]
    direct_all_gather(channel, rows, own)
    numbers: dict[bytes, int] = {}
    return tuple(numbers.setdefault(row.tobytes(), len(numbers)) for row in rows)


def local_channel(channel: Channel, hosts: tuple[int, ...]) -> Channel:
    """Return the part of a call's channel that leads to the ranks of this host."""
    here = [rank for rank, host in enumerate(hosts) if host == hosts[channel.rank]]
    ranks = tuple(channel.ranks[rank] for rank in here)
    return Channel(
        channel.transport, ranks, here.index(channel.rank), channel.tag, channel.fingerprint, channel.deadline
    )
