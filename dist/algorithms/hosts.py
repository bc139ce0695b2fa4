"""Which ranks share a host, and the channels that follow from that."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final

from dist.channel import Channel

_MASK: Final = 2**64 - 1
_LOCAL_CALL: Final = 0xBF58476D1CE4E5B9  # odd: different calls inside a host have different fingerprints


class Hosts:
    """The ranks of a group by host; hosts are counted in the order of their first ranks.

    Args:
        locality: for each rank of the group something that is equal where ranks share a host.

    >>> hosts = Hosts(("a", "a", "b", "b", "b"))
    >>> hosts.ranks, hosts.contiguous, hosts.place(3)
    (((0, 1), (2, 3, 4)), True, (1, 1))
    """

    def __init__(self, locality: Sequence[Hashable]) -> None:
        members: dict[Hashable, list[int]] = {}
        for rank, host in enumerate(locality):
            members.setdefault(host, []).append(rank)
        self.ranks = tuple(map(tuple, members.values()))
        self._places = {rank: (h, i) for h, ranks in enumerate(self.ranks) for i, rank in enumerate(ranks)}
        self._local_calls = 0

    @property
    def count(self) -> int:
        """How many hosts there are."""
        return len(self.ranks)

    @property
    def contiguous(self) -> bool:
        """Whether the ranks of every host follow each other."""
        return [rank for ranks in self.ranks for rank in ranks] == list(range(len(self._places)))

    def place(self, rank: int) -> tuple[int, int]:
        """Return the host of a rank, and which of the host's ranks it is."""
        return self._places[rank]

    def next_local(self, channel: Channel) -> Channel:
        """Return the channel for one more call among the ranks of this rank's host; they all ask for it equally often.

        Each has a fingerprint of its own: one call in two levels makes several.
        """
        host, index = self._places[channel.rank]
        self._local_calls += 1
        mark = (channel.fingerprint + self._local_calls * _LOCAL_CALL) & _MASK
        return replace(_narrowed(channel, self.ranks[host], index), fingerprint=mark)

    def between(self, channel: Channel, leaders: Sequence[int]) -> Channel:
        """Return a channel among one rank of every host, of which this rank is one."""
        return _narrowed(channel, leaders, self._places[channel.rank][0])


def _narrowed(channel: Channel, ranks: Sequence[int], rank: int) -> Channel:
    return replace(channel, ranks=tuple(channel.ranks[each] for each in ranks), rank=rank)
