"""`ProcessGroup`: the ranks that communicate with each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from dist.arguments import Buffer, Tensor, buffer_list, check_reduction, group_ranks
from dist.channel import Channel
from dist.fingerprint import NO_ROOT
from dist.process_group.point_to_point import PointToPoint
from dist.reduction import ReduceOp
from dist.work import CollectiveWork


class ProcessGroup(PointToPoint):
    """Some ranks of the world, in ascending order, and the collectives among them.

    Roots and peers are global ranks, whatever the group. Tensors are NumPy arrays or objects whose `detach().numpy()`
    shares their memory; results are written in place. With `async_op=True` a collective returns a `Work` at once, and
    the tensors belong to it until its `wait()` returned; otherwise it returns None when it is done.

    All collectives raise `TypeError` or `ValueError` for a wrong argument, before anything is sent; `PeerError` when
    another rank failed; `CollectiveMismatch` when the ranks made different calls; `TransportTimeout` after `timeout`.
    The last three are final: every later call raises the same error.
    """

    def all_reduce(self, tensor: Tensor, op: ReduceOp | None = None, async_op: bool = False) -> CollectiveWork | None:
        """Combine the tensors of all ranks element by element, by default add them; every rank gets the same bits."""
        op = ReduceOp.SUM if op is None else op
        buffer = Buffer("all_reduce", tensor, written=True)
        check_reduction("all_reduce", op, buffer)

        def run(channel: Channel) -> None:
            self._collectives.all_reduce(channel, buffer.flat, op)
            buffer.write_back()

        return self._submit("all_reduce", buffer, NO_ROOT, op._name_, run, async_op)

    def broadcast(self, tensor: Tensor, src: int, async_op: bool = False) -> CollectiveWork | None:
        """Copy the tensor of global rank `src` to all ranks."""
        root = self._group_rank("broadcast", "src", src)
        buffer = Buffer("broadcast", tensor, written=root != self._rank)

        def run(channel: Channel) -> None:
            self._collectives.broadcast(channel, buffer.flat, root)
            if root != self._rank:
                buffer.write_back()

        return self._submit("broadcast", buffer, src, "", run, async_op)

    def reduce(
        self, tensor: Tensor, dst: int, op: ReduceOp | None = None, async_op: bool = False
    ) -> CollectiveWork | None:
        """Combine the tensors of all ranks as `all_reduce` does; only global rank `dst` gets the result."""
        op = ReduceOp.SUM if op is None else op
        root = self._group_rank("reduce", "dst", dst)
        buffer = Buffer("reduce", tensor, written=root == self._rank)
        check_reduction("reduce", op, buffer)

        def run(channel: Channel) -> None:
            self._collectives.reduce(channel, buffer.flat, root, op)
            if root == self._rank:
                buffer.write_back()

        return self._submit("reduce", buffer, dst, op._name_, run, async_op)

    def all_gather(
        self, tensor_list: Sequence[Tensor], tensor: Tensor, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank of the group into that place of `tensor_list`, on all ranks."""
        buffer = Buffer("all_gather", tensor)
        outputs = buffer_list("all_gather", tensor_list, "tensor_list", self.size, buffer, written=True)

        def run(channel: Channel) -> None:
            self._collectives.all_gather(channel, [output.flat for output in outputs], buffer.flat)
            _write_back(outputs)

        return self._submit("all_gather", buffer, NO_ROOT, "", run, async_op)

    def gather(
        self, tensor: Tensor, gather_list: Sequence[Tensor] | None = None, dst: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy the tensor of each rank into that place of `gather_list`, which only global rank `dst` passes."""
        root = self._group_rank("gather", "dst", dst)
        buffer = Buffer("gather", tensor)
        outputs = self._list_of_root("gather", gather_list, "gather_list", root, buffer, written=True)

        def run(channel: Channel) -> None:
            rows = [output.flat for output in outputs] if root == self._rank else None
            self._collectives.gather(channel, rows, buffer.flat, root)
            _write_back(outputs)

        return self._submit("gather", buffer, dst, "", run, async_op)

    def scatter(
        self, tensor: Tensor, scatter_list: Sequence[Tensor] | None = None, src: int = 0, async_op: bool = False
    ) -> CollectiveWork | None:
        """Copy each place of `scatter_list`, which only global rank `src` passes, into the tensor of that rank."""
        root = self._group_rank("scatter", "src", src)
        buffer = Buffer("scatter", tensor, written=True)
        inputs = self._list_of_root("scatter", scatter_list, "scatter_list", root, buffer, written=False)

        def run(channel: Channel) -> None:
            rows = [piece.flat for piece in inputs] if root == self._rank else None
            self._collectives.scatter(channel, buffer.flat, rows, root)
            buffer.write_back()

        return self._submit("scatter", buffer, src, "", run, async_op)

    def barrier(self, async_op: bool = False) -> CollectiveWork | None:
        """Block until every rank of the group has called this."""
        return self._submit("barrier", None, NO_ROOT, "", self._collectives.barrier, async_op)

    def new_group(self, ranks: Iterable[int] | None = None, timeout: float | timedelta | None = None) -> ProcessGroup:
        """Make a group of some global ranks; all ranks make the same groups in the same order, members or not."""
        members = group_ranks(ranks, self.ranks)
        self._check_usable("new_group")
        with self._order:
            self._groups_made += 1
            name = f"{self.name}/{self._groups_made}"
        return ProcessGroup(
            self._transport,
            members,
            timeout=self.timeout if timeout is None else timeout,
            name=name,
            parent=self,
            make_collectives=self._make_collectives,
        )

    def _list_of_root(
        self, op: str, tensors: Sequence[Tensor] | None, name: str, root: int, like: Buffer, written: bool
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
        return buffer_list(op, tensors, name, self.size, like, written)


def _write_back(outputs: Sequence[Buffer]) -> None:
    for output in outputs:
        output.write_back()
