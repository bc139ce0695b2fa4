"""Files in the safetensors format."""

from __future__ import annotations

import os

import ml_dtypes
import numpy
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import tensorlib
from tensorlib.errors import DeviceError, FileFormatError
from tests import fakecupy

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]


def through_file(tensors, path, **options):
    tensorlib.save_safetensors(tensors, path)
    return tensorlib.load_safetensors(path, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)], ids=str)
def test_tensors_come_back(tmp_path, dtype, shape):
    values = numpy.arange(int(numpy.prod(shape))).reshape(shape).astype(dtype)
    loaded = through_file({"x": tensorlib.tensor(values)}, tmp_path / "file")["x"]
    assert (loaded.dtype.name, loaded.shape) == (dtype, shape)
    numpy.testing.assert_array_equal(loaded.numpy(), values)
    loaded.fill_(1)  # it can be written to
    assert bool((loaded == 1).all())


def test_what_lies_otherwise_in_memory(tmp_path):
    base = tensorlib.arange(6.0).view(2, 3)
    tensors = {"transposed": base.t(), "part": base[:, 1], "expanded": base[:1].expand(2, 3), "base": base}
    loaded = through_file(tensors, tmp_path / "file")
    assert {name: each.tolist() for name, each in loaded.items()} == {n: each.tolist() for n, each in tensors.items()}
    assert loaded["transposed"].is_contiguous()


def test_state_dict(tmp_path):
    first, second = tensorlib.nn.Linear(2, 3), tensorlib.nn.Linear(2, 3)
    second.load_state_dict(through_file(first.state_dict(), str(tmp_path / "file")))
    x = tensorlib.ones(1, 2)
    assert first(x).tolist() == second(x).tolist()
    assert through_file({}, tmp_path / "file") == {}


def test_metadata(tmp_path):
    tensorlib.save_safetensors({"x": tensorlib.ones(1)}, tmp_path / "file", {"epoch": "3"})
    with safe_open(tmp_path / "file", "numpy") as file:
        assert file.metadata() == {"epoch": "3"}


def test_devices(tmp_path, monkeypatch):
    tensor = tensorlib.arange(3.0)
    with pytest.raises(DeviceError, match="tpu"):
        through_file({"x": tensor}, tmp_path / "file", device="tpu")
    fakecupy.install(monkeypatch)
    loaded = through_file({"x": tensor.cuda()}, tmp_path / "file", device="cuda")["x"]
    assert (loaded.is_cuda, loaded.tolist()) == (True, [0, 1, 2])


WRONG = {
    "no tensor": ({"x": numpy.ones(2)}, None, "'x' must be a Tensor, not ndarray"),
    "no name": ({1: tensorlib.ones(2)}, None, "a name must be text, not int"),
    "no text": ({}, {"epoch": 3}, "metadata must be text, not int"),
    "type": (
        {"x": tensorlib.ones(1, dtype=tensorlib.complex128)},
        None,
        "'x' has type tensorlib.complex128, which the",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(tmp_path, name):
    tensors, metadata, message = WRONG[name]
    with pytest.raises(TypeError, match=f"save_safetensors: {message}"):
        tensorlib.save_safetensors(tensors, tmp_path / "file", metadata)
    assert os.listdir(tmp_path) == []


def test_every_truncation_is_named(tmp_path):
    path = tmp_path / "model"
    tensorlib.save_safetensors({"x": tensorlib.arange(20.0)}, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"load_safetensors: .*model: "):
            tensorlib.load_safetensors(path)


def test_types_that_are_not_there_are_named(tmp_path, monkeypatch):
    save_file({"x": numpy.ones(2, ml_dtypes.float8_e4m3fn)}, tmp_path / "file")
    with pytest.raises(FileFormatError, match=r"load_safetensors: .*float8_e4m3fn"):
        tensorlib.load_safetensors(tmp_path / "file")
    monkeypatch.delitem(tensorlib.dtypes._by_numpy, numpy.dtype("int16"))
    save_file({"x": numpy.ones(2, "int16")}, tmp_path / "file")
    with pytest.raises(
        FileFormatError, match=r"load_safetensors: .*file: 'x': dtype: dtype\('int16'\) is no element type"
    ):
        tensorlib.load_safetensors(tmp_path / "file")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensorlib.load_safetensors(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        tensorlib.save_safetensors({}, tmp_path / "missing" / "file")
