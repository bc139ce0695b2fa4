"""Tests of every call in the table, run as one test per operation."""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.tensorlib.op_table.sample import Sample


def on_each(samples: Iterable[Sample]) -> Callable[[Callable[..., None]], Any]:
    """Run a test, whose argument `sample` is one call, on all calls: those of one operation after the other.

    There are thousands of calls: to run and report a test for each takes longer than what the tests do.
    All of them are run, also where one fails. Only the first may skip the test.
    """
    by_operation: dict[str, list[Sample]] = collections.defaultdict(list)
    for sample in samples:
        by_operation[sample.op].append(sample)

    def decorate(test: Callable[..., None]) -> Any:
        @functools.wraps(test)
        def run(sample: list[Sample], **others: Any) -> None:
            found = [error_of(test, each, others, may_skip=number == 0) for number, each in enumerate(sample)]
            errors = [error for error in found if error]
            if len(errors) > 1:
                raise BaseExceptionGroup(f"{len(errors)} of {len(sample)} calls failed", errors)
            if errors:
                raise errors[0]

        return pytest.mark.parametrize("sample", by_operation.values(), ids=by_operation)(run)

    return decorate


def error_of(
    test: Callable[..., None], sample: Sample, others: dict[str, Any], *, may_skip: bool
) -> BaseException | None:
    """Test one call, and return what went wrong, with a note that says by which call."""
    error: BaseException
    try:
        test(sample=sample, **others)
        return None
    except pytest.skip.Exception as skip:
        if may_skip:
            raise
        error = AssertionError(f"skipped, though the first call was not: {skip}")
    except (Exception, pytest.fail.Exception) as caught:
        error = caught
    error.add_note(f"The call: {sample}")
    return error
