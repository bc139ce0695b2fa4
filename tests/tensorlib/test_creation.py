"""Making tensors: types, shapes and places."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"),
        (1.5, "float32"),
        (True, "bool"),
        (1j, "complex64"),
        ([], "float32"),
        ([1, 2.5], "float32"),
        ([[True], [False]], "bool"),
        (numpy.float64(1), "float64"),
        ([numpy.float64(1)], "float64"),
        (numpy.zeros(2, "i2"), "int16"),
        ([Tensor([1.0]), Tensor([2.0])], "float32"),
        ([[tensorlib.tensor(1), 2], [3, 4]], "int64"),
        (range(3), "int64"),
    ],
)
def test_types_of_data(data, dtype):
    made = tensorlib.tensor(data)
    assert made.dtype.name == dtype
    numpy.testing.assert_array_equal(made.numpy(), numpy.array(data, dtype=dtype))


def test_default_type():
    tensorlib.set_default_dtype(tensorlib.float64)
    try:
        made = [tensorlib.tensor([1.5]), tensorlib.zeros(1), tensorlib.rand(1), tensorlib.arange(0.5), tensorlib.eye(1)]
        assert {tensor.dtype for tensor in made} == {tensorlib.float64}
        assert tensorlib.tensor(1j).dtype is tensorlib.complex128
    finally:
        tensorlib.set_default_dtype(tensorlib.float32)


def test_shapes_in_all_spellings():
    for made in (
        tensorlib.zeros(2, 3),
        tensorlib.zeros((2, 3)),
        tensorlib.zeros([2, 3]),
        tensorlib.zeros(tensorlib.Size((2, 3))),
    ):
        assert made.shape == (2, 3)
    assert tensorlib.ones(()).item() == 1
    assert tensorlib.empty(0, 3).numel() == 0


def test_full():
    assert tensorlib.full((2,), 1.5).tolist() == [1.5, 1.5]
    assert tensorlib.full((), True).dtype is tensorlib.bool
    assert tensorlib.full((1,), 0.0).dtype is tensorlib.float32
    assert tensorlib.full((2,), tensorlib.tensor(3)).tolist() == [3, 3]
    assert tensorlib.full((1,), float("nan")).isnan().all()
    assert tensorlib.full((2, 2), 7, dtype=tensorlib.float64).dtype is tensorlib.float64


@pytest.mark.parametrize(
    "arguments", [(5,), (1, 5), (0, 10, 3), (5, 0, -2), (0.0, 1.0, 0.1), (1, 2, 0.25), (3, 3), (-1.5,)]
)
def test_arange(arguments):
    torch = pytest.importorskip("torch")
    if arguments == (-1.5,):
        with pytest.raises(ValueError, match="does not lead"):
            tensorlib.arange(*arguments)
        return
    ours, theirs = tensorlib.arange(*arguments), torch.arange(*arguments)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    numpy.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)


def test_linspace_and_eye():
    assert tensorlib.linspace(0, 1, 3).tolist() == [0, 0.5, 1]
    assert tensorlib.linspace(2, 5, 1).tolist() == [2]
    assert tensorlib.linspace(0, 4, 3, dtype=tensorlib.int64).tolist() == [0, 2, 4]
    assert tensorlib.logspace(0, 2, 3, base=2).tolist() == [1, 2, 4]
    assert tensorlib.range(1, 2, 0.25).tolist() == [1, 1.25, 1.5, 1.75, 2]
    assert tensorlib.range(2).tolist() == [0, 1, 2]
    assert tensorlib.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_like():
    x = tensorlib.zeros(2, dtype=tensorlib.int16)
    for made in (
        tensorlib.ones_like(x),
        tensorlib.full_like(x, 1),
        x.new_ones(2),
        x.new_full((2,), 1),
        x.new_tensor([1, 1]),
    ):
        assert made.dtype is tensorlib.int16
        assert made.tolist() == [1, 1]
    assert tensorlib.zeros_like(x, dtype=tensorlib.float64).dtype is tensorlib.float64
    assert x.new_zeros(3).tolist() == [0, 0, 0]
    assert tensorlib.empty_like(x).shape == x.new_empty(2).shape == (2,)


def test_leaves():
    for made in (
        tensorlib.tensor([1.0], requires_grad=True),
        tensorlib.zeros(1, requires_grad=True),
        tensorlib.randn(1, requires_grad=True),
        tensorlib.arange(1.0, requires_grad=True),
    ):
        assert made.is_leaf
        assert made.requires_grad
    with pytest.raises(TypeError, match="only floating point and complex"):
        tensorlib.zeros(1, dtype=tensorlib.int64, requires_grad=True)


def test_as_tensor_keeps_history():
    x = tensorlib.ones(2, requires_grad=True)
    tensorlib.as_tensor(x, dtype=tensorlib.float64).sum().backward()
    assert x.grad.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("float", "float32"),
        ("double", "float64"),
        ("half", "float16"),
        ("long", "int64"),
        ("int", "int32"),
        ("short", "int16"),
        ("char", "int8"),
        ("byte", "uint8"),
        ("bool", "bool"),
    ],
)
def test_casts(name, dtype):
    x = tensorlib.tensor([0.0, 1.5])
    cast = getattr(x, name)()
    assert cast.dtype.name == dtype
    assert x.to(getattr(tensorlib, dtype)).dtype is x.type(f"tensorlib.{name.capitalize()}Tensor").dtype is cast.dtype
    assert x.type_as(cast).dtype is x.to(cast).dtype is cast.dtype
    assert cast.type() == f"tensorlib.{name.capitalize()}Tensor"


def test_casts_carry_gradients():
    x = tensorlib.ones(2, requires_grad=True)
    (x.double() * 2).sum().backward()
    assert x.grad.dtype is tensorlib.float32
    assert not x.long().requires_grad
