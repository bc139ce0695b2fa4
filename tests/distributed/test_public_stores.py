"""The stores that programs open: `TCPStore`, `FileStore`, `HashStore`, `PrefixStore`, alike in all that they do."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import dist
from tests.distributed.control_plane import free_port, in_threads, nothing_left

Opener = Callable[[], dist.Store]


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(params=["tcp", "file", "hash", "prefix"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """A function that opens one store again and again, each time as another process would; closes them all."""
    master = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=20) if request.param in ("tcp", "prefix") else None
    memory, opened = dist.HashStore(), []

    def open_one() -> dist.Store:
        if request.param == "file":
            opened.append(dist.FileStore(tmp_path / "store", 2))
        elif master:
            opened.append(dist.TCPStore("127.0.0.1", master.port, timeout=20))
        return dist.PrefixStore("part", opened[-1]) if request.param == "prefix" else (opened or [memory])[-1]

    yield open_one
    for store in [*opened, *([master] if master else [])]:
        store.close()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def store(open_store: Opener) -> dist.Store:
    return open_store()


def test_values_are_text_or_bytes(store: dist.Store) -> None:
    store.set("text", "naïve")
    store.set("bytes", b"\xff\x00")
    assert [store.get("text"), store.get("bytes")] == ["naïve".encode(), b"\xff\x00"]
    assert isinstance(store, dist.Store)


def test_counting(store: dist.Store) -> None:
    assert [store.add("count", 5), store.add("count", -7)] == [5, -2]
    assert store.get("count") == b"-2"
    store.set("count", "40")
    assert store.add("count", 2) == 42
    store.set("word", "many")
    with pytest.raises(dist.StoreError, match=r"^add: the value of '.*word' is not an integer$"):
        store.add("word", 1)
    assert store.get("word") == b"many"


def test_keys_are_counted_checked_and_deleted(store: dist.Store) -> None:
    assert store.num_keys() == 0
    store.set("a", "1")
    store.add("b", 1)
    assert store.num_keys() == 2
    assert sorted(store.list_keys()) == ["a", "b"]
    assert [store.check(["a", "b"]), store.check(["a", "c"]), store.check([])] == [True, False, True]
    assert [store.delete_key("a"), store.delete_key("a"), store.delete("b")] == [True, False, True]
    assert store.num_keys() == 0


@pytest.mark.parametrize(
    ("before", "expected", "desired", "returned", "after"),
    [
        (None, "", "new", b"new", b"new"),
        (None, "x", "new", b"x", None),
        ("old", "old", "new", b"new", b"new"),
        ("old", b"old", b"new", b"new", b"new"),
        ("old", "x", "new", b"old", b"old"),
        ("old", "", "new", b"old", b"old"),
    ],
)
def test_compare_set(store: dist.Store, before: Any, expected: Any, desired: Any, returned: bytes, after: Any) -> None:
    if before is not None:
        store.set("key", before)
    assert store.compare_set("key", expected, desired) == returned
    assert (store.get("key") if after else store.check(["key"])) == (after or False)


def test_waiting(open_store: Opener) -> None:
    first, second = open_store(), open_store()
    later = threading.Timer(0.1, lambda: second.set("key", "value"))
    later.start()
    first.wait(["key"], timedelta(seconds=20))
    assert first.get("key") == b"value"
    later.join()


def test_waiting_in_vain(store: dist.Store) -> None:
    store.set("here", "")
    store.set_timeout(timedelta(seconds=0.1))
    assert store.timeout == 0.1
    started = time.monotonic()
    for wait in (lambda: store.get("gone"), lambda: store.wait(["here", "gone"]), lambda: store.wait(["gone"], 0.05)):
        with pytest.raises(dist.StoreTimeout, match=r"nobody set '.*gone' within 0\.\d+ s"):
            wait()
    assert 0.2 < time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: store.set("key", 1), "a value is a int: need a str or bytes"),
        (lambda store: store.set(1, "value"), "a key is 1: need a str"),
        (lambda store: store.get(b"key"), "a key is b'key': need a str"),
        (lambda store: store.add("key", 1.5), "add takes an int, not a float"),
        (lambda store: store.compare_set("key", None, "x"), "a value is a NoneType: need a str or bytes"),
        (lambda store: store.set_timeout("1"), "set_timeout: timeout is a str: need seconds or a timedelta"),
    ],
)
def test_wrong_kinds(store: dist.Store, call: Callable[[dist.Store], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(store)
    assert store.num_keys() == 0


def test_many_add_at_once(open_store: Opener) -> None:
    stores = [open_store() for _ in range(3)]
    sums = in_threads(3, lambda index: [stores[index].add("count", 1) for _ in range(20)])
    assert sorted(total for each in sums for total in each) == list(range(1, 61))


def test_processes_wait_for_each_other_at_an_address() -> None:
    port = free_port()

    def opened(rank: int) -> dist.TCPStore:
        return dist.TCPStore("localhost", port, 3, rank == 0, timeout=20)

    stores = in_threads(3, opened)
    assert [store.num_keys() for store in stores] == [0, 0, 0]
    stores[2].set("from", "2")
    assert stores[1].get("from") == b"2"
    for store in reversed(stores):
        store.close()
        store.close()
    with pytest.raises(dist.StoreError, match="was closed"):
        stores[0].get("from")


def test_not_all_come_to_the_address() -> None:
    with pytest.raises(dist.StoreTimeout, match=r"^TCPStore: 1 of 2 processes opened 127.0.0.1:\d+ within 0.3 s$"):
        dist.TCPStore("127.0.0.1", 0, 2, is_master=True, timeout=0.3)
    with pytest.raises(dist.StoreError, match=r"^no store of this job at 127.0.0.1:\d+ within 0.3 s: nothing listens"):
        dist.TCPStore("127.0.0.1", free_port(), timeout=0.3)


def test_a_store_that_nobody_refers_to_is_closed() -> None:
    before = threading.active_count()
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, timeout=20)
    assert threading.active_count() == before + 2
    del store
    gc.collect()
    assert threading.active_count() == before


def test_prefixes_in_prefixes() -> None:
    store = dist.HashStore()
    inner = dist.PrefixStore("a", dist.PrefixStore("b", store))
    inner.set("key", "1")
    store.set("other", "2")
    assert (store.get("b/a/key"), inner.num_keys(), store.num_keys()) == (b"1", 1, 2)
    inner.set_timeout(5)
    assert store.timeout == inner.timeout == 5
    with pytest.raises(TypeError, match="PrefixStore: store is a dict: need a store"):
        dist.PrefixStore("a", {})  # type: ignore[arg-type]
