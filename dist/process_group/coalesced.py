"""Many small tensors as few large ones: one message per type where there would be one per tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from dist.arguments import Buffer, Tensor, check_alike, check_apart, keep_apart, reduction
from dist.channel import Channel
from dist.fingerprint import NO_ROOT
from dist.process_group.core import Core
from dist.reduction import Array, Function, ReduceOp
from dist.work import CollectiveWork, CombinedWork


class Coalesced(Core):
    """Collectives on lists of tensors, which are copied together, moved as one array per type, and copied back."""

    def all_reduce_coalesced(
        self, tensors: Sequence[Tensor], op: ReduceOp | Function | None = None, async_op: bool = False
    ) -> CombinedWork | None:
        """Do `all_reduce` with each of the tensors; the results have the same bits."""
        name = "all_reduce_coalesced"
        buffers = self._any_buffers(name, "tensors", tensors, written=True)
        for dtype in {buffer.dtype for buffer in buffers}:
            reduce_op = reduction(name, op, dtype)

        def move(channel: Channel, flat: Array) -> None:
            self._collectives.all_reduce(channel, flat, reduce_op)

        works = [self._in_place(name, same, NO_ROOT, reduce_op.name, move, async_op) for same in _by_type(buffers)]
        return _combined(works, tensors)

    def broadcast_coalesced(self, tensors: Sequence[Tensor], src: int, async_op: bool = False) -> CombinedWork | None:
        """Do `broadcast` with each of the tensors."""
        name = "broadcast_coalesced"
        root = self._group_rank(name, "src", src)
        buffers = self._any_buffers(name, "tensors", tensors, written=root != self._rank)

        def move(channel: Channel, flat: Array) -> None:
            self._collectives.broadcast(channel, flat, root)

        works = [self._in_place(name, same, src, "", move, async_op) for same in _by_type(buffers)]
        return _combined(works, tensors)

    def all_gather_coalesced(
        self,
        output_tensor_lists: Sequence[Sequence[Tensor]],
        input_tensor_list: Sequence[Tensor],
        async_op: bool = False,
    ) -> CombinedWork | None:
        """Do `all_gather` with each of the inputs; `output_tensor_lists[k][i]` becomes input i of rank k."""
        name = "all_gather_coalesced"
        inputs = self._any_buffers(name, "input_tensor_list", input_tensor_list)
        if len(output_tensor_lists) != self.size or any(len(row) != len(inputs) for row in output_tensor_lists):
            raise ValueError(f"{name}: output_tensor_lists needs {self.size} lists of {len(inputs)} tensors each")
        lists = [
            self._any_buffers(name, f"output_tensor_lists[{k}]", row, written=True)
            for k, row in enumerate(output_tensor_lists)
        ]
        for k, row in enumerate(lists):
            for i, (output, source) in enumerate(zip(row, inputs, strict=True)):
                check_alike(name, f"output_tensor_lists[{k}][{i}]", output, f"input_tensor_list[{i}]", source)
        keep_apart(inputs, [output for row in lists for output in row])
        rows_by_type = zip(*(_by_type(row) for row in lists), strict=True)
        works = [
            self._gather_lists(name, same, rows, async_op)
            for same, rows in zip(_by_type(inputs), rows_by_type, strict=True)
        ]
        return _combined(works, output_tensor_lists)

    def _in_place(
        self,
        op: str,
        buffers: Sequence[Buffer],
        root: int,
        reduce_op: str,
        move: Callable[[Channel, Array], None],
        async_op: bool,
    ) -> CollectiveWork | None:
        """Do a collective on the join of tensors of one type."""
        joined = _join(op, buffers)
        counts = tuple(buffer.flat.size for buffer in buffers)

        def run(channel: Channel) -> None:
            move(channel, joined.flat)
            if root != self.global_rank:
                _cut(joined.flat, buffers)

        return self._submit(op, joined, root, reduce_op, run, async_op, elements=counts)

    def _gather_lists(
        self, op: str, inputs: Sequence[Buffer], lists: Sequence[Sequence[Buffer]], async_op: bool
    ) -> CollectiveWork | None:
        """Gather the join of tensors of one type from all ranks."""
        joined = _join(op, inputs)
        counts = tuple(buffer.flat.size for buffer in inputs)

        def run(channel: Channel) -> None:
            with joined.device:
                rows = list(np.empty_like(joined.flat, shape=(self.size, joined.flat.size)))
            self._collectives.all_gather(channel, rows, joined.flat)
            for row, outputs in zip(rows, lists, strict=True):
                _cut(row, outputs)

        return self._submit(op, joined, NO_ROOT, "", run, async_op, elements=counts)

    def _any_buffers(self, op: str, name: str, tensors: Sequence[Tensor], written: bool = False) -> list[Buffer]:
        """Check a list of any number of tensors."""
        if not isinstance(tensors, list | tuple):
            raise TypeError(f"{op}: {name} is a {type(tensors).__name__}: need a list of tensors")
        if not tensors:
            raise ValueError(f"{op}: {name} is empty: need at least one tensor")
        buffers = [self._buffer(op, tensor, f"{name}[{i}]", written) for i, tensor in enumerate(tensors)]
        if written:
            check_apart(op, name, buffers)
        return buffers


def _by_type(buffers: Sequence[Buffer]) -> list[list[Buffer]]:
    """Group tensors by dtype, in the order in which the dtypes first occur."""
    found: dict[str, list[Buffer]] = {}
    for buffer in buffers:
        found.setdefault(buffer.dtype, []).append(buffer)
    return list(found.values())


def _join(op: str, buffers: Sequence[Buffer]) -> Buffer:
    with buffers[0].device:
        whole = np.concatenate([buffer.flat for buffer in buffers])
    return type(buffers[0])(op, whole)


def _cut(joined: Array, buffers: Sequence[Buffer]) -> None:
    """Copy the parts of `joined` to where they belong."""
    bounds = pairwise(accumulate((buffer.flat.size for buffer in buffers), initial=0))
    for buffer, (start, stop) in zip(buffers, bounds, strict=True):
        with buffer.device:
            np.copyto(buffer.flat, joined[start:stop])
        buffer.write_back()


def _combined(works: Iterable[CollectiveWork | None], results: Sequence[Any]) -> CombinedWork | None:
    """Make one handle of those of asynchronous calls; synchronous calls have none."""
    started = [work for work in works if work is not None]
    return CombinedWork(started, results) if started else None
