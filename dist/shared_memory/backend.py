"""The backends `shm`, for ranks of one host, and `gloo`, the default: shared memory where it can be, else messages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from dist.algorithms import MessageCollectives
from dist.algorithms.choose import overrides
from dist.algorithms.hierarchical import HierarchicalCollectives
from dist.backends import Backend
from dist.channel import Channel
from dist.collectives import Collectives
from dist.errors import TransportError
from dist.shared_memory.board import HEAD_BYTES, Board
from dist.shared_memory.collectives import SharedMemoryCollectives
from dist.shared_memory.locality import find_hosts, local_channel
from dist.shared_memory.meeting import share_memory
from dist.transport.shared_memory.backend import connect

P = ParamSpec("P")
SLOT_BYTES: Final = 1024 * 1024
# Large groups have smaller slots, so that their memory does not grow with the square of the ranks of a machine.
SLOTS_BYTES: Final = 8 * SLOT_BYTES
SMALLEST_SLOT_BYTES: Final = 64 * 1024


def default_backend() -> Backend:
    """Return the default backend."""
    return Backend(connect, HostCollectives)


def backend() -> Backend:
    """Return the backend that fails where the ranks of a group cannot share memory."""
    return Backend(connect, lambda: HostCollectives(required=True))


def _handed_on(
    method: Callable[Concatenate[Collectives, Channel, P], None],
) -> Callable[Concatenate[HostCollectives, Channel, P], None]:
    """Return the method of `HostCollectives` that leaves a collective to what is chosen for it."""
    name = method.__name__

    @wraps(method)
    def hand_on(self: HostCollectives, channel: Channel, /, *args: P.args, **kwargs: P.kwargs) -> None:
        way = self._ways.get(name) or self._find_way(name, channel)
        way(channel, *args, **kwargs)

    return hand_on


class HostCollectives:
    """Finds out in the first call which ranks share memory, and how to go on; implements `Collectives`.

    Where only some do, it goes on in two levels: shared memory inside a host, messages between hosts.
    Collectives for which TENSORLIB_DIST_ALGO names an algorithm are run by messages.

    Args:
        required: raise where they do not; otherwise messages are sent.
    """

    all_reduce = _handed_on(Collectives.all_reduce)
    reduce = _handed_on(Collectives.reduce)
    broadcast = _handed_on(Collectives.broadcast)
    all_gather = _handed_on(Collectives.all_gather)
    gather = _handed_on(Collectives.gather)
    scatter = _handed_on(Collectives.scatter)
    reduce_scatter = _handed_on(Collectives.reduce_scatter)
    all_to_all = _handed_on(Collectives.all_to_all)
    barrier = _handed_on(Collectives.barrier)

    def __init__(self, required: bool = False) -> None:
        self._required = required
        self._by_message = dict.fromkeys(overrides(), MessageCollectives())
        self._ways: dict[str, Callable[..., None]] = {}  # what runs each collective, once that is known
        self._chosen: Collectives | None = None
        self._aborted: str | None = None
        self._lock = threading.Lock()

    def abort(self, reason: str) -> None:
        """See `Collectives.abort`."""
        with self._lock:
            self._aborted = reason
            if self._chosen is not None:
                self._chosen.abort(reason)

    def close(self) -> None:
        """See `Collectives.close`."""
        with self._lock:
            chosen, self._chosen = self._chosen, None
        self._ways.clear()
        if chosen is not None:
            chosen.close()

    def _find_way(self, collective: str, channel: Channel) -> Callable[..., None]:
        found = self._by_message.get(collective) or self._chosen or self._choose(channel)
        way: Callable[..., None] = getattr(found, collective)
        with self._lock:
            if self._chosen is not None:  # else it is closed, or has not been needed
                self._ways[collective] = way
        return way

    def _choose(self, channel: Channel) -> Collectives:
        chosen = self._connect(channel)
        with self._lock:
            self._chosen = chosen
            if self._aborted is not None:
                chosen.abort(self._aborted)
        return chosen

    def _connect(self, channel: Channel) -> Collectives:
        if channel.size == 1:
            return MessageCollectives()
        hosts = find_hosts(channel)
        local = _share(local_channel(channel, hosts))
        one_host = len(set(hosts)) == 1
        if self._required and (local is None or not one_host):
            raise TransportError("backend shm: the ranks do not share memory: need all of them on one host")
        if one_host:
            return local or MessageCollectives()
        if len(set(hosts)) == channel.size:
            return MessageCollectives(hosts=channel.size)
        return HierarchicalCollectives(hosts, local or MessageCollectives())


def slot_bytes(size: int) -> int:
    """Return the length of the two slots of a rank in a group of `size`.

    >>> [slot_bytes(size) // 1024 for size in (2, 8, 16, 1000)]
    [1024, 1024, 512, 64]
    """
    return max(SMALLEST_SLOT_BYTES, min(SLOT_BYTES, SLOTS_BYTES // size // 4096 * 4096))


def _share(channel: Channel) -> Collectives | None:
    """Return the collectives in shared memory of the ranks of this host; None where they do not share any."""
    shared = share_memory(channel, HEAD_BYTES + 2 * slot_bytes(channel.size)) if channel.size > 1 else None
    if shared is None:
        return None
    board = Board(shared.memories, channel.ranks, channel.rank, shared.cores)
    return SharedMemoryCollectives(board, channel.size, channel.rank)
