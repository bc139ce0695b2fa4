"""Stores for tests that need no more than `set` and `get`."""

from __future__ import annotations

import threading
import time
from pathlib import Path


class MemoryStore:
    """A store among threads."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._changed = threading.Condition()

    def set(self, key: str, value: bytes) -> None:
        with self._changed:
            self._values[key] = value
            self._changed.notify_all()

    def get(self, key: str, timeout: float) -> bytes:
        with self._changed:
            if not self._changed.wait_for(lambda: key in self._values, timeout):
                raise TimeoutError(f"store: nobody has set {key!r} within {timeout:.3g} s")
            return self._values[key]


class FileStore:
    """A store among processes: a file per key in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, key: str, value: bytes) -> None:
        path = self._path(key)
        new = path.with_suffix(".new")
        new.write_bytes(value)
        new.rename(path)

    def get(self, key: str, timeout: float) -> bytes:
        deadline = time.monotonic() + timeout
        path = self._path(key)
        while not path.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"store: nobody has set {key!r} within {timeout:.3g} s")
            time.sleep(0.002)
        return path.read_bytes()

    def _path(self, key: str) -> Path:
        return self._folder / key.replace("/", "_")
