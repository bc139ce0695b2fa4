"""Operators, methods, in-place variants and out= : other ways to call the operations of the table."""

from __future__ import annotations

import operator

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd.op import OPS
from tests.tensorlib.op_table import SAMPLES
from tests.tensorlib.op_table.per_operation import on_each
from tests.tensorlib.op_table.sample import bools, integers, leaves, positive

BINARY = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "truediv": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "pow": operator.pow,
}
BITS = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "lshift": operator.lshift,
    "rshift": operator.rshift,
}
IN_PLACE = [sample for sample in SAMPLES if sample.op in OPS and OPS[sample.op].in_place]


@pytest.mark.parametrize("apply", BINARY.values(), ids=BINARY)
def test_arithmetic_operators(apply):
    x, y = positive(2, 3), positive(3, seed=1)
    for left, right in ((x, y), (x, 2.5), (2.5, y)):
        expected = apply(left, right)
        tensors = [Tensor(v) if isinstance(v, numpy.ndarray) else v for v in (left, right)]
        numpy.testing.assert_allclose(apply(*tensors).numpy(), expected)
    numpy.testing.assert_allclose(apply(x, Tensor(y)).numpy(), apply(x, y))  # an array beside a tensor


@pytest.mark.parametrize("apply", BITS.values(), ids=BITS)
def test_bit_operators(apply):
    x, y = integers(2, 3, low=0), integers(3, low=0, seed=1)
    numpy.testing.assert_array_equal(apply(Tensor(x), Tensor(y)).numpy(), apply(x, y))
    numpy.testing.assert_array_equal(apply(2, Tensor(y)).numpy(), apply(2, y))


def test_unary_operators():
    x, mask = integers(3), bools(3)
    assert (-Tensor(x)).tolist() == (-x).tolist()
    assert (+Tensor(x)).tolist() == x.tolist()
    assert abs(Tensor(x)).tolist() == abs(x).tolist()
    assert (~Tensor(mask)).tolist() == (~mask).tolist()


def test_comparison_operators():
    x = Tensor(integers(5))
    for apply in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        assert apply(x, 0).tolist() == apply(integers(5), 0).tolist()
        assert apply(0, x).tolist() == apply(0, integers(5)).tolist()
    assert (x == "text") is False
    assert (x != None) is True  # noqa: E711 - the operator itself is tested


def test_strangers_are_refused_by_python():
    with pytest.raises(TypeError, match="unsupported operand"):
        Tensor(integers(3)) + "text"


@on_each(IN_PLACE)
def test_in_place_as_out_of_place(sample):
    args, options = sample.tensors(requires_grad=sample.differentiable)
    expected = sample.call(args, options)
    if not isinstance(args[0], Tensor) or expected.shape != args[0].shape or expected.dtype != args[0].dtype:
        return
    start = Tensor(numpy.ones(expected.shape, expected.dtype.numpy))
    if expected.requires_grad:
        expected.backward(start)
    ours, our_options = sample.tensors(requires_grad=sample.differentiable)
    written = ours[0].clone()
    returned = getattr(written, sample.op + "_")(*ours[1:], **our_options)
    assert returned is written
    numpy.testing.assert_array_equal(written.detach().numpy(), expected.detach().numpy())
    if expected.requires_grad:
        written.backward(start)
        for our, their in zip(leaves((ours, our_options)), leaves((args, options)), strict=True):
            numpy.testing.assert_array_equal(our.grad.numpy(), their.grad.numpy())


def test_in_place_does_not_change_the_type():
    with pytest.raises(
        TypeError, match=r"div_: a result of type tensorlib.float32 cannot be stored .* tensorlib.int64"
    ):
        Tensor(integers(3)).div_(2)
    with pytest.raises(RuntimeError, match="add_: the result has shape"):
        Tensor(positive(3)).add_(Tensor(positive(2, 3)))


def test_out():
    x = Tensor(positive(2, 3))
    out = Tensor(numpy.empty((2, 3)))
    assert tensorlib.exp(x, out=out) is out
    numpy.testing.assert_array_equal(out.numpy(), numpy.exp(positive(2, 3)))


def test_older_spellings():
    x = Tensor(positive(2, 3))
    numpy.testing.assert_array_equal(x.sum(axis=1, keepdims=True).numpy(), positive(2, 3).sum(1, keepdims=True))
    numpy.testing.assert_array_equal(tensorlib.mul(input=x, other=2).numpy(), positive(2, 3) * 2)
