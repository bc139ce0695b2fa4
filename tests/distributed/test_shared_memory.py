"""Collectives through shared memory: ranks as threads for breadth, as processes for truth."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dist
from dist.algorithms import MessageCollectives
from dist.algorithms.hierarchical import HierarchicalCollectives
from dist.channel import Channel
from dist.errors import CollectiveMismatch, LengthMismatch, PeerError, PeerLost, TransportError, TransportTimeout
from dist.reduction import ReduceOp
from dist.shared_memory import locality, segment
from dist.shared_memory.backend import HostCollectives
from dist.shared_memory.board import HEAD_BYTES, Board
from dist.shared_memory.collectives import SharedMemoryCollectives
from dist.shared_memory.waiting import fence, wait_until
from dist.testing import run_ranks, run_world
from dist.testing.ranks import call_initialized
from dist.transport.inproc import make_inproc_world

SLOT_BYTES = 1 << 12  # small, so that arrays of some thousand elements take many rounds


def on_each(size: int, fn: Callable[[SharedMemoryCollectives, Channel], Any], seconds: float = 20.0) -> list[Any]:
    """Run `fn` on each rank of a board that is shared by threads."""
    memories = [np.zeros(HEAD_BYTES + 2 * SLOT_BYTES, np.uint8) for _ in range(size)]
    transports = make_inproc_world(size)

    def run(rank: int) -> Any:
        board = Board(memories, range(size), rank, cores=1)
        channel = Channel(transports[rank], tuple(range(size)), rank, 1, 7, time.monotonic() + seconds)
        return fn(SharedMemoryCollectives(board, size, rank), channel)

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))


def values(rank: int, length: int, dtype: Any) -> np.ndarray[Any, Any]:
    return (np.random.default_rng(rank).standard_normal(length) * 50).astype(dtype)


def next_call(channel: Channel) -> Channel:
    channel.fingerprint += 1
    return channel


@pytest.mark.parametrize("size", [2, 3, 5, 9])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "complex128", "bool"])
def test_reductions_add_in_rank_order_whatever_the_length(size: int, dtype: str) -> None:
    lengths = (0, 1, 7, SLOT_BYTES // 8, 5003)
    accumulator = np.float32 if dtype == "float16" else dtype

    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        for length in lengths:
            expected = values(0, length, dtype).astype(accumulator)
            for rank in range(1, size):
                expected = expected + values(rank, length, dtype)
            expected = expected.astype(dtype)
            array = values(channel.rank, length, dtype)
            collectives.all_reduce(next_call(channel), array, ReduceOp.SUM)
            assert array.tobytes() == expected.tobytes()
            for root in (0, size - 1):
                array = values(channel.rank, length, dtype)
                collectives.reduce(next_call(channel), array, root, ReduceOp.SUM)
                wanted = expected if channel.rank == root else values(channel.rank, length, dtype)
                assert array.tobytes() == wanted.tobytes()

    on_each(size, run)


@pytest.mark.parametrize("size", [2, 4])
def test_rows_of_different_lengths_go_where_they_should(size: int) -> None:
    lengths = [0, 3001, 1, 1500][:size]

    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        rank = channel.rank
        own = values(rank, lengths[rank], "float32")
        everybody = [values(k, n, "float32") for k, n in enumerate(lengths)]
        rows = [np.empty_like(row) for row in everybody]
        collectives.all_gather(next_call(channel), rows, own)
        assert all(map(np.array_equal, rows, everybody))
        for root in range(size):
            rows = [np.empty_like(row) for row in everybody]
            collectives.gather(next_call(channel), rows if rank == root else None, own, root)
            assert rank != root or all(map(np.array_equal, rows, everybody))
            piece = np.empty_like(own)
            collectives.scatter(next_call(channel), piece, everybody if rank == root else None, root)
            assert np.array_equal(piece, own)
            array = values(rank, 3001, "float32")
            collectives.broadcast(next_call(channel), array, root)
            assert np.array_equal(array, values(root, 3001, "float32"))
        out = np.empty_like(own)
        collectives.reduce_scatter(next_call(channel), out, [row * (rank + 1) for row in everybody], ReduceOp.SUM)
        expected = own * np.float32(1)
        for k in range(1, size):
            expected = expected + own * (k + 1)
        assert np.array_equal(out, expected)
        received = [np.empty(100 * k + rank) for k in range(size)]
        sent = [np.full(100 * rank + k, rank * 10.0 + k) for k in range(size)]
        collectives.all_to_all(next_call(channel), received, sent)
        assert [set(row) - {k * 10.0 + rank} for k, row in enumerate(received)] == [set()] * size
        collectives.barrier(next_call(channel))

    on_each(size, run)


def rounds_of(size: int, name: str, *arguments: Any) -> int:
    """Return how many rounds a collective takes."""

    def run(collectives: SharedMemoryCollectives, channel: Channel) -> int:
        counted: list[int] = []
        sync = collectives._board.sync

        def count(channel: Channel, number: int = 0) -> None:
            counted.append(number)
            sync(channel, number)

        collectives._board.sync = count  # type: ignore[method-assign]
        filled = [argument(channel.rank) if callable(argument) else argument for argument in arguments]
        getattr(collectives, name)(channel, *filled)
        return len(counted)

    (rounds,) = set(on_each(size, run))
    return int(rounds)


def test_rounds_are_as_few_as_the_documentation_says() -> None:
    n = 3

    def array(rank: int) -> Any:
        return np.ones(10_000, np.uint8)

    def rows(rank: int) -> Any:
        return [array(rank) for _ in range(n)]

    chunk = (SLOT_BYTES - 64) * n // (n + 1) // 64 * 64
    assert rounds_of(n, "barrier") == 1
    assert rounds_of(n, "all_reduce", lambda _: np.ones(1000, np.uint8), ReduceOp.SUM) == 1
    assert rounds_of(n, "all_reduce", array, ReduceOp.SUM) == -(-10_000 // chunk) + 1
    assert rounds_of(n, "reduce", array, 1, ReduceOp.SUM) == -(-10_000 // chunk) + 1
    assert rounds_of(n, "broadcast", array, 1) == 3
    assert rounds_of(n, "all_gather", rows, array) == 3
    assert rounds_of(n, "reduce_scatter", array, rows, ReduceOp.SUM) == 8
    assert rounds_of(n, "all_to_all", rows, rows) == 8


def test_an_algorithm_that_the_user_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_DIST_ALGO", "all_reduce=ring")
    (transport,) = make_inproc_world(1)
    collectives = HostCollectives()
    channel = Channel(transport, (0,), 0, 1, 7, time.monotonic() + 20)
    with monkeypatch.context() as watching:
        asked = []
        watching.setattr(MessageCollectives, "all_reduce", lambda *_: asked.append("messages"))
        collectives.all_reduce(channel, np.ones(3), ReduceOp.SUM)
    assert asked == ["messages"]
    assert collectives._chosen is None
    collectives.barrier(channel)
    assert collectives._chosen is not None


def test_another_call_is_found_out_on_all_ranks() -> None:
    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        channel.fingerprint += channel.rank == 1
        with pytest.raises(CollectiveMismatch, match=r"rank \d makes another call"):
            collectives.all_reduce(channel, np.ones(3), ReduceOp.SUM)

    on_each(2, run)


@pytest.mark.parametrize("op", ["gather", "scatter", "all_to_all"])
def test_lengths_that_do_not_fit_together_are_found_out_on_all_ranks(op: str) -> None:
    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        own = np.zeros(3 if channel.rank == 1 else 2)
        rows = [np.zeros(2) for _ in range(3)]
        rows_of_root = rows if channel.rank == 0 else None
        arguments = {
            "gather": (rows_of_root, own, 0),
            "scatter": (own, rows_of_root, 0),
            "all_to_all": (rows, [own if peer == 2 else rows[peer] for peer in range(3)]),
        }[op]
        with pytest.raises(LengthMismatch, match="a rank gives more or less than another one expects"):
            getattr(collectives, op)(channel, *arguments)

    on_each(3, run)


def test_a_rank_that_aborts_wakes_the_others_and_says_why() -> None:
    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        if channel.rank == 1:
            time.sleep(0.05)
            collectives.abort("no more disk: für immer")
            return
        with pytest.raises(PeerLost, match=r"^rank 1 aborted: no more disk: für immer$") as caught:
            collectives.barrier(channel)
        assert caught.value.rank == 1

    on_each(3, run)


def test_a_rank_that_has_closed_its_end_is_named() -> None:
    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        if channel.rank == 0:
            collectives.barrier(channel)  # who has come is not gone
            collectives.close()
            return
        collectives.barrier(channel)
        with pytest.raises(PeerLost, match="rank 0 has closed"):
            collectives.barrier(next_call(channel))

    on_each(2, run)


def test_who_does_not_come_in_time_is_named() -> None:
    def run(collectives: SharedMemoryCollectives, channel: Channel) -> None:
        if channel.rank != 2:
            with pytest.raises(TransportTimeout, match="rank 2 did not come"):
                collectives.barrier(channel)

    on_each(3, run, seconds=0.2)


def test_waiting_ends_at_the_deadline_and_looks_once_at_least() -> None:
    assert wait_until(lambda: True, 0, time.monotonic() - 1)
    started = time.monotonic()
    assert not wait_until(lambda: False, 10, started + 0.05)
    assert time.monotonic() >= started + 0.05
    fence()


def test_a_segment_is_attached_by_its_handle_and_known_by_its_token() -> None:
    handle, memory = segment.create(100)
    try:
        again = segment.Handle.decode(handle.encode())
        assert again == handle
        memory[7] = 42
        assert segment.attach(again)[7] == 42
        with pytest.raises(OSError, match="not the segment that was announced"):
            segment.attach(segment.Handle(handle.process, handle.descriptor, b"x" * 16))
    finally:
        os.close(handle.descriptor)
    with pytest.raises(OSError, match="No such file"):
        segment.attach(handle)


@pytest.mark.parametrize("required", [False, True])
def test_without_shared_memory_messages_are_sent_or_all_ranks_are_told(
    required: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError("no memory to share")

    monkeypatch.setattr(os, "memfd_create", refuse)
    transports = make_inproc_world(2)

    def run(rank: int) -> float:
        array = np.ones(1)
        channel = Channel(transports[rank], (0, 1), rank, 1, 7, time.monotonic() + 20)
        HostCollectives(required).all_reduce(channel, array, ReduceOp.SUM)
        return float(array[0])

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run, rank) for rank in (0, 1)]
        if not required:
            assert [future.result() for future in futures] == [2.0, 2.0]
            return
        for future in futures:
            with pytest.raises(TransportError, match="backend shm: the ranks do not share memory"):
                future.result()


def _shared_files() -> set[str]:
    maps = Path("/proc/self/maps").read_text()
    return {line for line in maps.splitlines() if "memfd:tensorlib" in line}


def _count_after_many_groups() -> int:
    for _ in range(5):
        group = dist.new_group([0, 1])
        dist.all_reduce(np.ones(3), group=group)
        dist.destroy_process_group(group)
    return len(_shared_files())


def test_a_group_that_ends_gives_its_memory_back() -> None:
    assert run_world(2, _count_after_many_groups, backend="shm") == [0, 0]


def _killed_within(nbytes: int) -> None:
    array = np.ones(nbytes, np.uint8)
    dist.all_reduce(array)
    if dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    with pytest.raises(PeerError, match="rank 1"):
        dist.all_reduce(array)


def test_a_rank_that_is_killed_is_named_by_those_who_wait_in_shared_memory() -> None:
    outcomes = run_ranks(3, call_initialized, "shm", 30.0, _killed_within, 1 << 22, timeout=30.0)
    assert [outcome.code for outcome in outcomes] == [0, -signal.SIGKILL, 0], outcomes


@pytest.mark.parametrize("hosts", ["aaabb", "abab", "abc"])
def test_ranks_of_several_hosts_share_memory_inside_each(hosts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size, here = len(hosts), threading.local()
    monkeypatch.setattr(locality, "host_identity", lambda: here.host.encode() * 16)
    transports = make_inproc_world(size)

    def run(rank: int) -> tuple[HostCollectives, bytes]:
        here.host = hosts[rank]
        collectives = HostCollectives()
        channel = Channel(transports[rank], tuple(range(size)), rank, 1, 7, time.monotonic() + 20)
        collectives.barrier(channel)
        array = values(rank, 100_003, "float32")
        collectives.all_reduce(next_call(channel), array, ReduceOp.SUM)
        with pytest.raises(TransportError, match="need all of them on one host"):
            HostCollectives(required=True).barrier(next_call(channel))
        return collectives, array.tobytes()

    with ThreadPoolExecutor(size) as pool:
        results = list(pool.map(run, range(size)))
    expected = values(0, 100_003, "float32")
    for rank in range(1, size):
        expected = expected + values(rank, 100_003, "float32")
    for rank, (collectives, found) in enumerate(results):
        assert found == expected.tobytes()
        chosen: Any = collectives._chosen
        if len(set(hosts)) == size:
            assert isinstance(chosen, MessageCollectives)
            continue
        assert isinstance(chosen, HierarchicalCollectives)
        alone = hosts.count(hosts[rank]) == 1
        assert isinstance(chosen._local, MessageCollectives if alone else SharedMemoryCollectives)
