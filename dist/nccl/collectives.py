"""The collectives of a group by NCCL; `docs/algorithms.md` says what it promises and what not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dist.algorithms.barrier import dissemination_barrier
from dist.channel import Channel
from dist.errors import LengthMismatch
from dist.nccl.buffer import DeviceBuffer
from dist.nccl.group import NcclGroup
from dist.nccl.operations import native
from dist.reduction import ReduceOp

DeviceArray = Any  # of CuPy
DeviceRows = Sequence[DeviceArray]


class NcclCollectives:
    """Implements `dist.collectives.Collectives` for arrays of CuPy.

    Args:
        cupy: the module.
    """

    buffer_type = DeviceBuffer

    def __init__(self, cupy: Any) -> None:
        self._nccl = cupy.cuda.nccl
        self._group = NcclGroup(cupy)

    def all_reduce(self, channel: Channel, array: DeviceArray, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        self._reduce(channel, array, op, None)

    def reduce(self, channel: Channel, array: DeviceArray, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        self._reduce(channel, array, op, root)

    def broadcast(self, channel: Channel, array: DeviceArray, root: int) -> None:
        """See `Collectives.broadcast`."""

        def launch(communicator: Any, stream: int) -> None:
            address = array.data.ptr
            communicator.broadcast(address, address, array.nbytes, self._nccl.NCCL_UINT8, root, stream)

        self._group.run(channel, array, launch)

    def all_gather(self, channel: Channel, rows: DeviceRows, array: DeviceArray) -> None:
        """See `Collectives.all_gather`."""
        self._move(channel, rows, [array] * channel.size)

    def gather(self, channel: Channel, rows: DeviceRows | None, array: DeviceArray, root: int) -> None:
        """See `Collectives.gather`."""
        nothing = array[:0]
        received = [nothing] * channel.size if rows is None else rows
        self._exchange(channel, received, [array if peer == root else nothing for peer in range(channel.size)])

    def scatter(self, channel: Channel, array: DeviceArray, rows: DeviceRows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        nothing = array[:0]
        sent = [nothing] * channel.size if rows is None else rows
        self._exchange(channel, [array if peer == root else nothing for peer in range(channel.size)], sent)

    def reduce_scatter(self, channel: Channel, array: DeviceArray, rows: DeviceRows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`: in rank order, because each rank reduces its row itself."""
        with array.device:
            parts = [np.empty_like(array) for _ in range(channel.size)]
        self._move(channel, parts, rows)
        with array.device:
            op.reduce(parts, array)

    def all_to_all(self, channel: Channel, received: DeviceRows, sent: DeviceRows) -> None:
        """See `Collectives.all_to_all`."""
        self._exchange(channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        dissemination_barrier(channel)

    def abort(self, reason: str) -> None:
        """See `Collectives.abort`."""
        self._group.abort(reason)

    def close(self) -> None:
        """See `Collectives.close`."""
        self._group.close()

    def _reduce(self, channel: Channel, array: DeviceArray, op: ReduceOp, root: int | None) -> None:
        """Reduce on `root`, or on all ranks for None."""
        how = native(self._nccl, op, array.dtype)
        if how is None:
            self._gather_and_reduce(channel, array, op, root)
            return
        with array.device:
            partial = array.astype(how.accumulator, copy=False)
        address, count = partial.data.ptr, partial.size * how.width

        def launch(communicator: Any, stream: int) -> None:
            if root is None:
                communicator.allReduce(address, address, count, how.datatype, how.operation, stream)
            else:
                communicator.reduce(address, address, count, how.datatype, how.operation, root, stream)

        self._group.run(channel, array, launch)
        if root in (None, channel.rank):
            with array.device:
                op.finish(partial, channel.size, array)

    def _gather_and_reduce(self, channel: Channel, array: DeviceArray, op: ReduceOp, root: int | None) -> None:
        wanted = root in (None, channel.rank)
        nothing = array[:0]
        with array.device:
            parts = [np.empty_like(array) if wanted else nothing for _ in range(channel.size)]
        self._move(channel, parts, [array if root in (None, peer) else nothing for peer in range(channel.size)])
        if wanted:
            with array.device:
                op.reduce(parts, array)

    def _exchange(self, channel: Channel, received: DeviceRows, sent: DeviceRows) -> None:
        """Do as `_move`, once it is sure that the lengths fit: NCCL would wait for ever where they do not."""
        told = [np.array([row.nbytes]) for row in sent]
        heard = [np.empty_like(length) for length in told]
        transfers = [channel.irecv(length, peer) for peer, length in enumerate(heard)]
        channel.wait(*transfers, *[channel.isend(length, peer) for peer, length in enumerate(told)])
        for peer, (length, row) in enumerate(zip(heard, received, strict=True)):
            if length[0] != row.nbytes:
                sender = channel.ranks[peer]
                raise LengthMismatch(f"rank {sender} sends {length[0]} bytes, this one waits for {row.nbytes}", sender)
        self._move(channel, received, sent)

    def _move(self, channel: Channel, received: DeviceRows, sent: DeviceRows) -> None:
        """Fill `received[k]` with what rank k sends to this one."""
        byte = self._nccl.NCCL_UINT8

        def launch(communicator: Any, stream: int) -> None:
            def start() -> None:
                for peer in range(channel.size):
                    if sent[peer].size:
                        communicator.send(sent[peer].data.ptr, sent[peer].nbytes, byte, peer, stream)
                    if received[peer].size:
                        communicator.recv(received[peer].data.ptr, received[peer].nbytes, byte, peer, stream)

            self._group.calls(start)

        self._group.run(channel, received[channel.rank], launch)
