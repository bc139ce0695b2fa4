"""Barriers: one for speed, one that says who is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import numpy as np

from dist.channel import Channel
from dist.errors import PeerError, TransportTimeout
from dist.fingerprint import NO_ROOT
from dist.process_group.core import Core
from dist.rank_names import rank_names
from dist.timeouts import timeout_seconds
from dist.work import CollectiveWork

# The first rank says who is missing; the others wait for its word a little longer than it waits for them.
_FOR_THE_WORD: Final = 5.0  # seconds


class Barriers(Core):
    """Wait for each other."""

    def barrier(self, async_op: bool = False, timeout: float | timedelta | None = None) -> CollectiveWork | None:
        """Block until every rank of the group has called this, for `timeout` seconds at most."""
        if timeout is None:
            return self._submit("barrier", None, NO_ROOT, "", self._collectives.barrier, async_op)
        allowed = timeout_seconds("barrier", timeout)

        def run(channel: Channel) -> None:
            channel.deadline += allowed - self.timeout
            self._collectives.barrier(channel)

        return self._submit("barrier", None, NO_ROOT, "", run, async_op)

    def monitored_barrier(self, timeout: float | timedelta | None = None, wait_all_ranks: bool = False) -> None:
        """Block until every rank has called this, or raise a `PeerError` that names those that have not.

        Args:
            timeout: seconds or timedelta; None means the group's.
            wait_all_ranks: name all that are missing, and not only the first.
        """
        allowed = self.timeout if timeout is None else timeout_seconds("monitored_barrier", timeout)

        def run(channel: Channel) -> None:
            channel.deadline += allowed - self.timeout
            if channel.rank == 0:
                missing = _missing(channel, wait_all_ranks)
            else:
                channel.deadline += _FOR_THE_WORD
                missing = _report(channel)
            if missing:
                names = rank_names(missing)
                raise PeerError(f"monitored_barrier: {names} did not come within {allowed:g} s", missing[0])

        self._submit("monitored_barrier", None, NO_ROOT, "", run, async_op=False)


def _missing(channel: Channel, all_of_them: bool) -> list[int]:
    """Wait for everybody, then let them go; return the global ranks that did not come."""
    nothing = np.empty(0, np.uint8)
    missing = []
    receives = [channel.irecv(nothing, peer) for peer in range(1, channel.size)]
    for peer, receive in enumerate(receives, start=1):
        try:
            channel.wait(receive)
        except TransportTimeout:
            missing.append(channel.ranks[peer])
            if not all_of_them:
                break
    if not missing:
        channel.wait(*[channel.isend(nothing, peer) for peer in range(1, channel.size)])
    return missing


def _report(channel: Channel) -> list[int]:
    """Tell the first rank that this one is here, and wait for its word; return its global rank if it is missing."""
    nothing = np.empty(0, np.uint8)
    try:
        channel.wait(channel.isend(nothing, 0), channel.irecv(nothing, 0))
    except TransportTimeout:
        return [channel.ranks[0]]
    return []
