"""`save` and `load`: tensors and what holds them in a file that executes nothing when it is read.

The file is a zip archive without compression:

    structure.json   the object as tagged JSON, and for each tensor its type, shape, strides and place in a storage
    storage/0 ...    bytes of memory; tensors that share memory share a storage
    object/0 ...     pickles of objects of other kinds, if there are any; read only with `weights_only=False`
"""

from __future__ import annotations

import base64
import collections
import contextlib
import ctypes
import functools
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy

from tensorlib._xp import to_host
from tensorlib.device import device as Device
from tensorlib.dtypes import as_dtype
from tensorlib.dtypes import dtype as Dtype
from tensorlib.errors import ArgumentError, FileFormatError
from tensorlib.layouts import Sparse
from tensorlib.serialization.damage import Damage, damage_named, member_bytes, member_memory, opened_archive
from tensorlib.serialization.locations import location_of, restored, view_of
from tensorlib.serialization.writing import File, opened_for_writing
from tensorlib.size import Size
from tensorlib.tensor import Tensor, wrap

FORMAT = "tensorlib"
VERSION = 1
SEQUENCES: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "Size": Size}
MAPPINGS: dict[str, Any] = {"dict": dict, "OrderedDict": collections.OrderedDict}
SCALARS = (type(None), bool, int, float, str)
TAG_OF_SEQUENCE = {kind: tag for tag, kind in SEQUENCES.items()}
TAG_OF_MAPPING = {kind: tag for tag, kind in MAPPINGS.items()}


def save(obj: Any, f: File, pickle_module: Any = pickle, pickle_protocol: int = pickle.DEFAULT_PROTOCOL) -> None:
    """Write an object to a file.

    Tensors (sparse ones too), numbers, strings, bytes, None, lists, tuples, dicts, sets, shapes, types and devices are
    written such that `load` reads them without executing anything; objects of other kinds are pickled. Tensors that
    share memory on the CPU share it again when loaded. A file is replaced as a whole or not at all.

    Args:
        obj: what to write.
        f: a path, or a file open for writing bytes.
        pickle_module: whose `dumps` pickles objects of other kinds.
        pickle_protocol: for objects of other kinds.

    Raises:
        GraphError: a tensor is the result of a recorded operation and within an object of another kind.
        OSError: the file cannot be written.
        ArgumentError: the object contains itself.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> tensorlib.save({"weight": tensorlib.ones(2), "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> tensorlib.load(file)
        {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    writer = _Writer(functools.partial(pickle_module.dumps, protocol=pickle_protocol))
    root = writer.encode(obj)
    with opened_for_writing(f) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        writer.write(archive, root)


class _Writer:
    """Turns an object into JSON, and collects the tensors and other objects in it."""

    def __init__(self, dumps: Callable[[Any], bytes]) -> None:
        self.dumps = dumps
        self.tensors: list[Tensor] = []
        self.pickles: list[bytes] = []
        self.kinds: list[str] = []  # of the pickled objects
        self._positions: dict[int, int] = {}  # by the tensor's id: one tensor in two places stays one
        self._inside: set[int] = set()

    def encode(self, value: Any) -> Any:
        """Return a value as JSON: plain where JSON has it, otherwise `{tag: content}`."""
        kind = type(value)
        if kind in SCALARS:
            return value
        if kind in TAG_OF_SEQUENCE or kind in TAG_OF_MAPPING:
            return self._encode_container(value)
        if isinstance(value, Tensor):
            return {"tensor": self._position(value)}
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode()}
        if kind is complex:
            return {"complex": [value.real, value.imag]}
        if kind is Dtype:
            return {"dtype": value.name}
        if isinstance(value, Sparse):
            return {"sparse": [self._position(part) for part in value.parts()] + [list(value.shape)]}
        return {"device": str(value)} if kind is Device else self._pickled(value)

    def _encode_container(self, value: Any) -> Any:
        if id(value) in self._inside:
            raise ArgumentError(f"save: a {type(value).__name__} contains itself")
        self._inside.add(id(value))
        mapping = TAG_OF_MAPPING.get(type(value))
        if mapping is not None:
            result = {mapping: [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        else:
            result = {TAG_OF_SEQUENCE[type(value)]: [self.encode(item) for item in value]}
        self._inside.discard(id(value))
        return result

    def _position(self, tensor: Tensor) -> int:
        if id(tensor) not in self._positions:
            self._positions[id(tensor)] = len(self.tensors)
            self.tensors.append(tensor)
        return self._positions[id(tensor)]

    def _pickled(self, value: Any) -> Any:
        self.kinds.append(f"{type(value).__module__}.{type(value).__name__}")
        self.pickles.append(self.dumps(value))
        return {"object": len(self.pickles) - 1}

    def write(self, archive: zipfile.ZipFile, root: Any) -> None:
        """Write everything that was collected."""
        arrays = [to_host(tensor._array) for tensor in self.tensors]
        storages, places = _storages_of(arrays)
        described = [
            {"storage": storage, "offset": offset, "strides": array.strides} | _description(tensor)
            for tensor, array, (storage, offset) in zip(self.tensors, arrays, places, strict=True)
        ]
        head = {"format": FORMAT, "version": VERSION, "byteorder": sys.byteorder, "tensors": described}
        head |= {"objects": self.kinds, "root": root}
        archive.writestr("structure.json", json.dumps(head))
        for k, (address, size) in enumerate(storages):
            with archive.open(f"storage/{k}", "w", force_zip64=True) as member:
                member.write((ctypes.c_char * size).from_address(address))
        for k, text in enumerate(self.pickles):
            archive.writestr(f"object/{k}", text)


def _description(tensor: Tensor) -> dict[str, Any]:
    return {
        "dtype": tensor.dtype.name,
        "shape": list(tensor.shape),
        "device": location_of(tensor),
        "requires_grad": tensor.is_leaf and tensor.requires_grad,
        "parameter": type(tensor).__name__ == "Parameter",
    }


def _storages_of(arrays: Sequence[Any]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return the spans of memory (address, size) that arrays lie in, and for each array its span and offset.

    Arrays whose memory overlaps share a span, so that they will share memory again.
    """
    bounds = [numpy.lib.array_utils.byte_bounds(array) for array in arrays]
    spans: list[list[int]] = []
    span_of = [0] * len(arrays)
    for k in sorted(range(len(arrays)), key=bounds.__getitem__):
        low, high = bounds[k] if arrays[k].size else (bounds[k][0], bounds[k][0])
        if not spans or low >= spans[-1][1]:
            spans.append([low, high])
        spans[-1][1] = max(spans[-1][1], high)
        span_of[k] = len(spans) - 1
    starts = [array.__array_interface__["data"][0] for array in arrays]
    places = [(span, start - spans[span][0]) for span, start in zip(span_of, starts, strict=True)]
    return [(low, high - low) for low, high in spans], places


