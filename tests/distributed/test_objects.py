"""Objects between ranks: plain data at any time, anything else where peers are trusted."""

from __future__ import annotations

import collections
import datetime
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import dist
from dist.errors import DistError
from dist.objects import _unpack
from dist.testing import run_world

PLAIN: list[Any] = [
    None,
    True,
    -(10**30),
    1.5,
    1 + 2j,
    "text",
    b"bytes",
    bytearray(b"more"),
    [1, (2, {3}), frozenset([4])],
    {"loss": 0.25, ("a", 1): [None]},
    range(3, 9, 2),
    slice(1, None),
    collections.OrderedDict(b=1, a=2),
    datetime.timedelta(minutes=3),
    datetime.datetime(2020, 2, 29, 12, tzinfo=datetime.UTC),
    np.float32(0.1),
    np.bool_(True),
    np.arange(6.0).reshape(2, 3)[:, ::2],
    np.zeros((0, 3), np.int8),
    np.array([1.5, -2], ml_dtypes.bfloat16),
    {"nested": [np.int64(3), {"array": np.array(7)}]},
]


@dataclass
class Config:
    rate: float


class Evil:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.putenv, ("EVIL", "1")


@pytest.fixture
def _trust() -> Iterator[None]:
    dist.trust_peers()
    yield
    dist.trust_peers(False)


def equal(left: Any, right: Any) -> bool:
    return type(left) is type(right) and (
        left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
        if isinstance(left, np.ndarray | np.generic)
        else repr(left) == repr(right)
    )


def exchange_objects() -> list[Any]:
    rank = dist.get_rank()
    objects: list[Any] = [None] * 3
    dist.all_gather_object(objects, {"rank": rank, "text": "x" * 10_000 * rank})
    assert [found["rank"] for found in objects] == [0, 1, 2]
    assert len(objects[2]["text"]) == 20_000

    dist.gather_object(("from", rank), objects if rank == 2 else None, dst=2)
    assert rank != 2 or objects == [("from", 0), ("from", 1), ("from", 2)]

    place = [None]
    dist.scatter_object_list(place, [["for", 0], ["for", 1], ["for", 2]] if rank == 1 else None, src=1)
    assert place == [["for", rank]]

    if rank == 0:
        dist.send_object_list(["epoch", 3], dst=2)
    if rank == 2:
        received = [None, None]
        assert dist.recv_object_list(received) == 0
        assert received == ["epoch", 3]

    named = ["epoch", 3, None] if rank == 1 else [None] * 3
    dist.broadcast_object_list(named, src=1)
    return named


def test_objects() -> None:
    assert run_world(3, exchange_objects) == [["epoch", 3, None]] * 3


@pytest.mark.parametrize("obj", PLAIN, ids=lambda obj: type(obj).__name__)
def test_plain_data_needs_no_trust(obj: Any) -> None:
    def work() -> list[Any]:
        found = [None, None]
        dist.all_gather_object(found, obj)
        return found

    for found in dist.simulate(2, work):
        assert all(equal(each, obj) for each in found)


@pytest.mark.parametrize("obj", [Config(0.1), [{"deep": Config(0.1)}], os.putenv, Config, np.array([None]), Evil()])
def test_anything_else_is_refused_before_it_is_sent(obj: Any) -> None:
    def work() -> None:
        with pytest.raises(TypeError, match=r"all_gather_object: a \w+ is no plain data: call dist.trust_peers\(\)"):
            dist.all_gather_object([None, None], obj)
        assert dist.get_statistics().calls == 0
        dist.barrier()

    dist.simulate(2, work)


@pytest.mark.usefixtures("_trust")
def test_anything_travels_among_ranks_that_trust_each_other() -> None:
    def work() -> list[Any]:
        found = [None, None]
        dist.all_gather_object(found, Config(float(dist.get_rank())))
        with pytest.raises(TypeError, match=r"all_gather_object: cannot pickle a lock"):
            dist.all_gather_object([None] * 2, threading.Lock())
        return found

    assert dist.simulate(2, work) == [[Config(0.0), Config(1.0)]] * 2


def test_the_environment_can_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_TRUST_PEERS", "1")

    def work() -> list[Any]:
        found = [Config(0.5) if dist.get_rank() == 0 else None]
        dist.broadcast_object_list(found)
        return found

    assert dist.simulate(2, work) == [[Config(0.5)]] * 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_of_a_peer_is_not_run(protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = np.frombuffer(pickle.dumps([Evil()], protocol), np.uint8)
    called: list[Any] = []
    monkeypatch.setattr(os, "putenv", lambda *arguments: called.append(arguments))
    with pytest.raises(DistError, match=r"gather_object: another rank sent a .*, which is no plain data: call dist.tr"):
        _unpack("gather_object", data)
    assert called == []


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: dist.all_gather_object([], 1), ValueError, "object_list needs to be a list of 1 places, one per rank"),
        (lambda: dist.gather_object(1), ValueError, "gather_object: object_gather_list needs to be a list of 1"),
        (lambda: dist.gather_object(1, [None], dst=1), ValueError, "gather_object: object_gather_list is given on"),
        (lambda: dist.scatter_object_list([]), ValueError, "scatter_object_output_list needs to be a list with a pl"),
        (lambda: dist.scatter_object_list([None], [1, 2]), ValueError, "scatter_object_input_list needs to be a list"),
        (lambda: dist.broadcast_object_list((1,)), TypeError, "broadcast_object_list: object_list is a tuple: need a"),  # type: ignore[arg-type]
        (lambda: dist.send_object_list([1]), ValueError, "send_object_list: dst is missing: need a global rank"),
    ],
)
def test_arguments_are_checked(call: Callable[[], None], error: type[Exception], message: str) -> None:
    def work() -> None:
        with pytest.raises(error, match=message):
            call()
        dist.barrier()

    dist.simulate(1, work)


def test_lists_must_be_of_one_length() -> None:
    def work() -> None:
        places = [1, 2] if dist.get_rank() == 0 else [None]
        dist.broadcast_object_list(places, src=0)

    with pytest.raises(ValueError, match="broadcast_object_list: object_list has 1 places: need 2, as on rank 0"):
        dist.simulate(2, work)
