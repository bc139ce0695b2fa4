"""Storages: the whole memory behind tensors, as a row of elements of one type.

A tensor is a walk through a storage. Storages have no life of their own here: `tensor.storage()` makes an object that
shows the memory that the tensor's array lies in.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy

from tensorlib import _xp
from tensorlib.creation import tensor as make_tensor
from tensorlib.dtypes import ALL, as_dtype, dtype, get_default_dtype
from tensorlib.errors import ArgumentError
from tensorlib.placement import place
from tensorlib.tensor import wrap


def check_resizable(name: str, memory: Any) -> None:
    """Refuse to resize memory that belongs to a file, or that processes share.

    Raises:
        ArgumentError: it does.
    """
    owner = memory
    while isinstance(owner, numpy.ndarray) and isinstance(owner.base, numpy.ndarray):
        owner = owner.base
    if isinstance(owner, numpy.ndarray) and not owner.flags.owndata:
        raise ArgumentError(f"{name}: the memory belongs to a file or is shared, and cannot be resized")


class Storage:
    """A row of elements of one type in memory, which tensors share.

    `FloatStorage(3)` makes an uninitialised one of three elements, `FloatStorage([1, 2])` one of these; `Storage` is
    that of the default type.

    Args:
        data: a length, a sequence of numbers, or another storage, whose memory it shares.

    Raises:
        TypeError: the data is none of them.

    Example:
        >>> x = tensorlib.zeros(2, 2)
        >>> x.storage()[3] = 5
        >>> x
        tensor([[0., 0.],
                [0., 5.]])
    """

    dtype: ClassVar[Any] = None
    _memory: Any
    is_sparse = False

    def __init__(self, data: Any = 0) -> None:
        kind = self._own_dtype().numpy
        if isinstance(data, Storage):
            if data._memory.dtype != kind:
                raise TypeError(f"{type(self).__name__}: the other storage is of type {data._memory.dtype.name}")
            self._memory = data._memory
        elif isinstance(data, int):
            self._memory = numpy.empty(data, kind)
        else:
            self._memory = make_tensor(data, dtype=kind)._array.reshape(-1)

    @classmethod
    def _own_dtype(cls) -> dtype:
        return cls.dtype or get_default_dtype()

    # -- elements ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self._memory.size)

    def size(self) -> int:
        """Return the number of elements."""
        return len(self)

    def __getitem__(self, index: Any) -> Any:
        found = self._memory[index]
        return of_memory(found) if isinstance(index, slice) else found.item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._memory[index] = value._memory if isinstance(value, Storage) else value

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def tolist(self) -> list[Any]:
        """Return the elements as Python numbers."""
        return self._memory.tolist()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        elements = "".join(f" {value}\n" for value in self.tolist())
        return f"{elements}[tensorlib.{type(self).__name__} of size {len(self)}]"

    def fill_(self, value: Any) -> Storage:
        """Set all elements to a number; returns the storage."""
        self._memory[...] = value
        return self

    def copy_(self, source: Storage, non_blocking: bool | None = None) -> Storage:
        """Copy the elements of another storage of the same length, converted; returns the storage.

        Raises:
            ArgumentError: the lengths differ.
        """
        if len(source) != len(self):
            raise ArgumentError(f"copy_: the source has {len(source)} elements, but the storage {len(self)}")
        self._memory[...] = source._memory
        return self

    def clone(self) -> Storage:
        """Return a copy."""
        return of_memory(self._memory.copy())

    def new(self, *data: Any) -> Storage:
        """Return a new storage of the same type: empty, of a length, or of values."""
        return type(self)(*data)

    def resize_(self, size: int) -> Storage:
        """Change the number of elements; those that stay are kept, others are uninitialised. Returns the storage.

        Tensors that were made of the storage before keep the memory that they have.

        Raises:
            ArgumentError: the length is negative, or the memory is not this process's own.
        """
        if size < 0:
            raise ArgumentError(f"resize_: needs a length from 0 on, not {size}")
        check_resizable("resize_", self._memory)
        grown = numpy.empty(size, self._memory.dtype)
        kept = min(size, len(self))
        grown[:kept] = self._memory[:kept]
        self._memory = grown
        return self

    # -- memory ------------------------------------------------------------------------------------------------------

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return _xp.address(self._memory)

    def element_size(self) -> int:
        """Return the bytes per element."""
        return int(self._memory.itemsize)

    def nbytes(self) -> int:
        """Return the bytes of all elements."""
        return int(self._memory.nbytes)

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a CUDA device."""
        return not isinstance(self._memory, numpy.ndarray)

    def is_pinned(self) -> bool:
        """Tell whether the memory is page-locked: never, as host memory is not here."""
        return False

    def pin_memory(self) -> Storage:
        """Return a copy that devices may read from; ordinary memory, as CuPy stages copies by itself."""
        return self.clone()

    def is_shared(self) -> bool:
        """Tell whether other processes can share the memory; always so on CUDA devices."""
        return wrap(self._memory).is_shared()

    def share_memory_(self) -> Storage:
        """Move the elements to memory that other processes can share, unless they are there; returns the storage.

        Tensors that were made of the storage before keep the memory that they have. A shared storage cannot be resized.
        """
        self._memory = wrap(self._memory).share_memory_()._array
        return self

    def cpu(self) -> Storage:
        """Return the storage on the CPU: itself if it is there."""
        return of_memory(place(self._memory, "cpu")) if self.is_cuda else self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> Storage:
        """Return the storage on a CUDA device: itself if it is there.

        Raises:
            DeviceError: there is no such device.
        """
        moved = place(self._memory, "cuda" if device is None else device)
        return self if moved is self._memory else of_memory(moved)

    def type(self, new_type: Any = None, non_blocking: bool = False) -> Any:
        """Return the name of the storage's type, or the storage as another type.

        Args:
            new_type: a storage class, a type, or the name of one such as "tensorlib.FloatStorage".
            non_blocking: accepted and not used.

        Raises:
            TypeError: there is no such type.
        """
        if new_type is None:
            return f"tensorlib.{'cuda.' if self.is_cuda else ''}{type(self).__name__}"
        return self._cast(_storage_class(new_type).dtype)

    def _cast(self, kind: dtype) -> Storage:
        return self if self._memory.dtype == kind.numpy else of_memory(self._memory.astype(kind.numpy))

    # -- files and buffers -------------------------------------------------------------------------------------------

    @classmethod
    def from_file(cls, filename: str | os.PathLike[str], shared: bool = False, size: int = 0) -> Storage:
        """Return a storage of a file's bytes.

        Args:
            filename: the file; made if need be where it is shared.
            shared: write changes to the file; otherwise they stay with this process.
            size: number of elements; as many as the file holds unless given.

        Raises:
            ArgumentError: a file that is not shared holds fewer bytes.
            FileNotFoundError: a file that is not shared is not there.
        """
        kind, path = cls._own_dtype(), Path(filename)
        count = size or (path.stat().st_size // kind.itemsize if path.exists() else 0)
        needed = count * kind.itemsize
        with path.open("r+b" if path.exists() or not shared else "w+b") as file:
            have = os.fstat(file.fileno()).st_size
            if have < needed and not shared:
                raise ArgumentError(f"from_file: {path} holds {have} bytes, but {count} elements need {needed}")
            if have < needed:
                file.truncate(needed)
            access = mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY
            memory = mmap.mmap(file.fileno(), needed, access=access) if needed else bytearray()
        return of_memory(numpy.frombuffer(memory, kind.numpy))

    @classmethod
    def from_buffer(cls, buffer: Any, byte_order: str = "native", count: int = -1, offset: int = 0) -> Storage:
        """Return a storage with a copy of the bytes of an object, such as `bytes`.

        Args:
            buffer: what has bytes.
            byte_order: "native", "little" or "big".
            count: number of elements; all unless given.
            offset: bytes to leave out at the beginning.

        Raises:
            ArgumentError: there is no such order, or the bytes do not make whole elements.
        """
        orders = {"native": "=", "little": "<", "big": ">"}
        if byte_order not in orders:
            raise ArgumentError(f"from_buffer: byte_order is {byte_order!r}, but must be 'native', 'little' or 'big'")
        kind = cls._own_dtype().numpy
        try:
            values = numpy.frombuffer(buffer, kind.newbyteorder(orders[byte_order]), count, offset)
        except ValueError as error:
            raise ArgumentError(f"from_buffer: {error}") from None
        return of_memory(values.astype(kind))


def _cast_method(name: str, kind: dtype) -> Any:
    def cast(self: Storage) -> Storage:
        return self._cast(kind)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"Return the storage as {kind.name}: itself if it is so already."
    return cast


_PREFIXES = {
    "Bool": "bool",
    "Byte": "uint8",
    "Char": "int8",
    "Short": "int16",
    "Int": "int32",
    "Long": "int64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Float": "float32",
    "Double": "float64",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
}
STORAGES: dict[str, type[Storage]] = {}
BY_DTYPE: dict[dtype, type[Storage]] = {}
for _prefix, _kind in _PREFIXES.items():
    _found = type(f"{_prefix}Storage", (Storage,), {"dtype": as_dtype(_kind), "__doc__": Storage.__doc__})
    STORAGES[_found.__name__] = BY_DTYPE[as_dtype(_kind)] = _found
    setattr(Storage, _prefix.lower(), _cast_method(_prefix.lower(), as_dtype(_kind)))
assert set(BY_DTYPE) == set(ALL)


def of_memory(memory: Any) -> Storage:
    """Return the storage that shows a one-dimensional array."""
    made = Storage.__new__(BY_DTYPE[as_dtype(memory.dtype)])
    made._memory = memory
    return made


def is_storage(obj: object) -> bool:
    """Tell whether an object is a storage.

    Example:
        >>> tensorlib.is_storage(tensorlib.zeros(2).storage())
        True
    """
    return isinstance(obj, Storage)


def _storage_class(value: Any) -> type[Storage]:
    name = value.rpartition(".")[2] if isinstance(value, str) else ""
    if name in STORAGES:
        return STORAGES[name]
    return value if isinstance(value, type) and issubclass(value, Storage) else BY_DTYPE[as_dtype(value)]
