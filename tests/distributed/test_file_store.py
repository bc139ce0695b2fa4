"""The store in a file: threads for breadth, processes for truth."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dist.errors import StoreError, StoreGone, StoreTimeout
from dist.store import FileStore, PrefixStore, Store
from dist.store.journal import MAGIC
from tests.distributed.control_plane import in_threads, kill, line_of, nothing_left, start


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A file that the test leaves no trace of."""
    yield tmp_path / "store"
    assert os.listdir(tmp_path) == []


OPEN = """
import sys
from dist.store import FileStore
store = FileStore(sys.argv[1], name="".join(sys.argv[2:]), timeout=20)
store.add("count", 1)
store.set("old", b"1")
print("open", flush=True)
sys.stdin.readline()
store.close()
"""


@pytest.mark.parametrize("prefix", ["", "part"])
def test_operations(path: Path, prefix: str) -> None:
    file = FileStore(path, timeout=10)
    store: Store = PrefixStore(prefix, file) if prefix else file
    assert isinstance(file, Store)
    store.set("key", b"\x00 any bytes \xff")
    assert store.get("key") == b"\x00 any bytes \xff"
    store.set("key", b"")
    assert store.get("key") == b""
    assert [store.add("count", 5), store.add("count", -7)] == [5, -2]
    assert store.get("count") == b"-2"
    assert [store.delete("key"), store.delete("key")] == [True, False]
    assert store.compare_set("word", b"something", b"new") == b"something"
    assert store.compare_set("word", b"", b"first") == b"first"
    assert store.compare_set("word", b"", b"second") == b"first"
    with pytest.raises(StoreError, match=r"word' is not an integer"):
        store.add("word", 1)
    file.close()


def test_members_see_the_same(path: Path) -> None:
    first, second = FileStore(path, timeout=10), FileStore(path, timeout=10)
    value = os.urandom(1_000_000)
    first.set("key", value)
    assert second.get("key") == value
    second.delete("key")
    with pytest.raises(StoreTimeout, match=r"^get: nobody set 'key' within 0 s$"):
        first.get("key", timeout=0)
    first.close()
    second.set("key", b"still here")
    assert second.get("key") == b"still here"
    second.close()


def test_timeout_names_the_missing_keys(path: Path) -> None:
    store = FileStore(path)
    store.set("there", b"1")
    started = time.monotonic()
    with pytest.raises(StoreTimeout, match=r"^wait: nobody set 'here', 'nowhere' within 0.2 s$"):
        store.wait(["nowhere", "there", "here"], timeout=0.2)
    assert 0.2 <= time.monotonic() - started < 2
    store.close()


@pytest.mark.parametrize("shared", [True, False], ids=["one store", "a store each"])
def test_threads(path: Path, shared: bool) -> None:
    common = FileStore(path, timeout=20)

    def call(index: int) -> bytes:
        store = common if shared else FileStore(path, timeout=20)
        for _ in range(20):
            store.add("count", 1)
        store.set(f"key {index}", b"%d" % index)
        store.wait([f"key {other}" for other in range(6)])
        found = store.get(f"key {(index + 1) % 6}")
        if not shared:
            store.close()
        return found

    assert in_threads(6, call) == [b"1", b"2", b"3", b"4", b"5", b"0"]
    assert common.get("count") == b"120"
    common.close()
    common.close()
    with pytest.raises(StoreGone, match=r"was closed$"):
        common.get("count")


def test_add_is_atomic_across_processes(path: Path) -> None:
    code = """
import sys
from dist.store import FileStore
store = FileStore(sys.argv[1], timeout=20)
for _ in range(50):
    store.add("count", 1)
store.add("done", 1)
while store.get("done") != b"3":
    pass
print(store.get("count").decode())
sys.stdin.readline()
store.close()
"""
    processes = [start(code, path) for _ in range(3)]
    assert [line_of(process) for process in processes] == ["150"] * 3
    assert [process.communicate("\n", timeout=20)[1] for process in processes] == [""] * 3


def test_whoever_leaves_last_removes_the_file(path: Path) -> None:
    def call(_: int) -> None:
        for _ in range(30):
            store = FileStore(path, timeout=20)
            store.add("count", 1)
            store.close()

    assert in_threads(4, call) == [None] * 4


def test_writers_that_are_killed_spoil_nothing(path: Path) -> None:
    code = """
import sys
from dist.store import FileStore
store = FileStore(sys.argv[1], timeout=20)
print("open", flush=True)
while True:
    store.add("count", 1)
    store.set("key", b"x" * 10000)
"""
    store = FileStore(path, timeout=20)
    for _ in range(4):
        writers = [start(code, path) for _ in range(2)]
        assert [line_of(writer) for writer in writers] == ["open"] * 2
        before = store.add("count", 0)
        store.wait(["key"], timeout=20)
        for writer in writers:
            kill(writer)
        assert store.add("count", 1) > before
        assert store.get("key", timeout=0) == b"x" * 10000
    store.close()


def test_forked_child_does_not_keep_a_killed_member_alive(path: Path) -> None:
    code = """
import os, sys, time
from dist.store import FileStore
store = FileStore(sys.argv[1], timeout=20)
child = os.fork()
if child == 0:
    os.closerange(0, 3)
    time.sleep(60)
    os._exit(0)
print(store.member, child, flush=True)
time.sleep(60)
"""
    store = FileStore(path, timeout=5)
    parent = start(code, path)
    member, _, child = line_of(parent).rpartition(" ")
    try:
        assert store.is_alive(member)
        kill(parent)
        deadline = time.monotonic() + 10
        while store.is_alive(member) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not store.is_alive(member)
    finally:
        os.kill(int(child), signal.SIGKILL)  # it is still there
    store.close()


