"""Tests of every call in the table, run as one test per operation."""

from __future__ import annotations

import collections
import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.tensorlib.op_table.sample import Sample


def on_each(samples: Iterable[Sample]) -> Callable[[Callable[..., None]], Any]:
    """Run a test, whose argument `sample` is one call, on all calls: those of one operation after the other.

    There are thousands of calls: to run and report a test for each takes longer than what the tests do.
    """
    by_operation: dict[str, list[Sample]] = collections.defaultdict(list)
    for sample in samples:
        by_operation[sample.op].append(sample)

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def run(sample: list[Sample], **others: Any) -> None:
            for each in sample:
                with named(each):
                    test(sample=each, **others)

        return pytest.mark.parametrize("sample", by_operation.values(), ids=by_operation)(run)

    return decorate


@contextlib.contextmanager
def named(sample: Sample) -> Iterator[None]:
    """Say of what goes wrong by which call it did."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"The call: {sample}")
        raise
