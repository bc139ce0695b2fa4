"""Where the memory of loaded tensors goes, and how tensors view it.

A storage is the memory that tensors of one file share. Here it is a one-dimensional tensor of type uint8.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy

from tensorlib.dtypes import dtype as Dtype
from tensorlib.errors import DeviceError
from tensorlib.placement import array_module_on, place
from tensorlib.tensor import Tensor, wrap

Tagger = Callable[[Tensor], str | None]
Deserializer = Callable[[Tensor, str], Tensor | None]

_packages: list[tuple[int, Tagger, Deserializer]] = []


def register_package(priority: int, tagger: Tagger, deserializer: Deserializer) -> None:
    """Teach `save` and `load` a kind of place that tensors are kept in.

    Args:
        priority: those with a lower one are asked first; CPU and CUDA devices come last.
        tagger: gets a tensor that is saved and returns the name of its location, or None where it is not concerned.
        deserializer: gets a storage on the CPU (a tensor of bytes) and the name of its former location, and returns
            the storage where it belongs, or None where it is not concerned.

    Raises:
        TypeError: the tagger or the deserializer cannot be called.

    Example:
        >>> from tensorlib.serialization import register_package
        >>> register_package(20, lambda tensor: None, lambda storage, location: storage if location == "mps" else None)
    """
    for name, function in (("tagger", tagger), ("deserializer", deserializer)):
        if not callable(function):
            raise TypeError(f"register_package: {name} must be a function, not {type(function).__name__}")
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=itemgetter(0))


def location_of(tensor: Tensor) -> str:
    """Return the name of the location that a tensor is saved with."""
    tags = (tagger(tensor) for _, tagger, _ in _packages)
    return next((tag for tag in tags if tag is not None), str(tensor.device))


def restored(storage: Tensor, location: str, map_location: Any) -> Tensor:
    """Put a storage where `map_location` says, otherwise where it was saved from.

    Raises:
        DeviceError: that device is not there.
        TypeError: a function of the user's gave back something else.
    """
    if callable(map_location):
        moved = map_location(storage, location)
        if not (moved is None or isinstance(moved, Tensor)):
            raise TypeError(f"load: map_location must return a storage or None, not {type(moved).__name__}")
        return _restored_to(storage, location) if moved is None else moved
    if isinstance(map_location, dict):
        return _restored_to(storage, str(map_location.get(location, location)))
    return _restored_to(storage, location if map_location is None else str(map_location))


def _restored_to(storage: Tensor, location: str) -> Tensor:
    for _, _, deserializer in _packages:
        moved = deserializer(storage, location)
        if moved is not None:
            return moved
    try:
        array = place(storage._array, location)
    except DeviceError as error:
        raise DeviceError(f"load: {error}; or give map_location='cpu'") from None
    return storage if array is storage._array else wrap(array)


def view_of(storage: Tensor, kind: Dtype, shape: Any, offset: int, strides: Any) -> Tensor:
    """Return a tensor in the memory of a storage, of which it shares the version.

    Args:
        storage: one-dimensional and contiguous, of any type.
        kind: the elements' type.
        shape: lengths of the dimensions.
        offset: of the first element, in bytes.
        strides: steps along the dimensions, in bytes.

    Raises:
        ValueError: elements would lie outside of the storage.
    """
    shape, strides = tuple(shape), tuple(strides)
    memory = storage._array.view(numpy.uint8)
    with array_module_on(storage.device) as xp:
        if 0 in shape:
            return wrap(xp.lib.stride_tricks.as_strided(xp.empty(shape, kind.numpy), shape, strides))
        _check_bounds(memory.size, kind.itemsize, shape, offset, strides)
        if xp is numpy:
            tensor = wrap(numpy.ndarray(shape, kind.numpy, memory, offset, strides))
        else:
            elements = memory[offset : offset + (memory.size - offset) // kind.itemsize * kind.itemsize]
            tensor = wrap(xp.lib.stride_tricks.as_strided(elements.view(kind.numpy), shape, strides))
    tensor._counter = storage._counter
    return tensor


def _check_bounds(size: int, itemsize: int, shape: tuple[int, ...], offset: int, strides: tuple[int, ...]) -> None:
    reach = [(length - 1) * stride for length, stride in zip(shape, strides, strict=True)]
    low = offset + sum(min(0, each) for each in reach)
    high = offset + sum(max(0, each) for each in reach) + itemsize
    if low < 0 or high > size or min(shape, default=0) < 0:
        raise ValueError(f"a tensor of shape {shape} lies at bytes {low} to {high} of a storage of {size}")
