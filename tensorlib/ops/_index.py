"""Indices as users give them, and what is done with them on arrays."""

from __future__ import annotations

from typing import Any

import numpy

from tensorlib._xp import device_name, is_array
from tensorlib.errors import ArgumentError
from tensorlib.placement import place
from tensorlib.tensor import Tensor

Basic = tuple[Any, ...]
Advanced = tuple[Any, ...]
_PLAIN_TYPES = (int, type(None))


def split_index(name: str, index: Any, array: Any) -> tuple[Basic, Advanced | None]:
    """Split an index in the part that makes a view and the arrays that then select from it.

    Integers belong to the first part, as in PyTorch; NumPy would count them among the arrays, which moves dimensions.

    Args:
        name: the operation, for errors.
        index: what stands in the brackets.
        array: what is indexed; the index's arrays are brought to its device.

    Returns:
        The basic index, complete with an ellipsis, so that the result is always an array; and the advanced index of the
        view that this makes, or None.

    Raises:
        IndexError: there are too many indices, or one has no meaning.
    """
    if _makes_a_view(index, array.ndim):
        return (*index, ...) if type(index) is tuple else (index, ...), None
    index = tuple(index) if isinstance(index, list) and _stands_for_tuple(index) else index
    shape, items = array.shape, [_plain(name, item) for item in (index if isinstance(index, tuple) else (index,))]
    if not shape and len(items) == 1 and type(items[0]) is int and items[0] in (0, -1):
        return (...,), None  # a 0-d tensor may be taken for one of a single element
    basic: list[Any] = []
    advanced: list[Any] = []
    axis = 0
    for item in _without_ellipsis(name, items, shape):
        _check_mask(name, item, shape, axis)
        axis += _dims_used(item)
        if is_array(item):
            basic += [slice(None)] * (item.ndim if item.dtype.kind == "b" else 1)
            advanced.append(item if type(item) is type(array) else place(item, device_name(array)))
        else:
            basic.append(item)
            advanced += [] if isinstance(item, int) else [slice(None)]
    while advanced and not is_array(advanced[-1]):
        advanced.pop()
    return (*basic, ...), tuple(advanced) or None


def _makes_a_view(index: Any, ndim: int) -> bool:
    """Tell quickly whether an index needs no more care: not too many integers, slices and None, and nothing else."""
    items = index if type(index) is tuple else (index,)
    if len(items) > ndim:
        return False
    for item in items:
        if type(item) is slice:
            step = item.step
            if not (step is None or (type(step) is int and step > 0)):
                return False
            if type(item.start) not in _PLAIN_TYPES or type(item.stop) not in _PLAIN_TYPES:
                return False
        elif type(item) not in _PLAIN_TYPES:
            return False
    return True


def _stands_for_tuple(index: list[Any]) -> bool:
    """Tell whether a list is taken for a tuple, as in PyTorch: a short one of more than numbers."""
    several = (list, tuple, range, slice, Tensor, numpy.ndarray)
    return len(index) < 32 and any(isinstance(item, several) or item is None or item is Ellipsis for item in index)


def _plain(name: str, item: Any) -> Any:
    """Return one index as an int, slice, None, ... or an array."""
    if isinstance(item, slice):
        if item.step is not None and item.step <= 0:
            raise ArgumentError(f"{name}: a slice needs a positive step, not {item.step}; use flip()")
        return slice(*[None if end is None else int(end) for end in (item.start, item.stop, item.step)])
    if item is None or item is Ellipsis:
        return item
    if isinstance(item, bool):
        return numpy.asarray(item)
    return item if isinstance(item, int) else _plain_array(name, item)


