"""Files that PyTorch writes are read as PyTorch reads them, in both of its formats; safetensors go both ways."""

from __future__ import annotations

import collections
import io
import pickle

import numpy
import pytest

import tensorlib
from tensorlib.errors import DeviceError, FileFormatError

torch = pytest.importorskip("torch")

FORMATS = [True, False]
both_formats = pytest.mark.parametrize("zipped", FORMATS, ids=["zip", "legacy"])


def written(value, zipped, **options):
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped, **options)
    file.seek(0)
    return file


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, tensorlib.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        assert str(ours.dtype).removeprefix("tensorlib.") == str(theirs.dtype).removeprefix("torch.")
        assert ours.requires_grad == theirs.requires_grad
        if not (theirs.is_conj() or theirs.is_neg()):  # which here are no views
            assert ours.stride() == theirs.stride()
        expected = theirs.detach().resolve_conj().resolve_neg()
        numpy.testing.assert_array_equal(ours.detach().numpy(), expected.numpy())
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        for name in theirs:
            same(ours[name], theirs[name])
    elif isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        assert type(ours) is type(theirs)
        for mine, other in zip(ours, theirs, strict=True):
            same(mine, other)
    else:
        assert ours == theirs


DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


@both_formats
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)], ids=str)
def test_tensors(zipped, dtype, shape):
    value = torch.arange(int(numpy.prod(shape))).reshape(shape).to(getattr(torch, dtype))
    loaded = tensorlib.load(written(value, zipped))
    same(loaded, value)
    loaded.fill_(1)  # it can be written to
    assert bool((loaded == 1).all())


base = torch.arange(24.0).reshape(2, 3, 4)
VIEWS = {
    "transposed": base.transpose(0, 2),
    "slice": base[1, 1:, ::2],
    "expanded": torch.ones(3, 1).expand(3, 5),
    "conjugate": torch.tensor([1 + 2j, 3j]).conj(),
    "negative": torch.tensor([1 + 2j, 3j]).conj().imag,
    "leaf": torch.ones(2, requires_grad=True),
    "parameter": torch.nn.Parameter(torch.ones(2, 2).t()),
    "frozen": torch.nn.Parameter(torch.arange(2), requires_grad=False),
    "result": torch.ones(2, requires_grad=True) * 2,
}


@both_formats
@pytest.mark.parametrize("name", VIEWS)
def test_views_and_leaves(zipped, name):
    file = written(VIEWS[name], zipped)
    theirs = torch.load(file)
    file.seek(0)
    loaded = tensorlib.load(file)
    same(loaded, theirs)
    assert loaded.is_leaf


PLAIN = {
    "numbers": [None, True, -3, 2**70, 2.5, 1 - 2j, "text \N{SNOWMAN}", b"\x00\xff"],
    "containers": {"a": (1, [2]), 3: {4}, (5, 6): frozenset({7}), "empty": [{}, (), []]},
    "OrderedDict": collections.OrderedDict([("z", 1), ("a", 2)]),
    "Counter": collections.Counter("aab"),
    "defaultdict": collections.defaultdict(list, a=[1]),
    "Size": torch.Size([2, 3]),
    "NumPy": {"float": numpy.float64(0.5), "int": numpy.int32(-7), "bool": numpy.bool_(True)},
}


@both_formats
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_values(zipped, protocol, name):
    same(tensorlib.load(written(PLAIN[name], zipped, pickle_protocol=protocol)), PLAIN[name])


@both_formats
def test_dtypes_and_devices(zipped):
    loaded = tensorlib.load(written([torch.float32, torch.int64, torch.bool, torch.device("cuda:1")], zipped))
    assert loaded == [tensorlib.float32, tensorlib.int64, tensorlib.bool, tensorlib.device("cuda:1")]


@both_formats
def test_shared_memory_stays_shared(zipped):
    base = torch.arange(10.0)
    loaded = tensorlib.load(written({"base": base, "view": base[2:5], "matrix": base.view(2, 5).t()}, zipped))
    loaded["view"].zero_()
    assert loaded["base"].tolist() == [0, 1, 0, 0, 0, 5, 6, 7, 8, 9]
    assert loaded["matrix"][2, 0] == 0
    assert loaded["base"]._counter is loaded["view"]._counter


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Flatten(), torch.nn.Linear(8, 3)
    )


