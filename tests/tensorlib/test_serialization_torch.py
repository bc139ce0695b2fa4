"""Reading of two small files that PyTorch wrote, of damaged ones, and of ones that try to do harm."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

import tensorlib
from tensorlib.errors import FileFormatError
from tensorlib.serialization import torch_files, torch_rebuild
from tests import fakecupy

FILES = Path(__file__).parent / "files"
both_formats = pytest.mark.parametrize("name", ["pytorch_zip.pt", "pytorch_legacy.pt"])


def check(loaded):
    assert list(loaded) == ["weight", "tail", "parameter", "count", "mask", "half", "epoch", "names"]
    assert (loaded["weight"].tolist(), loaded["weight"].stride()) == ([[0, 3], [1, 4], [2, 5]], (1, 3))
    assert isinstance(loaded["parameter"], tensorlib.nn.Parameter)
    assert (loaded["parameter"].dtype, loaded["parameter"].tolist()) == (tensorlib.float64, [0.5, -1.5])
    assert (loaded["count"].item(), loaded["mask"].tolist(), loaded["half"].item()) == (3, [True, False], 1.5)
    assert (loaded["half"].dtype, loaded["epoch"], loaded["names"]) == (tensorlib.float16, 2, ("a", "b"))
    loaded["tail"].fill_(9)
    assert loaded["weight"].tolist() == [[0, 3], [1, 9], [2, 9]]


@both_formats
def test_content(name):
    check(tensorlib.load(FILES / name))
    check(tensorlib.load(str(FILES / name), "cpu", weights_only=False))
    with (FILES / name).open("rb") as file:
        check(tensorlib.load(file))


@both_formats
def test_on_a_device(name, monkeypatch):
    fakecupy.install(monkeypatch)
    loaded = tensorlib.load(FILES / name, "cuda")
    assert loaded["weight"].is_cuda
    check(loaded)


@both_formats
def test_packages_are_asked(name, monkeypatch):
    monkeypatch.setattr("tensorlib.serialization.locations._packages", [])
    asked = []
    tensorlib.serialization.register_package(0, lambda tensor: None, lambda storage, tag: asked.append(tag))
    check(tensorlib.load(FILES / name, {"cpu": "cpu"}))
    assert asked == ["cpu"] * 5


@both_formats
def test_truncated(name):
    whole = (FILES / name).read_bytes()
    for length in range(0, len(whole) - 1, 3):
        with pytest.raises(FileFormatError):
            tensorlib.load(io.BytesIO(whole[:length]))


@both_formats
def test_flipped_bytes_never_do_more_than_raise(name):
    whole = (FILES / name).read_bytes()
    raised = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        try:
            tensorlib.load(io.BytesIO(damaged), "cpu")
        except (FileFormatError, pickle.UnpicklingError):
            raised += 1
    assert raised > len(whole) // 3


def archive(structure, **members):
    """Return a file as PyTorch writes it, of a pickle and storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", structure)
        for name, content in members.items():
            target.writestr(f"archive/{name}", content)
    file.seek(0)
    return file


def legacy(structure, **storages):
    """Return a file as PyTorch wrote it before, of a pickle and storages of four-byte elements."""
    head = (torch_files.MAGIC, torch_files.VERSION, {"little_endian": True})
    bodies = b"".join(struct.pack("<q", len(each) // 4) + each for each in storages.values())
    return io.BytesIO(b"".join(map(pickle.dumps, head)) + structure + pickle.dumps(list(storages)) + bodies)


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["BOMB"],)


GLOBALS = [
    "os system",
    "builtins eval",
    "builtins getattr",
    "torch load",
    "torch._utils _rebuild_qtensor",
    "torch hub.load",
]


@pytest.mark.parametrize("wrap", [archive, legacy])
def test_nothing_is_executed(wrap, tmp_path, monkeypatch):
    monkeypatch.setenv("BOMB", str(tmp_path / "exploded"))
    for weights_only in (True, False):
        with pytest.raises(
            pickle.UnpicklingError, match=r"load: the file refers to \w+\.mkdir, .*could execute anything"
        ):
            tensorlib.load(wrap(pickle.dumps(Bomb())), weights_only=weights_only)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("wrap", [archive, legacy])
@pytest.mark.parametrize("name", GLOBALS)
def test_names_are_refused(wrap, name):
    module, function = name.split()
    for structure in (
        f"c{module}\n{function}\n(S'x'\ntR.".encode(),
        b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(function)])
        + function.encode() + b"\x93.",
        f"(i{module}\n{function}\n.".encode(),
    ):  # fmt: skip
        with pytest.raises(pickle.UnpicklingError, match=f"refers to {module}.{function},"):
            tensorlib.load(wrap(structure))


