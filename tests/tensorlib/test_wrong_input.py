"""What operations say about arguments that they cannot use: the class of the error, and the words."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.errors import ArgumentError, DimensionError, EmptyError, ShapeError


def floats(*shape):
    return Tensor(numpy.ones(shape, "f4"))


def longs(*shape):
    return Tensor(numpy.ones(shape, "i8"))


WRONG = [
    ("add", (floats(2), "x"), {}, TypeError, "add: other must be a Tensor or a number, not str"),
    ("add", (floats(2, 3), floats(2)), {}, ShapeError, r"add: The size of tensor a \(3\) must match .* \(2\)"),
    ("mul", (floats(2), None), {}, TypeError, "mul: other must be a Tensor or a number"),
    ("mul", (floats(2),), {}, TypeError, "argument 'other' is missing"),
    ("div", (floats(2), 2), {"rounding_mode": "up"}, ArgumentError, "div: rounding_mode is 'up', but must be"),
    ("div", (longs(2), 0), {"rounding_mode": "trunc"}, ArgumentError, "div: an integer is divided by zero"),
    ("floor_divide", (longs(2), 0), {}, ArgumentError, "floor_divide: an integer is divided by zero"),
    ("remainder", (longs(2), 0), {}, ArgumentError, "remainder: an integer is divided by zero"),
    ("fmod", (longs(2), longs(2) * 0), {}, ArgumentError, "fmod: an integer is divided by zero"),
    ("addcdiv", (longs(2), longs(2), longs(2)), {}, TypeError, "addcdiv: needs floating point tensors, not int64"),
    ("pow", (longs(2), -1), {}, ArgumentError, "pow: integers to negative integer powers are no integers"),
    ("bitwise_and", (floats(2), floats(2)), {}, TypeError, "bitwise_and: needs bool or integer tensors, not float32"),
    ("bitwise_left_shift", (floats(2), 1), {}, TypeError, "bitwise_left_shift: needs integer tensors, not float32"),
    ("bitwise_not", (floats(2),), {}, TypeError, "bitwise_not: needs bool or integer tensors, not float32"),
    ("equal", (floats(2), 1.0), {}, TypeError, "equal: needs a Tensor, not float"),
    ("lt", (floats(2), floats(3)), {}, ShapeError, r"lt: The size of tensor a \(2\)"),
    ("where", (floats(2), 1, 2), {}, TypeError, "where: the condition must be a bool tensor, not float32"),
    ("where", (floats(2) > 0, 1), {}, TypeError, "where: needs both x and other, or none of them"),
    ("where", (floats(2) > 0, floats(3), 0), {}, ShapeError, "where: The size of tensor a"),
    ("masked_fill", (floats(2), longs(2), 0), {}, TypeError, "masked_fill: the mask must be a bool tensor, not int64"),
    ("masked_fill", (floats(2), floats(2) > 0, floats(2)), {}, ArgumentError, r"a number or 0-d .* shape \(2,\)"),
    ("clamp", (floats(2),), {}, ArgumentError, "clamp: needs min, max or both"),
    ("clamp", (floats(2), floats(3)), {}, ShapeError, "clamp: The size of tensor a"),
    ("celu", (floats(2), 0), {}, ZeroDivisionError, "celu: alpha must not be 0"),
    ("threshold", (floats(2), 1.0), {}, TypeError, "argument 'value' is missing"),
    ("hardshrink", (floats(2) + 0j,), {}, TypeError, "hardshrink: .*complex"),
    ("gelu", (floats(2),), {"approximate": "x"}, ArgumentError, "gelu: approximate is 'x', but must be 'none' or"),
    ("softmax", (floats(2), 1), {}, DimensionError, "softmax: dimension 1 is out of range"),
    ("softmax", (longs(2), 0), {}, TypeError, "softmax: needs a floating point tensor, not int64"),
    ("softmax", (floats(2),), {}, TypeError, "argument 'dim' is missing"),
    ("log_softmax", (floats(2), -2), {}, DimensionError, "log_softmax: dimension -2 is out of range"),
    ("sum", (floats(2), 1), {}, DimensionError, "sum: dimension 1 is out of range"),
    ("sum", (floats(2, 2), (0, -2)), {}, ArgumentError, "sum: a dimension is named twice"),
    ("mean", (longs(2),), {}, TypeError, "mean: needs a floating point tensor, not int64"),
    ("var", (longs(2),), {}, TypeError, "var: needs a floating point tensor, not int64"),
    ("norm", (floats(2), "nuc"), {}, ArgumentError, "norm: p is 'nuc', but must be a number or 'fro'"),
    ("max", (floats(0),), {}, EmptyError, r"amax: there are no elements to choose from in shape \(0,\)"),
    ("max", (floats(2, 0), 1), {}, EmptyError, r"max: there are no elements to choose from in shape \(2, 0\)"),
    ("min", (floats(2), 1), {}, DimensionError, "min: dimension 1 is out of range"),
    ("argmax", (floats(0),), {}, EmptyError, "argmax: there are no elements to choose from"),
    ("median", (floats(0), 0), {}, EmptyError, "median: there are no elements to choose from"),
    ("cumsum", (floats(2), 2), {}, DimensionError, "cumsum: dimension 2 is out of range"),
    ("mse_loss", (floats(2), floats(2)), {"reduction": "avg"}, ArgumentError, "mse_loss: reduction is 'avg', but must"),
    (
        "cross_entropy",
        (floats(2, 3), longs(3)),
        {},
        ShapeError,
        r"scores of shape \(2, 3\) and classes of shape \(3,\)",
    ),
    (
        "cross_entropy",
        (floats(2, 3), longs(2) + 2),
        {},
        IndexError,
        "class 3 is out of range: the scores have 3 classes",
    ),
    ("cross_entropy", (floats(2, 3), -longs(2)), {}, IndexError, "class -1 is out of range"),
    ("cross_entropy", (floats(2, 3), floats(2)), {}, ShapeError, r"probabilities of shape \(2,\) given for logits"),
    (
        "cross_entropy",
        (floats(2, 3), longs(2), floats(2)),
        {},
        ShapeError,
        r"weight has shape \(2,\), but must have \(3,\)",
    ),
    ("cross_entropy", (floats(2, 3), longs(2)), {"label_smoothing": 2}, ArgumentError, "label_smoothing is 2"),
    ("cross_entropy", (floats(2, 3), floats(2, 3)), {"ignore_index": 1}, ArgumentError, "ignore_index is for right"),
    ("nll_loss", (floats(2, 3), floats(2)), {}, TypeError, "nll_loss: the classes must be integers, not float32"),
    (
        "binary_cross_entropy_with_logits",
        (floats(2), floats(3)),
        {},
        ShapeError,
        r"the target has shape \(3,\), but must have that of the logits, \(2,\)",
    ),
]


@pytest.mark.parametrize(("name", "args", "options", "error", "message"), WRONG)
def test_wrong_input(name, args, options, error, message):
    with pytest.raises(error, match=message):
        getattr(tensorlib, name)(*args, **options)


def test_weights_of_classes_are_constants():
    weight = floats(3).requires_grad_()
    loss = tensorlib.cross_entropy(floats(2, 3).requires_grad_(), longs(2), weight)
    with pytest.raises(RuntimeError, match="cross_entropy: weight is a constant and gets no gradient"):
        loss.backward()
