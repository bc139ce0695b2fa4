"""Reading of files that `torch.save` wrote, without PyTorch and without executing anything in them.

Two formats are known. Since PyTorch 1.6 a zip archive:

    NAME/data.pkl       a pickle of the object, in which tensors refer to storages by their key
    NAME/data/KEY ...   bytes of the storages
    NAME/byteorder      "little" or "big"; little where it is missing

Before, and with `_use_new_zipfile_serialization=False`, pickles one after another: a magic number, a version, facts
about the machine, the object, and the list of the storages' keys; then the number of elements and the bytes of each.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from typing import IO, Any

import numpy

from tensorlib.dtypes import dtype as Dtype
from tensorlib.serialization.damage import Damage, damage_named, fill, member_bytes, member_memory
from tensorlib.serialization.locations import restored, view_of
from tensorlib.serialization.torch_rebuild import Refusal, Unpickler
from tensorlib.tensor import Tensor, wrap

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001


def root_of(archive: zipfile.ZipFile) -> str | None:
    """Return the folder in an archive that holds what PyTorch wrote, with its slash; None if there is none."""
    roots = [name.removesuffix("data.pkl") for name in archive.namelist() if name.endswith("/data.pkl")]
    return roots[0] if len(roots) == 1 and roots[0].count("/") == 1 else None


def read_archive(archive: zipfile.ZipFile, root: str, map_location: Any) -> Any:
    """Return the object in an archive."""
    names = set(archive.namelist())
    if f"{root}constants.pkl" in names:
        raise Damage("is a TorchScript program; save the state_dict with torch.save()")
    with damage_named():
        order = member_bytes(archive, f"{root}byteorder").decode() if f"{root}byteorder" in names else "little"
        if order != sys.byteorder:
            raise Damage(f"was written on a machine with {order}-endian numbers")
        structure = io.BytesIO(member_bytes(archive, f"{root}data.pkl"))
    storages: dict[str, Tensor] = {}

    def storage(tag: str, kind: Dtype, key: str, location: str, count: int) -> Tensor:
        if key not in storages:
            memory = member_memory(archive, f"{root}data/{key}")
            storages[key] = located(wrap(memory), location, map_location)
        return typed(storages[key], kind, count)

    return unpickled(structure, storage)


def typed(storage: Tensor, kind: Dtype, count: int, offset: int = 0) -> Tensor:
    """Return a storage, or a part of it, as a tensor of a type."""
    return view_of(storage, kind, (count,), offset * kind.itemsize, (kind.itemsize,))


def unpickled(file: IO[bytes], storage: Any) -> Any:
    """Return the object in a pickle."""
    try:
        with damage_named():
            return Unpickler(file, storage).load()
    except Refusal:
        raise
    except _Misplaced as misplaced:
        raise misplaced.error from None
    except (pickle.UnpicklingError, MemoryError, AssertionError, RuntimeError) as error:
        raise Damage(f"is damaged ({type(error).__name__}: {error})") from None


class _Misplaced(Exception):
    """Carries an error of `map_location`, which is no damage of the file."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def located(storage: Tensor, location: str, map_location: Any) -> Tensor:
    """Put a storage where `map_location` says."""
    try:
        return restored(storage, location, map_location)
    except Exception as error:
        raise _Misplaced(error) from None


def starts_with_pickle(file: IO[bytes]) -> bool:
    """Tell whether a pickle stands at a file's position, which stays where it is."""
    start = file.read(2)
    file.seek(-len(start), os.SEEK_CUR)
    return len(start) == 2 and start[0] == pickle.PROTO[0] and start[1] <= pickle.HIGHEST_PROTOCOL


class LegacyReader:
    """Reads the older format from a file's position on.

    The bytes of storages come after the tensors that view them. So the object is read twice: first to learn which
    storages there are and to make memory for them, and again when that is filled.
    """

    def __init__(self, file: IO[bytes], map_location: Any) -> None:
        self.file = file
        self.map_location = map_location
        self.memory: dict[str, tuple[Any, int]] = {}  # by key: an array on the CPU, and bytes per element
        self.storages: dict[str, Tensor] = {}
        here = file.tell()
        self.size_left = file.seek(0, os.SEEK_END) - here
        file.seek(here)

    def read(self) -> Any:
        """Return the object."""
        self._read_head()
        start = self.file.tell()
        unpickled(self.file, self._new_storage)
        keys = unpickled(self.file, self._no_storage)
        with damage_named():
            if sorted(keys) != sorted(self.memory):
                raise Damage("is damaged: the list of storages is not that of the tensors")
            for key in keys:
                self._fill(key)
        end = self.file.tell()
        self.file.seek(start)
        result = unpickled(self.file, self._filled_storage)
        self.file.seek(end)  # where another object may follow
        return result

    def _read_head(self) -> None:
        try:
            magic = unpickled(self.file, self._no_storage)
        except (Refusal, Damage):
            magic = None
        if magic != MAGIC:
            raise Damage("is a pickle that was written neither by save() nor by torch.save()")
        version, machine = unpickled(self.file, self._no_storage), unpickled(self.file, self._no_storage)
        if version != VERSION:
            raise Damage(f"has version {version!r} of PyTorch's older format; known is {VERSION}")
        if not (isinstance(machine, dict) and machine.get("little_endian") is (sys.byteorder == "little")):
            raise Damage("was written on a machine with another order of bytes")

    def _no_storage(self, *_: Any) -> Any:
        raise Damage("is damaged: a storage in the wrong place")

    def _new_storage(self, tag: str, kind: Dtype, key: str, location: str, count: int, part: Any = None) -> Tensor:
        if key not in self.memory:
            size = count * kind.itemsize
            self.size_left -= size
            if size < 0 or self.size_left < 0:
                raise Damage("is truncated: it holds fewer bytes than its tensors")
            self.memory[key] = numpy.zeros(size, numpy.uint8), kind.itemsize
        return self._part(wrap(self.memory[key][0]), kind, count, part)

    def _filled_storage(self, tag: str, kind: Dtype, key: str, location: str, count: int, part: Any = None) -> Tensor:
        if key not in self.storages:
            self.storages[key] = located(wrap(self.memory[key][0]), location, self.map_location)
        return self._part(self.storages[key], kind, count, part)

    def _part(self, storage: Tensor, kind: Dtype, count: int, part: Any) -> Tensor:
        if part is None:
            return typed(storage, kind, count)
        _, offset, length = part  # of a storage that is a part of another's memory
        return typed(storage, kind, length, offset)

    def _fill(self, key: str) -> None:
        memory, itemsize = self.memory[key]
        count = int.from_bytes(self.file.read(8), sys.byteorder)
        if count * itemsize != memory.size:
            raise Damage(f"is damaged or truncated: storage {key} has {count} elements, not {memory.size // itemsize}")
        fill(memory, self.file, f"storage {key}")
