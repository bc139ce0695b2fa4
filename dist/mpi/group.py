"""The MPI communicator of one group, made so that no rank waits in MPI for one that does not come.

Where ranks call different collectives of MPI it computes garbage or hangs. So every call begins with an *agreement*: a
nonblocking reduction of the call's fingerprint, 16 bytes, in which this rank waits as it likes, and so notices a
deadline, a failure elsewhere, or a rank that has left. Once all ranks are known to make the same call, MPI runs it:
nonblocking, too, but for Open MPI, whose nonblocking collectives take up to twice the time of its blocking ones.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from array import array
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

from dist.algorithms.barrier import dissemination_barrier
from dist.channel import Channel
from dist.control.exit_codes import EXIT_PEER_FAILED
from dist.errors import CollectiveMismatch, PeerLost, TransportTimeout
from dist.shared_memory.waiting import wait_until

_MASK: Final = 2**64 - 1
_MAX_TAG: Final = 32_767  # that every MPI knows
_SPINS: Final = 30  # of some 150 ns; ranks may share a core
# A rank that leaves may have finished a call that this one is still about to finish.
_DEPARTURE_SECONDS: Final = 1.0
# All ranks were there when a blocking collective began: if one fails in its midst, MPI may wait for it for ever.
_INSIDE_SECONDS: Final = 5.0

# What was given up is kept: MPI may still write to its memory.
_given_up: list[Any] = []


@lru_cache
def _nonblocking(collective: str) -> str:
    return f"I{collective.lower()}"


class Departures(Protocol):
    """Knows which ranks have left the world; `dist.control.Membership` is one."""

    def departed(self) -> dict[int, str]:
        """Return how each rank that has left did so."""
        ...


class MpiGroup:
    """One group's communicator; ranks of the world are those of COMM_WORLD.

    Attributes:
        communicator: of the group; None before `join`.

    Args:
        mpi: the module `mpi4py.MPI`.
        departures: who has left.
    """

    def __init__(self, mpi: Any, departures: Departures) -> None:
        self._mpi = mpi
        self._departures = departures
        self._reason: str | None = None
        self._inside = 0  # counts the beginnings and ends of what cannot be interrupted: odd in between
        self._blocking = mpi.get_vendor()[0] == "Open MPI"
        self._under_way: tuple[Any, ...] = ()
        self._given, self._found = array("Q", [0, 0]), array("Q", [0, 0])
        self.communicator: Any = None

    def join(self, channel: Channel) -> None:
        """Make the communicator, in the group's first call, whose deadline holds for this too."""
        dissemination_barrier(channel)  # all ranks are here: in MPI they would be waited for without an end
        self._block(self._make_communicator, channel)

    def _make_communicator(self, channel: Channel) -> None:
        mpi = self._mpi
        members = mpi.COMM_WORLD.Get_group().Incl(channel.ranks)
        communicator = mpi.COMM_WORLD.Create_group(members, channel.tag % _MAX_TAG)
        members.Free()
        given, found = [self._given, mpi.UINT64_T], [self._found, mpi.UINT64_T]
        self._agreement = communicator.Allreduce_init(given, found, mpi.MAX)
        self.communicator = communicator

    def agree(self, channel: Channel, mark: int | None = None) -> None:
        """Return once all ranks have called this with the same mark, by default the call's fingerprint.

        Raises:
            CollectiveMismatch: they have not.
            PeerLost: the group was aborted, a rank has left, or MPI itself has failed.
            TransportTimeout: not all came before the channel's deadline.
        """
        mark = channel.fingerprint if mark is None else mark
        self._check_aborted()
        self._given[0], self._given[1] = mark, mark ^ _MASK
        try:
            self._agreement.Start()
            self._wait(channel, self._agreement)
        except self._mpi.Exception as error:
            raise self._lost(error) from error
        if self._found[0] != mark or self._found[1] != mark ^ _MASK:
            raise CollectiveMismatch("the ranks make different calls")

    def run(self, channel: Channel, collective: str, *arguments: Any) -> None:
        """Run a collective by the name of mpi4py's method, once all ranks are known to do so too.

        Raises:
            PeerLost, TransportTimeout: as `agree` does.
        """
        if self._blocking:
            self._block(getattr(self.communicator, collective), *arguments)
            return
        try:
            self._wait(channel, getattr(self.communicator, _nonblocking(collective))(*arguments), arguments)
        except self._mpi.Exception as error:
            raise self._lost(error) from error

    def abort(self, reason: str) -> None:
        """Make `agree` raise `PeerLost`; from any thread. A blocking collective gets some time to end by itself."""
        self._reason = reason
        if self._inside % 2:
            last_resort = threading.Timer(_INSIDE_SECONDS, self._leave_if_still, [self._inside])
            last_resort.daemon = True
            last_resort.start()

    def close(self) -> None:
        """Free the communicator, where nothing goes on in it any more."""
        if self._under_way:
            _given_up.append((self, self._under_way))
        elif self._reason is None and self.communicator is not None:
            self._agreement.Free()
            self.communicator.Free()

    def _block(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call what nothing can interrupt."""
        self._inside += 1
        try:
            function(*arguments)
        except self._mpi.Exception as error:
            raise self._lost(error) from error
        finally:
            self._inside += 1

    def _wait(self, channel: Channel, request: Any, memory: tuple[Any, ...] = ()) -> None:
        """Wait until a request is done; `memory` is what MPI uses for it."""
        test = request.Test
        self._under_way = request, memory
        for _ in range(_SPINS):
            if test():
                break
        else:
            self._wait_politely(channel, test)
        self._under_way = ()

    def _wait_politely(self, channel: Channel, test: Callable[[], bool]) -> None:
        gone_since = math.inf

        def is_done() -> bool:
            nonlocal gone_since
            if test():
                return True
            self._check_aborted()
            gone = self._gone(channel)
            now = time.monotonic()
            gone_since = math.inf if gone is None else min(gone_since, now)
            if gone is not None and now - gone_since > _DEPARTURE_SECONDS:
                raise PeerLost(f"rank {gone} has left", gone)
            return False

        if not wait_until(is_done, 0, channel.deadline):
            raise TransportTimeout("not all ranks came")

    def _gone(self, channel: Channel) -> int | None:
        departed = self._departures.departed()
        return next((rank for rank in channel.ranks if rank in departed), None) if departed else None

    def _lost(self, error: Exception) -> PeerLost:
        return PeerLost(self._reason or f"MPI: {error}")

    def _check_aborted(self) -> None:
        if self._reason is not None:
            raise PeerLost(self._reason)

    def _leave_if_still(self, inside: int) -> None:
        if self._inside == inside:
            sys.stderr.write(f"PeerError: {self._reason}: this rank waits in MPI, which cannot be interrupted\n")
            sys.stderr.flush()
            os._exit(EXIT_PEER_FAILED)
