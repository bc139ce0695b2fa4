"""Every error that `dist` raises of its own.

    DistError
    |-- RendezvousError            the ranks did not find each other
    |-- StoreError                 the store is not reachable, is gone, or refused a request
    |   |-- StoreTimeout           a key was not set in time
    |   `-- StoreGone              the connection to the store has ended, for good
    `-- DistBackendError           a collective or a message failed
        |-- CollectiveMismatch     ranks called different collectives, or with different arguments
        |-- PeerError              another rank died, stopped, raised or left; names it
        |-- Deadlock               all ranks of a simulation wait for each other
        `-- TransportError         bytes could not be moved
            |-- LengthMismatch     a message is longer or shorter than its receiver expects
            |-- PeerLost           the connection to a rank is gone
            `-- TransportTimeout   a rank did not send or receive in time

`PeerLost` is what a transport sees; `ProcessGroup` turns it into a `PeerError` once the control plane has said why.
`DistStoreError` and `DistNetworkError` are other names of `StoreError` and `TransportError`.
"""

from __future__ import annotations


class DistError(RuntimeError):
    """Base of all errors of `dist`."""


class RendezvousError(DistError):
    """The ranks did not all find each other: says which are missing and what was seen."""


class StoreError(DistError):
    """The key-value store could not be reached, is gone, or refused what was asked."""


class StoreTimeout(StoreError, TimeoutError):
    """What was waited for did not come in time: names the keys that are missing."""


class StoreGone(StoreError):
    """The store's server has ended or does not answer any more, or this end has closed the connection."""


class DistBackendError(DistError):
    """A collective or a message failed; what has become of the tensors is not known."""


class CollectiveMismatch(DistBackendError):
    """Two ranks called different collectives, or one with different arguments: shows both calls."""


class PeerError(DistBackendError):
    """Another rank died, stopped, raised or left.

    Attributes:
        rank: the global rank at fault, or None where it could not be found out.
    """

    def __init__(self, message: str, rank: int | None = None) -> None:
        super().__init__(message)
        self.rank = rank


class Deadlock(DistBackendError):
    """All ranks of a simulation wait, each for another one: says who waits for whom, and in which call."""


class TransportError(DistBackendError):
    """Bytes could not be moved between two ranks.

    Attributes:
        rank: the peer, counted as the transport counts, or None where no single peer is concerned.
    """

    def __init__(self, message: str, rank: int | None = None) -> None:
        super().__init__(message)
        self.rank = rank


class LengthMismatch(TransportError):
    """A message is longer or shorter than its receiver expects; `ProcessGroup` turns it into `CollectiveMismatch`."""


class PeerLost(TransportError):
    """The connection to a peer is closed: the peer exited, was killed, or aborted."""


class TransportTimeout(TransportError):
    """A peer did not send or receive within the time allowed."""


# What PyTorch's users call them.
DistStoreError = StoreError
DistNetworkError = TransportError
