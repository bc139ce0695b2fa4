"""Collectives for Python objects: the only place where `dist` rebuilds objects that another rank sent.

Plain data (numbers, strings, bytes, arrays, and lists, tuples, sets and dictionaries of them) is rebuilt without
running anything that the sender chose. All else is pickled, and travels only where `trust_peers` was called: unpickling
runs code of the sender's choice.
"""

from __future__ import annotations

import collections
import datetime
import io
import os
import pickle
from typing import Any, Final

import numpy as np

from dist.arguments import DTYPES
from dist.errors import DistError
from dist.process_group import ProcessGroup
from dist.reduction import Array

TRUST: Final = "TENSORLIB_TRUST_PEERS"
_HOW = f"call dist.trust_peers() on every rank first, or set {TRUST}=1, if each may run code in the others"
_PLAIN_TYPES: Final = (
    *(complex, bytearray, range, slice, collections.OrderedDict),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
)
_trusting = False


def trust_peers(trust: bool) -> None:
    """See `dist.trust_peers`."""
    global _trusting
    _trusting = trust


def all_gather_object(group: ProcessGroup, object_list: list[Any], obj: Any) -> None:
    """See `dist.all_gather_object`."""
    op, group = "all_gather_object", group.of_host_memory()
    _check_places(op, "object_list", object_list, group.size)
    mine = _pack(op, obj)
    sizes = np.empty(group.size, np.int64)
    group.all_gather_into_tensor(sizes, np.array([mine.size]))
    packed = [np.empty(size, np.uint8) for size in sizes]
    group.all_gather(packed, mine)
    object_list[:] = [_unpack(op, data) for data in packed]


def gather_object(group: ProcessGroup, obj: Any, object_gather_list: list[Any] | None, dst: int) -> None:
    """See `dist.gather_object`."""
    op, group = "gather_object", group.of_host_memory()
    if group.global_rank != dst:
        if object_gather_list is not None:
            raise ValueError(
                f"{op}: object_gather_list is given on rank {group.global_rank}: only rank {dst} passes it"
            )
        mine = _pack(op, obj)
        group.gather(np.array([mine.size]), dst=dst)
        group.gather(mine, dst=dst)
        return
    _check_places(op, "object_gather_list", object_gather_list, group.size)
    assert object_gather_list is not None
    mine = _pack(op, obj)
    sizes = [np.empty(1, np.int64) for _ in range(group.size)]
    group.gather(np.array([mine.size]), sizes, dst)
    packed = [np.empty(size, np.uint8) for size in sizes]
    group.gather(mine, packed, dst)
    object_gather_list[:] = [_unpack(op, data) for data in packed]


def scatter_object_list(group: ProcessGroup, output_list: list[Any], input_list: list[Any] | None, src: int) -> None:
    """See `dist.scatter_object_list`."""
    op, group = "scatter_object_list", group.of_host_memory()
    if not isinstance(output_list, list) or not output_list:
        raise ValueError(f"{op}: scatter_object_output_list needs to be a list with a place for the object")
    packed: list[Array] | None = None
    if group.global_rank == src:
        _check_places(op, "scatter_object_input_list", input_list, group.size)
        packed = [_pack(op, obj) for obj in input_list or ()]
    size = np.empty(1, np.int64)
    group.scatter(size, packed and [np.array([data.size]) for data in packed], src)
    mine = np.empty(size, np.uint8)
    group.scatter(mine, packed, src)
    output_list[0] = _unpack(op, mine)


def broadcast_object_list(group: ProcessGroup, object_list: list[Any], src: int) -> None:
    """See `dist.broadcast_object_list`."""
    op, group = "broadcast_object_list", group.of_host_memory()
    _check_list(op, object_list)
    is_source = group.global_rank == src
    packed = _pack(op, object_list) if is_source else np.empty(0, np.uint8)
    sizes = np.array([packed.size, len(object_list)])
    group.broadcast(sizes, src)
    _check_count(op, object_list, int(sizes[1]), src)
    if not is_source:
        packed = np.empty(sizes[0], np.uint8)
    group.broadcast(packed, src)
    if not is_source:
        object_list[:] = _unpack(op, packed)


