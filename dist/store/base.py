"""What every store offers, and a store that shares another one under a prefix."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from dist.timeouts import DEFAULT_TIMEOUT, timeout_seconds

Timeout = float | timedelta | None


class Store(ABC):
    """Keys and values that every rank of a job sees. Values are bytes and are never interpreted, except by `add`.

    Attributes:
        timeout: seconds that `get` and `wait` take by default.
    """

    timeout: float = DEFAULT_TIMEOUT

    @abstractmethod
    def set(self, key: str, value: str | bytes) -> None:
        """Write `value` under `key`, a str as UTF-8; whoever waits for the key goes on."""

    @abstractmethod
    def get(self, key: str, timeout: Timeout = None) -> bytes:
        """Return the value of `key`, waiting until somebody has set it.

        Args:
            key: the name.
            timeout: seconds or timedelta; None means the store's default, never "for ever".

        Raises:
            StoreTimeout: nobody set the key in time.
            StoreError: the store is gone.
        """

    @abstractmethod
    def add(self, key: str, amount: int) -> int:
        """Add `amount` to the integer under `key` (0 if there is none) and return the sum, atomically.

        The value is kept as decimal digits: b"5".
        """

    @abstractmethod
    def wait(self, keys: Sequence[str], timeout: Timeout = None) -> None:
        """Block until every one of `keys` was set; raises as `get` does, naming the missing keys."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Remove `key`; tell whether it was there."""

    @abstractmethod
    def compare_set(self, key: str, expected: str | bytes, desired: str | bytes) -> bytes:
        """Write `desired` if the value is `expected`, atomically; a missing key can be expected as an empty value.

        Returns:
            The value of the key afterwards. Where there is none since something else was expected of a missing key:
            `expected`, as PyTorch's stores do.
        """

    @abstractmethod
    def check(self, keys: Sequence[str]) -> bool:
        """Tell, at once, whether all of `keys` are set."""

    @abstractmethod
    def list_keys(self) -> list[str]:
        """Return all keys, in no particular order."""

    def delete_key(self, key: str) -> bool:
        """Do as `delete` does: PyTorch's name for it."""
        return self.delete(key)

    def num_keys(self) -> int:
        """Return the number of keys that are set."""
        return len(self.list_keys())

    def set_timeout(self, timeout: float | timedelta) -> None:
        """Set how long `get` and `wait` wait by default: seconds or timedelta."""
        self.timeout = timeout_seconds("set_timeout", timeout)


class PrefixStore(Store):
    """Another store, seen through keys that all begin with `prefix/`: parts of a program do not meet by chance.

    Args:
        prefix: any text.
        store: the other one, whose timeout counts.

    Example:
        >>> from dist.store import HashStore, PrefixStore
        >>> store = HashStore()
        >>> PrefixStore("epoch 3", store).set("ready", "yes")
        >>> store.get("epoch 3/ready")
        b'yes'
    """

    def __init__(self, prefix: str, store: Store) -> None:
        if not isinstance(store, Store):
            raise TypeError(f"PrefixStore: store is a {type(store).__name__}: need a store, such as dist.TCPStore(...)")
        self.prefix = prefix
        self.underlying_store = store

    @property
    def timeout(self) -> float:
        """See `Store.timeout`."""
        return self.underlying_store.timeout

    @timeout.setter
    def timeout(self, seconds: float) -> None:
        self.underlying_store.timeout = seconds

    def set(self, key: str, value: str | bytes) -> None:
        """See `Store.set`."""
        self.underlying_store.set(self._name(key), value)

    def get(self, key: str, timeout: Timeout = None) -> bytes:
        """See `Store.get`."""
        return self.underlying_store.get(self._name(key), timeout)

    def add(self, key: str, amount: int) -> int:
        """See `Store.add`."""
        return self.underlying_store.add(self._name(key), amount)

    def wait(self, keys: Sequence[str], timeout: Timeout = None) -> None:
        """See `Store.wait`."""
        self.underlying_store.wait([self._name(key) for key in keys], timeout)

    def delete(self, key: str) -> bool:
        """See `Store.delete`."""
        return self.underlying_store.delete(self._name(key))

    def compare_set(self, key: str, expected: str | bytes, desired: str | bytes) -> bytes:
        """See `Store.compare_set`."""
        return self.underlying_store.compare_set(self._name(key), expected, desired)

    def check(self, keys: Sequence[str]) -> bool:
        """See `Store.check`."""
        return self.underlying_store.check([self._name(key) for key in keys])

    def list_keys(self) -> list[str]:
        """Return the keys under the prefix, without it."""
        start = self._name("")
        return [key.removeprefix(start) for key in self.underlying_store.list_keys() if key.startswith(start)]

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{checked_key(key)}"


def checked_key(key: str) -> str:
    """Return a key; anything but text is a TypeError."""
    if not isinstance(key, str):
        raise TypeError(f"store: a key is {key!r}: need a str")
    return key


def as_bytes(value: str | bytes) -> bytes:
    """Return a value as it is kept."""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"store: a value is a {type(value).__name__}: need a str or bytes")
    return bytes(value)


def as_integer(amount: int) -> int:
    """Return what is to be added; a float is a TypeError."""
    if not isinstance(amount, int):
        raise TypeError(f"store: add takes an int, not a {type(amount).__name__}")
    return amount


def as_seconds(timeout: Timeout, default: float) -> float:
    """Return how long to wait; 0 is not at all."""
    if timeout is None:
        return default
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
