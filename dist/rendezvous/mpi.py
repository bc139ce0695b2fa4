"""Rendezvous through MPI, `mpi://`: under mpirun or srun, MPI has numbered the ranks and can carry a message.

Every rank tells rank 0 that it is there. When all are, rank 0 starts the store's server and sends everyone its address
and a new secret; from there on all is as elsewhere: heartbeats, blame, timeouts. Messages go from one rank to another,
and are asked for again and again, since a collective of MPI waits for ever where one rank does not come.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

from dist.errors import RendezvousError
from dist.rank_names import rank_names
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import address_among, machine_name, process_name
from dist.rendezvous.meeting import Place, meet, meet_as_host, open_place
from dist.timeouts import attempts

# Of COMM_WORLD, where programs seldom use numbers as high.
_ARRIVAL_TAG, _PLACE_TAG = 32_001, 32_002
# Rank 0, whose time may be over a little later, says who is missing: the others wait so much longer for that.
_LAST_WORD = 2.0  # seconds
_WITHDRAWN = b"null"
# Sends that the other side has not yet taken: MPI reads their buffers until then.
_under_way: list[Any] = []


def from_mpi(settings: Settings) -> Rendezvous:
    """`mpi://`: all processes that mpirun started; rank and world size are COMM_WORLD's, whatever is given.

    Args:
        settings: of which `timeout`, `group_name` and `patience` are used.

    Raises:
        RendezvousError: mpi4py is not installed, or not all ranks came in time (says which).
    """
    mail = _Mail()
    deadline = time.monotonic() + settings.timeout
    if mail.rank == 0:
        return _host(mail, settings, deadline)
    return _follow(mail, settings, deadline)


class _Mail:
    """Short messages between the ranks of COMM_WORLD, of which none is waited for without an end."""

    def __init__(self) -> None:
        try:
            from mpi4py import MPI
        except ImportError as error:
            raise RendezvousError(f"mpi:// needs the package mpi4py and an MPI library: {error}") from None
        self._mpi = MPI
        self._world = MPI.COMM_WORLD
        self.rank: int = self._world.Get_rank()
        self.size: int = self._world.Get_size()

    def send(self, rank: int, tag: int, text: bytes) -> None:
        """Begin to send; the message is short enough that it never matters when it arrives."""
        _under_way[:] = [request for request in _under_way if not request.Test()]
        _under_way.append(self._world.Isend([text, self._mpi.BYTE], rank, tag))

    def received(self, tag: int) -> Iterator[tuple[int, bytes]]:
        """Yield what has arrived so far, with the sender's rank."""
        status = self._mpi.Status()
        while message := self._world.Improbe(self._mpi.ANY_SOURCE, tag, status):
            text = bytearray(status.Get_count(self._mpi.BYTE))
            message.Recv([text, self._mpi.BYTE])
            yield status.Get_source(), bytes(text)


def _host(mail: _Mail, settings: Settings, deadline: float) -> Rendezvous:
    """Be rank 0: wait for everyone, start the server, and tell the others where it is."""
    arrived = {0: {"process": process_name(), "machine": machine_name(), "visit": ""}}
    for _ in attempts(deadline):
        arrived |= {rank: json.loads(text) for rank, text in mail.received(_ARRIVAL_TAG)}
        arrived = {rank: arrival for rank, arrival in arrived.items() if arrival}
        if len(arrived) == mail.size:
            break
    else:
        problem = _who_is_missing(mail.size, {rank: arrived[rank]["process"] for rank in sorted(arrived)}, settings)
        _answer(mail, arrived, {"problem": problem})
        raise RendezvousError(problem)
    machines = [arrival["machine"] for arrival in arrived.values()]
    place = open_place(settings, address_among(machines))
    try:
        _answer(mail, arrived, {"place": place.to_bytes().decode(), "machines": sorted(set(machines))})
    except BaseException:
        place.close()
        raise
    return meet_as_host(settings, 0, mail.size, place, deadline)


def _follow(mail: _Mail, settings: Settings, deadline: float) -> Rendezvous:
    """Be another rank: say that it is there, learn where the server is, and go there."""
    visit = secrets.token_hex(8)
    arrival = {"process": process_name(), "machine": machine_name(), "visit": visit}
    mail.send(0, _ARRIVAL_TAG, json.dumps(arrival).encode())
    for _ in attempts(deadline + _LAST_WORD):
        answers = [json.loads(text) for _, text in mail.received(_PLACE_TAG)]
        # Other answers are late ones, to a visit that ended without them.
        for answer in (answer for answer in answers if answer["visit"] == visit):
            if "problem" in answer:
                raise RendezvousError(answer["problem"])
            place = Place.from_bytes(answer["place"].encode(), address_among(answer["machines"]))
            return meet(settings, mail.rank, mail.size, place, deadline + _LAST_WORD)
    mail.send(0, _ARRIVAL_TAG, _WITHDRAWN)
    me = f"rank {mail.rank} ({arrival['process']})"
    raise RendezvousError(
        f"mpi://: rank 0 did not answer within {settings.timeout:g} s; here is {me}, of {mail.size} ranks"
    )


def _answer(mail: _Mail, arrived: dict[int, dict[str, str]], answer: dict[str, Any]) -> None:
    for rank in sorted(arrived.keys() - {0}):
        mail.send(rank, _PLACE_TAG, json.dumps(answer | {"visit": arrived[rank]["visit"]}).encode())


def _who_is_missing(size: int, here: dict[int, str], settings: Settings) -> str:
    missing = rank_names(rank for rank in range(size) if rank not in here)
    names = ", ".join(f"rank {rank} ({process})" for rank, process in here.items())
    return f"mpi://: of {size} ranks, {missing} did not arrive within {settings.timeout:g} s; here are {names}"