def send_object_list(group: ProcessGroup, object_list: list[Any], dst: int) -> None:
    """See `dist.send_object_list`."""
    op = "send_object_list"
    _check_list(op, object_list)
    packed = _pack(op, object_list)
    group.send(np.array([packed.size, len(object_list)]), dst)
    group.send(packed, dst)


def recv_object_list(group: ProcessGroup, object_list: list[Any], src: int | None) -> int:
    """See `dist.recv_object_list`."""
    op = "recv_object_list"
    _check_list(op, object_list)
    sizes = np.empty(2, np.int64)
    source = group.recv(sizes, src)
    packed = np.empty(sizes[0], np.uint8)
    group.recv(packed, source)
    _check_count(op, object_list, int(sizes[1]), source)
    object_list[:] = _unpack(op, packed)
    return source


def _check_list(op: str, object_list: Any) -> None:
    if not isinstance(object_list, list):
        raise TypeError(f"{op}: object_list is a {type(object_list).__name__}: need a list")


def _check_places(op: str, name: str, places: Any, size: int) -> None:
    if not isinstance(places, list) or len(places) != size:
        raise ValueError(f"{op}: {name} needs to be a list of {size} places, one per rank")


def _check_count(op: str, object_list: list[Any], count: int, source: int) -> None:
    if len(object_list) != count:
        raise ValueError(f"{op}: object_list has {len(object_list)} places: need {count}, as on rank {source}")


def _trusts() -> bool:
    return _trusting or os.environ.get(TRUST, "").lower() in ("1", "true", "yes")


def _pack(op: str, obj: Any) -> Array:
    """Return an object as bytes.

    Raises:
        TypeError: it cannot be pickled, or is more than plain data where peers are not trusted.
    """
    file = io.BytesIO()
    try:
        (pickle.Pickler if _trusts() else _PlainPickler)(file, pickle.HIGHEST_PROTOCOL).dump(obj)
    except _NotPlainError as error:
        raise TypeError(f"{op}: a {error} is no plain data: {_HOW}") from None
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(f"{op}: cannot pickle a {type(obj).__name__}: {error}") from None
    return np.frombuffer(file.getbuffer(), np.uint8)


def _unpack(op: str, data: Array) -> Any:
    """Return the object that `_pack` made bytes of."""
    try:
        return (pickle.Unpickler if _trusts() else _PlainUnpickler)(io.BytesIO(data.tobytes())).load()
    except _NotPlainError as error:
        raise DistError(f"{op}: another rank sent a {error}, which is no plain data: {_HOW}") from None


class _NotPlainError(Exception):
    """Something that is rebuilt by running code of its own."""


class _PlainPickler(pickle.Pickler):
    """Refuses what is more than plain data. Numbers, strings and containers never come here: pickle knows them."""

    def reducer_override(self, obj: Any) -> Any:
        """See `pickle.Pickler.reducer_override`."""
        if isinstance(obj, np.ndarray | np.generic) and obj.dtype in DTYPES:
            return _array, (DTYPES[obj.dtype], obj.shape, obj.tobytes(), isinstance(obj, np.generic))
        if type(obj) in _PLAIN_TYPES or obj in (_array, *_PLAIN_TYPES):
            return NotImplemented
        raise _NotPlainError(type(obj).__name__)


class _PlainUnpickler(pickle.Unpickler):
    """Rebuilds plain data only."""

    def find_class(self, module: str, name: str) -> Any:
        """See `pickle.Unpickler.find_class`."""
        for found in (_array, *_PLAIN_TYPES):
            if (found.__module__, found.__qualname__) == (module, name):
                return found
        raise _NotPlainError(f"{module}.{name}")


def _array(dtype: str, shape: tuple[int, ...], data: bytes, scalar: bool) -> Any:
    """Rebuild an array or a scalar of NumPy."""
    known = next(known for known, name in DTYPES.items() if name == dtype)
    array = np.frombuffer(data, known).reshape(shape)
    return array[()] if scalar else array.copy()
