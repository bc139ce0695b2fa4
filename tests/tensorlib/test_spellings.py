"""Ways of writing calls: PyTorch 0.3's, shorter ones, and arguments that functions which make tensors share."""

from __future__ import annotations

import threading

import numpy
import pytest

import tensorlib
from tensorlib.errors import ArgumentError, DeviceError, ShapeError

ones = tensorlib.ones


@pytest.mark.parametrize(
    ("older", "today"),
    [
        (lambda x: x.add(2, x), lambda x: x.add(x, alpha=2)),
        (lambda x: tensorlib.sub(x, 0.5, x), lambda x: tensorlib.sub(x, x, alpha=0.5)),
        (lambda x: x.addcmul(0.5, x, x), lambda x: x.addcmul(x, x, value=0.5)),
        (lambda x: tensorlib.addcdiv(x, -1, x, x), lambda x: x.addcdiv(x, x, value=-1)),
        (lambda x: tensorlib.addmm(0.5, x, 2, x, x), lambda x: x.addmm(x, x, beta=0.5, alpha=2)),
        (lambda x: x.addmm(0.5, x, x), lambda x: x.addmm(x, x, beta=0.5)),
        (lambda x: x[0].addmv(3, 2, x, x[0]), lambda x: x[0].addmv(x, x[0], beta=3, alpha=2)),
        (lambda x: tensorlib.addr(2, x, x[0], x[1]), lambda x: x.addr(x[0], x[1], beta=2)),
        (lambda x: x[None].baddbmm(2, x[None], x[None]), lambda x: x[None].baddbmm(x[None], x[None], beta=2)),
        (lambda x: x.addbmm(2, 3, x[None], x[None]), lambda x: x.addbmm(x[None], x[None], beta=2, alpha=3)),
    ],
)
def test_factors_before_tensors(older, today):
    x = tensorlib.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert older(x).tolist() == today(x).tolist()


def test_factors_before_tensors_in_place():
    weight, gradient = ones(2), ones(2)
    weight.add_(-0.5, gradient)
    assert weight.tolist() == [0.5, 0.5]
    weight.addcdiv_(2, ones(2), ones(2))
    assert weight.tolist() == [2.5, 2.5]
    assert ones(2, 2).addmm_(0, ones(2, 2), ones(2, 2)).tolist() == [[2, 2], [2, 2]]


def test_alpha_keeps_the_type():
    with pytest.raises(ArgumentError, match=r"add: alpha is 2\.5, but for integers it must be an integer"):
        tensorlib.tensor([1]).add(1, alpha=2.5)
    with pytest.raises(ArgumentError, match=r"sub: alpha is 2\.5"):
        tensorlib.tensor([1]).sub(tensorlib.tensor([1]), alpha=2.5)
    truth = tensorlib.tensor([True, False])
    assert truth.add(truth, alpha=2).dtype is tensorlib.bool


def test_powers_of_integers():
    found = tensorlib.tensor([2, 1, -1, -1, 0, 3]) ** tensorlib.tensor([-1, -5, -3, -2, -1, 2])
    assert found.tolist() == [0, 1, -1, 1, 0, 9]
    assert (2 ** tensorlib.tensor([-1, 3])).tolist() == [0, 8]
    with pytest.raises(ArgumentError, match="pow: integers to negative integer powers are no integers"):
        tensorlib.tensor([2]) ** -1


def test_choosing_by_the_method():
    x = tensorlib.tensor([1.0, 2.0], requires_grad=True)
    chosen = x.where(x > 1, 0.0)
    assert chosen.tolist() == [0, 2]
    chosen.sum().backward()
    assert x.grad.tolist() == [0, 1]


def test_left_out_arguments():
    assert tensorlib.where(tensorlib.tensor([0, 2, 3]))[0].tolist() == [1, 2]
    assert tensorlib.repeat_interleave(tensorlib.tensor([2, 0, 1])).tolist() == [0, 0, 2]


def test_sums_of_products_by_lists():
    x, y = tensorlib.arange(6.0).reshape(2, 3), tensorlib.arange(12.0).reshape(3, 4)
    product = (x @ y).tolist()
    assert tensorlib.einsum(x, [0, 1], y, [1, 2], [0, 2]).tolist() == product
    assert tensorlib.einsum(x, [0, 1], y, [1, 2]).tolist() == product
    assert tensorlib.einsum(x, [..., 1], y, [1, 2], [..., 2]).tolist() == product
    assert tensorlib.einsum("ij,jk->ik", x, y).view(-1).shape == (8,)
    with pytest.raises(ArgumentError, match="einsum: needs an equation, or tensors that are each followed by a list"):
        tensorlib.einsum(x, y)
    with pytest.raises(ArgumentError, match=r"einsum: a dimension's number must be from 0 to 51 or \.\.\., not 52"):
        tensorlib.einsum(x, [0, 52])


