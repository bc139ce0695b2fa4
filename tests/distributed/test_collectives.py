"""The conformance suite of collectives, over threads for breadth and over processes for truth."""

from __future__ import annotations

import pytest

import dist
from dist.testing import check_collectives, run_world
from dist.testing.collectives import SIZES


@pytest.mark.parametrize("size", SIZES)
def test_conformance_of_threads(size: int) -> None:
    check_collectives(dist.simulate, [size])


def test_conformance_of_processes() -> None:
    check_collectives(run_world, [3])
