"""Files in the safetensors format: named tensors and nothing else, so that reading them executes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tensorlib._xp import to_host
from tensorlib.dtypes import as_dtype, complex128
from tensorlib.errors import FileFormatError
from tensorlib.placement import place
from tensorlib.serialization.writing import opened_for_writing
from tensorlib.tensor import Tensor, wrap

Path = str | os.PathLike[str]


def save_safetensors(tensors: Mapping[str, Tensor], filename: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors, such as a `state_dict`, to a safetensors file.

    Each tensor is written whole, also where several share memory. What gradients are needed for is not kept.

    Args:
        tensors: by name.
        filename: a path.
        metadata: further text by name.

    Raises:
        OSError: the file cannot be written.
        TypeError: something is no tensor or has no name, the metadata is no text, or the format lacks an element type.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tensorlib.save_safetensors({"weight": tensorlib.ones(2)}, f"{folder}/model.safetensors")
        ...     tensorlib.load_safetensors(f"{folder}/model.safetensors")
        {'weight': tensor([1., 1.])}
    """
    from safetensors.numpy import save

    arrays = {_text("a name", name): _array_of(name, tensor) for name, tensor in tensors.items()}
    texts = {_text("metadata", name): _text("metadata", value) for name, value in (metadata or {}).items()}
    content = save(arrays, texts or None)
    with opened_for_writing(filename) as file:
        file.write(content)


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"save_safetensors: {what} must be text, not {type(value).__name__}")
    return value


def _array_of(name: str, tensor: Any) -> Any:
    """Return a tensor's values as an array that lies as the format wants it: in row-major order without gaps."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"save_safetensors: {name!r} must be a Tensor, not {type(tensor).__name__}")
    if tensor.dtype is complex128:
        raise TypeError(f"save_safetensors: {name!r} has type {tensor.dtype}, which the format lacks")
    array = to_host(tensor._array)
    return array if array.flags.c_contiguous else array.copy(order="C")


def load_safetensors(filename: Path, device: Any = "cpu") -> dict[str, Tensor]:
    """Read the tensors of a safetensors file, by name.

    Args:
        filename: a path.
        device: where the tensors go.

    Raises:
        DeviceError: there is no such device.
        FileFormatError: the file is no safetensors file, is damaged, or holds an element type that tensors do not have.
        OSError: the file cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(filename)
    except (SafetensorError, AttributeError) as error:  # the second names a type that NumPy does not have
        raise FileFormatError(f"load_safetensors: {filename}: {error}") from None
    return {name: _tensor_of(filename, name, array, device) for name, array in arrays.items()}


def _tensor_of(filename: Path, name: str, array: Any, device: Any) -> Tensor:
    try:
        as_dtype(array.dtype)
    except TypeError as error:
        raise FileFormatError(f"load_safetensors: {filename}: {name!r}: {error}") from None
    return wrap(place(array, device))