def test_lists_that_stand_for_tuples():
    x = tensorlib.arange(24).reshape(2, 3, 4)
    assert x[[[0, 1], [1, 0]]].tolist() == x[[0, 1], [1, 0]].tolist()
    assert x[[slice(None), 1]].tolist() == x[:, 1].tolist()
    assert x[[0, None]].shape == (1, 3, 4)
    assert x[[tensorlib.tensor(1), tensorlib.tensor(2)]].tolist() == x[1, 2].tolist()
    assert x[[0, 1]].shape == (2, 3, 4)
    x[[[0], [1]]] = -1
    assert x[0, 1].tolist() == [-1] * 4
    with pytest.raises(IndexError, match="must be int64, int32, bool or uint8, not int16"):
        x[tensorlib.tensor([0], dtype=tensorlib.int16)]
    assert x[numpy.array([0], dtype=numpy.int16)].shape == (1, 3, 4)


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda **options: tensorlib.zeros(2, **options), 2),
        (lambda **options: tensorlib.full((2,), 3, **options), 2),
        (lambda **options: tensorlib.eye(2, **options), 4),
        (lambda **options: tensorlib.arange(3, **options), 3),
        (lambda **options: tensorlib.linspace(0, 1, 3, **options), 3),
        (lambda **options: tensorlib.rand(2, **options), 2),
        (lambda **options: tensorlib.randint(0, 5, (2,), **options), 2),
        (lambda **options: tensorlib.randperm(3, **options), 3),
    ],
)
def test_made_into_a_tensor(make, size):
    out = tensorlib.empty(0, dtype=tensorlib.float64)
    assert make(out=out) is out
    assert out.dtype is tensorlib.float64
    assert out.numel() == size
    assert make(layout=tensorlib.strided, pin_memory=False).numel() == size


def test_what_makers_refuse():
    with pytest.raises(ArgumentError, match=r"zeros: dtype is tensorlib\.int64, but out has tensorlib\.float32"):
        tensorlib.zeros(2, dtype=tensorlib.int64, out=ones(2))
    with pytest.raises(TypeError, match="zeros: out must be a Tensor, not list"):
        tensorlib.zeros(2, out=[0, 0])
    with pytest.raises(ArgumentError, match=r"zeros: makes strided tensors, not those of layout tensorlib\.sparse_coo"):
        tensorlib.zeros(2, layout=tensorlib.sparse_coo)
    with pytest.raises(TypeError, match=r"zeros: layout must be tensorlib\.strided, not 'strided'"):
        tensorlib.zeros(2, layout="strided")


@pytest.mark.parametrize(
    ("data", "dtype", "message"),
    [
        ([300], tensorlib.uint8, "tensor: a number does not fit in tensorlib.uint8, from 0 to 255"),
        (-129, tensorlib.int8, "tensor: a number does not fit in tensorlib.int8, from -128 to 127"),
        ([2**64], None, "tensor: a number does not fit in 64 bits"),
    ],
)
def test_numbers_that_do_not_fit(data, dtype, message):
    with pytest.raises(ArgumentError, match=message):
        tensorlib.tensor(data, dtype=dtype)
    assert tensorlib.tensor([-1], dtype=tensorlib.uint8).tolist() == [255]


def test_complex_spacing():
    assert tensorlib.linspace(0, 1j, 3).tolist() == [0, 0.5j, 1j]
    assert tensorlib.logspace(0, 1j, 2, base=1.0).tolist() == [1, 1]


def test_functions_of_numpy_give_tensors():
    x = tensorlib.tensor([0.0, 4.0])
    assert isinstance(numpy.sqrt(x), tensorlib.Tensor)
    assert numpy.add(x, 1).tolist() == [1, 5]
    y = tensorlib.tensor([1.0], requires_grad=True)
    assert y.numpy(force=True).tolist() == [1]


def test_default_device():
    assert tensorlib.get_default_device() == "cpu"
    with tensorlib.device("cpu"):
        assert tensorlib.zeros(1).device == "cpu"
    tensorlib.set_default_device(None)
    with pytest.raises(DeviceError):
        tensorlib.set_default_device("tpu")


def test_matching_shapes_in_the_older_form():
    with pytest.raises(ShapeError):
        ones(2).add(2, ones(3))


def test_texts_of_limits():
    assert repr(tensorlib.finfo(tensorlib.float32)).startswith("finfo(resolution=1e-06, min=-3.40282e+38, max=3.40282")


def test_default_devices_are_of_threads():
    seen = []
    thread = threading.Thread(target=lambda: seen.append(tensorlib.get_default_device()))
    thread.start()
    thread.join()
    assert seen == ["cpu"]


def test_orders_of_memory_are_accepted():
    x = ones(2, 3)
    for order in (tensorlib.contiguous_format, tensorlib.preserve_format, tensorlib.channels_last):
        assert x.contiguous(memory_format=order).stride() == x.clone(memory_format=order).stride() == (3, 1)
        assert x.to(memory_format=order).is_contiguous(memory_format=order)
        assert tensorlib.empty_like(x, memory_format=order).shape == (2, 3)
    assert repr(tensorlib.channels_last) == "tensorlib.channels_last"


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 3), (3, 3, 3), (1, 1)])
@pytest.mark.parametrize("wrap", [False, True])
def test_diagonals_are_filled(shape, wrap):
    array = numpy.zeros(shape, "f4")
    numpy.fill_diagonal(array, 5, wrap)
    assert tensorlib.zeros(shape).fill_diagonal_(5, wrap).tolist() == array.tolist()


