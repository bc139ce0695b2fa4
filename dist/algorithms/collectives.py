"""The collectives as algorithms over messages: what every transport can do."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from dist.algorithms.all_to_all import pairwise_all_to_all
from dist.algorithms.barrier import dissemination_barrier
from dist.algorithms.broadcast import tree_broadcast
from dist.algorithms.choose import all_reduce
from dist.algorithms.gather import Rows, all_gather, gather, scatter
from dist.algorithms.reduce import linear_reduce
from dist.algorithms.reduce_scatter import direct_reduce_scatter
from dist.channel import Channel
from dist.reduction import ReduceOp

Array = NDArray[Any]


class MessageCollectives:
    """Implements `dist.collectives.Collectives` by messages; `docs/algorithms.md` states steps and bytes."""

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        all_reduce(channel, array, op)

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        linear_reduce(channel, array, root, op)

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """See `Collectives.broadcast`."""
        tree_broadcast(channel, array, root)

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """See `Collectives.all_gather`."""
        all_gather(channel, rows, array)

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """See `Collectives.gather`."""
        gather(channel, rows, array, root)

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        scatter(channel, array, rows, root)

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`."""
        direct_reduce_scatter(channel, array, rows, op)

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """See `Collectives.all_to_all`."""
        pairwise_all_to_all(channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        dissemination_barrier(channel)

    def abort(self, reason: str) -> None:
        """Do nothing: who aborts the transport ends what waits in it."""

    def close(self) -> None:
        """Do nothing: nothing is held."""
