"""Collectives for Python objects: the only place where `dist` unpickles what another rank sent."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from dist.process_group import ProcessGroup
from dist.reduction import Array


def all_gather_object(group: ProcessGroup, object_list: list[Any], obj: Any) -> None:
    """See `dist.all_gather_object`."""
    if not isinstance(object_list, list) or len(object_list) != group.size:
        raise ValueError(f"all_gather_object: object_list needs to be a list of {group.size} places, one per rank")
    pickled = _pickle("all_gather_object", obj)
    sizes = [np.zeros(1, np.int64) for _ in range(group.size)]
    group.all_gather(sizes, np.array([pickled.size]))
    longest = max(int(size[0]) for size in sizes)
    padded = np.zeros(longest, np.uint8)
    padded[: pickled.size] = pickled
    gathered = [np.empty(longest, np.uint8) for _ in range(group.size)]
    group.all_gather(gathered, padded)
    object_list[:] = [pickle.loads(data[: size[0]].tobytes()) for data, size in zip(gathered, sizes, strict=True)]


def broadcast_object_list(group: ProcessGroup, object_list: list[Any], src: int) -> None:
    """See `dist.broadcast_object_list`."""
    if not isinstance(object_list, list):
        raise TypeError(f"broadcast_object_list: object_list is a {type(object_list).__name__}: need a list")
    is_source = group.global_rank == src
    pickled = _pickle("broadcast_object_list", object_list) if is_source else np.empty(0, np.uint8)
    sizes = np.array([pickled.size, len(object_list)])
    group.broadcast(sizes, src)
    if sizes[1] != len(object_list):
        raise ValueError(
            f"broadcast_object_list: object_list has {len(object_list)} places: need {sizes[1]}, as on rank {src}"
        )
    if not is_source:
        pickled = np.empty(sizes[0], np.uint8)
    group.broadcast(pickled, src)
    if not is_source:
        object_list[:] = pickle.loads(pickled.tobytes())


def _pickle(operation: str, obj: Any) -> Array:
    try:
        return np.frombuffer(pickle.dumps(obj, pickle.HIGHEST_PROTOCOL), np.uint8)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(f"{operation}: cannot pickle a {type(obj).__name__}: {error}") from None