def test_diagonals_that_are_none():
    for shape in ((3,), (2, 3, 2)):
        with pytest.raises(ShapeError, match="fill_diagonal_: needs a matrix, or dimensions of one length"):
            tensorlib.zeros(shape).fill_diagonal_(1)
    x = tensorlib.ones(2, 2, requires_grad=True)
    (x * 1).fill_diagonal_(0).sum().backward()
    assert x.grad.tolist() == [[0, 1], [1, 0]]


def test_further_names():
    x = tensorlib.tensor([1.0, 4.0], requires_grad=True)
    assert not tensorlib.detach(x).requires_grad
    assert tensorlib.detach(x).data_ptr() == x.data_ptr()
    assert tensorlib.typename(x) == "tensorlib.FloatTensor"
    assert tensorlib.typename(3) == "builtins.int"
    y = tensorlib.tensor([1.0, 2.0])
    assert y.map2_(y.clone(), ones(1), lambda a, b, c: a + 10 * b + c).tolist() == [12, 23]
    assert y.new_empty_strided((2, 3), (1, 2)).stride() == (1, 2)
    assert tensorlib.arange(5).narrow_copy(0, -2, 2).tolist() == [3, 4]
    assert (tensorlib.inf, tensorlib.newaxis) == (float("inf"), None)
    assert y.double().float_power_(2).tolist() == [144, 529]


def test_random_numbers_are_forked():
    tensorlib.manual_seed(1)
    state = tensorlib.get_rng_state()
    with tensorlib.random.fork_rng():
        first = tensorlib.rand(3)
    assert tensorlib.rand(3).tolist() == first.tolist()
    tensorlib.set_rng_state(state)
    with tensorlib.random.fork_rng(enabled=False):
        tensorlib.rand(3)
    assert tensorlib.rand(3).tolist() != first.tolist()


def test_what_is_not_offered_is_said():
    with pytest.raises(AttributeError, match="NumPy has no complex numbers of half precision; use complex64"):
        tensorlib.complex32  # noqa: B018
    assert (ones(1, dtype=tensorlib.float16) * 1j).dtype is tensorlib.complex64


BYTES = tensorlib.ones(2, dtype=tensorlib.uint8)


@pytest.mark.parametrize(
    "write",
    [
        lambda value: BYTES.clamp(value),
        lambda value: BYTES.masked_fill(tensorlib.tensor([True, True]), value),
        lambda value: BYTES.clone().fill_(value),
        lambda value: tensorlib.where(tensorlib.tensor([False, False]), BYTES, value),
        lambda value: tensorlib.full((2,), value, dtype=tensorlib.uint8),
        lambda value: BYTES.clone().index_fill_(0, tensorlib.tensor([0, 1]), value),
    ],
)
def test_numbers_that_are_to_stand_in_bytes(write):
    assert write(-1).tolist() == [255, 255]
    with pytest.raises(ArgumentError, match="300 does not fit in uint8, from 0 to 255"):
        write(300)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ones(2).bfloat16() + "x", "unsupported operand"),
        (lambda: tensorlib.add(ones(2).bfloat16(), "x"), "add: other must be a Tensor or a number, not str"),
        (lambda: tensorlib.addcmul(3, ones(2), ones(2)), "addcmul: an argument is of a kind that it does not take"),
        (lambda: tensorlib.clamp(4, 1.0), "clamp: needs a Tensor, not int"),
        (lambda: tensorlib.gather(1.0, 0, ones(1)), "gather: an argument is of a kind that it does not take"),
        (lambda: ones(2).expand_as(1.0), "expand_as: needs a Tensor, not float"),
        (lambda: ones(2).set_([1]), "set_: needs a Tensor or a storage, not list"),
        (lambda: ones(2).put(1, ones(1)), "put: needs a Tensor, not int"),
        (lambda: tensorlib.trapezoid(ones(2), 1j), "trapezoid: needs a Tensor, not complex"),
        (lambda: ones(2).repeat_interleave(1.5), r"repeat_interleave: repeats must be integers, not 1\.5"),
        (lambda: tensorlib.poisson(ones(2), ones(1)), "generator: needs a Generator, not Tensor"),
    ],
)
def test_arguments_of_the_wrong_kind(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_activations_in_place():
    functional = tensorlib.nn.functional
    x = tensorlib.tensor([-1.0, 2.0])
    for name, options in (("celu", {"alpha": 2.0}), ("selu", {}), ("threshold", {"threshold": 0.0, "value": -5.0})):
        y = x.clone()
        changed = getattr(functional, name)(y, **options, inplace=True)
        assert changed is y
        assert y.tolist() == getattr(functional, name)(x, **options).tolist()
        assert y.tolist() == getattr(functional, name + "_")(x.clone(), **options).tolist()
    assert functional.hardshrink(x, 1.5).tolist() == [0, 2]
