"""Types of tensors by the names of PyTorch 0.3: `FloatTensor(2, 3)`, `isinstance(x, tensorlib.LongTensor)`."""

from __future__ import annotations

from typing import Any

from tensorlib import _xp
from tensorlib.creation import empty
from tensorlib.creation import tensor as make_tensor
from tensorlib.dtypes import as_dtype, dtype, set_default_dtype
from tensorlib.placement import place
from tensorlib.size import Size
from tensorlib.storage import Storage
from tensorlib.tensor import Tensor, wrap


class TensorType(type):
    """The type of tensors of one element type on one kind of device; calling it makes such a tensor."""

    dtype: dtype
    is_cuda: bool

    def __call__(cls, *data: Any) -> Tensor:
        """Make a tensor: of sizes, uninitialised; of values; or of a tensor, array or storage, whose memory it shares.

        Raises:
            TypeError: the memory that is to be shared is of another type.
        """
        device = "cuda" if cls.is_cuda else "cpu"
        if len(data) != 1 or isinstance(data[0], (int, Size)):
            sizes = data[0] if data and isinstance(data[0], Size) else data or (0,)
            return empty(*sizes, dtype=cls.dtype, device=device)
        (value,) = data
        array = value._memory if isinstance(value, Storage) else value._array if isinstance(value, Tensor) else value
        if not _xp.is_array(array):
            return make_tensor(value, dtype=cls.dtype, device=device)
        if array.dtype != cls.dtype.numpy:
            raise TypeError(f"{cls.__name__}: elements of {array.dtype.name} cannot be shared as {cls.dtype.name}")
        return wrap(place(array, device))

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Tensor) and value.dtype is cls.dtype and value.is_cuda == cls.is_cuda

    def __getattr__(cls, name: str) -> Any:
        """Find the methods of tensors: `FloatTensor.abs` is `Tensor.abs`."""
        if name.startswith("__"):
            raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
        return getattr(Tensor, name)

    def __repr__(cls) -> str:
        return f"<class 'tensorlib.{'cuda.' if cls.is_cuda else ''}{cls.__name__}'>"


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
}


def types_of(is_cuda: bool) -> dict[str, TensorType]:
    """Return the types of tensors by their names, on the CPU or on CUDA devices."""
    made = {}
    for prefix, kind in _PREFIXES.items():
        body = {"dtype": as_dtype(kind), "is_cuda": is_cuda, "__module__": "tensorlib.cuda" if is_cuda else "tensorlib"}
        made[f"{prefix}Tensor"] = TensorType(f"{prefix}Tensor", (), body)
    return made


TYPES = types_of(is_cuda=False)


def set_default_tensor_type(t: Any) -> None:
    """Set the type of floating point tensors made without one, by a type of tensors or its name.

    Raises:
        TypeError: it is no floating point type, or unknown.

    Example:
        >>> tensorlib.set_default_tensor_type("tensorlib.DoubleTensor")
        >>> tensorlib.zeros(1).dtype
        tensorlib.float64
        >>> tensorlib.set_default_tensor_type(tensorlib.FloatTensor)
    """
    found = TYPES.get(t.rpartition(".")[2]) if isinstance(t, str) else t
    if not isinstance(found, TensorType):
        raise TypeError(f"set_default_tensor_type: {t!r} is no type of tensors, such as tensorlib.FloatTensor")
    set_default_dtype(found.dtype)
