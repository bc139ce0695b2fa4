"""A store in a file that all ranks see, as on a network file system; nobody serves it."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import quote

from dist.errors import StoreError, StoreGone, StoreTimeout
from dist.forks import abandon_in_children
from dist.store.base import Store, Timeout, as_bytes, as_integer, as_seconds, checked_key
from dist.store.file_lock import is_locked_elsewhere, try_lock, unlock
from dist.store.journal import Journal
from dist.timeouts import DEFAULT_TIMEOUT, timeout_seconds

# Bytes that are locked: far beyond the contents, one for whoever reads or writes, then one for every living member.
_TURN: Final = 1 << 40
_MEMBERS: Final = _TURN + 1
_MOST_MEMBERS: Final = 1 << 20
# Who leaves waits no longer for its turn; the next to open the file finds that the member is gone.
_FAREWELL = 2.0  # seconds
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.02  # seconds
SHOWN_KEYS = 10


class FileStore(Store):
    """Keys and values in the file at `path`, for any number of processes and threads.

    Each open store is a member and holds a lock in the file, which the kernel releases however the process ends. That
    tells whose contents are in use: those that crashed programs left are forgotten by the next that opens the store,
    and the last member to close removes the file. The file takes no more space than several times its contents.

    Args:
        path: the file, made if there is none, in a directory that exists, on a file system with fcntl locks.
        world_size: accepted, as PyTorch's has it; nothing depends on how many use the file.
        name: stores of different names in one file have nothing to do with each other.
        timeout: seconds that `get` and `wait` take by default, and the wait for a turn at the file.

    Raises:
        StoreError: the file cannot be opened or locked, or has contents of another kind.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = FileStore(os.path.join(folder.name, "store"))
        >>> store.add("count", 2)
        2
        >>> store.get("count")
        b'2'
        >>> store.close()
        >>> os.listdir(folder.name)
        []
        >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        world_size: int = -1,
        name: str = "",
        timeout: float | timedelta = DEFAULT_TIMEOUT,
    ) -> None:
        if not isinstance(world_size, int):
            raise TypeError(f"FileStore: world_size is {world_size!r}: need an integer, or -1")
        self.path = os.path.abspath(path)
        self.name = name
        self.timeout = timeout_seconds("FileStore", timeout)
        self.member = ""
        self._slot = -1
        self._prefix = f"keys/{quote(name, safe='')}/"
        self._mutex = threading.RLock()
        self._descriptor = -1
        deadline = time.monotonic() + self.timeout
        try:
            with self._system_errors():
                while not self._enter(deadline):
                    pass
        except BaseException:
            self.abandon()
            raise
        abandon_in_children(self)

    def set(self, key: str, value: str | bytes) -> None:
        """See `Store.set`."""
        name, text = self._name(key), as_bytes(value)
        with self._turn() as journal:
            journal.write(name, text)

    def get(self, key: str, timeout: Timeout = None) -> bytes:
        """See `Store.get`."""
        return self._wait([key], timeout, "get")[0]

    def add(self, key: str, amount: int) -> int:
        """See `Store.add`."""
        name, amount = self._name(key), as_integer(amount)
        with self._turn() as journal:
            try:
                total = int(journal.values.get(name, b"0")) + amount
            except ValueError:
                raise StoreError(f"add: the value of {key!r} is not an integer") from None
            journal.write(name, b"%d" % total)
            return total

    def wait(self, keys: Sequence[str], timeout: Timeout = None) -> None:
        """See `Store.wait`."""
        self._wait(keys, timeout, "wait")

    def delete(self, key: str) -> bool:
        """See `Store.delete`."""
        name = self._name(key)
        with self._turn() as journal:
            found = name in journal.values
            if found:
                journal.write(name, None)
            return found

    def compare_set(self, key: str, expected: str | bytes, desired: str | bytes) -> bytes:
        """See `Store.compare_set`."""
        name, wanted, new = self._name(key), as_bytes(expected), as_bytes(desired)
        with self._turn() as journal:
            if journal.values.get(name, b"") == wanted:
                journal.write(name, new)
            return journal.values.get(name, wanted)

    def check(self, keys: Sequence[str]) -> bool:
        """See `Store.check`."""
        names = [self._name(key) for key in keys]
        with self._turn() as journal:
            return all(name in journal.values for name in names)

    def list_keys(self) -> list[str]:
        """See `Store.list_keys`."""
        with self._turn() as journal:
            return [key.removeprefix(self._prefix) for key in journal.values if key.startswith(self._prefix)]

    def is_alive(self, member: str) -> bool:
        """Tell whether the store that has the attribute `member`, here or elsewhere, is open: its process lives."""
        with self._turn() as journal:
            return self._is_alive(journal, member)

    def close(self) -> None:
        """Leave; the last member to do so removes the file. Idempotent."""
        if self._descriptor < 0:
            return
        with self._mutex:
            try:
                with contextlib.suppress(StoreError), self._turn(min(self.timeout, _FAREWELL)) as journal:
                    journal.write(f"member/{self._slot}", None)
                    # Within the turn, so that of two who leave at once the second sees that it is the last.
                    unlock(self._descriptor, _MEMBERS + self._slot)
                    if not self._has_others() and self._is_at_path():
                        os.unlink(self.path)
            finally:
                self.abandon()

    def abandon(self) -> None:
        """Close the file's handle, and nothing else."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _enter(self, deadline: float) -> bool:
        """Open the file and become a member; False where somebody removed the file meanwhile."""
        self.abandon()
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._journal = Journal(self._descriptor, self.path)
        self._lock(deadline)
        try:
            if not self._is_at_path():
                return False
            self._forget_the_dead()
            self._slot = next(n for n in range(_MOST_MEMBERS) if try_lock(self._descriptor, _MEMBERS + n))
            self.member = f"{self._slot} {secrets.token_hex(8)} {quote(self.name, safe='')}"
            self._journal.write(f"member/{self._slot}", self.member.encode())
            return True
        finally:
            unlock(self._descriptor, _TURN)

    def _forget_the_dead(self) -> None:
        """Remove all contents where nobody uses the file, and this store's where nobody uses a store of its name."""
        journal = self._journal
        if not self._has_others():
            journal.clear()
            return
        journal.check()
        journal.catch_up()
        members = [value.decode() for key, value in journal.values.items() if key.startswith("member/")]
        mine = [member for member in members if member.split(" ")[2] == quote(self.name, safe="")]
        if not any(self._is_alive(journal, member) for member in mine):
            for key in [key for key in journal.values if key.startswith(self._prefix)]:
                journal.write(key, None)

    def _is_alive(self, journal: Journal, member: str) -> bool:
        slot = int(member.split(" ")[0])
        is_held = slot == self._slot or is_locked_elsewhere(self._descriptor, _MEMBERS + slot)
        return is_held and journal.values.get(f"member/{slot}") == member.encode()

    def _has_others(self) -> bool:
        return is_locked_elsewhere(self._descriptor, _MEMBERS, _MOST_MEMBERS)

    def _is_at_path(self) -> bool:
        """Tell whether the open file is the one that others find."""
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        return False

    @contextlib.contextmanager
    def _turn(self, seconds: float | None = None) -> Iterator[Journal]:
        """Have the file, as it is now, for this thread alone; wait for that as long as the store's timeout."""
        with self._mutex:
            if self._descriptor < 0:
                raise StoreGone(f"the store in {self.path} was closed")
            with self._system_errors():
                self._lock(time.monotonic() + (self.timeout if seconds is None else seconds))
                try:
                    # A network file system shows what others wrote once a lock is taken.
                    self._journal.catch_up()
                    yield self._journal
                finally:
                    unlock(self._descriptor, _TURN)

    @contextlib.contextmanager
    def _system_errors(self) -> Iterator[None]:
        """Raise StoreError for what the system refuses."""
        try:
            yield
        except StoreError:  # a StoreTimeout is an OSError, too
            raise
        except OSError as error:
            raise StoreError(f"cannot use the file {self.path}: {error.strerror or error}") from None

    def _lock(self, deadline: float) -> None:
        pause = _SHORTEST_PAUSE
        while not try_lock(self._descriptor, _TURN):
            if time.monotonic() > deadline:
                raise StoreTimeout(f"{self.path} is kept locked by another process, which may have been stopped")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _name(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _wait(self, keys: Sequence[str], timeout: Timeout, operation: str) -> list[bytes]:
        seconds = as_seconds(timeout, self.timeout)
        names = [self._name(key) for key in keys]
        deadline, pause = time.monotonic() + seconds, _SHORTEST_PAUSE
        while True:
            with self._turn() as journal:
                values = [journal.values.get(name) for name in names]
            missing = sorted({key for key, value in zip(keys, values, strict=True) if value is None})
            if not missing:
                return [value for value in values if value is not None]
            if time.monotonic() >= deadline:
                shown = ", ".join(map(repr, missing[:SHOWN_KEYS])) + ", ..." * (len(missing) > SHOWN_KEYS)
                raise StoreTimeout(f"{operation}: nobody set {shown} within {seconds:g} s")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
