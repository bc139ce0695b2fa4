"""Collectives on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from dist.public.peers import global_rank
from dist.world import resolve

if TYPE_CHECKING:
    from dist.arguments import Tensor
    from dist.process_group import ProcessGroup
    from dist.reduction import Function, ReduceOp
    from dist.work import Work


def all_reduce(
    tensor: Tensor, op: ReduceOp | Function | None = None, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Combine the tensors of all ranks, element by element, in place; every rank gets the same bits.

    Elements are combined in rank order, ((x0 + x1) + x2) + ..., whatever the algorithm.

    Args:
        tensor: any shape and number type, equal on all ranks.
        op: a member of `ReduceOp`, or a function of two arrays that works elementwise; None means SUM.
        group: None means all ranks.
        async_op: return a `Work` at once; the tensor may be used again after its `wait()`.

    Raises:
        TypeError, ValueError: a wrong argument; nothing was sent.
        PeerError: another rank failed.
        CollectiveMismatch: the ranks made different calls.
        TransportTimeout: not all ranks called this within the group's timeout; says who is where.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def rank_plus_one() -> list[float]:
        ...     x = np.full(2, dist.get_rank() + 1.0)
        ...     dist.all_reduce(x)
        ...     return x.tolist()
        >>> dist.simulate(2, rank_plus_one)
        [[3.0, 3.0], [3.0, 3.0]]
    """
    return resolve(group, "all_reduce").all_reduce(tensor, op, async_op)


