"""How the ranks of one host come to share memory.

The ranks are connected by TCP and know each other. Each tells each other one where it runs and where it listens: a
socket in the abstract namespace, which has no file. Of two that run at the same place the higher one connects there and
hands over its inbox and its eventfd; the lower one answers with its own. After each step they say over TCP how it went,
so that both come to the same conclusion, and nobody waits for what does not come. Each rank

    exchanges offers: where it runs, where it listens, and what to say there
    calls those below                               exchanges "called you"
    looks who has called, and answers               exchanges "answered you"
    takes the answers                               exchanges "can write to you"

Two that do not share memory, whatever the reason, keep to TCP.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dist.transport.shared_memory.doorbell import Doorbell
from dist.transport.shared_memory.inbox import Inbox, Slot
from dist.transport.shared_memory.loans import Loans
from dist.transport.shared_memory.remote_memory import address_of, read_memory
from dist.transport.shared_memory.rounds import Rounds
from dist.transport.shared_memory.segment import Segment

_PLACE_BYTES: Final = 32
_NAME_BYTES: Final = 16
_TOKEN_BYTES: Final = 16
_OFFER: Final = struct.Struct(f"{_PLACE_BYTES}s{_NAME_BYTES}s{_TOKEN_BYTES}s")
_NOWHERE: Final = bytes(_PLACE_BYTES)
# What goes with the two descriptors: a proof of who sends them, the part of the inbox that is meant, the size of the
# rings, and some bytes, with their address in the sender's memory, to try whether that can be read.
_PARCEL: Final = struct.Struct(f"<{_TOKEN_BYTES}sII{_TOKEN_BYTES}sQ")
# What ranks tell each other after each step.
_NO, _YES, _YES_AND_READ = b"\0", b"\1", b"\2"

log = logging.getLogger(__name__)


def place() -> bytes:
    """Return what is equal for processes that can share memory: of one running system and one network namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        namespace = os.stat("/proc/self/ns/net")
    except OSError:
        return _NOWHERE
    return hashlib.sha256(boot + f"{namespace.st_dev} {namespace.st_ino}".encode()).digest()


@dataclass(eq=False)
class Neighbour:
    """A rank to share memory with.

    Attributes:
        segment: its inbox.
        outgoing: the part of it that this rank writes to.
        doorbell: wakes it.
        pid: its process.
        readable: whether this process can read its memory.
        reads: whether it can read this process's.
    """

    segment: Segment
    outgoing: Slot
    doorbell: Doorbell
    pid: int
    readable: bool
    reads: bool = False

    def loans(self, borrowed: memoryview, look_again: Callable[[], None]) -> Loans:
        """Return what lends messages to it, and borrows them; see there."""
        return Loans(self.outgoing.ledger, borrowed, self.doorbell, look_again, self.pid, self.reads)

    def close(self) -> None:
        """Release everything."""
        self.outgoing.close()
        self.doorbell.close()
        self.segment.close()


