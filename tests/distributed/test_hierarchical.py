"""Collectives in two levels: the bits of the flat ones, and few bytes between hosts."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from dist.algorithms import HierarchicalCollectives, MessageCollectives
from dist.algorithms.hierarchical import SMALL_BYTES
from dist.algorithms.segments import SEGMENT_BYTES
from dist.channel import Channel
from dist.reduction import ReduceOp
from dist.shared_memory import backend
from dist.shared_memory.backend import HostCollectives
from dist.shared_memory.collectives import SharedMemoryCollectives
from dist.transport.base import Transport
from dist.transport.inproc import make_inproc_world
from tests.distributed.algorithm_worlds import (
    CALLS,
    ROOTED,
    UNEVEN,
    CountingTransport,
    all_reduce,
    in_rank_order,
    values,
)

LOCALITIES = ["aabb", "aaabb", "abbb", "aabbbcc", "ab", "aaaa", "abab", "abcbca"]
CONTIGUOUS = [locality for locality in LOCALITIES if "".join(sorted(locality)) == locality]
LARGE = SMALL_BYTES // 4 + 1002  # more than is gathered by one rank
Call = Callable[..., None]


def two_levels(locality: str, collective: str) -> Call:
    """Return a collective in which every rank has an object of its own, for several calls."""
    objects = [HierarchicalCollectives(locality, MessageCollectives()) for _ in locality]

    def call(channel: Channel, *arguments: Any) -> None:
        getattr(objects[channel.rank], collective)(channel, *arguments)

    return call


def between_hosts(locality: str, transports: list[CountingTransport]) -> dict[str, int]:
    """Return how many bytes each host has sent to others."""
    last = len(locality) - 1  # group ranks are the transport's, counted from the end
    sent = dict.fromkeys(locality, 0)
    for rank, transport in enumerate(transports):
        sent[locality[rank]] += sum(
            nbytes for peer, nbytes in transport.to.items() if locality[last - peer] != locality[rank]
        )
    return sent


@pytest.mark.parametrize("locality", LOCALITIES)
@pytest.mark.parametrize("collective", CALLS)
def test_gives_the_bits_of_a_plain_loop(collective: str, locality: str) -> None:
    size = len(locality)
    call = two_levels(locality, collective)
    for count in (0, 1, 100, LARGE):
        for dtype in ("float32", "bfloat16", "int32") if "reduce" in collective else ("float32",):
            parts = values(size, count, dtype)
            for root in {0, size - 1, size // 2} if collective in ROOTED and dtype == "float32" else {0}:
                CALLS[collective](call, size, parts, *([root] if collective in ROOTED else []))


@pytest.mark.parametrize("locality", ["aabb", "abbb", "abcbca"])
@pytest.mark.parametrize("collective", UNEVEN)
def test_rows_of_different_lengths(collective: str, locality: str) -> None:
    for factor in (7, 7_000):
        lengths = [(factor * rank * rank) % (3 * factor + 2) for rank in range(len(locality))]
        parts = [values(1, length, "float32")[0] for length in lengths]
        CALLS[collective](two_levels(locality, collective), len(locality), parts)


@pytest.mark.parametrize("locality", ["aabb", "aabbbc"])
@pytest.mark.parametrize("collective", ["all_reduce", "reduce", "reduce_scatter", "broadcast"])
def test_arrays_of_many_segments(collective: str, locality: str) -> None:
    count = SEGMENT_BYTES // 4 * (1 if collective == "reduce_scatter" else 4) + 5
    CALLS[collective](two_levels(locality, collective), len(locality), values(len(locality), count, "float32"))


@pytest.mark.parametrize("count", [100, LARGE])
def test_average_of_halves_is_rounded_once(count: int) -> None:
    for op in (ReduceOp.AVG, ReduceOp.PRODUCT, ReduceOp.MAX):
        all_reduce(two_levels("aabbb", "all_reduce"), 5, values(5, count, "float16"), op)


@pytest.mark.parametrize("locality", CONTIGUOUS)
def test_bytes_between_hosts(locality: str) -> None:
    size, hosts = len(locality), len(set(locality))
    parts = values(size, 5040, "float32")
    nbytes = parts[0].nbytes
    sent = {
        collective: between_hosts(locality, CALLS[collective](two_levels(locality, collective), size, parts))
        for collective in CALLS
    }
    first, last = locality[0], locality[-1]
    for host in set(locality):
        ranks = locality.count(host)
        ends = (host != last) + (host != first)  # partial results go on, results go back
        assert sent["all_reduce"][host] <= ends * nbytes
        assert sent["reduce"][host] <= nbytes
        assert sent["broadcast"][host] <= hosts * nbytes
        assert sent["all_gather"][host] <= (hosts - 1) * ranks * nbytes
        assert sent["gather"][host] <= ranks * nbytes
        assert sent["reduce_scatter"][host] <= size * nbytes
    assert sum(sent["broadcast"].values()) == (hosts - 1) * nbytes
    assert sum(sent["reduce"].values()) <= hosts * nbytes
    assert sum(sent["barrier"].values()) == 0


def test_several_calls_follow_each_other() -> None:
    locality = "aabbb"
    parts = values(5, LARGE, "float32")
    objects = [HierarchicalCollectives(locality, MessageCollectives()) for _ in locality]

    def calls(channel: Channel, array: Any, op: ReduceOp) -> None:
        collectives = objects[channel.rank]
        small = np.array([channel.rank])
        collectives.all_reduce(channel, small, ReduceOp.SUM)
        assert small == [10]
        collectives.all_reduce(channel, array, op)
        collectives.barrier(channel)
        collectives.broadcast(channel, small, 3)
        assert small == [10]

    all_reduce(calls, 5, parts)


def calls_of_a_rank(transport: Transport, counts: list[int]) -> None:
    """Run on every rank, with what the default backend finds out by itself."""
    rank, ranks = transport.rank, tuple(range(transport.size))
    collectives = HostCollectives()
    for number, count in enumerate(counts):
        parts = [np.random.default_rng(other).standard_normal(count).astype(np.float32) for other in ranks]
        channel = Channel(transport, ranks, rank, tag=1, fingerprint=number, deadline=time.monotonic() + 60)
        array = parts[rank].copy()
        collectives.all_reduce(channel, array, ReduceOp.SUM)
        assert array.tobytes() == in_rank_order(ReduceOp.SUM, parts).tobytes()
        collectives.broadcast(channel, array, ranks[-1])
        rows = [np.empty_like(part) for part in parts]
        collectives.all_gather(channel, rows, parts[rank])
        assert all(row.tobytes() == part.tobytes() for row, part in zip(rows, parts, strict=True))
        collectives.barrier(channel)
    assert isinstance(collectives._chosen, HierarchicalCollectives)
    assert isinstance(collectives._chosen._local, SharedMemoryCollectives)
    collectives.close()


def test_default_backend_shares_memory_inside_hosts_and_sends_messages_between(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(channel: Channel) -> tuple[int, ...]:
        return tuple("aabbb".index("aabbb"[rank]) for rank in channel.ranks)

    monkeypatch.setattr(backend, "find_hosts", find)
    world = make_inproc_world(5)
    with ThreadPoolExecutor(5) as pool:
        calls = [pool.submit(calls_of_a_rank, transport, [1, 100, LARGE, 100, 3 * LARGE, 1]) for transport in world]
        for call in calls:
            call.result()
    for transport in world:
        transport.close()


def test_abort_and_close_are_handed_on() -> None:
    heard: list[str] = []

    class Local(MessageCollectives):
        def abort(self, reason: str) -> None:
            heard.append(reason)

        def close(self) -> None:
            heard.append("closed")

    collectives = HierarchicalCollectives("ab", Local())
    collectives.abort("rank 1 is lost")
    collectives.close()
    assert heard == ["rank 1 is lost", "closed"]
