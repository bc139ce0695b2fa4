"""Memory that processes of one host share, and that no name leads to: it is gone when its last user is.

The memory belongs to an anonymous file (`memfd_create`), which other processes reach through the file descriptor of its
maker under `/proc`. So nothing can be left in `/dev/shm`, however a process ends, and its size does not count.
"""

from __future__ import annotations

import mmap
import os
import secrets
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.anonymous_memory import anonymous_memory

Memory = NDArray[np.uint8]
_TOKEN_BYTES: Final = 16
_CORES_BYTES: Final = 128
_PAGE: Final = mmap.PAGESIZE


@dataclass(frozen=True)
class Handle:
    """What a process tells about itself, and how other processes of its host find a segment that it made.

    Attributes:
        process: its number.
        descriptor: of the segment that it made; -1 if it made none.
        token: what the segment begins with.
        cores: those that the process may run on, a bit each.
    """

    process: int = field(default_factory=os.getpid)
    descriptor: int = -1
    token: bytes = bytes(_TOKEN_BYTES)
    cores: int = field(default_factory=lambda: _own_cores())

    def encode(self) -> NDArray[Any]:
        """Return the handle as bytes, of equal length for all handles."""
        numbers = np.array([self.process, self.descriptor], np.int64).tobytes()
        cores = self.cores.to_bytes(_CORES_BYTES, "little")
        return np.frombuffer(numbers + self.token + cores, np.uint8).copy()

    @staticmethod
    def decode(data: NDArray[Any]) -> Handle:
        """Return the handle that `encode` made bytes of."""
        raw = data.tobytes()
        process, descriptor = np.frombuffer(raw[:16], np.int64).tolist()
        return Handle(process, descriptor, raw[16:32], int.from_bytes(raw[32:], "little"))


def create(nbytes: int) -> tuple[Handle, Memory]:
    """Make a segment of `nbytes` zeros or more.

    Others can attach it until the caller closes the handle's descriptor. The memory is there at once, so that a lack of
    it is an error here and not a signal later.

    Raises:
        OSError: there is not enough memory, or the system has no `memfd_create`.
    """
    length = _PAGE + -(-nbytes // _PAGE) * _PAGE
    descriptor = anonymous_memory("tensorlib", length)
    try:
        whole = _map(descriptor, length)
    except BaseException:
        os.close(descriptor)
        raise
    token = secrets.token_bytes(_TOKEN_BYTES)
    whole[:_TOKEN_BYTES] = np.frombuffer(token, np.uint8)
    return Handle(descriptor=descriptor, token=token), whole[_PAGE:]


def attach(handle: Handle) -> Memory:
    """Return the memory of another process's segment.

    Raises:
        OSError: it cannot be reached, or is not what the handle says.
    """
    descriptor = os.open(f"/proc/{handle.process}/fd/{handle.descriptor}", os.O_RDWR | os.O_CLOEXEC)
    try:
        whole = _map(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)
    if whole[:_TOKEN_BYTES].tobytes() != handle.token:
        raise OSError(f"shared memory of process {handle.process}: not the segment that was announced")
    return whole[_PAGE:]


def _own_cores() -> int:
    return sum(1 << core for core in os.sched_getaffinity(0) if core < 8 * _CORES_BYTES)


def _map(descriptor: int, length: int) -> Memory:
    if length < _PAGE:
        raise OSError(f"shared memory of {length} bytes: need at least {_PAGE}")
    return np.frombuffer(mmap.mmap(descriptor, length), np.uint8)