TAMPERING = {
    "attributes of a type of tensors": b"ctorch\nfloat32\nN}S'itemsize'\nK\x01s\x86b.",
    "attributes of a function": b"ctorch._utils\n_rebuild_tensor_v2\nN}S'__defaults__'\nNs\x86b.",
    "attributes of a class": b"ccollections\nOrderedDict\n}S'get'\nNsb.",
    "attributes of a dict": b"ccollections\nOrderedDict\n)R}S'get'\nNsb.",
    "text in another encoding": b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    "NumPy objects": b"cnumpy\ndtype\n(S'O8'\ntR.",
    "bomb of a type": b"cnumpy\ndtype\n(S'S99999999'\ntR.",
    "no persistent id": b"K\x01Q.",
    "persistent id of another kind": b"(S'module'\nK\x01tQ.",
    "unknown instruction": b"\xff.",
    "nothing on the stack": b"0.",
    "extension": b"\x82\x01.",
    "memo": b"h\x01.",
    "long text": b"\x8d" + struct.pack("<q", 2**60) + b"x.",
    "negative length": b"T" + struct.pack("<i", -5) + b"x.",
}


@pytest.mark.parametrize("wrap", [archive, legacy])
@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_damage(wrap, name):
    with pytest.raises(FileFormatError, match=r"load: .*(holds|sets|damaged|truncated)"):
        tensorlib.load(wrap(TAMPERING[name]))
    assert tensorlib.float32.itemsize == 4
    assert torch_rebuild.rebuild_tensor.__defaults__ == (False, None, None)
    assert collections.OrderedDict.get is not None


def view(offset, shape, strides, count=4, key="0", part=""):
    """Return the pickle of one tensor in a storage of four float32."""
    numbers = pickle.dumps((offset, shape, strides), 0)[:-1]
    storage = f"(S'storage'\nctorch\nFloatStorage\nS'{key}'\nS'cpu'\nI{count}\n{part}tQ".encode()
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pieces(numbers) + b"I00\nNtR"


def pieces(pickled):
    return b"".join(pickle.dumps(each, 0)[:-1] for each in pickle.loads(pickled + b"."))


LIES = {
    "beyond the end": view(1, (4,), (1,)),
    "before the start": view(-1, (4,), (1,)),
    "backwards": view(0, (4,), (-1,)),
    "huge": view(0, (2**62,), (1,)),
    "negative": view(0, (-1,), (1,)),
    "fewer strides": view(0, (2, 2), (1,)),
    "text": view("0", (4,), (1,)),
    "storage longer than its bytes": view(0, (4,), (1,), count=5),
    "another key": view(0, (4,), (1,), key="../../structure"),
}


def test_a_view_by_hand():
    assert tensorlib.load(
        archive(view(1, (2,), (2,)) + b".", **{"data/0": struct.pack("<4f", *range(4))})
    ).tolist() == [1, 3]


def test_storages_that_are_parts_of_others():
    part = "(S'1'\nI1\nI2\nt"  # as PyTorch before 0.4 wrote: its own key, offset and length
    both = b"(" + view(0, (4,), (1,), part="N") + view(0, (2,), (1,), part=part) + b"t."
    whole, second = tensorlib.load(legacy(both, **{"0": struct.pack("<4f", *range(4))}))
    second.fill_(9)
    assert whole.tolist() == [0, 9, 9, 3]


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found(lie):
    with pytest.raises(FileFormatError, match="is damaged"):
        tensorlib.load(archive(LIES[lie] + b".", **{"data/0": struct.pack("<4f", *range(4))}))


def test_elements_of_a_parameter_are_not_set():
    parameter = b"ctorch._utils\n_rebuild_parameter\n(" + view(0, (4,), (1,)) + b"I01\nNtR"
    with pytest.raises(FileFormatError, match="is damaged"):
        tensorlib.load(archive(parameter + b"I0\nI1\ns.", **{"data/0": bytes(16)}))


def test_sizes_are_believed_only_if_they_are_in_the_file():
    with pytest.raises(FileFormatError, match="fewer bytes than its tensors"):
        tensorlib.load(legacy(view(0, (4,), (1,), count=2**40) + b"."))


HEADS = {
    "of something else": (b"\x80\x02K\x01.", "neither by save.. nor by torch.save"),
    "of a function": (pickle.dumps(Bomb), "neither by save.. nor by torch.save"),
    "of another version": (pickle.dumps(torch_files.MAGIC) + pickle.dumps(2), "has version|truncated|damaged"),
    "of another machine": (
        b"".join(map(pickle.dumps, (torch_files.MAGIC, 1001, {"little_endian": False}))),
        "another order of bytes",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_other_pickles(name):
    content, message = HEADS[name]
    with pytest.raises(FileFormatError, match=message):
        tensorlib.load(io.BytesIO(content))


def test_other_order_of_bytes():
    with pytest.raises(FileFormatError, match="big-endian"):
        tensorlib.load(archive(view(0, (4,), (1,)), byteorder="big"))


def test_types_that_are_not_there_are_named():
    with pytest.raises(FileFormatError, match=r"float8_e5m2.* is no element type of tensors"):
        tensorlib.load(archive(b"ctorch\nfloat8_e5m2\n."))
