"""The collectives of ranks on one host, over a `Board`: `docs/algorithms.md` tells how, and what it costs."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from dist.algorithms.segments import slices
from dist.channel import Channel
from dist.collectives import Array, Rows
from dist.reduction import ReduceOp
from dist.shared_memory.board import Board, typed
from dist.shared_memory.reducer import Reducer

# While the parts of all ranks are no more than this, every rank reduces everything: one round. Above, each reduces a
# slice: less work, more rounds.
SMALL_BYTES: Final = 1024 * 1024
_ALIGNMENT: Final = 64
_VIEWS_KEPT: Final = 256
_GENERATOR: Final = 0x9E3779B97F4A7C15  # odd, and its powers modulo 2**64 look random


class SharedMemoryCollectives:
    """Implements `dist.collectives.Collectives` on a board.

    Args:
        board: of the group.
        size: number of ranks.
        rank: this one's group rank.
    """

    def __init__(self, board: Board, size: int, rank: int) -> None:
        self._board = board
        self._size = size
        self._rank = rank
        self._others = [(rank + i) % size for i in range(1, size)]
        self._small_bytes = min(SMALL_BYTES // size, board.slot_bytes)
        self._views: dict[tuple[int, int], tuple[list[Array], list[Array]]] = {}
        self._reducer = Reducer()
        self._given_weights = [_weight(rank, peer, size) for peer in range(size)]
        self._expected_weights = [_weight(peer, rank, size) for peer in range(size)]
        # A slice's results are put up beside the next slices: together they fill a slot.
        self._chunk_bytes = (board.slot_bytes - _ALIGNMENT) * size // (size + 1) // _ALIGNMENT * _ALIGNMENT

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """See `Collectives.all_reduce`."""
        if array.nbytes <= self._small_bytes:
            parts = self._put_up(channel, array)
            self._reducer.reduce(op, parts, array)
        else:
            _Sliced(self._board, self._reducer, self._rank, self._chunk_bytes, array, op).run(channel, True)

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """See `Collectives.reduce`."""
        wanted = self._rank == root
        if array.nbytes <= self._small_bytes:
            parts = self._put_up(channel, array)
            if wanted:
                self._reducer.reduce(op, parts, array)
        else:
            _Sliced(self._board, self._reducer, self._rank, self._chunk_bytes, array, op).run(channel, wanted)

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """See `Collectives.broadcast`."""
        step, board, is_root = self._board.slot_bytes // array.itemsize, self._board, self._rank == root

        def put(number: int, slot: Array) -> None:
            if is_root:
                part = array[number * step : (number + 1) * step]
                typed(slot, 0, len(part), array.dtype)[:] = part

        def take(number: int) -> None:
            if not is_root:
                part = array[number * step : (number + 1) * step]
                part[:] = typed(board.taken[root], 0, len(part), array.dtype)

        board.rounds(channel, -(-len(array) // step), put, take)

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """See `Collectives.all_gather`."""
        np.copyto(rows[self._rank], array)
        self._gather(channel, rows, array, self._others)

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """See `Collectives.gather`."""
        if rows is None:
            self._gather(channel, [], array, [], len(array) * self._given_weights[root])
        else:
            np.copyto(rows[self._rank], array)
            expected = sum(len(rows[peer]) * self._expected_weights[peer] for peer in self._others)
            self._gather(channel, rows, array[:0], self._others, -expected)

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """See `Collectives.scatter`."""
        empty = [array[:0]] * self._size
        received = [array if peer == root else array[:0] for peer in range(self._size)]
        self._exchange(channel, received, empty if rows is None else rows)
        if rows is not None:
            np.copyto(array, rows[self._rank])

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """See `Collectives.reduce_scatter`."""
        step, board = self._piece(array.dtype), self._board
        count = -(-max(map(len, rows)) // step)

        def put(number: int, slot: Array) -> None:
            self._put_pieces(slot, number, step, rows)

        def take(number: int) -> None:
            out = array[number * step : (number + 1) * step]
            start = self._rank * step * array.itemsize
            parts = [typed(slot, start, len(out), array.dtype) for slot in board.taken]
            parts[self._rank] = rows[self._rank][number * step : (number + 1) * step]
            self._reducer.reduce(op, parts, out)

        board.rounds(channel, count, put, take)

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """See `Collectives.all_to_all`."""
        np.copyto(received[self._rank], sent[self._rank])
        self._exchange(channel, received, sent)

    def barrier(self, channel: Channel) -> None:
        """See `Collectives.barrier`."""
        self._board.sync(channel)

    def abort(self, reason: str) -> None:
        """See `Collectives.abort`."""
        self._board.abort(reason)

    def close(self) -> None:
        """See `Collectives.close`."""
        self._board.close()

    def _put_up(self, channel: Channel, array: Array) -> list[Array]:
        """Show a small array to all, and return those of all ranks, which stay as they are until the next call."""
        board = self._board
        key = (array.dtype.num, len(array))
        halves = self._views.get(key)
        if halves is None:
            if len(self._views) >= _VIEWS_KEPT:
                self._views.clear()
            even, odd = ([typed(slot, 0, len(array), array.dtype) for slot in half] for half in board.slots)
            halves = self._views[key] = even, odd
        parts = halves[board.half]
        parts[self._rank][:] = array
        board.sync(channel)
        return parts

    def _gather(self, channel: Channel, rows: Rows, array: Array, peers: list[int], balance: int = 0) -> None:
        """Show `array`, and fill the rows of `peers` with what they show."""
        step, board = self._board.slot_bytes // array.itemsize, self._board

        def put(number: int, slot: Array) -> None:
            part = array[number * step : (number + 1) * step]
            typed(slot, 0, len(part), array.dtype)[:] = part

        def take(number: int) -> None:
            for peer in peers:
                part = rows[peer][number * step : (number + 1) * step]
                part[:] = typed(board.taken[peer], 0, len(part), array.dtype)

        board.rounds(channel, -(-len(array) // step), put, take, balance)

    def _exchange(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """Fill `received[k]` with what rank k sends to this one, except for k = this rank."""
        dtype, board = received[0].dtype, self._board
        step = self._piece(dtype)

        def put(number: int, slot: Array) -> None:
            self._put_pieces(slot, number, step, sent)

        def take(number: int) -> None:
            for peer in self._others:
                part = received[peer][number * step : (number + 1) * step]
                part[:] = typed(board.taken[peer], self._rank * step * dtype.itemsize, len(part), dtype)

        given = sum(len(sent[peer]) * self._given_weights[peer] for peer in self._others)
        expected = sum(len(received[peer]) * self._expected_weights[peer] for peer in self._others)
        board.rounds(channel, -(-max(map(len, sent)) // step), put, take, given - expected)

    def _piece(self, dtype: np.dtype[Any]) -> int:
        """Return how many elements for each rank fit into a slot."""
        return max(1, self._board.slot_bytes // self._size // _ALIGNMENT * _ALIGNMENT // dtype.itemsize)

    def _put_pieces(self, slot: Array, number: int, step: int, rows: Rows) -> None:
        for peer in self._others:
            part = rows[peer][number * step : (number + 1) * step]
            typed(slot, peer * step * part.itemsize, len(part), part.dtype)[:] = part


def _weight(source: int, target: int, size: int) -> int:
    """Return a number for each pair of ranks: lengths times these add up to 0 only where those given are expected."""
    return pow(_GENERATOR, 1 + source * size + target, 2**64)


class _Sliced:
    """An all-reduce of a large array, chunk by chunk: rank k reduces slice k of each.

    In one round all ranks show their slices of a chunk, together with their results of the chunk before.
    """

    def __init__(self, board: Board, reducer: Reducer, rank: int, chunk_bytes: int, array: Array, op: ReduceOp) -> None:
        size = len(board.taken)
        self._board = board
        self._reducer = reducer
        self._rank = rank
        self._op = op
        self._dtype = array.dtype
        step = chunk_bytes // array.itemsize
        self._results = step * array.itemsize  # where the results begin in a slot
        self._chunks = [slices(array[start : start + step], size) for start in range(0, len(array), step)]

    def run(self, channel: Channel, wanted: bool) -> None:
        """Replace the array by the reduction if `wanted`; else only take part."""
        self._wanted = wanted
        self._board.rounds(channel, len(self._chunks) + 1, self._put, self._take)

    def _put(self, number: int, slot: Array) -> None:
        if number < len(self._chunks):
            start = 0
            for peer, piece in enumerate(self._chunks[number]):
                if peer != self._rank:
                    typed(slot, start, len(piece), self._dtype)[:] = piece
                start += piece.nbytes

    def _take(self, number: int) -> None:
        if number < len(self._chunks):
            self._reduce(self._chunks[number])
        if number > 0 and self._wanted:
            for peer, piece in enumerate(self._chunks[number - 1]):
                if peer != self._rank:
                    piece[:] = typed(self._board.taken[peer], self._results, len(piece), self._dtype)

    def _reduce(self, pieces: list[Array]) -> None:
        """Reduce this rank's slice to where it is shown in the next round."""
        mine = pieces[self._rank]
        start = sum(piece.nbytes for piece in pieces[: self._rank])
        parts = [typed(slot, start, len(mine), self._dtype) for slot in self._board.taken]
        parts[self._rank] = mine
        out = typed(self._board.slots[self._board.half][self._rank], self._results, len(mine), self._dtype)
        self._reducer.reduce(self._op, parts, out)
        if self._wanted:
            mine[:] = out
