"""Storages, walks through them, and tensors that change their own memory and shape."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib.autograd import gradcheck, gradgradcheck
from tensorlib.errors import ArgumentError, DimensionError, GraphError, ShapeError


def test_a_storage_is_the_whole_memory():
    x = tensorlib.arange(12.0).view(3, 4)
    part = x[1:, ::2]
    assert part.storage().tolist() == list(range(12))
    assert (part.storage_offset(), part.stride(), part.storage_type()) == (4, (4, 2), tensorlib.FloatStorage)
    part.storage()[4] = 40
    part.storage()[0:2] = 7
    assert x[1, 0] == 40
    assert x[0].tolist() == [7, 7, 2, 3]
    assert x.untyped_storage().nbytes() == 48
    assert part.storage().data_ptr() == x.data_ptr()
    assert x.is_set_to(x.view(3, 4))
    assert not x.is_set_to(x.t())


def test_walks_of_transposed_memory():
    x = tensorlib.from_numpy(numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)))
    assert x.storage().tolist() == [0, 3, 1, 4, 2, 5]
    assert x.as_strided((6,), (1,), 0).tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    "name", ["Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double"]
)
def test_types(name):
    kind, storage_kind = getattr(tensorlib, f"{name}Tensor"), getattr(tensorlib, f"{name}Storage")
    x = kind([0, 1, 1])
    assert isinstance(x, kind)
    assert not isinstance(x, tensorlib.CharTensor if name != "Char" else tensorlib.LongTensor)
    assert isinstance(x, tensorlib.Tensor)
    assert kind(2, 3).shape == (2, 3)
    assert kind(tensorlib.Size([2])).shape == kind(2).shape
    assert kind().shape == (0,)
    assert x.type() == f"tensorlib.{name}Tensor"
    assert kind.abs is tensorlib.Tensor.abs
    assert repr(kind) == f"<class 'tensorlib.{name}Tensor'>"
    storage = x.storage()
    assert type(storage) is storage_kind
    assert storage.type() == f"tensorlib.{name}Storage"
    assert (len(storage), storage.size(), storage.element_size()) == (3, 3, x.element_size())
    kind(storage)[0] = 1
    assert x.tolist() == [1, 1, 1]
    assert getattr(storage, name.lower())() is storage
    assert storage.double().tolist() == [1, 1, 1]
    assert storage.type("tensorlib.LongStorage").type() == "tensorlib.LongStorage"
    assert storage_kind(2).fill_(1).tolist() == storage_kind([1, 1]).tolist()


def test_memory_of_another_type_is_not_shared():
    with pytest.raises(TypeError, match="FloatTensor: elements of float64 cannot be shared as float32"):
        tensorlib.FloatTensor(numpy.zeros(2))
    with pytest.raises(TypeError, match="FloatStorage: the other storage is of type float64"):
        tensorlib.FloatStorage(tensorlib.DoubleStorage(2))


def test_storages():
    storage = tensorlib.FloatStorage([1, 2, 3])
    assert tensorlib.is_storage(storage)
    assert not tensorlib.is_storage([1])
    assert repr(storage) == " 1.0\n 2.0\n 3.0\n[tensorlib.FloatStorage of size 3]"
    copied = storage.clone()
    copied[0] = 5
    assert storage[0] == 1
    assert list(storage.copy_(copied)) == [5, 2, 3]
    assert storage.new(2).size() == 2
    assert storage.resize_(5).tolist()[:3] == [5, 2, 3]
    assert storage.resize_(1).tolist() == [5]
    assert (storage.is_cuda, storage.is_pinned(), storage.is_sparse) == (False, False, False)
    assert storage.cpu() is storage
    assert storage.pin_memory() is not storage
    with pytest.raises(ArgumentError, match="copy_: the source has 3 elements, but the storage 1"):
        storage.copy_(copied)
    with pytest.raises(ArgumentError, match="resize_: needs a length from 0 on, not -1"):
        storage.resize_(-1)


def test_storages_that_are_shared():
    storage = tensorlib.FloatStorage([1, 2])
    assert not storage.is_shared()
    assert storage.share_memory_() is storage
    assert (storage.is_shared(), storage.tolist()) == (True, [1, 2])
    assert tensorlib.FloatTensor(storage).is_shared()
    with pytest.raises(ArgumentError, match="resize_: the memory belongs to a file or is shared"):
        storage.resize_(4)


def test_storages_of_files(tmp_path):
    path = tmp_path / "numbers"
    shared = tensorlib.IntStorage.from_file(path, shared=True, size=3)
    shared[1] = 7
    private = tensorlib.IntStorage.from_file(path)
    assert private.tolist() == [0, 7, 0]
    private[0] = 1
    assert tensorlib.IntStorage.from_file(path, size=2).tolist() == [0, 7]
    with pytest.raises(ArgumentError, match=r"from_file: .* holds 12 bytes, but 4 elements need 16"):
        tensorlib.IntStorage.from_file(path, size=4)
    with pytest.raises(FileNotFoundError):
        tensorlib.IntStorage.from_file(tmp_path / "none", size=4)
    with pytest.raises(ArgumentError, match="resize_: the memory belongs to a file or is shared"):
        shared.resize_(9)
    with pytest.raises(ArgumentError, match="resize_: the memory belongs to a file or is shared"):
        tensorlib.IntTensor(shared).resize_(9)


def test_storages_of_bytes():
    assert tensorlib.ShortStorage.from_buffer(b"\1\0\2\0", "little").tolist() == [1, 2]
    assert tensorlib.ShortStorage.from_buffer(b"\1\0\2\0", "big", count=1, offset=2).tolist() == [512]
    with pytest.raises(ArgumentError, match="from_buffer: byte_order is 'x'"):
        tensorlib.ShortStorage.from_buffer(b"", "x")
    with pytest.raises(ArgumentError, match="from_buffer: "):
        tensorlib.ShortStorage.from_buffer(b"\1")


def test_set():
    x, y = tensorlib.zeros(2), tensorlib.arange(6.0)
    assert x.set_(y) is x
    x[0] = 9
    assert y[0] == 9
    x.set_(y.storage(), 1, (2, 2), (1, 2))
    assert x.tolist() == [[1, 3], [2, 4]]
    assert x.set_(y.storage(), 4).tolist() == [4, 5]
    assert x.set_(y, 0, (2, 3)).tolist() == [[9, 1, 2], [3, 4, 5]]
    assert x.set_().shape == (0,)
    with pytest.raises(ArgumentError, match=r"set_: element 6 is beyond the 6 elements of the tensor's memory"):
        x.set_(y.storage(), 5, (2,))
    with pytest.raises(TypeError, match=r"set_: the source is of type tensorlib.int64, but the tensor of .*float32"):
        x.set_(tensorlib.arange(2))
    with pytest.raises(GraphError, match="set_: the tensor requires a gradient"):
        tensorlib.ones(1, requires_grad=True).set_(y)


def test_resize():
    x = tensorlib.arange(6.0)
    other = x.view(2, 3)
    x.resize_(2, 2)
    assert x.tolist() == [[0, 1], [2, 3]]
    x.fill_(5)
    assert other.tolist() == [[5, 5, 5], [5, 4, 5]]
    assert x.resize_(3, 3).flatten()[:4].tolist() == [5, 5, 5, 5]
    assert x.resize_as_(other).shape == (2, 3)
    assert tensorlib.zeros(2).resize_((0,)).shape == (0,)
    with pytest.raises(ArgumentError, match=r"resize_: needs lengths from 0 on, not \(-1,\)"):
        x.resize_(-1)
    with pytest.raises(GraphError, match="resize_: the tensor requires a gradient"):
        tensorlib.ones(1, requires_grad=True).resize_(2)


def test_walks_beyond_the_memory_are_refused():
    for size, stride, offset in (
        ((7,), (1,), 0),
        ((2,), (6,), 0),
        ((1,), (1,), 6),
        ((2,), (-1,), 3),
        ((2,), (1, 1), 0),
    ):
        with pytest.raises(ArgumentError, match="as_strided: "):
            tensorlib.arange(6).as_strided(size, stride, offset)


def test_gradients_of_walks():
    x = tensorlib.arange(6.0, dtype=tensorlib.float64, requires_grad=True)
    for function in (
        lambda x: (x * x).as_strided((3, 3), (1, 1)).sin(),
        lambda x: (x * x).unfold(0, 3, 2).sin(),
        lambda x: (x * x).view(2, 3).t().as_strided((2, 2), (2, 1), 1).sin(),
    ):
        assert gradcheck(function, x)
        assert gradgradcheck(function, x)


def test_writing_through_a_walk():
    x = tensorlib.zeros(4, requires_grad=True)
    y = x * 1
    y.as_strided((2,), (2,)).copy_(tensorlib.ones(2))
    assert y.tolist() == [1, 0, 1, 0]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 0, 1]
    x.grad = None
    z = (x * 1).view(2, 2).t()
    z.as_strided((2,), (1,), 1).copy_(tensorlib.ones(2))
    assert z.tolist() == [[0, 1], [1, 0]]
    (z * z).sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda x: x.t_(), (3, 2)),
        (lambda x: x.transpose_(0, 1), (3, 2)),
        (lambda x: x.swapaxes_(0, 1), (3, 2)),
        (lambda x: x.unsqueeze_(1), (2, 1, 3)),
        (lambda x: x.unsqueeze_(0).squeeze_(), (2, 3)),
        (lambda x: x.as_strided_((3,), (2,)), (3,)),
    ],
)
def test_changes_of_a_tensors_own_shape(change, shape):
    x = tensorlib.arange(6.0).view(2, 3)
    address = x.data_ptr()
    assert change(x) is x
    assert (tuple(x.shape), x.data_ptr()) == (shape, address)
    leaf = tensorlib.ones(2, 3, requires_grad=True)
    y = leaf * 2
    change(y)
    (y * y).sum().backward()
    assert leaf.grad.sum() == 8 * y.numel()
    with pytest.raises(GraphError, match="a leaf that requires a gradient"):
        change(leaf)


def test_other_types_of_the_same_bytes():
    x = tensorlib.tensor([[1.0, 2.0]])
    assert x.view(tensorlib.int32).tolist() == [[1065353216, 1073741824]]
    assert x.view(dtype=tensorlib.uint8).shape == (1, 8)
    assert x.view(tensorlib.float64).shape == (1, 1)
    x.view(tensorlib.int32)[0, 0] = 0
    assert x.tolist() == [[0, 2]]
    with pytest.raises(ShapeError, match=r"view: elements of float32 in shape .* cannot be seen as float64"):
        tensorlib.ones(3).view(tensorlib.float64)
    with pytest.raises(ShapeError, match="the last dimension must lie together"):
        tensorlib.ones(2, 2).t().view(tensorlib.float64)


def test_windows():
    x = tensorlib.arange(7).view(1, 7)
    windows = x.unfold(1, 3, 2)
    assert windows.tolist() == [[[0, 1, 2], [2, 3, 4], [4, 5, 6]]]
    windows[0, 0, 0] = 9
    assert x[0, 0] == 9
    assert tensorlib.tensor(5).unfold(0, 1, 1).tolist() == [5]
    with pytest.raises(ArgumentError, match="unfold: windows of 8 with step 1 do not fit a dimension of length 7"):
        x.unfold(1, 8, 1)
    with pytest.raises(DimensionError):
        x.unfold(2, 1, 1)


def test_methods_of_older_programs():
    x = tensorlib.tensor([[1, 2], [3, 4]])
    assert (x.ndimension(), x.nelement(), x.nElement(), x.get_device()) == (2, 4, 4, -1)
    assert x.index(1).tolist() == [3, 4]
    assert x.index(x > 2).tolist() == [3, 4]
    assert (x.is_signed(), x.byte().is_signed(), x.is_pinned()) == (True, False, False)
    assert x.pin_memory() is not x
    assert x.new(2, 3).dtype is x.dtype
    assert x.new([1, 2]).tolist() == [1, 2]
    assert x.new(x.size()).shape == x.shape
    assert x.new().shape == (0,)
    assert x.apply_(lambda value: value * 2).tolist() == [[2, 4], [6, 8]]
    assert x.map_(tensorlib.tensor([1, 2]), lambda a, b: a + b).tolist() == [[3, 6], [7, 10]]
    with pytest.raises(GraphError, match="apply_: the tensor requires a gradient"):
        tensorlib.ones(1, requires_grad=True).apply_(abs)


def test_default_type_by_name():
    try:
        tensorlib.set_default_tensor_type(tensorlib.DoubleTensor)
        assert tensorlib.Tensor([1]).dtype is tensorlib.float64
        assert type(tensorlib.Storage(1)).__name__ == "Storage"
    finally:
        tensorlib.set_default_tensor_type("torch.FloatTensor")
    for wrong in ("FloatThing", 3):
        with pytest.raises(TypeError, match=r"set_default_tensor_type: .* is no type of tensors"):
            tensorlib.set_default_tensor_type(wrong)
    with pytest.raises(TypeError, match="needs a floating point type"):
        tensorlib.set_default_tensor_type(tensorlib.LongTensor)


def test_indices_of_triangles():
    for ours, theirs in ((tensorlib.tril_indices, numpy.tril_indices), (tensorlib.triu_indices, numpy.triu_indices)):
        for rows, columns, offset in ((3, 3, 0), (2, 4, 1), (4, 2, -1)):
            expected = numpy.stack(theirs(rows, offset, columns))
            numpy.testing.assert_array_equal(ours(rows, columns, offset).numpy(), expected)


def test_what_cannot_be_written():
    x = tensorlib.zeros(4)
    mask = tensorlib.tensor([True, True, False, False])
    with pytest.raises(ShapeError, match="masked_scatter: the mask chooses 2 elements, but the source has 1"):
        x.masked_scatter(mask, tensorlib.ones(1))
    with pytest.raises(TypeError, match="masked_scatter: the mask must be a bool tensor"):
        x.masked_scatter(x, x)
    with pytest.raises(ShapeError, match="put: 2 places are named, but 1 elements given"):
        x.put_(tensorlib.tensor([0, 1]), tensorlib.ones(1))
    with pytest.raises(ArgumentError, match="scatter_reduce: reduce is 'x', but must be one of sum, prod"):
        x.scatter_reduce(0, tensorlib.tensor([0]), x, "x")
    place = tensorlib.tensor([0])
    with pytest.raises(ArgumentError, match="index_reduce: reduce is 'sum', but must be one of prod, mean, amax, amin"):
        x.index_reduce(0, place, x[:1], "sum")
    with pytest.raises(ShapeError, match=r"index_reduce: needs a source of shape \(1,\), not \(4,\)"):
        x.index_reduce_(0, place, x, "amax")
    with pytest.raises(ShapeError, match=r"index_reduce: needs an index of one dimension, not of shape \(1, 1\)"):
        x.index_reduce(0, place[None], x, "amax")
    with pytest.raises(IndexError, match=r"index_reduce: .*4"):
        x.index_reduce(0, place + 4, x[:1], "amax")
    with pytest.raises(ShapeError, match="index_reduce: a 0-d tensor has no dimension"):
        x[0].index_reduce(0, place, x[:1], "amax")
    with pytest.raises(ShapeError, match=r"fill_: needs a number or a 0-d tensor, not one of shape \(4,\)"):
        tensorlib.fill(x, x)
    with pytest.raises(ShapeError, match=r"select_scatter: the source has shape \(2,\), but its place \(\)"):
        tensorlib.select_scatter(x, tensorlib.ones(2), 0, 0)
    with pytest.raises(IndexError, match="unravel_index: a place is out of range for 4 elements"):
        tensorlib.unravel_index(tensorlib.tensor([4]), (2, 2))