def test_names_keep_stores_in_one_file_apart(path: Path) -> None:
    stores = [FileStore(path, name=name, timeout=5) for name in ("", "a", "a/b", "a%2Fb")]
    for number, store in enumerate(stores):
        store.set("b/key", b"%d" % number)
    stores[1].set("key", b"a")
    assert [store.get("b/key") for store in stores] == [b"0", b"1", b"2", b"3"]
    with pytest.raises(StoreTimeout):
        stores[2].get("key", timeout=0)
    for store in stores:
        store.close()


def test_what_a_killed_process_left_is_forgotten(path: Path) -> None:
    crashed = start(OPEN, path)
    assert line_of(crashed) == "open"
    kill(crashed)
    assert path.exists()
    store = FileStore(path, timeout=5)
    assert store.add("count", 1) == 1
    store.close()


def test_what_a_killed_process_left_is_forgotten_though_another_job_uses_the_file(path: Path) -> None:
    other = FileStore(path, name="other", timeout=5)
    other.set("old", b"2")
    crashed = start(OPEN, path, "mine")
    assert line_of(crashed) == "open"
    kill(crashed)
    store = FileStore(path, name="mine", timeout=5)
    with pytest.raises(StoreTimeout):
        store.get("old", timeout=0)
    assert other.get("old") == b"2"
    store.close()
    other.close()


def test_members_know_who_lives(path: Path) -> None:
    own, other, gone = (FileStore(path, timeout=5) for _ in range(3))
    assert own.is_alive(own.member)
    assert own.is_alive(other.member)
    gone.abandon()
    assert not own.is_alive(gone.member)
    # The place of the one that is gone is taken by another, which is not the same.
    again = FileStore(path, timeout=5)
    assert not own.is_alive(gone.member)
    assert other.is_alive(again.member)
    for store in (own, other, again):
        store.close()


@pytest.mark.parametrize("garbage", [b"", MAGIC[:5], MAGIC + b"\xff" * 1000, MAGIC + bytes(3)])
def test_stale_file_with_garbage_after_our_own_beginning(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    store = FileStore(path, timeout=5)
    assert store.add("count", 1) == 1
    store.close()


def test_record_that_was_not_written_to_its_end(path: Path) -> None:
    first, second = FileStore(path, timeout=5), FileStore(path, timeout=5)
    first.set("key", b"value")
    whole = path.stat().st_size
    first.set("torn", b"lost")
    os.truncate(path, whole + 7)
    assert second.get("key") == b"value"
    second.set("next", b"1")
    with pytest.raises(StoreTimeout):
        second.get("torn", timeout=0)
    first.abandon()
    second.close()


def test_the_file_takes_little_space_however_much_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.store.journal.COMPACT_BYTES", 8192)
    first, second = FileStore(path, timeout=5), FileStore(path, timeout=5)
    first.set("kept", b"from the beginning")
    first.set("deleted", b"1")
    first.delete("deleted")
    for number in range(600):
        (first, second)[number % 2].set("key", b"%1000d" % number)
        assert (first, second)[number // 7 % 2].get("key", timeout=0) == b"%1000d" % number
    assert path.stat().st_size > 600_000
    assert path.stat().st_blocks * 512 < 100_000
    third = FileStore(path, timeout=5)
    assert [third.get("kept"), third.get("key")] == [b"from the beginning", b"%1000d" % 599]
    with pytest.raises(StoreTimeout):
        third.get("deleted", timeout=0)
    for store in (first, second, third):
        store.close()


def test_death_while_the_file_was_made_smaller(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.store.journal.COMPACT_BYTES", 200)
    first, second = FileStore(path, timeout=5), FileStore(path, timeout=5)
    first.set("kept", b"1")
    system = os.pwrite

    def die_before_the_last_step(descriptor: int, data: bytes, offset: int) -> int:
        if offset == len(MAGIC):
            raise OSError("killed")
        return system(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", die_before_the_last_step)
    error = None
    for number in range(100):
        try:
            first.set("key", b"%d" % number)
        except StoreError as failure:
            error = failure
            break
    assert "killed" in str(error)
    first.abandon()
    monkeypatch.setattr(os, "pwrite", system)
    assert second.get("kept") == b"1"
    second.set("key", b"after")
    third = FileStore(path, timeout=5)
    assert [third.get("kept"), third.get("key")] == [b"1", b"after"]
    second.close()
    third.close()


def test_file_that_is_something_else_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(b"not ours")
    with pytest.raises(StoreError, match=r"thesis\.txt is a file with other contents: remove it, or name another"):
        FileStore(path, timeout=5)
    assert path.read_bytes() == b"not ours"


def test_process_that_was_stopped_at_its_turn(path: Path) -> None:
    stopped, other = FileStore(path, timeout=5), FileStore(path, timeout=0.2)
    with stopped._turn():
        started = time.monotonic()
        with pytest.raises(StoreTimeout, match="kept locked by another process"):
            other.set("key", b"1")
        other.close()
        with pytest.raises(StoreTimeout, match="kept locked by another process"):
            FileStore(path, timeout=0.2)
        assert time.monotonic() - started < 2
    stopped.close()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("no such directory/store", "No such file or directory"),
        (".", "Is a directory"),
        ("/sys/store", "Permission denied|Read-only file system|Operation not permitted"),
        ("/dev/null/store", "Not a directory"),
    ],
)
def test_file_that_cannot_be_made(tmp_path: Path, wrong: str, reason: str) -> None:
    with pytest.raises(StoreError, match=rf"^cannot use the file /.*: ({reason})$"):
        FileStore(tmp_path / wrong, timeout=5)