def load(f: File, map_location: Any = None, pickle_module: Any = pickle, *, weights_only: bool = True) -> Any:
    """Read an object that `save` wrote, or tensors that PyTorch's `torch.save` wrote.

    Of PyTorch's files both formats are read, without PyTorch. They may hold tensors, parameters, and what `save` writes
    without pickling; whatever else they name is refused and not executed. So a `state_dict` is read, a module is not.

    Args:
        f: a path, or a file open for reading bytes that can seek.
        map_location: where storages go, the memory that tensors share: a device, a dict from former devices to
            devices, or a function of a storage on the CPU (a tensor of bytes) and its former device's name that returns
            the storage or None. The former device unless given.
        pickle_module: whose `loads` reads what that of `save` pickled.
        weights_only: refuse files with pickled objects. Those may execute anything: say False only for files that you
            trust.

    Raises:
        DeviceError: a tensor's device is not there.
        FileFormatError: the file was not written by `save` or `torch.save`, or is damaged.
        OSError: the file cannot be read.
        pickle.UnpicklingError: it holds objects of other kinds, and `weights_only` is True or the file is PyTorch's.
    """
    name = f if isinstance(f, (str, os.PathLike)) else getattr(f, "name", "the file")
    try:
        with open(f, "rb") if isinstance(f, (str, os.PathLike)) else contextlib.nullcontext(f) as file:
            return _loaded(file, map_location, None if weights_only else pickle_module.loads)
    except (zipfile.BadZipFile, NotImplementedError) as error:  # the second is for damaged flags and versions
        raise FileFormatError(f"load: {name} was not written by save(), or is truncated ({error})") from None
    except Damage as damage:
        raise FileFormatError(f"load: {name}: {damage}") from None


