"""The stub file that type checkers read says what Tensor has."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tensorlib import Tensor
from tests.tensorlib.op_table import SAMPLES

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("stubs", ROOT / "scripts" / "stubs.py")
stubs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stubs)


def test_is_current():
    assert stubs.STUBS.read_text() == stubs.stub_text(), "run: .venv/bin/python scripts/stubs.py"


@pytest.mark.parametrize("name", sorted(stubs.operation_lines() | stubs.operator_lines() | stubs.function_lines()))
def test_tensors_have_it(name):
    assert hasattr(Tensor, name)


@pytest.mark.parametrize("name", sorted({sample.op for sample in SAMPLES} & set(stubs.OPS)))
def test_says_what_operations_return(name):
    op = stubs.OPS[name]
    expected = stubs.RESULTS.get(op.name, "Tensor")
    if expected == "Any" or not op.method:
        return
    for sample in SAMPLES:
        if sample.op == name:
            result = sample.call(*sample.tensors())
            kind = {"Tensor": Tensor, "builtins.bool": bool}.get(expected, tuple)
            assert isinstance(result, kind), sample
