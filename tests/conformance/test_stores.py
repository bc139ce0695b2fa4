"""What stores answer, here and in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import dist

torch_distributed = pytest.importorskip("torch.distributed")

STEPS: list[Callable[[Any], object]] = [
    lambda store: store.num_keys(),
    lambda store: store.set("word", "one"),
    lambda store: store.set("bytes", b"\xff\x00"),
    lambda store: [store.get("word"), store.get("bytes")],
    lambda store: [store.add("count", 5), store.add("count", -7), store.get("count")],
    lambda store: [store.check([]), store.check(["word", "count"]), store.check(["word", "nothing"])],
    lambda store: store.compare_set("new", "expected", "desired"),
    lambda store: store.check(["new"]),
    lambda store: store.compare_set("new", "", "desired"),
    lambda store: store.compare_set("new", "expected", "other"),
    lambda store: store.compare_set("new", "desired", "other"),
    lambda store: store.compare_set("new", "", "another"),
    lambda store: store.wait(["word", "count"]),
    lambda store: [store.num_keys(), sorted(store.list_keys())],
    lambda store: [store.delete_key("word"), store.delete_key("word"), store.num_keys()],
]


@pytest.mark.parametrize("prefixed", [False, True])
def test_answers(prefixed: bool) -> None:
    here, there = dist.HashStore(), torch_distributed.HashStore()
    if prefixed:
        here, there = dist.PrefixStore("part", here), torch_distributed.PrefixStore("part", there)
    for number, step in enumerate(STEPS):
        assert step(here) == step(there), number
