"""Messages from one rank to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dist.public.peers import global_rank
from dist.world import resolve

if TYPE_CHECKING:
    from dist.arguments import Tensor
    from dist.process_group import ProcessGroup
    from dist.work import PointToPointWork


def send(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> None:
    """Send a tensor to global rank `dst`, which calls `recv` with as many elements of the same dtype.

    Returns when the tensor may be changed again. A large message waits until the receiver calls `recv`, or waits for a
    send of its own: then it keeps what comes in memory until it asks for it. So ranks that all send first, and then
    receive in the order of the sends, never block each other, at any size.

    Args:
        tensor: what to send.
        dst: global rank of the receiver.
        group: None means all ranks; messages of different groups do not meet.
        tag: 0 to 2**32 - 1; messages match by sender and tag, in the order in which they were sent.
        group_dst: the rank within the group, instead of `dst`.
    """
    found = resolve(group, "send")
    found.send(tensor, global_rank(found, "send", "dst", dst, group_dst), tag)


def recv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> int:
    """Receive into a tensor from global rank `src`, or from any rank, and return the sender's global rank."""
    found = resolve(group, "recv")
    return found.recv(tensor, _source(found, "recv", src, group_src), tag)


def isend(
    tensor: Tensor,
    dst: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_dst: int | None = None,
) -> PointToPointWork:
    """Start to send a tensor, and do not wait; it may be changed after the `wait()` of what this returns."""
    found = resolve(group, "isend")
    return found.isend(tensor, global_rank(found, "isend", "dst", dst, group_dst), tag)


def irecv(
    tensor: Tensor,
    src: int | None = None,
    group: ProcessGroup | None = None,
    tag: int = 0,
    group_src: int | None = None,
) -> PointToPointWork:
    """Start to receive into a tensor, and do not wait; it holds the message after the `wait()` of what this returns.

    `source_rank()` of what this returns waits, and tells who sent.
    """
    found = resolve(group, "irecv")
    return found.irecv(tensor, _source(found, "irecv", src, group_src), tag)


class P2POp:
    """A message to be sent or received by `batch_isend_irecv`.

    Args:
        op: `dist.isend` or `dist.irecv`.
        tensor: what to send, or where to receive.
        peer: the global rank at the other end; to receive, None means any.
        group: None means all ranks.
        tag: see `send`.
        group_peer: the rank within the group, instead of `peer`.

    Raises:
        TypeError, ValueError: a wrong argument.
    """

    def __init__(
        self,
        op: Callable[..., PointToPointWork],
        tensor: Tensor,
        peer: int | None = None,
        group: ProcessGroup | None = None,
        tag: int = 0,
        group_peer: int | None = None,
    ) -> None:
        from dist.arguments import Buffer

        if op not in (isend, irecv):
            raise ValueError(f"P2POp: op is {op!r}: need dist.isend or dist.irecv")
        Buffer("P2POp", tensor, written=op is irecv)
        found = resolve(group, "P2POp")
        if peer is not None or group_peer is not None or op is isend:
            peer = global_rank(found, "P2POp", "peer", peer, group_peer)
            if peer not in found.ranks:
                raise ValueError(f"P2POp: peer={peer} is not in group {found.name}")
        self.op = op
        self.tensor = tensor
        self.peer = peer
        self.group = group
        self.tag = tag


def batch_isend_irecv(p2p_op_list: Sequence[P2POp]) -> list[PointToPointWork]:
    """Start all messages of a list, in its order, and return what to wait for.

    Starting to send never waits for the receiver: the order of the list is free, on every rank.

    Example:
        >>> import dist
        >>> import numpy as np
        >>> def shift() -> float:
        ...     rank, n = dist.get_rank(), dist.get_world_size()
        ...     x = np.empty(1)
        ...     ops = [
        ...         dist.P2POp(dist.isend, np.array([float(rank)]), (rank + 1) % n),
        ...         dist.P2POp(dist.irecv, x, (rank - 1) % n),
        ...     ]
        ...     for work in dist.batch_isend_irecv(ops):
        ...         work.wait()
        ...     return float(x[0])
        >>> dist.simulate(3, shift)
        [2.0, 0.0, 1.0]
    """
    if not p2p_op_list or not all(isinstance(operation, P2POp) for operation in p2p_op_list):
        raise ValueError(f"batch_isend_irecv: p2p_op_list is {p2p_op_list!r}: need a list of dist.P2POp")
    return [operation.op(operation.tensor, operation.peer, operation.group, operation.tag) for operation in p2p_op_list]


def _source(group: ProcessGroup, operation: str, src: int | None, group_src: int | None) -> int | None:
    """Return the sender's global rank; None means any."""
    return None if src is None and group_src is None else global_rank(group, operation, "src", src, group_src)
