"""What every store offers, and a store that shares another one under a prefix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class Store(Protocol):
    """Keys and values that every rank of a job sees. Values are bytes and are never interpreted, except by `add`."""

    def set(self, key: str, value: bytes) -> None:
        """Write `value` under `key`; whoever waits for the key goes on."""
        ...

    def get(self, key: str, timeout: float | None = None) -> bytes:
        """Return the value of `key`, waiting until somebody has set it.

        Args:
            key: the name.
            timeout: seconds; None means the store's default, never "for ever".

        Raises:
            StoreTimeout: nobody set the key in time.
            StoreError: the store is gone.
        """
        ...

    def add(self, key: str, amount: int) -> int:
        """Add `amount` to the integer under `key` (0 if there is none) and return the sum, atomically.

        The value is kept as decimal digits: b"5".
        """
        ...

    def wait(self, keys: Sequence[str], timeout: float | None = None) -> None:
        """Block until every one of `keys` was set; raises as `get` does, naming the missing keys."""
        ...

    def delete(self, key: str) -> bool:
        """Remove `key`; tell whether it was there."""
        ...

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        """Write `desired` if the value is `expected`, atomically; a missing key counts as the value b"".

        Returns:
            The value of the key afterwards; b"" if there is none.
        """
        ...


class PrefixStore:
    """Another store, seen through keys that all begin with `prefix/`: parts of a program do not meet by chance.

    Example:
        >>> from dist.store import StoreClient, StoreServer
        >>> server = StoreServer(secret=b"of this job")
        >>> store = StoreClient("127.0.0.1", server.port, b"of this job")
        >>> PrefixStore("epoch 3", store).set("ready", b"1")
        >>> store.get("epoch 3/ready")
        b'1'
        >>> store.close()
        >>> server.close()
    """

    def __init__(self, prefix: str, store: Store) -> None:
        self.prefix = prefix
        self.store = store

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def set(self, key: str, value: bytes) -> None:
        """See `Store.set`."""
        self.store.set(self._name(key), value)

    def get(self, key: str, timeout: float | None = None) -> bytes:
        """See `Store.get`."""
        return self.store.get(self._name(key), timeout)

    def add(self, key: str, amount: int) -> int:
        """See `Store.add`."""
        return self.store.add(self._name(key), amount)

    def wait(self, keys: Sequence[str], timeout: float | None = None) -> None:
        """See `Store.wait`."""
        self.store.wait([self._name(key) for key in keys], timeout)

    def delete(self, key: str) -> bool:
        """See `Store.delete`."""
        return self.store.delete(self._name(key))

    def compare_set(self, key: str, expected: bytes, desired: bytes) -> bytes:
        """See `Store.compare_set`."""
        return self.store.compare_set(self._name(key), expected, desired)
