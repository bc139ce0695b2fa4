"""Shared memory keeps the promises of every transport; also among processes that are killed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dist.testing.transport import CHECKS, MakeWorld
from dist.transport.shared_memory.transport import SharedMemoryTransport, connect_shared_memory
from tests.distributed.stores import MemoryStore


def make_world(size: int) -> list[SharedMemoryTransport]:
    store = MemoryStore()
    with ThreadPoolExecutor(size) as pool:
        ranks = [pool.submit(connect_shared_memory, rank, size, store, b"secret", timeout=10.0) for rank in range(size)]
        transports = [rank.result() for rank in ranks]
    assert all(transport.neighbours == set(range(size)) - {transport.rank} for transport in transports)
    return transports


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conformance(check: Callable[[MakeWorld], None]) -> None:
    check(make_world)
