"""The operations that `python -m dist.bench` knows, and what their times are compared by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import dist

Call = Callable[[], Any]
Rows = list[NDArray[np.float32]]


@dataclass(frozen=True)
class Operation:
    """A call that all ranks make.

    Attributes:
        prepare: given about how many bytes, returns the call and how many it is exactly: of a rank's array, or, where
            there is a row for each rank, of its rows together.
        bus_factor: given the number of ranks, what part of these bytes some rank has to send or receive at least. With
            it, bandwidths compare with those of links, and with each other. As in nccl-tests, PERFORMANCE.md.
    """

    prepare: Callable[[int], tuple[Call, int]]
    bus_factor: Callable[[int], float]


def _of_array(call: Callable[[NDArray[np.float32]], Any]) -> Callable[[int], tuple[Call, int]]:
    def prepare(nbytes: int) -> tuple[Call, int]:
        array = np.zeros(max(1, nbytes // 4), np.float32)
        return lambda: call(array), array.nbytes

    return prepare


def _of_rows(call: Callable[[Rows, Rows], Any]) -> Callable[[int], tuple[Call, int]]:
    def prepare(nbytes: int) -> tuple[Call, int]:
        size = dist.get_world_size()
        length = max(1, nbytes // 4 // size)
        rows, others = ([np.zeros(length, np.float32) for _ in range(size)] for _ in range(2))
        return lambda: call(rows, others), 4 * length * size

    return prepare


def _whole(_: int) -> float:
    return 1.0


def _others(size: int) -> float:
    return (size - 1) / size


OPERATIONS: Final[Mapping[str, Operation]] = {
    "all_reduce": Operation(_of_array(dist.all_reduce), lambda size: 2 * _others(size)),
    "broadcast": Operation(_of_array(lambda array: dist.broadcast(array, 0)), _whole),
    "reduce": Operation(_of_array(lambda array: dist.reduce(array, 0)), _whole),
    "all_gather": Operation(_of_rows(lambda rows, others: dist.all_gather(rows, others[0])), _others),
    "reduce_scatter": Operation(_of_rows(lambda rows, others: dist.reduce_scatter(others[0], rows)), _others),
    "all_to_all": Operation(_of_rows(dist.all_to_all), _others),
    "barrier": Operation(lambda _: (dist.barrier, 0), _whole),
}
