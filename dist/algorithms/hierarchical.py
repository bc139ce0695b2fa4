"""Collectives in two levels: inside a host by what is fastest there, between hosts by messages."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.algorithms.all_gather import direct_all_gather
from dist.algorithms.barrier import dissemination_barrier
from dist.algorithms.collectives import MessageCollectives
from dist.algorithms.exactness import is_exact
from dist.algorithms.host_chain import HostChain
from dist.algorithms.hosts import Hosts
from dist.algorithms.segments import SEGMENT_BYTES, segments, slices
from dist.channel import Channel
from dist.collectives import Collectives, Rows
from dist.reduction import ReduceOp

Array = NDArray[Any]

# Up to here the steps count: one rank per host gathers everything. Beyond, the bytes between hosts count.
SMALL_BYTES: Final = 16 * 1024
BROADCAST_BYTES: Final = 4 * SEGMENT_BYTES


class HierarchicalCollectives:
    """Implements `dist.collectives.Collectives` for ranks on several hosts; `docs/algorithms.md` states the bytes.

    Gives the same bits as algorithms that know nothing of hosts: partial results go from host to host in the order of
    the ranks. Where the ranks of a host do not follow each other, reductions whose order matters are flat. So are
    gather, scatter and all-to-all, for nothing can be saved between hosts.

    Args:
        locality: for each rank of the group something that is equal where ranks share a host.
        local: the collectives among the ranks of this rank's host, closed with this; `array` in a call of its
            `all_gather` may be the rank's own row.
        flat: those among all ranks, by default messages.
    """

    def __init__(self, locality: Sequence[Hashable], local: Collectives, flat: Collectives | None = None) -> None:
        self._hosts = Hosts(locality)
        self._local = local
        self._messages = MessageCollectives(self._hosts.count)
        self._flat = self._messages if flat is None else flat

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        if array.nbytes <= SMALL_BYTES:
            self._all_reduce_small(channel, array, op)
        elif self._keeps_order(op, array):
            self._all_reduce_large(channel, array, op)
        else:
            self._flat.all_reduce(channel, array, op)

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        if not self._keeps_order(op, array):
            self._flat.reduce(channel, array, root, op)
            return
        chain = self._chain(channel, array, op)
        for part in segments(array, SEGMENT_BYTES * chain.workers):
            pieces = slices(part, chain.workers)
            result = chain.reduce(pieces)
            for index, piece in enumerate(pieces):
                _hand_over(channel, chain, result, index, root, piece)
        chain.finish()

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`."""
        if not self._keeps_order(op, array):
            self._flat.reduce_scatter(channel, array, rows, op)
            return
        chain = self._chain(channel, array, op)
        nothing = np.empty(0, array.dtype)
        count = max(len(segments(row)) for row in rows)
        pieces = [slices(row, count) for row in rows]
        outs = slices(array, count)
        for first in range(0, channel.size, chain.workers):
            owners = range(first, min(first + chain.workers, channel.size))
            for i, out in enumerate(outs):
                parts = [pieces[owner][i] for owner in owners]
                result = chain.reduce([*parts, *[nothing] * (chain.workers - len(parts))])
                for index, owner in enumerate(owners):
                    _hand_over(channel, chain, result, index, owner, out)
        chain.finish()

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """See `Collectives.broadcast`."""
        leaders = [root if root in ranks else ranks[0] for ranks in self._hosts.ranks]
        host, _ = self._hosts.place(channel.rank)
        for part in segments(array, BROADCAST_BYTES):
            if channel.rank in leaders:
                self._messages.broadcast(self._hosts.between(channel, leaders), part, self._hosts.place(root)[0])
            self._local.broadcast(self._hosts.next_local(channel), part, self._hosts.place(leaders[host])[1])

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """See `Collectives.all_gather`."""
        if sum(row.nbytes for row in rows) > SMALL_BYTES:
            self._all_gather_large(channel, rows, array)
        else:
            self._all_gather_small(channel, rows, array)

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """See `Collectives.gather`."""
        self._flat.gather(channel, rows, array, root)

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        self._flat.scatter(channel, array, rows, root)

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """See `Collectives.all_to_all`."""
        self._flat.all_to_all(channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        local = self._hosts.next_local(channel)
        self._local.barrier(local)
        if local.rank == 0:
            dissemination_barrier(self._leaders(channel))
        self._local.barrier(self._hosts.next_local(channel))

    def abort(self, reason: str) -> None:
        """See `Collectives.abort`."""
        self._local.abort(reason)
        self._flat.abort(reason)

    def close(self) -> None:
        """See `Collectives.close`."""
        self._local.close()
        self._flat.close()

    def _keeps_order(self, op: ReduceOp, array: Array) -> bool:
        return self._hosts.contiguous or is_exact(op, array.dtype)

    def _chain(self, channel: Channel, array: Array, op: ReduceOp) -> HostChain:
        return HostChain(channel, self._hosts, self._local, op, array.dtype)

    def _leaders(self, channel: Channel) -> Channel:
        """Return a channel among the first ranks of all hosts."""
        return self._hosts.between(channel, [ranks[0] for ranks in self._hosts.ranks])

    def _all_reduce_small(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        parts = self._gather_everything(channel, array, [len(array)] * channel.size)
        if parts:
            op.reduce(parts, out=array)
        self._local.broadcast(self._hosts.next_local(channel), array, 0)

    def _all_reduce_large(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        chain = self._chain(channel, array, op)
        pieces = [slices(part, chain.workers) for part in segments(array, SEGMENT_BYTES * chain.workers)]
        results: list[Array | None] = []
        for step in range(len(pieces) + chain.lag):
            if step < len(pieces):
                result = chain.reduce(pieces[step])
                if result is not None:
                    chain.send_back(result)
                results.append(result)
            if step >= chain.lag:
                chain.return_result(results[step - chain.lag], pieces[step - chain.lag])
        chain.finish()

    def _gather_everything(self, channel: Channel, array: Array, lengths: Sequence[int]) -> list[Array]:
        """Return the arrays of all ranks, in rank order, on the first rank of every host; nothing elsewhere."""
        local = self._hosts.next_local(channel)
        if local.rank != 0:
            self._local.gather(local, None, array, 0)
            return []
        host, _ = self._hosts.place(channel.rank)
        blocks = [np.empty(sum(lengths[rank] for rank in ranks), array.dtype) for ranks in self._hosts.ranks]
        parts = [np.empty(0, array.dtype)] * channel.size
        for block, ranks in zip(blocks, self._hosts.ranks, strict=True):
            bounds = accumulate((lengths[rank] for rank in ranks), initial=0)
            for rank, (start, stop) in zip(ranks, pairwise(bounds), strict=True):
                parts[rank] = block[start:stop]
        self._local.gather(local, [parts[rank] for rank in self._hosts.ranks[host]], array, 0)
        direct_all_gather(self._leaders(channel), blocks, blocks[host])
        return parts

    def _all_gather_small(self, channel: Channel, rows: Rows, array: Array) -> None:
        lengths = [len(row) for row in rows]
        parts = self._gather_everything(channel, array, lengths)
        whole = np.concatenate(parts) if parts else np.empty(sum(lengths), array.dtype)
        self._local.broadcast(self._hosts.next_local(channel), whole, 0)
        for row, (start, stop) in zip(rows, pairwise(accumulate(lengths, initial=0)), strict=True):
            np.copyto(row, whole[start:stop])

    def _all_gather_large(self, channel: Channel, rows: Rows, array: Array) -> None:
        """Let each row come to one rank of every host, a different one for each row of a host, and go on from there."""
        host, index = self._hosts.place(channel.rank)
        mine = self._hosts.ranks[host]
        others = [ranks for ranks in self._hosts.ranks if ranks != mine]
        # What each rank of this host has to give to the others of it: its own row, and those that came to it.
        given = [[rank, *_dealt(others, i, len(mine))] for i, rank in enumerate(mine)]
        receives = [channel.irecv(rows[rank], rank) for rank in given[index][1:]]
        sends = [channel.isend(array, ranks[index % len(ranks)]) for ranks in others]
        np.copyto(rows[channel.rank], array)
        nothing = np.empty(0, array.dtype)
        for turn in range(max(map(len, given))):
            channel.wait(*receives[turn - 1 : turn] if turn else [])
            turns = [rows[ranks[turn]] if turn < len(ranks) else nothing for ranks in given]
            self._local.all_gather(self._hosts.next_local(channel), turns, turns[index])
        channel.wait(*sends)


def _dealt(hosts: Sequence[Sequence[int]], index: int, count: int) -> list[int]:
    """Return the ranks whose rows come to rank `index` of a host with `count`."""
    return [rank for ranks in hosts for i, rank in enumerate(ranks) if i % count == index]


def _hand_over(channel: Channel, chain: HostChain, result: Array | None, index: int, owner: int, out: Array) -> None:
    """Bring the result of a slice from its last worker to its owner, into `out` there."""
    worker = chain.worker(index)
    if channel.rank == worker and result is not None:
        if worker == owner:
            np.copyto(out, result)
        else:
            chain.keep(channel.isend(result, owner))
    elif channel.rank == owner:
        chain.keep(channel.irecv(out, worker))
