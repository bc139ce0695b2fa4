"""What `python -m dist.bench` measures, on every rank."""

from __future__ import annotations

import platform
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

import dist
from dist.bench.operations import OPERATIONS, Call

PING_PONG: Final = "ping-pong"
WARM_UP: Final = 3
# Small messages are over soon, and so are measured more often.
SMALL_BYTES: Final = 256 * 1024
MORE_OF_SMALL: Final = 5


@dataclass(frozen=True)
class Measurement:
    """How long an operation takes; in each call what counts is the rank that took longest.

    Attributes:
        op: its name.
        nbytes: see `Operation.prepare`.
        peer: of a ping-pong between rank 0 and another one, that; -1 else.
        median, low, high: seconds; a tenth of the calls took at most `low`, and a tenth at least `high`.
        calls: how many were measured.
        bandwidth: bytes per second.
        bus_bandwidth: that, times `Operation.bus_factor`.
    """

    op: str
    nbytes: int
    peer: int
    median: float
    low: float
    high: float
    calls: int
    bandwidth: float
    bus_bandwidth: float


@dataclass(frozen=True)
class Report:
    """What was measured, and where.

    Attributes:
        backend: its name.
        ranks: how many.
        hosts: their names.
        python: the version.
        measurements: in the order in which they were made.
    """

    backend: str
    ranks: int
    hosts: tuple[str, ...]
    python: str
    measurements: tuple[Measurement, ...]


def measure(ops: Sequence[str], sizes: Sequence[int], repeat: int) -> Report:
    """Measure operations at sizes: to be called by every rank of a world that is initialised; all return the same.

    Args:
        ops: keys of `OPERATIONS`, or "ping-pong".
        sizes: bytes.
        repeat: how many calls to measure; small ones are measured more often.
    """
    names: list[str] = [""] * dist.get_world_size()
    dist.all_gather_object(names, socket.gethostname())
    found: list[Measurement] = []
    for op in ops:
        if op == PING_PONG:
            found += [_ping_pong(peer, nbytes, repeat) for peer in _partners() for nbytes in sizes]
        else:
            found += [_collective(op, nbytes, repeat) for nbytes in (sizes if op != "barrier" else [0])]
    hosts = tuple(dict.fromkeys(names))
    return Report(dist.get_backend(), dist.get_world_size(), hosts, platform.python_version(), tuple(found))


def _collective(op: str, nbytes: int, repeat: int) -> Measurement:
    call, exact = OPERATIONS[op].prepare(nbytes)
    factor = OPERATIONS[op].bus_factor(dist.get_world_size())
    return _summary(op, exact, -1, _times(call, exact, repeat), factor)


def _partners() -> list[int]:
    """Return the rank next to rank 0, and the last one, which often is the farthest."""
    size = dist.get_world_size()
    return sorted({1, size - 1}) if size > 1 else []


def _ping_pong(peer: int, nbytes: int, repeat: int) -> Measurement:
    """Measure half of the time that a message takes from rank 0 to `peer` and back; the other ranks wait."""
    array, rank = np.zeros(nbytes, np.uint8), dist.get_rank()

    def there_and_back() -> None:
        if rank == 0:
            dist.send(array, peer)
            dist.recv(array, peer)
        elif rank == peer:
            dist.recv(array, 0)
            dist.send(array, 0)

    return _summary(PING_PONG, nbytes, peer, _times(there_and_back, nbytes, repeat) / 2, 1.0)


def _times(call: Call, nbytes: int, repeat: int) -> NDArray[np.float64]:
    """Return the seconds that each of some calls took on the rank where it took longest."""
    times = np.zeros(repeat * (MORE_OF_SMALL if nbytes < SMALL_BYTES else 1))
    for _ in range(WARM_UP):
        call()
    for i in range(len(times)):
        dist.barrier()
        started = time.perf_counter()
        call()
        times[i] = time.perf_counter() - started
    dist.all_reduce(times, dist.ReduceOp.MAX)
    return times


def _summary(op: str, nbytes: int, peer: int, times: NDArray[np.float64], bus_factor: float) -> Measurement:
    low, median, high = (float(value) for value in np.quantile(times, [0.1, 0.5, 0.9]))
    bandwidth = nbytes / median
    return Measurement(op, nbytes, peer, median, low, high, len(times), bandwidth, bandwidth * bus_factor)
