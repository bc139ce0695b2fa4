"""The conformance suite of collectives, over threads for breadth and over processes for truth."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

import dist
from dist.testing import check_collectives, check_mismatches, run_world
from dist.testing.collectives import SIZES
from dist.testing.mismatches import CASES


@pytest.mark.parametrize("size", SIZES)
def test_conformance_of_threads(size: int) -> None:
    check_collectives(dist.simulate, [size])


@pytest.mark.parametrize("backend", ["gloo", "tcp"])
def test_conformance_of_processes(backend: str) -> None:
    check_collectives(partial(run_world, backend=backend), [3])


def test_mismatches_are_seen_by_every_rank() -> None:
    with ThreadPoolExecutor(len(CASES)) as pool:
        for done in [pool.submit(check_mismatches, dist.simulate, [case]) for case in CASES]:
            done.result()
