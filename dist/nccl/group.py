"""The NCCL communicator of one group, and how work on it is started and waited for.

NCCL computes garbage or hangs where ranks make different calls, or where one does not come. So all ranks meet by
messages before each call. Work goes on the device's default stream, which waits for what other streams were given
before and which they wait for: what a tensor is still being computed from is there when it is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from dist.algorithms.barrier import dissemination_barrier
from dist.algorithms.broadcast import tree_broadcast
from dist.channel import Channel
from dist.errors import PeerLost, TransportTimeout
from dist.shared_memory.waiting import wait_until

_ID_BYTES = 128


class NcclGroup:
    """One group's communicator, made in its first call for the device that the tensors are on then.

    Args:
        cupy: the module.
    """

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy
        self._nccl = cupy.cuda.nccl
        self._lock = threading.Lock()  # guards the next two
        self._communicator: Any = None
        self._reason: str | None = None
        self._device: int | None = None

    def run(self, channel: Channel, array: Any, launch: Callable[[Any, int], None]) -> None:
        """Run work that all ranks start, on the device of `array`, and wait until it is done.

        Args:
            channel: the call's.
            array: on this rank's device.
            launch: `launch(communicator, stream)` starts it; `stream` is an address.

        Raises:
            CollectiveMismatch: another rank makes another call.
            PeerLost: a rank is gone, the group was aborted, or NCCL itself has failed.
            TransportTimeout: it was not done before the channel's deadline.
            ValueError: the array is on another device than that of the first call.
        """
        self._check_aborted()
        self._check_device(array.device.id)
        with array.device:
            try:
                communicator = self._meet(channel)
                stream = self._cupy.cuda.Stream.null
                launch(communicator, stream.ptr)
                self._wait(channel, communicator, stream.record())
            except self._nccl.NcclError as error:
                raise PeerLost(self._reason or f"NCCL: {error}") from error

    def calls(self, start: Callable[[], None]) -> None:
        """Have NCCL take all that `start` sends and receives as one operation, in which nobody waits for an order."""
        self._nccl.groupStart()
        try:
            start()
        finally:
            self._nccl.groupEnd()

    def abort(self, reason: str) -> None:
        """End the work under way, and let `run` raise `PeerLost`; from any thread."""
        with self._lock:
            self._reason = reason
            if self._communicator is not None:
                self._communicator.abort()

    def close(self) -> None:
        """Release the communicator."""
        with self._lock:
            communicator, self._communicator = self._communicator, None
        if communicator is not None and self._reason is None:
            communicator.destroy()

    def _meet(self, channel: Channel) -> Any:
        """Wait until all ranks are in this call; return the communicator."""
        if self._communicator is not None:
            dissemination_barrier(channel)
            return self._communicator
        identity = np.zeros(_ID_BYTES, np.uint8)
        if channel.rank == 0:
            identity[:] = [byte % 256 for byte in self._nccl.get_unique_id()]
        tree_broadcast(channel, identity, 0)
        dissemination_barrier(channel)
        communicator = self._connect(channel, identity.tobytes())
        with self._lock:
            self._communicator = communicator
            if self._reason is not None:
                communicator.abort()
        self._check_aborted()
        return communicator

    def _connect(self, channel: Channel, identity: bytes) -> Any:
        make = self._nccl.NcclCommunicator
        try:
            return make(channel.size, identity, channel.rank)
        except TypeError:  # before CuPy 14, a tuple of signed numbers
            return make(channel.size, tuple(np.frombuffer(identity, np.int8).tolist()), channel.rank)

    def _check_device(self, device: int) -> None:
        if self._device is None:
            self._device = device
        if device != self._device:
            raise ValueError(f"nccl: a tensor is on device {device}: need device {self._device}, as in the first call")

    def _wait(self, channel: Channel, communicator: Any, event: Any) -> None:
        def is_done() -> bool:
            if event.done:
                return True
            self._check_aborted()
            communicator.check_async_error()
            return False

        if not wait_until(is_done, 0, channel.deadline):
            raise TransportTimeout("the device was not done in time")
        self._check_aborted()

    def _check_aborted(self) -> None:
        if self._reason is not None:
            raise PeerLost(self._reason)
