"""Every operation that takes tensors of floats, with each element type: the types and values of its results."""

from __future__ import annotations

import warnings

import numpy
import pytest

import tensorlib
from tensorlib.dtypes import ALL
from tests.conformance.test_ops import function_of
from tests.tensorlib.op_table import SAMPLES

torch = pytest.importorskip("torch")

TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-9, "complex128": 1e-9}
INTEGERS = {"uint8", "int8", "int16", "int32", "int64"}
# What is otherwise than in PyTorch.
OTHERWISE = {
    "bincount": {"float16", "bfloat16", "complex64", "complex128"},  # weights keep float32; complex ones are refused
    "complex": {"float16"},  # there is no complex type of half precision
    "kthvalue": {"uint8"},  # among equals another place
    "linalg_matrix_exp": {"float16", "bfloat16"},  # computed in float32, and so more precise
    "logcumsumexp": {"complex64", "complex128"},  # refused
    "lu_unpack": INTEGERS | {"bool", "float16", "bfloat16"},  # only what can be factors
    "matrix_exp": {"float16", "bfloat16"},
    "special_zeta": {"bool"},
    "topk": INTEGERS,  # among equals other places
    "view_as_complex": {"float16"},
}


def suitable(sample):
    arrays = [arg for arg in sample.args if isinstance(arg, numpy.ndarray)]
    others = [value for value in sample.options.values() if isinstance(value, numpy.ndarray)]
    return sample.torch is not None and not others and any(a.dtype.kind == "f" and a.size > 1 for a in arrays)


CALLS = {sample.op: sample for sample in reversed(SAMPLES) if suitable(sample)}


def given(value, library, name):
    """Return arguments with tensors of a type for arrays of floats; integers are made of greater numbers."""
    if isinstance(value, (list, tuple)):
        return type(value)(given(item, library, name) for item in value)
    if not isinstance(value, numpy.ndarray):
        return value
    if value.dtype.kind != "f":
        return library.from_numpy(value.copy())
    numbers = value * 3 if name in INTEGERS else value
    tensor = library.from_numpy(numpy.array(abs(numbers) if name == "uint8" else numbers))
    return tensor.to(getattr(library, name))


def results(value):
    return [part for part in (value if isinstance(value, (tuple, list)) else [value]) if hasattr(part, "dtype")]


@pytest.mark.parametrize("op", sorted(CALLS))
def test_as_pytorch(op):
    sample = CALLS[op]
    for name in [dtype.name for dtype in ALL if dtype.name not in OTHERWISE.get(op, ())]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = function_of(sample)(*given(sample.args, torch, name), **sample.options)
        except (RuntimeError, TypeError, ValueError, IndexError):
            continue  # there is more here than in PyTorch
        found = sample.call(given(sample.args, tensorlib, name), sample.options)
        for ours, theirs in zip(results(found), results(expected), strict=True):
            assert ours.dtype.name == str(theirs.dtype).removeprefix("torch."), name
            close = TOLERANCES.get(name, 1e-4)
            numpy.testing.assert_allclose(plain(ours), plain(theirs), close, close, equal_nan=True, err_msg=name)


def plain(tensor):
    """Return an array of a result, which NumPy's own functions know."""
    tensor = tensor.detach()
    return (tensor.double() if tensor.is_floating_point() else tensor.resolve_conj()).numpy()
