"""The tests of all calls of an operation: none of them hides what the others find."""

from __future__ import annotations

import pytest

from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.op_table.sample import Sample

CALLS = [Sample("abs", (number,)) for number in range(4)]


def run(outcomes: dict[int, BaseException]) -> list[int]:
    """Test all calls, some with errors, and return which were tested."""
    tested = []

    @on_each(CALLS)
    def test(sample: Sample) -> None:
        tested.append(sample.args[0])
        if sample.args[0] in outcomes:
            raise outcomes[sample.args[0]]

    test(CALLS)
    return tested


def test_every_call_is_tested():
    assert run({}) == [0, 1, 2, 3]


@pytest.mark.parametrize("error", [ValueError("wrong"), pytest.fail.Exception("wrong")])
def test_one_error_is_raised_as_it_is(error):
    with pytest.raises(type(error)) as caught:
        run({1: error})
    assert caught.value is error
    assert error.__notes__ == ["The call: abs(1)"]


def test_several_errors_are_raised_together():
    errors = {0: ValueError("wrong"), 2: pytest.fail.Exception("bad"), 3: pytest.skip.Exception("missing")}
    with pytest.raises(BaseExceptionGroup, match="3 of 4 calls failed") as caught:
        run(errors)
    assert [error.__notes__ for error in caught.value.exceptions] == [[f"The call: abs({n})"] for n in errors]


def test_only_the_first_call_may_skip():
    with pytest.raises(pytest.skip.Exception, match="missing"):
        run({0: pytest.skip.Exception("missing"), 1: ValueError("wrong")})
    with pytest.raises(AssertionError, match="missing") as caught:
        run({2: pytest.skip.Exception("missing")})
    assert caught.value.__notes__ == ["The call: abs(2)"]
