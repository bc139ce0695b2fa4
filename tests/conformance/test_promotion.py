"""Which type comes of two: the whole table, with tensors of dimensions, of none, and numbers."""

from __future__ import annotations

import itertools

import pytest

import tensorlib
from tensorlib.dtypes import ALL

torch = pytest.importorskip("torch")

KINDS = ("dimensions", "0-d", "number")
NUMBERS = {"bool": True, "int64": 2, "float32": 2.5, "complex64": 2j}


def operand(library, name, kind):
    if kind == "number":
        return NUMBERS[name]
    return library.ones((2,) if kind == "dimensions" else (), dtype=getattr(library, name))


PAIRS = [
    ((first, left), (second, right))
    for left, right in itertools.product(KINDS[:2], KINDS)
    for first, second in itertools.product(
        [each.name for each in ALL], NUMBERS if right == "number" else [each.name for each in ALL]
    )
]


@pytest.mark.parametrize("operation", ["mul", "div", "pow", "eq"])
def test_types_of_results(operation):
    for left, right in PAIRS:
        if operation == "pow" and left[0] == right[0] == "bool":
            continue  # PyTorch has no powers of truth values
        ours = getattr(tensorlib, operation)(operand(tensorlib, *left), operand(tensorlib, *right))
        pair = operand(torch, *left), operand(torch, *right)
        if torch.result_type(*pair) is torch.complex32:  # which is not offered here
            expected = torch.complex64 if operation != "eq" else torch.bool
        else:
            expected = getattr(torch, operation)(*pair).dtype
        assert ours.dtype.name == str(expected).removeprefix("torch."), (left, right)