@both_formats
def test_state_dict_of_a_model(zipped):
    theirs = model()
    for _ in range(2):
        theirs(torch.randn(5, 1, 4, 4))
    state = tensorlib.load(written(theirs.state_dict(), zipped))
    same(state, theirs.state_dict())
    assert state._metadata == theirs.state_dict()._metadata
    layers = tensorlib.nn
    ours = layers.Sequential(layers.Conv2d(1, 2, 3), layers.BatchNorm2d(2), layers.Flatten(), layers.Linear(8, 3))
    ours.load_state_dict(state)
    x = torch.randn(2, 1, 4, 4)
    expected = theirs.eval()(x).detach().numpy()
    numpy.testing.assert_allclose(ours.eval()(tensorlib.tensor(x.numpy())).detach().numpy(), expected, 1e-5, 1e-6)


@both_formats
def test_checkpoint_with_optimizer(zipped):
    theirs = model()
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    theirs(torch.randn(5, 1, 4, 4)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "model": theirs.state_dict(), "optimizer": optimizer.state_dict()}
    same(tensorlib.load(written(checkpoint, zipped)), checkpoint)


@both_formats
def test_attributes_of_parameters(zipped):
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.tensor_parallel, parameter.shape_before, parameter.backward = True, (4,), None
    loaded = tensorlib.load(written(parameter, zipped))
    assert (loaded.tensor_parallel, loaded.shape_before) == (True, (4,))
    loaded.sum().backward()
    assert loaded.grad.tolist() == [1, 1]
    assert tensorlib.load(written(torch.nn.Buffer(torch.ones(2)), zipped)).tolist() == [1, 1]


@both_formats
def test_bare_storage_is_a_tensor(zipped):
    assert tensorlib.load(written(torch.tensor([1, 2], dtype=torch.uint8).untyped_storage(), zipped)).tolist() == [1, 2]


@both_formats
def test_modules_are_refused(zipped):
    with pytest.raises(
        pickle.UnpicklingError, match=r"load: the file refers to torch\.nn\.modules\.\w+\.\w+, .* state_dict"
    ):
        tensorlib.load(written(model(), zipped))


@both_formats
@pytest.mark.parametrize("name", ["uint16", "uint32", "uint64", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_further_types(zipped, name):
    file = written(torch.tensor([1, 0, 3]).to(getattr(torch, name)), zipped)
    if hasattr(tensorlib, name):
        loaded = tensorlib.load(file)
        assert (loaded.dtype, loaded.tolist()) == (getattr(tensorlib, name), [1, 0, 3])
    else:
        with pytest.raises(FileFormatError, match=rf"{name}.* is no element type of tensors"):
            tensorlib.load(file)


@both_formats
def test_map_location(zipped, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
    value = [torch.arange(3.0), torch.ones(2)]
    file = written([*value, value[0][1:]], zipped)
    for location in ("cpu", tensorlib.device("cpu"), {"cuda:1": "cpu"}):
        file.seek(0)
        assert tensorlib.load(file, location)[2].tolist() == [1, 2]
    asked = []
    file.seek(0)
    tensorlib.load(file, lambda storage, tag: asked.append((storage.numel(), tag)) or storage)
    assert asked == [(12, "cuda:1"), (8, "cuda:1")]
    file.seek(0)
    with pytest.raises(DeviceError, match=r"load: .*map_location='cpu'"):
        tensorlib.load(file)
    file.seek(0)
    with pytest.raises(KeyError, match="mine"):
        tensorlib.load(file, lambda storage, tag: {}["mine"])


@both_formats
def test_every_truncation_is_named(zipped, tmp_path):
    path = tmp_path / "file.pt"
    whole = written({"x": torch.arange(20.0)}, zipped).getvalue()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"load: .*file\.pt"):
            tensorlib.load(path)


def test_several_objects_in_one_file():
    file = io.BytesIO()
    for k in range(3):
        torch.save(torch.full((2,), k), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [tensorlib.load(file).tolist() for _ in range(3)] == [[0, 0], [1, 1], [2, 2]]


def test_torchscript_is_named(tmp_path):
    path = tmp_path / "program.pt"
    with pytest.warns(DeprecationWarning, match="jit"):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(FileFormatError, match="TorchScript"):
        tensorlib.load(path)


def test_safetensors_go_both_ways(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    theirs = model().state_dict()
    safetensors.save_file(theirs, tmp_path / "theirs", {"format": "pt"})
    loaded = tensorlib.load_safetensors(tmp_path / "theirs")
    same({name: loaded[name] for name in theirs}, dict(theirs))
    tensorlib.save_safetensors(loaded, tmp_path / "ours")
    again = safetensors.load_file(tmp_path / "ours")
    assert again.keys() == theirs.keys()
    assert all(torch.equal(again[name], theirs[name]) for name in theirs)
