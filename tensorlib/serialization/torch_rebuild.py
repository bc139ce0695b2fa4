"""A reader of pickles that makes tensors and plain containers, and nothing else.

A pickle names the functions that rebuild what it holds. This reader knows those that PyTorch names for tensors, as
functions of its own, and refuses all others: nothing that a file brings along is ever executed.
"""

from __future__ import annotations

import pickle
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import IO, Any

import numpy

from tensorlib.device import device as Device
from tensorlib.dtypes import as_dtype
from tensorlib.dtypes import dtype as Dtype
from tensorlib.serialization.damage import Damage
from tensorlib.serialization.locations import view_of
from tensorlib.size import Size
from tensorlib.tensor import Tensor

STORAGES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "UntypedStorage": "uint8",
}
DTYPE_NAME = re.compile(r"(bool|b?float|u?int|complex)\d*(_\w+)?|half|double|long|short")
NUMPY_TYPE = re.compile(r"[biufc]\d{1,2}")


class Refusal(pickle.UnpicklingError):
    """A file names a function or class that is not needed to rebuild tensors."""


class Kind:
    """Stands for a class of tensors that a file names."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class NumpyType:
    """Stands for a type of NumPy's scalars."""

    __slots__ = ("dtype",)

    def __init__(self, name: str, *_: bool) -> None:
        if not NUMPY_TYPE.fullmatch(name):
            raise Damage(f"holds a NumPy scalar of type {name!r}")
        self.dtype = numpy.dtype(name)

    def set_order(self, state: tuple[Any, ...]) -> None:
        """Take the order of the bytes from what `numpy.dtype` writes."""
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def rebuild_tensor(
    storage: Tensor,
    offset: int,
    shape: Any,
    strides: Any,
    requires_grad: bool = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    """Make a tensor as a view of a storage of its type; offset and strides count elements."""
    return _tensor_of(storage, storage.dtype, offset, shape, strides, requires_grad, metadata)


def rebuild_typed_tensor(
    storage: Tensor,
    offset: int,
    shape: Any,
    strides: Any,
    requires_grad: bool,
    hooks: Any,
    kind: Dtype,
    metadata: Any = None,
) -> Tensor:
    """Make a tensor as a view of a storage of bytes."""
    return _tensor_of(storage, kind, offset, shape, strides, requires_grad, metadata)


def _tensor_of(
    storage: Tensor, kind: Dtype, offset: int, shape: Any, strides: Any, requires_grad: bool, metadata: Any
) -> Tensor:
    size = kind.itemsize
    tensor = view_of(storage, kind, shape, offset * size, [stride * size for stride in strides])
    if metadata and metadata.get("conj"):
        tensor = tensor.conj()
    if metadata and metadata.get("neg"):
        tensor = -tensor
    return tensor.requires_grad_() if requires_grad else tensor


def rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Tensor:
    """Make a parameter of a tensor."""
    from tensorlib.nn.parameter import Parameter

    return with_attributes(Parameter(data, requires_grad=requires_grad), state)


def rebuild_from_kind(rebuild: Callable[..., Any], kind: Kind, arguments: tuple[Any, ...], state: Any) -> Tensor:
    """Make a tensor that has attributes."""
    tensor = rebuild(*arguments)
    if kind.name == "Parameter" and type(tensor) is Tensor:
        tensor = rebuild_parameter(tensor, tensor.requires_grad, None)
    return with_attributes(tensor, state)


def rebuild_sparse(layout: str, parts: tuple[Any, ...]) -> Any:
    """Make a sparse tensor of places, values and size; what else the file says of them is not believed."""
    from tensorlib.sparse.creation import restored_sparse

    if layout != "torch.sparse_coo":
        raise Damage(f"holds a tensor of layout {layout!r}; known is torch.sparse_coo")
    return restored_sparse(*parts[:3])


def layout_name(name: str) -> str:
    """Return the name of a layout, by which `rebuild_sparse` knows it."""
    return name


def with_attributes(tensor: Tensor, state: Any) -> Tensor:
    """Give a tensor the attributes that were saved with it, but none in the place of what tensors have."""
    plain = state[0] if isinstance(state, tuple) else state
    vars(tensor).update({name: value for name, value in (plain or {}).items() if not hasattr(type(tensor), name)})
    return tensor


def bytes_of_text(text: str, encoding: str = "latin1") -> bytes:
    """Undo how old pickles write bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise Damage(f"holds bytes written as text in {encoding!r}")
    return text.encode(encoding)


def numpy_scalar(kind: NumpyType, data: bytes) -> Any:
    """Make a NumPy scalar."""
    return numpy.frombuffer(data, kind.dtype)[0]


# By module and name as files write them.
KNOWN: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v3"): rebuild_typed_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): rebuild_from_kind,
    ("torch._utils", "_rebuild_sparse_tensor"): rebuild_sparse,
    ("torch.serialization", "_get_layout"): layout_name,
    ("torch", "Tensor"): Kind("Tensor"),
    ("torch.nn.parameter", "Parameter"): Kind("Parameter"),
    ("torch.nn.parameter", "Buffer"): Kind("Buffer"),
    ("torch", "Size"): Size,
    ("torch", "device"): Device,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("collections", "defaultdict"): defaultdict,
    ("_codecs", "encode"): bytes_of_text,
    ("numpy", "dtype"): NumpyType,
    ("numpy.core.multiarray", "scalar"): numpy_scalar,
    ("numpy._core.multiarray", "scalar"): numpy_scalar,
    **{("builtins", kind.__name__): kind for kind in (set, frozenset, complex, dict, list)},
}


class WholeReads:
    """Reads from a file what was asked for or raises EOFError, so that no cut off number or name is believed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, count: int) -> bytes:
        """Return so many bytes."""
        data = self._file.read(count)
        if len(data) != count:
            raise EOFError("the file is truncated")
        return data

    def readline(self) -> bytes:
        """Return a line with its end."""
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise EOFError("the file is truncated")
        return line


class Unpickler(pickle._Unpickler):  # the one in Python, in which single instructions can be replaced
    """Reads one pickle; see the module's description.

    Args:
        file: where the pickle starts.
        storage: gets what the pickle says of a storage, returns it as a one-dimensional tensor.
    """

    def __init__(self, file: IO[bytes], storage: Callable[..., Any]) -> None:
        super().__init__(WholeReads(file), encoding="utf-8")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name in the pickle stands for."""
        module = {"__builtin__": "builtins"}.get(module, module)
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        if module in ("torch", "torch.cuda", "torch.storage") and name in STORAGES:
            return as_dtype(STORAGES[name])
        if module == "torch" and DTYPE_NAME.fullmatch(name):
            return as_dtype(name)
        raise Refusal(
            f"load: the file refers to {module}.{name}, which is none of what tensors are rebuilt from, and could "
            "execute anything; save a state_dict, not a module"
        )

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage."""
        return self._storage(*pid)

    def load_build(self) -> None:
        """Set what an object holds: only attributes of an OrderedDict, as state_dicts have, and NumPy types."""
        state = self.stack.pop()  # type: ignore[attr-defined]
        target = self.stack[-1]  # type: ignore[attr-defined]
        if isinstance(target, NumpyType):
            target.set_order(state)
        elif type(target) is OrderedDict and set(state) <= {"_metadata"}:
            vars(target).update(state)
        else:
            raise Damage(f"sets attributes of a {type(target).__name__}")

    dispatch = pickle._Unpickler.dispatch | {pickle.BUILD[0]: load_build}  # type: ignore[assignment]
