"""The arguments that all ways to connect the ranks of a job have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dist.timeouts import DEFAULT_TIMEOUT

Failure = Callable[[], Exception | None]


class AddressStore(Protocol):
    """The part of a store that ranks exchange their addresses through."""

    def set(self, key: str, value: bytes) -> None:
        """Publish a value."""
        ...

    def get(self, key: str, timeout: float) -> bytes:
        """Return a value, waiting until it is published."""
        ...


@dataclass(frozen=True)
class Bootstrap:
    """What a rank needs to know before it can connect to the others.

    Attributes:
        rank: this rank, 0 to size - 1.
        size: number of ranks.
        store: where the ranks publish and look up their addresses; seen by this job only.
        secret: what the ranks of the job know and nobody else does.
        host: the address of this machine that the other ranks reach it at; it listens there only.
        timeout: seconds that connecting may take.
        failure: returns the error that ends the waiting, once it is known that a rank will never come.

    Raises:
        ValueError: the rank is not one of `size`.
    """

    rank: int
    size: int
    store: AddressStore
    secret: bytes
    host: str = "127.0.0.1"
    timeout: float = DEFAULT_TIMEOUT
    failure: Failure = lambda: None

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            raise ValueError(f"Bootstrap: rank {self.rank} is not a rank of 0..{self.size - 1}")
