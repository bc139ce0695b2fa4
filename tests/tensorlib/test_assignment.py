"""Assignment to parts of tensors: values as NumPy's, versions, gradients through what was overwritten and what not."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd.gradcheck import gradcheck, gradgradcheck
from tensorlib.errors import GraphError

ROWS = numpy.array([2, 0])
MASK = numpy.array([[True, False, True, False]] * 3)
INDICES = [
    0,
    (slice(None), 1),
    (slice(1, None), slice(None, None, 2)),
    (..., None),
    (0, 0),
    (0, 0, ...),
    ROWS,
    (1, ROWS),
    (ROWS, ROWS),
    (slice(None), [0, 1, 3]),
    MASK,
    (0, MASK[0]),
    slice(0, 0),
]


def as_tensors(index):
    if isinstance(index, tuple):
        return tuple(as_tensors(item) for item in index)
    return tensorlib.tensor(index) if isinstance(index, numpy.ndarray) else index


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("value", [5.0, "row", "whole"])
def test_values(index, value):
    expected = numpy.arange(12.0).reshape(3, 4)
    shape = expected[index].shape
    if value != 5.0:
        whole = -numpy.arange(1.0, 1 + numpy.prod(shape)).reshape(shape)
        value = whole[:1] if value == "row" and shape else whole
    x = tensorlib.tensor(expected)
    x[as_tensors(index)] = Tensor(value) if isinstance(value, numpy.ndarray) else value
    expected[index] = value
    assert x.tolist() == expected.tolist()


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_gradients(index):
    x = tensorlib.tensor(numpy.random.default_rng(0).normal(size=(3, 4)), requires_grad=True)
    value = tensorlib.ones(x.detach()[as_tensors(index)].shape, dtype=tensorlib.float64, requires_grad=True)

    def function(x, value):
        y = x * 2
        view = y[0]
        y[as_tensors(index)] = value * value
        return y * y, view * 3

    gradcheck(function, (x, value))
    gradgradcheck(function, (x, value))


def test_through_a_view_of_a_view():
    x = tensorlib.zeros(3, requires_grad=True)
    y = x * 1
    y[1:][0] = 7.0
    (y * y).sum().backward()
    assert y.tolist() == [0, 7, 0]
    assert x.grad.tolist() == [0, 0, 0]


def test_a_scalar_of_a_larger_shape_and_types():
    x = tensorlib.zeros(3, dtype=tensorlib.int32)
    x[0] = 1.9
    x[1:] = tensorlib.tensor([[2.5]])
    assert x.tolist() == [1, 2, 2]


def test_what_was_saved_is_guarded():
    x = tensorlib.ones(3, requires_grad=True)
    y = x * 1
    product = y * y
    y[0] = 2.0
    with pytest.raises(GraphError, match="modified in place"):
        product.sum().backward()


def test_without_history_only_the_version_moves():
    x = tensorlib.zeros(3)
    before = x._counter[0]
    x[0] = 1
    assert x._counter[0] == before + 1
    assert not x.requires_grad


def test_under_no_grad_leaves_can_be_written():
    x = tensorlib.ones(3, requires_grad=True)
    with tensorlib.no_grad():
        x[0] = 5.0
        x[1:].zero_()
    assert x.tolist() == [5, 0, 0]
    assert x.is_leaf


def test_augmented_assignment_of_a_part():
    x = tensorlib.ones(3, requires_grad=True)
    y = x * 1
    y[1:] *= 3.0
    y.sum().backward()
    assert y.tolist() == [1, 3, 3]
    assert x.grad.tolist() == [1, 3, 3]


def test_an_index_modified_later_does_not_matter():
    x, index = tensorlib.zeros(3, requires_grad=True), tensorlib.tensor([0, 1])
    y = x[index]
    index.fill_(2)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_fills_and_copies():
    x = tensorlib.zeros(2, 3)
    x.t()[0].fill_(tensorlib.tensor(4.0))
    x[1].copy_(tensorlib.tensor([1, 2, 3]))
    x.index_fill_(1, tensorlib.tensor([2]), 9.0)
    x.index_copy_(0, tensorlib.tensor([0]), tensorlib.tensor([[7.0, 8.0, 9.0]]))
    assert x.tolist() == [[7, 8, 9], [1, 2, 9]]
    x.index_put_((tensorlib.tensor([0, 0]), tensorlib.tensor([1, 1])), tensorlib.tensor(1.0), accumulate=True)
    assert x[0, 1] == 10
    x.index_put_((tensorlib.tensor([1]),), 0.0)
    assert x.zero_().sum() == 0


def test_history_of_copies():
    x, source = tensorlib.ones(2, 2, requires_grad=True), tensorlib.ones(2, requires_grad=True)
    y = x * 1
    y[0].copy_(source)
    y[1, 0] = source[0] * 2
    y.sum().backward()
    assert x.grad.tolist() == [[0, 0], [0, 1]]
    assert source.grad.tolist() == [3, 1]


def test_many_rows_named_again_add_up():
    x = tensorlib.zeros(50, 3, dtype=tensorlib.float64, requires_grad=True)
    index = tensorlib.tensor(numpy.random.default_rng(0).integers(-50, 50, (7, 40)))
    weights = tensorlib.tensor(numpy.random.default_rng(1).normal(size=(7, 40, 3)))
    (x[index] * weights).sum().backward()
    expected = numpy.zeros((50, 3))
    numpy.add.at(expected, index.numpy(), weights.numpy())
    numpy.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)
