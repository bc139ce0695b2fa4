"""Which ranks share a host, and the channels that follow from that."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from dist.channel import Channel


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

    def local(self, channel: Channel) -> Channel:
        """Return a channel among the ranks of this rank's host."""
        host, index = self._places[channel.rank]
        return _narrowed(channel, self.ranks[host], index)

    def between(self, channel: Channel, leaders: Sequence[int]) -> Channel:
        """Return a channel among one rank of every host, of which this rank is one."""
        return _narrowed(channel, leaders, self._places[channel.rank][0])


def _narrowed(channel: Channel, ranks: Sequence[int], rank: int) -> Channel:
    return replace(channel, ranks=tuple(channel.ranks[each] for each in ranks), rank=rank)
