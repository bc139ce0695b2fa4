"""Many small tensors, moved as few large ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dist.world import resolve

if TYPE_CHECKING:
    from dist.arguments import Tensor
    from dist.process_group import ProcessGroup
    from dist.reduction import Function, ReduceOp
    from dist.work import Work


def all_reduce_coalesced(
    tensors: Sequence[Tensor],
    op: ReduceOp | Function | None = None,
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Do `all_reduce` with each of the tensors, as one message per type; the results have the same bits."""
    return resolve(group, "all_reduce_coalesced").all_reduce_coalesced(tensors, op, async_op)


def broadcast_coalesced(
    tensors: Sequence[Tensor], src: int, group: ProcessGroup | None = None, async_op: bool = False
) -> Work | None:
    """Do `broadcast` from global rank `src` with each of the tensors, as one message per type."""
    return resolve(group, "broadcast_coalesced").broadcast_coalesced(tensors, src, async_op)


def all_gather_coalesced(
    output_tensor_lists: Sequence[Sequence[Tensor]],
    input_tensor_list: Sequence[Tensor],
    group: ProcessGroup | None = None,
    async_op: bool = False,
) -> Work | None:
    """Do `all_gather` with each of the inputs, as one message per type.

    Args:
        output_tensor_lists: a list per rank; its place i becomes input i of that rank.
        input_tensor_list: equal lengths and dtypes on all ranks.
        group: None means all ranks.
        async_op: return a `Work` at once.
    """
    found = resolve(group, "all_gather_coalesced")
    return found.all_gather_coalesced(output_tensor_lists, input_tensor_list, async_op)


class Coalescing:
    """Calls that are collected, and made together."""

    def __init__(self, group: ProcessGroup, async_op: bool) -> None:
        self._group = group
        self._async_op = async_op
        self._reduced: dict[ReduceOp | Function | None, list[Tensor]] = {}
        self._copied: dict[int, list[Tensor]] = {}
        self._works: list[Work | None] = []

    def all_reduce(self, tensor: Tensor, op: ReduceOp | Function | None = None) -> None:
        """Do `dist.all_reduce` at the end of the block."""
        self._reduced.setdefault(op, []).append(tensor)

    def broadcast(self, tensor: Tensor, src: int) -> None:
        """Do `dist.broadcast` at the end of the block."""
        self._copied.setdefault(src, []).append(tensor)

    def start(self) -> None:
        """Make the calls, one per operator, root and type."""
        for op, tensors in self._reduced.items():
            self._works.append(self._group.all_reduce_coalesced(tensors, op, self._async_op))
        for src, tensors in self._copied.items():
            self._works.append(self._group.broadcast_coalesced(tensors, src, self._async_op))

    def wait(self) -> None:
        """Wait until all is done, after a block with `async_op=True`."""
        for work in self._works:
            if work is not None:
                work.wait()


@contextmanager
def coalescing(group: ProcessGroup | None = None, async_op: bool = False) -> Iterator[Coalescing]:
    """Collect collectives on small tensors, and make them at the end of the block as one message per type.

    The tensors of one block must not share memory, and change at its end only. All ranks collect the same calls in the
    same order. Where the block raises, nothing is sent.

    Args:
        group: None means all ranks.
        async_op: do not wait at the end of the block; the `wait()` of what it gave does.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def sums() -> list[float]:
        ...     x, y = np.ones(1), np.full(2, 3.0)
        ...     with dist.coalescing() as together:
        ...         together.all_reduce(x)
        ...         together.all_reduce(y)
        ...     return [*x.tolist(), *y.tolist()]
        >>> dist.simulate(2, sums)[0]
        [2.0, 6.0, 6.0]
    """
    collected = Coalescing(resolve(group, "coalescing"), async_op)
    yield collected
    collected.start()
