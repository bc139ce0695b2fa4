"""The names and the order of arguments of `dist`, and those of PyTorch."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import dist
from dist import functional

distributed = pytest.importorskip("torch.distributed")

HERE = {name: value for name in dist.__all__ if inspect.isfunction(value := getattr(dist, name))}
THERE = {name: value for name in HERE if (value := getattr(distributed, name, None)) is not None}
OTHERS = {"init_process_group": "older documents give its arguments by name, and in this order"}


def names(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_most_functions_are_compared() -> None:
    assert len(THERE) > 40


@pytest.mark.parametrize("name", sorted(THERE.keys() - OTHERS.keys()))
def test_arguments_have_pytorchs_names_and_places(name: str) -> None:
    here, there = names(HERE[name]), names(THERE[name])
    assert here == there[: len(here)]


def test_what_is_left_out_is_no_longer_so() -> None:
    assert all(names(HERE[name]) != names(THERE[name]) for name in OTHERS)


@pytest.mark.parametrize("name", ["all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather"])
def test_functional_too(name: str) -> None:
    there = pytest.importorskip("torch.distributed.nn.functional")
    assert names(getattr(functional, name)) == names(getattr(there, name))


def test_operators() -> None:
    others = {"PREMUL_SUM", "RedOpType"}
    wanted = {name for name in dir(distributed.ReduceOp) if name[0].isupper()} - others
    assert wanted <= set(dir(dist.ReduceOp))
