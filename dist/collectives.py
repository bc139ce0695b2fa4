"""What runs the collectives of a group: one protocol for message algorithms, shared memory, MPI and NCCL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from dist.channel import Channel
from dist.reduction import ReduceOp

Array = NDArray[Any]
Rows = Sequence[Array]


class Collectives(Protocol):
    """The collectives of one group, one call at a time, in the same order on all its ranks.

    Arrays are contiguous and one-dimensional; those that messages fill must not overlap. Roots are group ranks. `rows`
    hold one array per rank; rows of one list may differ in length where all ranks agree on the lengths. Each call gets
    a `Channel` of its own: the ranks, a way to send messages to them, the fingerprint that all ranks of the call share,
    and the deadline by which it must be over. The fingerprint includes all lengths, except for `gather`, `scatter` and
    `all_to_all`, where a rank cannot know those of all others.

    Every method raises `TransportTimeout` at the deadline, `PeerLost` when a rank is gone or `abort` was called,
    `CollectiveMismatch` where it sees that another rank makes another call, and `LengthMismatch` where one gives more
    or less than another one expects. After any of these the group is not used again.

    Arrays are NumPy's, in host memory, unless there is an attribute `buffer_type`: a subclass of
    `dist.arguments.Buffer` that makes other arrays of tensors.
    """

    def all_reduce(self, channel: Channel, array: Array, op: ReduceOp) -> None:
        """Replace `array` by the reduction over all ranks, in rank order."""
        ...

    def reduce(self, channel: Channel, array: Array, root: int, op: ReduceOp) -> None:
        """Replace `array` on `root` by the reduction over all ranks, in rank order."""
        ...

    def broadcast(self, channel: Channel, array: Array, root: int) -> None:
        """Replace `array` by that of `root`."""
        ...

    def all_gather(self, channel: Channel, rows: Rows, array: Array) -> None:
        """Fill `rows[k]` with the array of rank k, on all ranks."""
        ...

    def gather(self, channel: Channel, rows: Rows | None, array: Array, root: int) -> None:
        """Fill `rows[k]` with the array of rank k, on `root`; None elsewhere."""
        ...

    def scatter(self, channel: Channel, array: Array, rows: Rows | None, root: int) -> None:
        """Fill `array` on rank k with `rows[k]` of `root`; None elsewhere."""
        ...

    def reduce_scatter(self, channel: Channel, array: Array, rows: Rows, op: ReduceOp) -> None:
        """Fill `array` on rank k with the reduction of all ranks' `rows[k]`, in rank order; `rows` are left alone."""
        ...

    def all_to_all(self, channel: Channel, received: Rows, sent: Rows) -> None:
        """Fill `received[k]` on rank r with `sent[r]` of rank k."""
        ...

    def barrier(self, channel: Channel) -> None:
        """Return once all ranks have called this."""
        ...

    def abort(self, reason: str) -> None:
        """Make the call under way, and all later ones, raise `PeerLost(reason)`; from any thread."""
        ...

    def close(self) -> None:
        """Release what is held. Idempotent."""
        ...
