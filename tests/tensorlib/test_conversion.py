"""What Python and NumPy do with tensors: numbers, sequences, text, arrays, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace

import numpy
import pytest

import tensorlib
from tensorlib import Size, Tensor
from tensorlib.errors import DeviceError, DimensionError, GraphError, ShapeError
from tensorlib.nn import Parameter
from tensorlib.tensor import wrap
from tests import fakecupy


def test_numbers():
    assert float(tensorlib.tensor([1.5])) == 1.5
    assert int(tensorlib.tensor(2.9)) == 2
    assert complex(tensorlib.tensor(1 + 2j)) == 1 + 2j
    assert "abc"[tensorlib.tensor(1)] == "b"
    with pytest.raises(TypeError, match="index: only integer tensors of one element can index"):
        range(3)[tensorlib.tensor(1.0)]
    with pytest.raises(ShapeError, match=r"item: needs one element, the tensor of shape \(2,\) has 2"):
        float(tensorlib.ones(2))


def test_sequences():
    x = tensorlib.tensor([[1, 2], [3, 4]])
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert reversed(x).tolist() == [[3, 4], [1, 2]]
    for sequence in (len, iter):
        with pytest.raises(TypeError, match="0-d tensor"):
            sequence(tensorlib.tensor(1))


def test_membership():
    x = tensorlib.tensor([1, 2])
    assert 2 in x
    assert tensorlib.tensor(3) not in x
    assert numpy.int64(1) in x
    with pytest.raises(TypeError, match="in: a tensor holds numbers, not str"):
        assert "a" in x


def test_text():
    assert f"{tensorlib.tensor(1.5, requires_grad=True)} {tensorlib.tensor(0.25):.1%}" == "1.5 25.0%"
    assert f"{tensorlib.tensor([1.5])}" == "tensor([1.5000])"
    assert f"{Parameter(tensorlib.tensor(1.5))}".startswith("Parameter containing:")
    with pytest.raises(TypeError, match="unsupported format string"):
        format(tensorlib.ones(2), ".2f")


def test_arrays():
    x = tensorlib.tensor([1.0, 2.0])
    assert numpy.asarray(x) is x.numpy()
    assert numpy.shares_memory(numpy.array(x, copy=False), x.numpy())
    assert not numpy.shares_memory(numpy.array(x), x.numpy())
    assert numpy.asarray(x, dtype=numpy.float64).dtype == numpy.float64
    with pytest.raises(ValueError, match="copy"):
        numpy.array(x, dtype=numpy.float64, copy=False)
    with pytest.raises(GraphError, match="requires a gradient"):
        numpy.asarray(tensorlib.ones(1, requires_grad=True))


def test_a_tensor_of_a_tensor_shares_memory_and_its_version():
    x = tensorlib.ones(2)
    for shared in (Tensor(x), Parameter(x, requires_grad=False), tensorlib.nn.Buffer(x)):
        before = x._counter[0]
        shared.add_(1)
        assert x._counter[0] == before + 1
    assert x.tolist() == [4, 4]


def test_what_is_no_data():
    for data in ("a", [[1], [1, 2]], {}):
        with pytest.raises(TypeError, match="Tensor: needs sizes, or a nested sequence of numbers"):
            Tensor(data)


def test_sizes_of_sizes():
    shape = tensorlib.zeros(2, 3, 4).shape
    for part in (shape[1:], shape + (1,), (1,) + shape, shape * 2, 2 * shape):
        assert type(part) is Size
    assert shape[:2].numel() == 6
    assert (shape[-1], shape + (1,), (1,) + shape) == (4, (2, 3, 4, 1), (1, 2, 3, 4))
    with pytest.raises(TypeError):
        shape + [1]
    with pytest.raises(DimensionError, match="size: dimension 3 is out of range"):
        tensorlib.zeros(2, 3, 4).size(3)
    with pytest.raises(DimensionError, match="stride: dimension -4 is out of range"):
        tensorlib.zeros(2, 3, 4).stride(-4)


def test_deep_copies_of_what_shares_memory_share_memory():
    x = tensorlib.arange(6.0).reshape(2, 3)
    whole, transposed, row, again = copy.deepcopy([x, x.t(), x[1], x])
    assert whole is again
    assert transposed.tolist() == x.t().tolist()
    row.fill_(7)
    assert whole[1].tolist() == transposed[:, 1].tolist() == [7, 7, 7]
    assert whole._counter is row._counter
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("order", ["C", "F"])
def test_deep_copies_keep_strides(order):
    x = Tensor(numpy.array([[1.0, 2.0], [3.0, 4.0]], order=order))[:, ::2]
    copied = copy.deepcopy(x)
    assert copied.stride() == x.stride()
    assert copied.tolist() == x.tolist()
    assert not numpy.shares_memory(copied.numpy(), x.numpy())
    assert copied.numpy().flags.writeable


def test_deep_copies_of_memory_that_numpy_does_not_own():
    x = Tensor(numpy.frombuffer(bytearray(range(4)), numpy.uint8)[::2])
    copied = copy.deepcopy(x)
    assert copied.tolist() == [0, 2]
    assert not numpy.shares_memory(copied.numpy(), x.numpy())


def test_deep_copies_of_parameters():
    weight = Parameter(tensorlib.ones(2))
    weight.notes = ["mine"]
    (weight * 3).sum().backward()
    copied = copy.deepcopy(weight)
    assert type(copied) is Parameter
    assert copied.requires_grad
    assert copied.grad.tolist() == [3, 3]
    assert copied.grad is not weight.grad
    copied.notes.append("yours")
    assert weight.notes == ["mine"]
    with pytest.raises(GraphError, match="deepcopy: only leaves"):
        copy.deepcopy(weight * 2)


def test_pickles():
    weight = Parameter(tensorlib.ones(2))
    weight.notes = ["mine"]
    restored = pickle.loads(pickle.dumps(weight))
    assert type(restored) is Parameter
    assert restored.requires_grad
    assert restored.notes == ["mine"]
    with pytest.raises(GraphError, match="pickle: only leaves"):
        pickle.dumps(weight * 2)


def test_addresses_and_devices_of_a_device(monkeypatch):
    fakecupy.install(monkeypatch)
    x = tensorlib.ones(3, device="cuda")
    assert x[1:].data_ptr() == x.data_ptr() + x.element_size()

    class OnAnotherDevice(fakecupy.ndarray):
        device = SimpleNamespace(id=1)

    y = wrap(OnAnotherDevice(numpy.ones(3, numpy.float32)))
    with pytest.raises(DeviceError, match=r"two devices met: cuda:0, cuda:1; move one with \.to\(\)"):
        x + y
