"""The collectives of a group by MPI; `docs/algorithms.md` says what MPI promises and what not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Any

import numpy as np

from dist.algorithms import MessageCollectives
from dist.algorithms.choose import overrides
from dist.channel import Channel
from dist.collectives import Array, Rows
from dist.errors import CollectiveMismatch, LengthMismatch
from dist.mpi.group import Departures, MpiGroup
from dist.mpi.operations import native
from dist.mpi.packing import packed, room, unpack
from dist.reduction import ReduceOp


class MpiCollectives:
    """Implements `dist.collectives.Collectives` by mpi4py's buffer calls.

    Reductions that MPI does not know, and collectives for which TENSORLIB_DIST_ALGO asks for an algorithm, are left to
    messages.

    Args:
        mpi: the module `mpi4py.MPI`.
        departures: who has left the world.
    """

    def __init__(self, mpi: Any, departures: Departures) -> None:
        self._mpi = mpi
        self._group = MpiGroup(mpi, departures)
        self._messages = MessageCollectives()
        self._by_messages = overrides().keys()
        self._joined = False

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        how = native(self._mpi, op, array.dtype) if self._begin(channel, "all_reduce") else None
        if how is None:
            self._messages.all_reduce(channel, array, op)
            return
        partial = array if how.in_place else array.astype(how.accumulator, copy=False)
        self._group.run(channel, "Allreduce", self._mpi.IN_PLACE, (partial, how.datatype), how.operation)
        if not how.in_place:
            op.finish(partial, channel.size, array)

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        how = native(self._mpi, op, array.dtype) if self._begin(channel, "reduce") else None
        if how is None:
            self._messages.reduce(channel, array, root, op)
            return
        partial = array if how.in_place else array.astype(how.accumulator, copy=False)
        buffer = partial, how.datatype
        if channel.rank == root:
            self._group.run(channel, "Reduce", self._mpi.IN_PLACE, buffer, how.operation, root)
            op.finish(partial, channel.size, array)
        else:
            self._group.run(channel, "Reduce", buffer, None, how.operation, root)

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """See `Collectives.broadcast`."""
        if self._begin(channel, "broadcast"):
            self._group.run(channel, "Bcast", self._bytes(array), root)
        else:
            self._messages.broadcast(channel, array, root)

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """See `Collectives.all_gather`."""
        if not self._begin(channel, "all_gather"):
            self._messages.all_gather(channel, rows, array)
            return
        whole, in_place = room(rows)
        received = self._parts(whole, rows)
        self._group.run(channel, "Allgatherv", self._bytes(array), received)
        if not in_place:
            unpack(whole, rows)

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """See `Collectives.gather`."""
        if not self._begin(channel, "gather"):
            self._messages.gather(channel, rows, array, root)
            return
        received = [_nothing_like(array)] * channel.size if rows is None else rows
        sent = [array if peer == root else array[:0] for peer in range(channel.size)]
        self._exchange(channel, received, sent)

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        if not self._begin(channel, "scatter"):
            self._messages.scatter(channel, array, rows, root)
            return
        received = [array if peer == root else array[:0] for peer in range(channel.size)]
        sent = [array[:0]] * channel.size if rows is None else rows
        self._exchange(channel, received, sent)

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`: in rank order, because each rank reduces its row itself."""
        if not self._begin(channel, "reduce_scatter"):
            self._messages.reduce_scatter(channel, array, rows, op)
            return
        parts = np.empty((channel.size, len(array)), array.dtype)
        self._all_to_all(channel, parts.reshape(-1), list(parts), packed(rows), rows)
        op.reduce(list(parts), array)

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """See `Collectives.all_to_all`."""
        if self._begin(channel, "all_to_all"):
            self._exchange(channel, received, sent)
        else:
            self._messages.all_to_all(channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        self._begin(channel, "barrier")  # which waits for all ranks

    def abort(self, reason: str) -> None:
        """See `Collectives.abort`."""
        self._group.abort(reason)

    def close(self) -> None:
        """See `Collectives.close`."""
        self._group.close()

    def _begin(self, channel: Channel, collective: str) -> bool:
        """Have all ranks agree that they make this call; return whether MPI is to run it."""
        if not self._joined:
            self._group.join(channel)
            self._joined = True
        self._group.agree(channel)
        return collective not in self._by_messages

    def _exchange(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """Fill `received[k]` with what rank k sends to this one; ranks first make sure that the lengths fit.

        Where one receives fewer bytes than are sent to it, MPI would fail on one rank and go on on the others.
        """
        lengths = np.array([row.nbytes for row in sent])
        announced = np.empty_like(lengths)
        self._group.run(channel, "Alltoall", lengths, announced)
        fits = announced.tolist() == [row.nbytes for row in received]
        try:
            self._group.agree(channel, channel.fingerprint if fits else ~channel.fingerprint % 2**64)
        except CollectiveMismatch:
            raise LengthMismatch("a rank gives more or less than another one expects") from None
        whole, in_place = room(received)
        self._all_to_all(channel, whole, received, packed(sent), sent)
        if not in_place:
            unpack(whole, received)

    def _all_to_all(self, channel: Channel, received: Array, received_rows: Rows, sent: Array, sent_rows: Rows) -> None:
        arguments = self._parts(sent, sent_rows), self._parts(received, received_rows)
        self._group.run(channel, "Alltoallv", *arguments)

    def _bytes(self, array: Array) -> list[Any]:
        return [array.view(np.uint8), self._mpi.BYTE]

    def _parts(self, whole: Array, rows: Rows) -> list[Any]:
        """Describe an array that consists of the values of `rows`."""
        lengths = [row.nbytes for row in rows]
        return [whole.view(np.uint8), (lengths, _starts(lengths)), self._mpi.BYTE]


def _nothing_like(array: Array) -> Array:
    """Return no elements, which can be written to even where those of `array` cannot."""
    return np.empty(0, array.dtype)


def _starts(lengths: Iterable[int]) -> list[int]:
    return [0, *accumulate(lengths)][:-1]
