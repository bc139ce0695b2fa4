"""Collectives that compute: all_reduce, reduce, reduce_scatter."""

from __future__ import annotations

from collections.abc import Sequence

from dist.arguments import Tensor, check_alike, keep_apart, lengths, reduction
from dist.channel import Channel
from dist.fingerprint import NO_ROOT
from dist.process_group.core import Core
from dist.reduction import Function, ReduceOp
from dist.work import CollectiveWork


class Reductions(Core):
    """Reductions, elementwise and in rank order, by default sums."""

    def all_reduce(
        self, tensor: Tensor, op: ReduceOp | Function | None = None, async_op: bool = False
    ) -> CollectiveWork | None:
        """Combine the tensors of all ranks element by element; every rank gets the same bits."""
        buffer = self._buffer("all_reduce", tensor, written=True)
        reduce_op = reduction("all_reduce", op, buffer.dtype)

        def run(channel: Channel) -> None:
            self._collectives.all_reduce(channel, buffer.flat, reduce_op)
            buffer.write_back()

        return self._submit("all_reduce", buffer, NO_ROOT, reduce_op.name, run, async_op, (tensor,))

    def reduce(
        self, tensor: Tensor, dst: int, op: ReduceOp | Function | None = None, async_op: bool = False
    ) -> CollectiveWork | None:
        """Combine the tensors of all ranks as `all_reduce` does; only global rank `dst` gets the result."""
        root = self._group_rank("reduce", "dst", dst)
        buffer = self._buffer("reduce", tensor, written=root == self._rank)
        reduce_op = reduction("reduce", op, buffer.dtype)

        def run(channel: Channel) -> None:
            self._collectives.reduce(channel, buffer.flat, root, reduce_op)
            if root == self._rank:
                buffer.write_back()

        results = (tensor,) if root == self._rank else ()
        return self._submit("reduce", buffer, dst, reduce_op.name, run, async_op, results)

    def reduce_scatter(
        self,
        output: Tensor,
        input_list: Sequence[Tensor],
        op: ReduceOp | Function | None = None,
        async_op: bool = False,
    ) -> CollectiveWork | None:
        """Combine entry k of all ranks' lists, for rank k of the group; entries may differ in length."""
        result = self._buffer("reduce_scatter", output, "output", written=True)
        inputs = self._buffers("reduce_scatter", input_list, "input_list")
        if self._rank >= 0:
            check_alike("reduce_scatter", f"input_list[{self._rank}]", inputs[self._rank], "output", result)
        keep_apart(inputs, [result])
        reduce_op = reduction("reduce_scatter", op, result.dtype)

        def run(channel: Channel) -> None:
            self._collectives.reduce_scatter(channel, result.flat, [row.flat for row in inputs], reduce_op)
            result.write_back()

        counts = lengths(row.flat.size for row in inputs)
        return self._submit("reduce_scatter", result, NO_ROOT, reduce_op.name, run, async_op, (output,), counts)

    def reduce_scatter_tensor(
        self, output: Tensor, input: Tensor, op: ReduceOp | Function | None = None, async_op: bool = False
    ) -> CollectiveWork | None:
        """Combine the tensors of all ranks, and cut the result into equal parts, of which rank k gets part k."""
        result = self._buffer("reduce_scatter_tensor", output, "output", written=True)
        whole = self._buffer("reduce_scatter_tensor", input, "input")
        check_alike("reduce_scatter_tensor", "input", whole, "output", result, self.size)
        keep_apart([whole], [result])
        reduce_op = reduction("reduce_scatter_tensor", op, result.dtype)
        rows = list(whole.flat.reshape(self.size, result.flat.size))

        def run(channel: Channel) -> None:
            self._collectives.reduce_scatter(channel, result.flat, rows, reduce_op)
            result.write_back()

        return self._submit("reduce_scatter_tensor", result, NO_ROOT, reduce_op.name, run, async_op, (output,))