class Pairing:
    """One rank's part in what is described above.

    Args:
        rank: this rank.
        rounds: exchanges a few bytes with each other rank over TCP.
        wake_fd: this rank's eventfd.

    Attributes:
        neighbours: the ranks that this one shares memory with.
        inbox: what they write to; None where there are none.
    """

    def __init__(self, rank: int, rounds: Rounds, wake_fd: int) -> None:
        self.neighbours: dict[int, Neighbour] = {}
        self.inbox: Inbox | None = None
        self._rank = rank
        self._rounds = rounds
        self._wake_fd = wake_fd
        self._tokens = {peer: os.urandom(_TOKEN_BYTES) for peer in rounds.peers}
        self._offers: dict[int, tuple[bytes, bytes]] = {}  # name and token of those at the same place
        self._calls: dict[int, socket.socket] = {}
        self._probe = os.urandom(_TOKEN_BYTES)

    def run(self) -> None:
        """Take all steps."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as listener:
                self._exchange_offers(listener)
                if self._offers:
                    self._pair(listener)
        except BaseException:
            self.close()
            raise
        finally:
            if self.inbox is not None:
                self.inbox.hide()
            for call in self._calls.values():
                call.close()

    def close(self) -> None:
        """Release everything."""
        self._drop(self.neighbours)
        if self.inbox is not None:
            self.inbox.close()

    def incoming(self, peer: int) -> Slot:
        """Return the part of the inbox that a neighbour writes to."""
        assert self.inbox is not None
        return self.inbox.slot(self._slot(peer))

    def _exchange_offers(self, listener: socket.socket) -> None:
        here, name = place(), os.urandom(_NAME_BYTES)
        listener.bind(_address(name))
        listener.listen(len(self._tokens) + 1)
        said = self._rounds.exchange({peer: _OFFER.pack(here, name, token) for peer, token in self._tokens.items()})
        for peer, offer in said.items():
            where, its_name, token = _OFFER.unpack(offer)
            if where == here != _NOWHERE:
                self._offers[peer] = its_name, token

    def _pair(self, listener: socket.socket) -> None:
        with _or_tcp("make an inbox"):
            self.inbox = Inbox(len(self._offers))
        self._say(dict.fromkeys(self._call(), _YES))
        answered = self._say(dict.fromkeys(self._answer(listener), _YES))
        for peer in answered.keys() & self._calls.keys():
            with _or_tcp(f"take the answer of rank {peer}"):
                self.neighbours[peer] = _receive(self._calls[peer], {peer: self._tokens[peer]})[1]
        self._conclude()

    def _conclude(self) -> None:
        """Keep the neighbours that can write to this rank as well, and note which can read from it."""
        said = self._say({peer: _YES_AND_READ if it.readable else _YES for peer, it in self.neighbours.items()})
        self._drop(self.neighbours.keys() - said.keys())
        for peer, neighbour in self.neighbours.items():
            neighbour.reads = said[peer] == _YES_AND_READ

    def _say(self, words: Mapping[int, bytes]) -> dict[int, bytes]:
        """Say something to some of those at the same place, and no to the others; return what they say but for no."""
        said = self._rounds.exchange({peer: words.get(peer, _NO) for peer in self._offers})
        return {peer: word for peer, word in said.items() if word != _NO}

    def _call(self) -> set[int]:
        """Connect to the ranks below, and hand over what they need; return to whom."""
        called = set()
        for peer in self._offers:
            if peer < self._rank:
                with _or_tcp(f"call rank {peer}"):
                    self._calls[peer] = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                    self._calls[peer].connect(_address(self._offers[peer][0]))
                    self._hand_over(self._calls[peer], peer)
                    called.add(peer)
        return called

    def _answer(self, listener: socket.socket) -> set[int]:
        """Take what the ranks above have handed over, and hand over what they need; return to whom."""
        above = {peer: self._tokens[peer] for peer in self._offers if peer > self._rank}
        answered: set[int] = set()
        while len(answered) < len(above):
            try:
                call, _ = listener.accept()
            except OSError:  # there are no more
                break
            with call, _or_tcp("answer a call"):
                call.setblocking(False)
                peer, neighbour = _receive(call, above)
                self.neighbours[peer] = neighbour
                self._hand_over(call, peer)
                answered.add(peer)
        return answered

    def _hand_over(self, call: socket.socket, peer: int) -> None:
        if self.inbox is None:
            raise OSError("there is no inbox to hand over")
        where = address_of(memoryview(self._probe))
        parcel = _PARCEL.pack(self._offers[peer][1], self._slot(peer), self.inbox.ring_bytes, self._probe, where)
        socket.send_fds(call, [parcel], [self.inbox.fd, self._wake_fd])

    def _slot(self, peer: int) -> int:
        return sorted(self._offers).index(peer)

    def _drop(self, peers: Iterable[int]) -> None:
        for peer in list(peers):
            self.neighbours.pop(peer).close()


def _receive(call: socket.socket, tokens: Mapping[int, bytes]) -> tuple[int, Neighbour]:
    """Take what was handed over by one of the ranks that `tokens` were given to.

    Raises:
        OSError: nothing is there, or it comes from somebody else, or memory cannot be mapped.
    """
    parcel, fds, _, _ = socket.recv_fds(call, _PARCEL.size, 2, socket.MSG_CMSG_CLOEXEC)
    with contextlib.ExitStack() as undo:
        for fd in fds:
            undo.callback(os.close, fd)
        if len(parcel) != _PARCEL.size or len(fds) != 2:
            raise OSError("a stranger has called")
        token, slot, size, probe, where = _PARCEL.unpack(parcel)
        peer = next((peer for peer, given in tokens.items() if hmac.compare_digest(given, token)), None)
        if peer is None:
            raise OSError("a stranger has called")
        segment = Segment(fds[0])
        doorbell = Doorbell(segment.view[:8].cast("Q"), os.dup(fds[1]))
        pid = _process_behind(call)
        return peer, Neighbour(segment, Slot(segment.view, slot, size), doorbell, pid, _can_read(pid, where, probe))


def _process_behind(call: socket.socket) -> int:
    """Return the process that the peer listens or has called with, as it is numbered here."""
    (pid,) = struct.unpack_from("i", call.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)


def _can_read(pid: int, address: int, expected: bytes) -> bool:
    """Tell whether the memory of a process can be read, and is what is expected."""
    found = bytearray(len(expected))
    try:
        read_memory(pid, address, memoryview(found))
    except OSError:
        return False
    return found == expected


def _address(name: bytes) -> bytes:
    return b"\0tensorlib/" + name.hex().encode()


@contextlib.contextmanager
def _or_tcp(step: str) -> Iterator[None]:
    """Go on without shared memory where a step fails."""
    try:
        yield
    except OSError as error:
        log.warning("shared memory: cannot %s, and so messages go over TCP: %s", step, error)
