"""Messages from one rank to another."""

from __future__ import annotations

from dist.arguments import Buffer, Tensor, integer
from dist.channel import bytes_of
from dist.fingerprint import signed, tag_of
from dist.flight_record import Call
from dist.process_group.core import Core
from dist.transport.base import ANY_SOURCE
from dist.work import PointToPointWork

MAX_USER_TAG = 2**32 - 1


class PointToPoint(Core):
    """Send and receive, now or later; messages of one pair of ranks and tag arrive in the order they were sent in."""

    def send(self, tensor: Tensor, dst: int, tag: int = 0) -> None:
        """Send to global rank `dst`; return when the tensor may be changed again."""
        self._send("send", tensor, dst, tag).wait()

    def isend(self, tensor: Tensor, dst: int, tag: int = 0) -> PointToPointWork:
        """Start to send to global rank `dst`."""
        return self._send("isend", tensor, dst, tag)

    def recv(self, tensor: Tensor, src: int | None = None, tag: int = 0) -> int:
        """Receive from global rank `src`, or from any rank, and return the sender's global rank."""
        return self._receive("recv", tensor, src, tag).source_rank()

    def irecv(self, tensor: Tensor, src: int | None = None, tag: int = 0) -> PointToPointWork:
        """Start to receive from global rank `src`, or from any rank."""
        return self._receive("irecv", tensor, src, tag)

    def _send(self, op: str, tensor: Tensor, dst: int, tag: int) -> PointToPointWork:
        buffer = Buffer(op, tensor)
        peer = self._peer(op, "dst", dst)
        call, channel = self._message(op, buffer, peer, tag)
        transfer = self._transport.isend(bytes_of(buffer.flat), peer, channel, call.fingerprint)
        return PointToPointWork(self, call, transfer)

    def _receive(self, op: str, tensor: Tensor, src: int | None, tag: int) -> PointToPointWork:
        buffer = Buffer(op, tensor, written=True)
        peer = ANY_SOURCE if src is None else self._peer(op, "src", src)
        call, channel = self._message(op, buffer, peer, tag)
        transfer = self._transport.irecv(bytes_of(buffer.flat), peer, channel, call.fingerprint)
        return PointToPointWork(self, call, transfer, buffer, (tensor,))

    def _message(self, op: str, buffer: Buffer, peer: int, tag: int) -> tuple[Call, int]:
        """Record a point-to-point call; return its entry, and the transport's tag of its message."""
        self._begin(op)
        if not 0 <= integer(op, "tag", tag) <= MAX_USER_TAG:
            raise ValueError(f"{op}: tag is {tag}: need 0 to {MAX_USER_TAG}")
        dtype, elements = buffer.dtype, buffer.flat.size
        signature, _ = signed(self._identity, op, dtype, elements, peer)
        # Sender and receiver agree on dtype and count; their calls are not numbered, for each pair has its own order.
        _, mark = signed(self._identity, "message", dtype, elements)
        call = Call(0, self.name, self.ranks, signature, mark)
        call.state = "running"
        self._note(call, buffer)
        return call, tag_of(self.name, f"messages {tag}")

    def _peer(self, op: str, name: str, rank: int) -> int:
        peer = self.ranks[self._group_rank(op, name, rank)]
        if peer == self.global_rank:
            raise ValueError(f"{op}: {name}={peer} is this rank itself: need another one")
        return peer
