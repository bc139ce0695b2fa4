"""Every transport keeps the promises of `dist.transport.base`; TCP also among real processes and strangers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dist.testing.transport import CHECKS, MakeWorld
from dist.transport.base import Transport
from dist.transport.bootstrap import Bootstrap
from dist.transport.inproc import make_inproc_world
from dist.transport.tcp import TcpTransport, connect_tcp
from tests.distributed.stores import MemoryStore


def make_tcp_world(size: int) -> list[TcpTransport]:
    store = MemoryStore()
    with ThreadPoolExecutor(size) as pool:
        ranks = [
            pool.submit(connect_tcp, Bootstrap(rank, size, store, b"secret", timeout=10.0)) for rank in range(size)
        ]
        return [rank.result() for rank in ranks]


@pytest.mark.parametrize("make_world", [make_inproc_world, make_tcp_world])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_conformance(check: Callable[[MakeWorld], None], make_world: MakeWorld) -> None:
    check(make_world)


def test_transports_follow_the_protocol() -> None:
    for world in (make_inproc_world(1), make_tcp_world(1)):
        assert isinstance(world[0], Transport)
        world[0].close()
