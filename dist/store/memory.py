"""A store in the memory of one process, for its threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from dist.errors import StoreError, StoreTimeout
from dist.store.base import Store, Timeout, as_bytes, as_integer, as_seconds, checked_key


class HashStore(Store):
    """Keys and values for the threads of this process; see `Store`.

    Example:
        >>> import dist
        >>> store = dist.HashStore()
        >>> store.set("color", "red")
        >>> store.compare_set("color", "red", "blue")
        b'blue'
        >>> store.add("count", 5)
        5
        >>> store.check(["color", "count"]), store.num_keys(), store.delete_key("count")
        (True, 2, True)
    """

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._changed = threading.Condition()

    def set(self, key: str, value: str | bytes) -> None:
        """See `Store.set`."""
        self._write(checked_key(key), as_bytes(value))

    def get(self, key: str, timeout: Timeout = None) -> bytes:
        """See `Store.get`."""
        with self._changed:
            self._wait([key], timeout, "get")
            return self._values[key]

    def add(self, key: str, amount: int) -> int:
        """See `Store.add`."""
        with self._changed:
            try:
                total = int(self._values.get(checked_key(key), b"0")) + as_integer(amount)
            except ValueError:
                raise StoreError(f"add: the value of {key!r} is not an integer") from None
            self._write(key, b"%d" % total)
            return total

    def wait(self, keys: Sequence[str], timeout: Timeout = None) -> None:
        """See `Store.wait`."""
        with self._changed:
            self._wait(keys, timeout, "wait")

    def delete(self, key: str) -> bool:
        """See `Store.delete`."""
        with self._changed:
            return self._values.pop(checked_key(key), None) is not None

    def compare_set(self, key: str, expected: str | bytes, desired: str | bytes) -> bytes:
        """See `Store.compare_set`."""
        wanted, new = as_bytes(expected), as_bytes(desired)
        with self._changed:
            if self._values.get(checked_key(key), b"") == wanted:
                self._write(key, new)
            return self._values.get(key, wanted)

    def check(self, keys: Sequence[str]) -> bool:
        """See `Store.check`."""
        with self._changed:
            return all(checked_key(key) in self._values for key in keys)

    def list_keys(self) -> list[str]:
        """See `Store.list_keys`."""
        with self._changed:
            return list(self._values)

    def _write(self, key: str, value: bytes) -> None:
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()

    def _wait(self, keys: Sequence[str], timeout: Timeout, operation: str) -> None:
        seconds = as_seconds(timeout, self.timeout)
        if not self._changed.wait_for(lambda: all(checked_key(key) in self._values for key in keys), seconds):
            missing = sorted(set(keys) - self._values.keys())
            raise StoreTimeout(f"{operation}: nobody set {', '.join(map(repr, missing))} within {seconds:g} s")
