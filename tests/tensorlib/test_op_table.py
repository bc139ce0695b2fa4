"""Every operation, by the calls listed in `op_table`: values, gradients, second gradients, documentation."""

from __future__ import annotations

import collections
import doctest
import sys

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd.gradcheck import gradcheck, gradgradcheck
from tensorlib.autograd.graph import Node
from tensorlib.autograd.op import OPS
from tests.tensorlib.op_table import SAMPLES
from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.op_table.sample import leaves

ALL = sorted(set(OPS.values()), key=lambda op: op.name)
EACH_OP = pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
DIFFERENTIABLE = [
    sample for sample in SAMPLES if sample.has_gradients() and (sample.op not in OPS or OPS[sample.op].differentiable)
]


def results(value):
    return list(value) if isinstance(value, tuple) else [value]


@EACH_OP
def test_has_a_sample(op):
    assert any(OPS.get(sample.op) is op for sample in SAMPLES), f"no call of {op.name} is listed in op_table"


@EACH_OP
def test_has_gradients_and_a_check_of_them(op):
    assert bool(op.pullbacks) == op.differentiable
    assert not op.differentiable or any(OPS.get(sample.op) is op for sample in DIFFERENTIABLE)


@EACH_OP
def test_documentation(op):
    assert op.__doc__ is not None
    summary = op.__doc__.splitlines()[0]
    assert summary.endswith("."), f"{op.name}: the first line must be a sentence"
    globs = {**vars(sys.modules[op.__module__]), "tensorlib": tensorlib, "numpy": numpy, op.name: op}
    example = doctest.DocTestParser().get_doctest(op.__doc__, globs, op.name, None, None)
    assert example.examples, f"{op.name} has no example"
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert not report, "".join(report)


@on_each(sample for sample in SAMPLES if sample.numpy is not None)
def test_values(sample):
    args, options = sample.tensors()
    got = results(sample.call(args, options))
    expected = results(sample.numpy(*sample.args, **sample.options))
    for value, reference in zip(got, expected, strict=True):
        numpy.testing.assert_allclose(value.numpy(), reference, rtol=1e-12, atol=1e-12, strict=False)
        assert value.shape == numpy.shape(reference)


@on_each(SAMPLES)
def test_inputs_are_left_alone(sample):
    args, options = sample.tensors(requires_grad=True)
    value = sample.call(args, options)
    for result in results(value):
        assert isinstance(result._array, numpy.ndarray)
        if result.requires_grad:
            result.backward(Tensor(numpy.ones(result.shape, result._array.dtype)), retain_graph=True)
    for before, after in zip(flat(sample.tensors()), flat((args, options)), strict=True):
        numpy.testing.assert_array_equal(after._array, before._array)


def flat(value):
    if isinstance(value, dict):
        return flat(list(value.values()))
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in flat(item)]
    return [value] if isinstance(value, Tensor) else []


def with_leaves(sample):
    """Return a call of the sample as a function of its tensors that need a gradient, and these."""
    args, options = sample.tensors(requires_grad=True)
    return lambda *_: sample.call(args, options), leaves((args, options))


@on_each(DIFFERENTIABLE)
def test_gradients(sample):
    function, inputs = with_leaves(sample)
    assert any(result.requires_grad for result in results(function()))
    gradcheck(function, inputs)


@on_each(sample for sample in DIFFERENTIABLE if sample.second)
def test_second_gradients(sample):
    function, inputs = with_leaves(sample)
    gradgradcheck(function, inputs)


def quick_samples():
    """Return by operation its calls that may take the short way and need all gradients."""
    found = collections.defaultdict(list)
    for sample in DIFFERENTIABLE:
        op = OPS.get(sample.op)
        quick = op is not None and op.quick is not None and op.differentiable and not sample.options
        if quick and all(isinstance(x, numpy.ndarray) and x.dtype.kind == "f" for x in sample.args):
            found[op].append(sample)
    return found


@pytest.mark.parametrize(("op", "samples"), quick_samples().items(), ids=lambda value: getattr(value, "name", ""))
def test_saves_the_same_on_every_quick_call(op, samples):
    found = set()
    for sample in samples:
        args, _ = sample.tensors(requires_grad=True)
        node = op.apply(args, {})._edge
        assert type(node) is Node
        found.add(node.roles)
    assert len(found) == 1


def node_of(result):
    return getattr(result.grad_fn, "parent", result.grad_fn)


@on_each(SAMPLES)
def test_memory_that_is_shared_is_known_to_be(sample):
    """A result that shares memory shares the version, and what is saved of it is guarded."""
    args, options = sample.tensors(requires_grad=sample.differentiable)
    value = [result for result in results(sample.call(args, options)) if isinstance(result, Tensor)]
    inputs = [x for name, x in [("", args), *options.items()] if name not in sample.arrays for x in flat(x)]
    for result in value:
        for x in inputs:
            assert result._counter is x._counter or not numpy.shares_memory(result._array, x._array)
    for node in {node_of(result) for result in value if result.grad_fn is not None}:
        saved = [item for item in node.saved if isinstance(item, numpy.ndarray)]
        for x in [*args_of(sample, args), *value]:
            if any(numpy.shares_memory(item, x._array) for item in saved):
                assert any(counter is x._counter for counter in node.guards)


def args_of(sample, args):
    """Return the tensors among the arguments; functions made of several operations may save parts of them."""
    return flat(args) if sample.op in OPS else []
