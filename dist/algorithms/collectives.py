"""The collectives as algorithms over messages: what every transport can do."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dist.algorithms.choose import ALGORITHMS, choose, overrides
from dist.algorithms.exactness import is_exact
from dist.channel import Channel
from dist.collectives import Rows
from dist.reduction import ReduceOp

Array = NDArray[Any]


class MessageCollectives:
    """Implements `dist.collectives.Collectives` by messages; `docs/algorithms.md` states steps and bytes.

    Args:
        hosts: how many hosts the ranks are on: ranks of one host share its cores. None means as many as the transport
            says, and one where it has no `hosts`.

    Raises:
        ValueError: TENSORLIB_DIST_ALGO asks for an algorithm that does not exist.
    """

    def __init__(self, hosts: int | None = None) -> None:
        self._hosts = hosts
        self._overrides = overrides()

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        self._run("all_reduce", array.nbytes, is_exact(op, array.dtype), channel, array, op)

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        self._run("reduce", array.nbytes, is_exact(op, array.dtype), channel, array, root, op)

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """See `Collectives.broadcast`."""
        self._run("broadcast", array.nbytes, False, channel, array, root)

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """See `Collectives.all_gather`."""
        self._run("all_gather", _longest(rows), False, channel, rows, array)

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """See `Collectives.gather`."""
        self._run("gather", 0, False, channel, rows, array, root)

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        self._run("scatter", 0, False, channel, array, rows, root)

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`."""
        self._run("reduce_scatter", _longest(rows), is_exact(op, array.dtype), channel, array, rows, op)

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """See `Collectives.all_to_all`."""
        self._run("all_to_all", 0, False, channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        self._run("barrier", 0, False, channel)

    def abort(self, reason: str) -> None:
        """Do nothing: who aborts the transport ends what waits in it."""

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def _run(self, collective: str, nbytes: int, exact: bool, channel: Channel, *arguments: Any) -> None:
        if self._hosts is None:
            self._hosts = _count_hosts(channel)
        name = choose(collective, nbytes, channel.size, exact, self._hosts, self._overrides.get(collective))
        ALGORITHMS[collective][name](channel, *arguments)


def _longest(rows: Rows) -> int:
    return max(row.nbytes for row in rows)


def _count_hosts(channel: Channel) -> int:
    """Return how many hosts a group is on; all ranks must find the same."""
    hosts = getattr(channel.transport, "hosts", None)
    return 1 if hosts is None else len({hosts[rank] for rank in channel.ranks})
