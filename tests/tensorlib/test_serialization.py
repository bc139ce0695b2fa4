"""Saving and loading: values, shared memory, damaged and foreign files, and that nothing is executed."""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import pickle
import stat
import zipfile
from collections import OrderedDict
from types import SimpleNamespace

import numpy
import pytest

import tensorlib
from tensorlib import Size
from tensorlib.errors import DeviceError, FileFormatError
from tests import fakecupy


def through_file(value, **options):
    file = io.BytesIO()
    tensorlib.save(value, file)
    file.seek(0)
    return tensorlib.load(file, **options)


class Custom:
    def __eq__(self, other):
        return isinstance(other, Custom)

    __hash__ = None


PLAIN = [
    None,
    True,
    3,
    -(2**70),
    2.5,
    float("inf"),
    "text \ud800 \N{SNOWMAN}",
    b"\x00\xff",
    1 - 2j,
    [1, [2.0, "x"]],
    (1, (2,)),
    {1: "int", "a": None, (1, 2): "tuple", b"k": 0, 2.5: 1},
    OrderedDict([("z", 1), ("a", 2)]),
    {1, 2},
    frozenset({3}),
    Size((2, 3)),
    tensorlib.float16,
    tensorlib.device("cuda:1"),
    [],
    {},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back(value):
    loaded = through_file(value)
    assert loaded == value
    assert type(loaded) is type(value)


def test_nan_comes_back():
    assert numpy.isnan(through_file(float("nan")))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64", "complex128"]
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_tensors_come_back(dtype, shape):
    values = numpy.arange(int(numpy.prod(shape))).reshape(shape).astype(dtype)
    loaded = through_file(tensorlib.tensor(values))
    assert loaded.dtype.name == dtype
    assert loaded.shape == shape
    numpy.testing.assert_array_equal(loaded.numpy(), values)
    loaded.fill_(1)  # it can be written to
    assert bool((loaded == 1).all())


def test_strides_and_gradients_come_back():
    x = tensorlib.arange(6.0).reshape(2, 3).t()
    leaf = tensorlib.ones(2, requires_grad=True)
    loaded_x, loaded_leaf, result = through_file((x, leaf, leaf * 2))
    assert loaded_x.stride() == x.stride()
    assert loaded_leaf.requires_grad
    assert loaded_leaf.is_leaf
    assert not result.requires_grad


def test_shared_memory_stays_shared():
    base = tensorlib.arange(10.0)
    loaded = through_file({"base": base, "view": base[2:5], "flipped": base.view(2, 5).t(), "same": base})
    assert loaded["base"] is loaded["same"]
    loaded["view"].zero_()
    assert loaded["base"].tolist() == [0, 1, 0, 0, 0, 5, 6, 7, 8, 9]
    assert loaded["flipped"][2, 0] == 0
    assert loaded["base"]._counter is loaded["view"]._counter


def test_only_what_a_view_spans_is_written():
    file = io.BytesIO()
    tensorlib.save(tensorlib.zeros(100_000)[5:10], file)
    assert len(file.getvalue()) < 2000


def test_separate_tensors_stay_separate():
    first, second = through_file([tensorlib.zeros(4), tensorlib.zeros(4)])
    first.add_(1)
    assert second.sum() == 0


def test_other_objects_need_trust(tmp_path):
    path = tmp_path / "file"
    tensorlib.save({"model": Custom(), "weight": tensorlib.ones(2)}, path)
    with pytest.raises(pickle.UnpicklingError, match=r"of type .*Custom.*weights_only=False"):
        tensorlib.load(path)
    assert tensorlib.load(path, weights_only=False)["model"] == Custom()


def test_other_pickle_modules():
    module = SimpleNamespace(
        dumps=lambda value, protocol: f"{protocol} {value.__name__}".encode(), loads=lambda data: data.decode()
    )
    file = io.BytesIO()
    tensorlib.save({"class": Custom}, file, module, 3)
    file.seek(0)
    assert tensorlib.load(file, None, module, weights_only=False) == {"class": "3 Custom"}


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


def test_nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    tensorlib.save(Bomb(), tmp_path / "bomb")
    (tmp_path / "pickle").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(pickle.UnpicklingError):
        tensorlib.load(tmp_path / "bomb")
    with pytest.raises(FileFormatError):
        tensorlib.load(tmp_path / "pickle")
    assert not (tmp_path / "exploded").exists()


def test_contains_itself():
    value = []
    value.append(value)
    with pytest.raises(ValueError, match="save: a list contains itself"):
        tensorlib.save(value, io.BytesIO())
    twice = [1]
    assert through_file([twice, twice]) == [[1], [1]]


def test_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "checkpoint"
    tensorlib.save(1, path)
    with pytest.raises(AttributeError, match=r"local object|pickle"):
        tensorlib.save([2, lambda: None], path)
    assert tensorlib.load(path) == 1
    assert os.listdir(tmp_path) == ["checkpoint"]


@pytest.mark.parametrize("nameless", [True, False], ids=["nameless file", "file system without nameless files"])
def test_file_is_complete_before_it_has_its_name(tmp_path, monkeypatch, nameless):
    def flush(descriptor):
        seen.append(os.listdir(tmp_path))
        flush_to_disk(descriptor)

    seen, flush_to_disk = [], os.fsync
    monkeypatch.setattr(os, "fsync", flush)
    if not nameless:
        monkeypatch.setattr("tensorlib.serialization.writing._nameless_file", lambda folder: None)
    tensorlib.save("value", tmp_path / "file")
    assert [len(names) for names in seen] == [0 if nameless else 1]  # what a process that is killed now would leave
    assert "file" not in seen[0]
    assert os.listdir(tmp_path) == ["file"]
    assert tensorlib.load(tmp_path / "file") == "value"


def test_failure_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    tensorlib.save(1, path)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        tensorlib.save(2, path)
    assert tensorlib.load(path) == 1
    assert os.listdir(tmp_path) == ["checkpoint"]


def test_mode_follows_umask_and_links_are_kept(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(path)
    before = os.umask(0o027)
    try:
        tensorlib.save(1, link)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()


def test_unwritable_place(tmp_path):
    with pytest.raises(FileNotFoundError):
        tensorlib.save(1, tmp_path / "missing" / "file")
    with pytest.raises(FileNotFoundError):
        tensorlib.load(tmp_path / "missing")


def test_every_truncation_is_named(tmp_path):
    path = tmp_path / "file"
    tensorlib.save({"x": tensorlib.arange(20.0)}, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"load: .*file was not written by save\(\), or is truncated"):
            tensorlib.load(path)


def test_flipped_bytes_never_do_more_than_raise():
    file = io.BytesIO()
    tensorlib.save({"x": tensorlib.arange(4.0), "y": [1, "text"]}, file)
    whole = file.getvalue()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        with contextlib.suppress(FileFormatError):
            tensorlib.load(io.BytesIO(damaged))


def test_other_zip_files(tmp_path):
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")
    with pytest.raises(FileFormatError, match=r"not written by save\(\): it is another kind of zip"):
        tensorlib.load(path)


def rewritten(change, compression=zipfile.ZIP_STORED):
    """Save a tensor and change the structure that was written."""
    file, changed = io.BytesIO(), io.BytesIO()
    tensorlib.save(tensorlib.arange(4.0), file)
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(changed, "w", compression) as target:
        head = json.loads(archive.read("structure.json"))
        change(head)
        target.writestr("structure.json", json.dumps(head))
        target.writestr("storage/0", archive.read("storage/0"))
    return changed


LIES = {
    "beyond the end": lambda head: head["tensors"][0].update(shape=[5]),
    "before the start": lambda head: head["tensors"][0].update(offset=-4),
    "backwards": lambda head: head["tensors"][0].update(strides=[-4]),
    "huge": lambda head: head["tensors"][0].update(shape=[2**62], strides=[4]),
    "negative": lambda head: head["tensors"][0].update(shape=[-1]),
    "type": lambda head: head["tensors"][0].update(dtype="object"),
    "no storage": lambda head: head["tensors"][0].update(storage=7),
    "no tensor": lambda head: head.update(root={"tensor": 1}),
    "tag": lambda head: head.update(root={"exec": "1"}),
    "version": lambda head: head.update(version=99),
    "key": lambda head: head.update(root={"dict": [[{"list": []}, 1]]}),
    "bare list": lambda head: head.update(root=[1]),
    "deep": lambda head: head.update(root=json.loads('{"list": [' * 400 + "]}" * 400)),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found(lie):
    file = rewritten(LIES[lie])
    if lie == "deep":
        assert isinstance(tensorlib.load(file), list)
        return
    with pytest.raises(FileFormatError, match=r"damaged|version"):
        tensorlib.load(file)


def test_compressed_members_are_refused():
    with pytest.raises(FileFormatError, match="compressed"):
        tensorlib.load(rewritten(lambda head: None, zipfile.ZIP_DEFLATED))


def elsewhere(head):
    head["tensors"][0]["device"] = "cuda:1"


def test_map_location():
    with pytest.raises(DeviceError, match=r"load: .*map_location='cpu'"):
        tensorlib.load(rewritten(elsewhere))
    asked = []

    def chosen(storage, device):
        asked.append((storage.dtype, storage.numel(), device))
        return storage.clone().fill_(0)

    assert tensorlib.load(rewritten(elsewhere), chosen).tolist() == [0, 0, 0, 0]
    assert asked == [(tensorlib.uint8, 16, "cuda:1")]
    with pytest.raises(TypeError, match="load: map_location must return a storage or None, not str"):
        tensorlib.load(rewritten(elsewhere), lambda storage, device: "cpu")
    for location in ("cpu", tensorlib.device("cpu"), {"cuda:1": "cpu"}):
        assert tensorlib.load(rewritten(elsewhere), location).tolist() == [0, 1, 2, 3]


def test_errors_of_map_location_are_the_users_own():
    def fail(storage, device):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        tensorlib.load(rewritten(elsewhere), fail)


def test_map_location_is_asked_once_for_shared_memory():
    asked = []
    base = tensorlib.arange(4.0)
    first, second = through_file([base, base[1:]], map_location=lambda storage, device: asked.append(device))
    assert asked == ["cpu"]
    second.zero_()
    assert first.tolist() == [0, 0, 0, 0]


def test_packages(monkeypatch):
    monkeypatch.setattr("tensorlib.serialization.locations._packages", [])
    shelf = {}

    def tag(tensor):
        return "shelf:3" if tensor.numel() == 3 else None

    def put(storage, location):
        return shelf.setdefault(location, storage) if location.startswith("shelf") else None

    tensorlib.serialization.register_package(20, lambda tensor: "never asked first", lambda storage, location: None)
    tensorlib.serialization.register_package(10, tag, put)
    marked, other = through_file([tensorlib.ones(3), tensorlib.ones(2)], map_location={"never asked first": "cpu"})
    assert (marked.tolist(), other.tolist()) == ([1, 1, 1], [1, 1])
    assert shelf["shelf:3"].numel() == 12
    assert through_file(tensorlib.ones(3), map_location="shelf:5").shape == (3,)
    assert set(shelf) == {"shelf:3", "shelf:5"}
    with pytest.raises(TypeError, match="register_package: tagger must be a function, not NoneType"):
        tensorlib.serialization.register_package(1, None, put)


def test_example_of_a_package(monkeypatch):
    monkeypatch.setattr("tensorlib.serialization.locations._packages", [])
    assert doctest.testmod(tensorlib.serialization.locations, globs={"tensorlib": tensorlib}) == (0, 2)


def test_on_a_device(monkeypatch):
    fakecupy.install(monkeypatch)
    base = tensorlib.arange(6.0).view(2, 3)
    loaded, view = through_file([base, base.t()[1:]], map_location="cuda")
    assert (loaded.is_cuda, view.is_cuda, view.tolist()) == (True, True, [[1, 4], [2, 5]])
    loaded.zero_()
    assert view.tolist() == [[0, 0], [0, 0]]
    assert str(through_file(loaded).device) == "cuda:0"
