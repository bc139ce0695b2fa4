"""What every transport offers: two attributes and four methods.

Starting a transfer and waiting for it are separate, and who waits for a send takes in what others send meanwhile: so
ranks that all send first never deadlock, at any size, whether or not they wait for their sends. A transport
moves whole contiguous buffers, keeps the order of messages per pair of ranks and tag, and knows nothing of tensors,
operations or groups.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

ANY_SOURCE = -1


@runtime_checkable
class Work(Protocol):
    """A transfer that was started."""

    def wait(self, timeout: float | None = None) -> int:
        """Block until the buffer may be used again; return the peer's rank.

        Args:
            timeout: seconds from this call; None means the transport's default, never "for ever".

        Raises:
            TransportTimeout: the peer did not act in time.
            PeerLost: the peer is gone.
            CollectiveMismatch: the message that arrived has another fingerprint.
            LengthMismatch: the message that arrived has another length.
        """
        ...

    def is_completed(self) -> bool:
        """Tell, without blocking, whether `wait` would return or raise at once; makes progress where it can."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Moves byte buffers between `size` ranks, of which this end is `rank`."""

    rank: int
    size: int

    def isend(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        """Start sending `buffer` (contiguous, format "B") to `peer`; do not change it before `wait` returned.

        Args:
            buffer: the bytes; may be empty.
            peer: the receiving rank; sending to oneself is allowed.
            tag: 0 to 2**64-1; messages match by sender and tag, in the order in which they were sent.
            fingerprint: 0 to 2**64-1; says which call this message belongs to, and is compared at the receiver.
        """
        ...

    def irecv(self, buffer: memoryview, peer: int, tag: int = 0, fingerprint: int = 0) -> Work:
        """Start receiving exactly `len(buffer)` bytes from `peer`, or from `ANY_SOURCE`, into the writable `buffer`.

        A message with another fingerprint or length makes `wait` raise, and nothing is written into `buffer`.
        """
        ...

    def abort(self, reason: str) -> None:
        """Make every pending and later transfer of this end raise `PeerLost(reason)`, and tell the peers."""
        ...

    def close(self) -> None:
        """Flush what was sent and release everything held: sockets, threads, memory. Idempotent."""
        ...
