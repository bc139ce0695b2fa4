"""Collectives that move: broadcast, gathers, scatter and all-to-all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

from dist.arguments import (
    Buffer,
    Tensor,
    check_alike,
    integer,
    keep_apart,
    lengths,
)
from dist.channel import Channel
from dist.fingerprint import NO_ROOT
from dist.process_group.core import Core
from dist.reduction import Array
from dist.work import CollectiveWork


class Exchanges(Core):
    """Copies of tensors, or of parts of them; those of different ranks may differ in length where lists are passed."""

    def broadcast(self, tensor: Tensor, src: int, async_op: bool = False) -> CollectiveWork | None:
        """Copy the tensor of global rank `src` to all ranks."""
        root = self._group_rank("broadcast", "src", src)
        buffer = self._buffer("broadcast", tensor, written=root != self._rank)

        def run(channel: Channel) -> None:
            self._collectives.broadcast(channel, buffer.flat, root)
            if root != self._rank:
                buffer.write_back()

        return self._submit("broadcast", buffer, src, "", run, async_op, (tensor,))

    def all_gather(
        self, tensor_list: Sequence[Tensor], tensor: Tensor, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank of the group into that place of `tensor_list`, on all ranks."""
        buffer = self._buffer("all_gather", tensor)
        outputs = self._list("all_gather", tensor_list, "tensor_list", buffer, written=True)
        keep_apart([buffer], outputs)

        def run(channel: Channel) -> None:
            self._collectives.all_gather(channel, _flat(outputs), buffer.flat)
            _write_back(outputs)

        counts = lengths(output.flat.size for output in outputs)
        return self._submit("all_gather", buffer, NO_ROOT, "", run, async_op, tensor_list, counts)

    def all_gather_into_tensor(
        self, output_tensor: Tensor, input_tensor: Tensor, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensors of all ranks into one, behind each other in rank order; all have the same length."""
        buffer = self._buffer("all_gather_into_tensor", input_tensor, "input_tensor")
        output = self._buffer("all_gather_into_tensor", output_tensor, "output_tensor", written=True)
        check_alike("all_gather_into_tensor", "output_tensor", output, "input_tensor", buffer, self.size)
        keep_apart([buffer], [output])
        rows = list(output.flat.reshape(self.size, buffer.flat.size))

        def run(channel: Channel) -> None:
            self._collectives.all_gather(channel, rows, buffer.flat)
            output.write_back()

        return self._submit("all_gather_into_tensor", buffer, NO_ROOT, "", run, async_op, (output_tensor,))

    def gather(
        self, tensor: Tensor, gather_list: Sequence[Tensor] | None = None, dst: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank into that place of `gather_list`, which only global rank `dst` passes."""
        root = self._group_rank("gather", "dst", dst)
        buffer = self._buffer("gather", tensor)
        outputs = self._list_of_root("gather", gather_list, "gather_list", root, buffer, written=True)
        keep_apart([buffer], outputs)

        def run(channel: Channel) -> None:
            rows = _flat(outputs) if root == self._rank else None
            self._collectives.gather(channel, rows, buffer.flat, root)
            _write_back(outputs)

        counts = lengths(output.flat.size for output in outputs or [buffer])
        return self._submit("gather", buffer, dst, "", run, async_op, gather_list or (), counts)

    def scatter(
        self, tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy each place of `scatter_list`, which only global rank `src` passes, into the tensor of that rank."""
        root = self._group_rank("scatter", "src", src)
        buffer = self._buffer("scatter", tensor, written=True)
        inputs = self._list_of_root("scatter", scatter_list, "scatter_list", root, buffer, written=False)
        keep_apart(inputs, [buffer])

        def run(channel: Channel) -> None:
            rows = _flat(inputs) if root == self._rank else None
            self._collectives.scatter(channel, buffer.flat, rows, root)
            buffer.write_back()

        counts = lengths(piece.flat.size for piece in inputs or [buffer])
        return self._submit("scatter", buffer, src, "", run, async_op, (tensor,), counts)

    def all_to_all(
        self, output_tensor_list: Sequence[Tensor], input_tensor_list: Sequence[Tensor], async_op: bool = False
    ) -> CollectiveWork | None:
        """Send entry k of `input_tensor_list` to rank k of the group, into the sender's place of its output list."""
        inputs = self._buffers("all_to_all", input_tensor_list, "input_tensor_list")
        outputs = self._buffers("all_to_all", output_tensor_list, "output_tensor_list", written=True)
        if self._rank >= 0:
            place = self._rank
            names = f"output_tensor_list[{place}]", f"input_tensor_list[{place}]"
            check_alike("all_to_all", names[0], outputs[place], names[1], inputs[place])
        keep_apart(inputs, outputs)

        def run(channel: Channel) -> None:
            self._collectives.all_to_all(channel, _flat(outputs), _flat(inputs))
            _write_back(outputs)

        counts = lengths(buffer.flat.size for buffer in [*inputs, *outputs])
        return self._submit("all_to_all", inputs[0], NO_ROOT, "", run, async_op, output_tensor_list, counts)

    def all_to_all_single(
        self,
        output: Tensor,
        input: Tensor,
        output_split_sizes: Sequence[int] | None = None,
        input_split_sizes: Sequence[int] | None = None,
        async_op: bool = False,
    ) -> CollectiveWork | None:
        """Cut `input` along its first dimension, send part k to rank k, and join what comes in `output`.

        The split sizes count rows, one number per rank; None means equal parts.
        """
        source = self._buffer("all_to_all_single", input, "input")
        result = self._buffer("all_to_all_single", output, "output", written=True)
        if source.dtype != result.dtype:
            raise ValueError(f"all_to_all_single: output is {result.dtype}: need {source.dtype}, as input is")
        keep_apart([source], [result])
        sent = self._split(source, input, "input", input_split_sizes)
        received = self._split(result, output, "output", output_split_sizes)
        if self._rank >= 0 and len(sent[self._rank]) != len(received[self._rank]):
            raise ValueError(
                f"all_to_all_single: rank {self.global_rank} sends itself {len(sent[self._rank])} elements and expects "
                f"{len(received[self._rank])}: need the same split sizes for this rank in input and output"
            )

        def run(channel: Channel) -> None:
            self._collectives.all_to_all(channel, received, sent)
            result.write_back()

        counts = lengths(map(len, [*sent, *received]))
        return self._submit("all_to_all_single", source, NO_ROOT, "", run, async_op, (output,), counts)

    def _split(self, buffer: Buffer, tensor: Any, name: str, sizes: Sequence[int] | None) -> list[Array]:
        """Cut a buffer into one part per rank, of so many rows of the tensor each."""
        rows = tensor.shape[0] if len(tensor.shape) else 1
        if not sizes:
            if rows % self.size:
                raise ValueError(
                    f"all_to_all_single: {name} has {rows} rows: need a multiple of {self.size}, or {name}_split_sizes"
                )
            sizes = [rows // self.size] * self.size
        counts = [integer("all_to_all_single", f"an entry of {name}_split_sizes", size) for size in sizes]
        if len(counts) != self.size or sum(counts) != rows or min(counts) < 0:
            raise ValueError(
                f"all_to_all_single: {name}_split_sizes is {counts}: need {self.size} numbers of rows, {rows} in all"
            )
        width = buffer.flat.size // rows if rows else 0
        return [buffer.flat[start * width : stop * width] for start, stop in pairwise(accumulate(counts, initial=0))]

    def _list(self, op: str, tensors: Sequence[Tensor], name: str, own: Buffer, written: bool) -> list[Buffer]:
        """Check a list with a tensor per rank, in which this rank's place fits its own tensor."""
        buffers = self._buffers(op, tensors, name, written)
        if self._rank >= 0:
            check_alike(op, f"{name}[{self._rank}]", buffers[self._rank], "tensor", own)
        return buffers

    def _list_of_root(
        self, op: str, tensors: Sequence[Tensor] | None, name: str, root: int, own: Buffer, written: bool
    ) -> list[Buffer]:
        """Check the list that only the root passes."""
        if root != self._rank:
            if tensors:
                raise ValueError(
                    f"{op}: {name} is given on rank {self.global_rank}: only rank {self.ranks[root]} passes it"
                )
            return []
        if tensors is None:
            raise ValueError(
                f"{op}: {name} is missing: rank {self.global_rank} needs one tensor per rank, {self.size} in all"
            )
        return self._list(op, tensors, name, own, written)


def _flat(buffers: Iterable[Buffer]) -> list[Array]:
    return [buffer.flat for buffer in buffers]


def _write_back(outputs: Iterable[Buffer]) -> None:
    for output in outputs:
        output.write_back()