def _plain_array(name: str, item: Any) -> Any:
    if isinstance(item, Tensor):
        array = item._array
    elif is_array(item):
        array = numpy.asarray(item) if isinstance(item, numpy.generic) else item
    elif isinstance(item, (list, range)):
        array = numpy.asarray([each.item() if isinstance(each, Tensor) and not each.ndim else each for each in item])
        array = array if array.size else array.astype(numpy.int64)
    else:
        kinds = "integers, slices, None, ..., masks or tensors"
        raise IndexError(f"{name}: {type(item).__name__} is no index; needs {kinds}")
    if array.dtype == numpy.uint8:
        array = array.astype(bool)
    kinds = "b" if isinstance(item, Tensor) and array.dtype.name not in ("int64", "int32") else "biu"
    if array.dtype.kind not in kinds:
        raise IndexError(f"{name}: tensors that index must be int64, int32, bool or uint8, not {array.dtype}")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def _without_ellipsis(name: str, items: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Write out the ellipsis as full slices, and check that there are not more indices than dimensions."""
    used = sum(_dims_used(item) for item in items)
    if used > len(shape):
        raise IndexError(f"{name}: {used} indices for a tensor of {len(shape)} dimensions, of shape {tuple(shape)}")
    places = [k for k, item in enumerate(items) if item is Ellipsis]
    if len(places) > 1:
        raise IndexError(f"{name}: an index may have one ..., not {len(places)}")
    for k in places:
        return items[:k] + [slice(None)] * (len(shape) - used) + items[k + 1 :]
    return items


def _check_mask(name: str, item: Any, shape: tuple[int, ...], axis: int) -> None:
    if is_array(item) and item.dtype.kind == "b" and tuple(item.shape) != tuple(shape[axis : axis + item.ndim]):
        where = f"a tensor of shape {tuple(shape)} at dimension {axis}"
        raise IndexError(f"{name}: a mask of shape {tuple(item.shape)} does not fit {where}")


def _dims_used(item: Any) -> int:
    if item is None or item is Ellipsis:
        return 0
    return int(item.ndim) if is_array(item) and item.dtype.kind == "b" else 1


def take_index(name: str, array: Any, basic: Basic, advanced: Advanced | None) -> Any:
    """Return the elements of an array at a split index.

    Raises:
        IndexError: an index is out of range, or masks and tensors do not fit.
    """
    try:
        part = array[basic]
        if advanced is None:
            return part
        axis = only_array(advanced)
        return part[advanced] if axis is None else part.take(advanced[axis], axis)  # take is the faster
    except IndexError as error:
        raise IndexError(f"{name}: {error}; the tensor has shape {tuple(array.shape)}") from None


def only_array(index: Advanced) -> int | None:
    """Return the position of the one array of integers in an index that has else only full slices; None for others."""
    *before, last = index
    full = all(isinstance(item, slice) and item == slice(None) for item in before)
    return len(before) if full and last.dtype.kind in "iu" else None


def put_index(array: Any, basic: Basic, advanced: Advanced | None, value: Any) -> None:
    """Write a value, which broadcasts, into an array at a split index."""
    if advanced is None:
        array[basic] = value
    else:
        array[basic][advanced] = value


def arrays_of(index: Any) -> Any:
    """Return an advanced index with arrays for tensors."""
    return index and tuple([item._array if isinstance(item, Tensor) else item for item in index])


def add_at(xp: Any, target: Any, index: Advanced, values: Any) -> None:
    """Add values to an array at an advanced index; where elements are named several times all are added."""
    if not values.size:
        return
    axis = only_array(index)
    if axis == 0 and xp is numpy and target.ndim > 1 and target.dtype.kind == "f" and target.itemsize >= 4:
        _add_rows(target, index[0], values)
    elif all(not is_array(item) or item.dtype.kind == "b" for item in index):
        target[index] += values  # masks name each element once
    else:
        xp.add.at(target, index, values)


def _add_rows(target: Any, rows: Any, values: Any) -> None:
    """Add rows by a product with a sparse matrix: many times faster than `numpy.add.at`."""
    if not values.size:
        return
    flat = rows.reshape(-1) % len(target)
    named: Any = slice(None)
    if len(target) > 4 * flat.size:  # few rows of many: work on those alone
        named, flat = numpy.unique(flat, return_inverse=True)
    from scipy.sparse import csc_array  # takes longer to import than all of tensorlib

    part = target[named]
    ones, ends = numpy.ones(flat.size, target.dtype), numpy.arange(flat.size + 1)
    places = csc_array((ones, flat, ends), shape=(len(part), flat.size))
    target[named] += (places @ values.reshape(flat.size, -1)).reshape(part.shape)


def along_dim(xp: Any, index: Any, dim: int) -> Advanced:
    """Return the advanced index that names, for each element of `index`, this element's place with `index` at `dim`."""
    places = []
    for k, length in enumerate(index.shape):
        column = [1] * index.ndim
        column[k] = length
        places.append(index if k == dim else xp.arange(length).reshape(column))
    return tuple(places)


def check_range(name: str, index: Any, length: int) -> None:
    """Refuse indices that are negative or too large.

    Raises:
        IndexError: there is one.
        TypeError: they are no integers.
    """
    if index.dtype.kind not in "iu":
        raise TypeError(f"{name}: an index must be of integers, not {index.dtype}")
    if not index.size:
        return
    if type(index) is numpy.ndarray and 0 in index.strides:  # expanded: one of the equal elements will do
        index = index[tuple([slice(None) if step else 0 for step in index.strides])]
    if index.dtype == numpy.int64 and index.flags.c_contiguous and index.view(numpy.uint64).max() < length:
        return  # as numbers without sign the negative ones are the greatest: one look instead of two
    low, high = int(index.min()), int(index.max())
    if low < 0 or high >= length:
        raise IndexError(f"{name}: index {low if low < 0 else high} is out of range for a dimension of length {length}")