def _loaded(file: IO[bytes], map_location: Any, loads: Callable[[bytes], Any] | None) -> Any:
    """Read a file of any of the formats."""
    from tensorlib.serialization import torch_files

    if torch_files.starts_with_pickle(file):
        return torch_files.LegacyReader(file, map_location).read()
    with opened_archive(file) as archive:
        root = torch_files.root_of(archive)
        if root is not None:
            return torch_files.read_archive(archive, root, map_location)
        return _Reader(archive, map_location, loads).read()


class _Reader:
    """Makes the object that an archive describes; believes nothing of what is written there."""

    def __init__(self, archive: zipfile.ZipFile, map_location: Any, loads: Callable[[bytes], Any] | None) -> None:
        self.archive = archive
        self.map_location = map_location
        self.loads = loads  # for objects of other kinds; None to refuse them
        self._storages: dict[tuple[int, str], Tensor] = {}
        self._tensors: list[Tensor] = []
        self._objects: list[Any] = []
        self._decoders: dict[str, Callable[[Any], Any]] = {
            "tensor": lambda position: self._tensors[position],
            "object": lambda position: self._objects[position],
            "bytes": base64.b64decode,
            "complex": lambda parts: complex(*parts),
            "dtype": as_dtype,
            "device": Device,
            "sparse": self._sparse,
        }

    def read(self) -> Any:
        """Return the object."""
        with damage_named():
            head = self._head()
            kinds = [str(kind) for kind in head["objects"]]
        # What users' own code raises here is no damage of the file.
        self._tensors = [self._tensor(each, self._storage(each)) for each in head["tensors"]]
        self._objects = self._unpickled(kinds)
        with damage_named():
            return self._decode(head["root"])

    def _head(self) -> Any:
        if "structure.json" not in self.archive.namelist():
            raise Damage("was not written by save(): it is another kind of zip file")
        head = json.loads(self._member("structure.json"))
        if head["format"] != FORMAT or head["version"] > VERSION:
            raise Damage(f"has format {head['format']!r} version {head['version']}; known is {FORMAT!r} {VERSION}")
        if head["byteorder"] != sys.byteorder:
            raise Damage(f"was written on a machine with {head['byteorder']}-endian numbers")
        return head

    def _member(self, name: str) -> bytes:
        return member_bytes(self.archive, name)

    def _storage(self, described: Any) -> Tensor:
        """Return the memory of a tensor, which may be that of others, where it belongs."""
        with damage_named():
            place = int(described["storage"]), str(described["device"])
        if place not in self._storages:
            with damage_named():
                memory = wrap(member_memory(self.archive, f"storage/{place[0]}"))
            self._storages[place] = restored(memory, place[1], self.map_location)
        return self._storages[place]

    def _tensor(self, described: Any, storage: Tensor) -> Tensor:
        with damage_named():
            kind = as_dtype(described["dtype"])
            tensor = view_of(storage, kind, described["shape"], described["offset"], described["strides"])
        if described["parameter"]:
            from tensorlib.nn.parameter import Parameter

            return Parameter(tensor, requires_grad=bool(described["requires_grad"]))
        return tensor.requires_grad_() if described["requires_grad"] else tensor

    def _sparse(self, parts: Any) -> Sparse:
        from tensorlib.sparse.creation import restored_sparse

        indices, values, shape = parts
        return restored_sparse(self._tensors[indices], self._tensors[values], shape)

    def _unpickled(self, kinds: Sequence[str]) -> list[Any]:
        if not kinds:
            return []
        if self.loads is None:
            raise pickle.UnpicklingError(
                f"load: the file holds objects of type {', '.join(sorted(set(kinds)))}; reading them may execute "
                "anything; use weights_only=False if you trust the file"
            )
        return [self.loads(self._member(f"object/{k}")) for k in range(len(kinds))]

    def _decode(self, value: Any) -> Any:
        if not isinstance(value, dict):
            if type(value) not in SCALARS:
                raise Damage(f"is damaged: a {type(value).__name__} has no tag")
            return value
        ((tag, content),) = value.items()
        if tag in SEQUENCES:
            return SEQUENCES[tag]([self._decode(item) for item in content])
        if tag in MAPPINGS:
            return MAPPINGS[tag]([(self._decode(key), self._decode(item)) for key, item in content])
        return self._decoders[tag](content)
