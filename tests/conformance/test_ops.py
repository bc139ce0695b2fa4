"""The calls listed in `op_table`, here and on PyTorch: values, types, shapes and gradients."""

from __future__ import annotations

import functools

import numpy
import pytest

import tensorlib
from tests.tensorlib.op_table import SAMPLES
from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.op_table.sample import leaves, normal

torch = pytest.importorskip("torch")


COMPARED = [sample for sample in SAMPLES if sample.torch is not None]


def on_torch(value):
    """Return arguments with PyTorch's tensors and types."""
    if isinstance(value, (list, tuple)):
        return type(value)(on_torch(item) for item in value)
    if isinstance(value, dict):
        return {name: on_torch(item) for name, item in value.items()}
    return getattr(torch, value.name) if isinstance(value, tensorlib.dtype) else value


def results(value):
    return list(value) if isinstance(value, (tuple, list)) else [value]


@pytest.mark.filterwarnings("ignore:size_average and reduce args")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@on_each(sample for sample in COMPARED if sample.has_floats())
def test_as_pytorch(sample, dtype):
    compare(sample, dtype)


@on_each(sample for sample in COMPARED if not sample.has_floats())
def test_without_floats_as_pytorch(sample):
    compare(sample, None)


def compare(sample, dtype):
    args, options = sample.tensors(dtype, requires_grad=sample.differentiable)
    their_args, their_options = on_torch(sample.tensors(dtype, sample.differentiable, torch.from_numpy))
    ours = results(sample.call(args, options))
    theirs = results(function_of(sample)(*their_args, **their_options))
    assert len(ours) == len(theirs)
    close = functools.partial(assert_close, tolerance=sample.tolerance)
    for our, their in zip(ours, theirs, strict=True):
        if not isinstance(their, torch.Tensor):
            assert our == their
            return
        close(our, their)
        assert our.requires_grad == their.requires_grad
        if our.requires_grad:
            start = normal(*our.shape, seed=9).astype(our.dtype.numpy)
            our.backward(tensorlib.Tensor(start), retain_graph=True)
            their.backward(torch.from_numpy(start), retain_graph=True)
    for our, their in zip(leaves((args, options)), leaves((their_args, their_options)), strict=True):
        assert (our.grad is None) == (their.grad is None)
        if our.grad is not None:
            close(our.grad, their.grad)


def function_of(sample):
    if callable(sample.torch):
        return sample.torch
    return functools.reduce(getattr, (sample.torch or sample.op).split("."), torch)


def assert_close(our, their, tolerance):
    assert our.dtype.name == str(their.dtype).removeprefix("torch.")
    assert tuple(our.shape) == tuple(their.shape)
    exact = our.dtype.numpy.kind not in "fc"
    relative = 0 if exact else tolerance * float(numpy.finfo(our.dtype.numpy).eps)
    numpy.testing.assert_allclose(our.detach().numpy(), their.detach().numpy(force=True), relative, relative)