def broadcast(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Copy the tensor of global rank `src` into the tensors of all ranks; raises as `all_reduce` does.

    Args:
        tensor: of equal length and dtype on all ranks.
        src: a global rank, whatever the group.
        group: None means all ranks.
        async_op: return a `Work` at once.
        group_src: the rank within the group, instead of `src`.
    """
    found = resolve(group, "broadcast")
    return found.broadcast(tensor, global_rank(found, "broadcast", "src", src, group_src), async_op)


def reduce(
    tensor: Tensor,
    dst: int | None = None,
    op: ReduceOp | Function | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Combine tensors as `all_reduce` does; only global rank `dst` gets the result, the others keep what they have."""
    found = resolve(group, "reduce")
    return found.reduce(tensor, global_rank(found, "reduce", "dst", dst, group_dst), op, async_op)


def all_gather(
    tensor_list: Sequence[Tensor], tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Copy each rank's tensor into that place of every rank's `tensor_list`; raises as `all_reduce` does.

    Args:
        tensor_list: one tensor per rank of the group, each as long as that rank's `tensor`.
        tensor: what this rank contributes; the ranks' may differ in length.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    return resolve(group, "all_gather").all_gather(tensor_list, tensor, async_op)


def all_gather_into_tensor(
    output_tensor: Tensor, input_tensor: Tensor, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Copy the tensors of all ranks into one, in rank order.

    Args:
        output_tensor: n times as many elements as `input_tensor`: (n * rows, ...) to join them, (n, rows, ...) to stack
            them.
        input_tensor: (rows, ...), equal on all ranks.
        group: None means all ranks.
        async_op: return a `Work` at once.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def gather_ranks() -> list[int]:
        ...     everyone = np.empty(2, int)
        ...     dist.all_gather_into_tensor(everyone, np.array([10 + dist.get_rank()]))
        ...     return everyone.tolist()
        >>> dist.simulate(2, gather_ranks)
        [[10, 11], [10, 11]]
    """
    found = resolve(group, "all_gather_into_tensor")
    return found.all_gather_into_tensor(output_tensor, input_tensor, async_op)


all_gather_single = all_gather_into_tensor  # its newer name


def gather(
    tensor: Tensor,
    gather_list: Sequence[Tensor] | None = None,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_dst: int | None = None,
) -> Work | None:
    """Copy each rank's tensor into that place of `gather_list`, which only global rank `dst` (by default 0) passes.

    The tensors of the ranks may differ in length; each has as many elements as its place.
    """
    found = resolve(group, "gather")
    return found.gather(tensor, gather_list, global_rank(found, "gather", "dst", dst, group_dst, 0), async_op)


def scatter(
    tensor: Tensor,
    scatter_list: Sequence[Tensor] | None = None,
    src: int | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
    group_src: int | None = None,
) -> Work | None:
    """Copy each place of `scatter_list`, which only global rank `src` (by default 0) passes, into that rank's tensor.

    The places may differ in length; each has as many elements as the tensor of its rank.
    """
    found = resolve(group, "scatter")
    return found.scatter(tensor, scatter_list, global_rank(found, "scatter", "src", src, group_src, 0), async_op)


def reduce_scatter(
    output: Tensor,
    input_list: Sequence[Tensor],
    op: ReduceOp | Function | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Combine place k of all ranks' `input_list`, as `all_reduce` does, into the `output` of rank k of the group.

    Args:
        output: as long as this rank's place of `input_list`.
        input_list: one tensor per rank; places may differ in length, equally on all ranks.
        op: see `all_reduce`.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    return resolve(group, "reduce_scatter").reduce_scatter(output, input_list, op, async_op)


def reduce_scatter_tensor(
    output: Tensor,
    input: Tensor,
    op: ReduceOp | Function | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Combine the inputs of all ranks, as `all_reduce` does, and give part k of the result to rank k of the group.

    Args:
        output: (rows, ...).
        input: n times as many elements: (n * rows, ...) or (n, rows, ...).
        op: see `all_reduce`.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    return resolve(group, "reduce_scatter_tensor").reduce_scatter_tensor(output, input, op, async_op)


reduce_scatter_single = reduce_scatter_tensor  # its newer name


def all_to_all(
    output_tensor_list: Sequence[Tensor],
    input_tensor_list: Sequence[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Send place k of `input_tensor_list` to rank k of the group, where it comes into the place of its sender.

    Args:
        output_tensor_list: one tensor per rank, each as long as what that rank sends here.
        input_tensor_list: one tensor per rank; their lengths may differ.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    return resolve(group, "all_to_all").all_to_all(output_tensor_list, input_tensor_list, async_op)


def all_to_all_single(
    output: Tensor,
    input: Tensor,
    output_split_sizes: Sequence[int] | None = None,
    input_split_sizes: Sequence[int] | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Cut `input` along its first dimension, send part k to rank k of the group, and join what comes in `output`.

    Args:
        output: (rows, ...).
        input: (rows, ...).
        output_split_sizes: rows that come from each rank; None means equal parts.
        input_split_sizes: rows that go to each rank; None means equal parts.
        group: None means all ranks.
        async_op: return a `Work` at once.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def transpose() -> list[int]:
        ...     output = np.empty(2, int)
        ...     dist.all_to_all_single(output, np.array([0, 1]) + 10 * dist.get_rank())
        ...     return output.tolist()
        >>> dist.simulate(2, transpose)
        [[0, 10], [1, 11]]
    """
    found = resolve(group, "all_to_all_single")
    return found.all_to_all_single(output, input, output_split_sizes, input_split_sizes, async_op)


def barrier(
    group: ProcessGroup | None = None,
    async_op: bool = False,
    device_ids: Sequence[int] | None = None,
    timeout: float | timedelta | None = None,
) -> Work | None:
    """Block until every rank of the group has called this.

    Args:
        group: None means all ranks.
        async_op: return a `Work` at once.
        device_ids: for scripts that pass them.
        timeout: seconds or timedelta; None means the group's.
    """
    return resolve(group, "barrier").barrier(async_op, timeout)


def monitored_barrier(
    group: ProcessGroup | None = None, timeout: float | timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """Block until every rank of the group has called this, and say who has not.

    Args:
        group: None means all ranks.
        timeout: seconds or timedelta; None means the group's.
        wait_all_ranks: name all ranks that are missing, and not only the first.

    Raises:
        PeerError: names the ranks that did not come, on every rank that did. As after every failure, the process group
            cannot be used any more.
    """
    resolve(group, "monitored_barrier").monitored_barrier(timeout, wait_all_ranks)
