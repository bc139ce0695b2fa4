"""The conformance suite of collectives, over threads for breadth and over processes for truth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import dist
import dist.shared_memory.backend as hosts
from dist.algorithms import HierarchicalCollectives
from dist.testing import check_collectives, check_mismatches, run_world
from dist.testing.collectives import SIZES
from dist.testing.mismatches import CASES


@pytest.mark.parametrize("size", SIZES)
def test_conformance_of_threads(size: int) -> None:
    check_collectives(dist.simulate, [size])


@pytest.mark.parametrize("backend", ["gloo", "tcp"])
def test_conformance_of_processes(backend: str) -> None:
    check_collectives(partial(run_world, backend=backend), [3])


def as_if_on_two_hosts(check: Callable[[], None]) -> None:
    """Run on every rank: the first two say that they share a host, and the others that they share another one."""
    hosts.find_hosts = lambda channel: tuple(int(rank > 1) - int(min(channel.ranks) > 1) for rank in channel.ranks)
    check()
    assert isinstance(dist.group.WORLD._collectives._chosen, HierarchicalCollectives)


def test_conformance_of_processes_on_two_hosts() -> None:
    check_collectives(lambda size, check: run_world(size, as_if_on_two_hosts, check), [4])


def test_mismatches_are_seen_by_every_rank() -> None:
    with ThreadPoolExecutor(len(CASES)) as pool:
        for done in [pool.submit(check_mismatches, dist.simulate, [case]) for case in CASES]:
            done.result()
