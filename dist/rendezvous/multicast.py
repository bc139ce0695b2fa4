"""Rendezvous at a multicast address, `tcp://[group]:port`: nobody needs to know where anybody is, nor have a number.

Every process announces itself in datagrams to the group. The one with the lowest precedence among those that are heard
starts the store's server, and says so; all others connect to it. The server makes a group of them, and gives numbers to
those that have none, when `world_size` have come: that is one step in one place, so that no two processes can disagree
about it, whoever hears whom and whoever dies meanwhile. Where two processes have started servers, because they did
not hear each other in time, the higher one gives its up, unless its group is complete, and all go to the other.
"""

from __future__ import annotations

import hmac
import math
import secrets
import threading
import time
from dataclasses import dataclass, replace

from dist.errors import RendezvousError, StoreError, StoreGone, StoreTimeout
from dist.rendezvous import environment
from dist.rendezvous.announcement import Announcement
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import LOOPBACK, machine_name, process_name
from dist.rendezvous.interfaces import Interface
from dist.rendezvous.meeting import Place, join, kept_open, meet, open_place
from dist.rendezvous.multicast_socket import MulticastSocket
from dist.store import StoreClient, StoreServer

# Before a process takes the lead, those that came before it have time to say that they did.
_SETTLE_SECONDS = 0.15
_FIRST_PAUSE, _LONGEST_PAUSE = 0.03, 0.4  # seconds between announcements
_SERVER_PAUSE = 0.2
# Who was not heard for so long has gone, or went to a server.
_LIFETIME = 2.0
_CONNECT_SECONDS = 1.5
_STOP_SECONDS = 0.05


def from_group(settings: Settings, group: str, port: int, hops: int = 1) -> Rendezvous:
    """`tcp://[group]:port`, a multicast address that all use; ranks are given, or found out by the server.

    Raises:
        RendezvousError: not all ranks came in time, or they contradict each other; says what was seen.
    """
    rank, size = environment.rank_if_given_and_size(settings.rank, settings.world_size)
    key = _key(settings.group_name, group, port)
    own = Announcement(secrets.token_hex(8), -1 if rank is None else rank, process_name(), machine_name())
    socket = MulticastSocket(group, port, hops)
    try:
        return _Search(settings, size, key, Neighbourhood(socket, key, own)).run()
    finally:
        socket.close()


def _key(group_name: str, group: str, port: int) -> bytes:
    """Return what the members of a job share, and those of jobs with other names or secrets do not."""
    return hmac.digest(environment.job_secret(), f"{group}\n{port}\n{group_name}".encode(), "sha256")


@dataclass(frozen=True)
class _Sighting:
    announcement: Announcement
    heard: float


class Neighbourhood:
    """The processes of this job that are heard, and what else is.

    Args:
        socket: what the datagrams travel by.
        key: marks those of the job.
        own: what this process says of itself.
    """

    def __init__(self, socket: MulticastSocket, key: bytes, own: Announcement) -> None:
        self._socket = socket
        self._key = key
        self.own = own
        self._seen: dict[str, _Sighting] = {}
        self._heard_itself = False
        self._strange = 0

    def announce(self, port: int = 0) -> None:
        """Tell all that this process is there, and where its server listens if it runs one."""
        self._socket.send(lambda interface: self._text(interface, port))

    def listen(self, seconds: float) -> bool:
        """Take note of those who speak within some time; tell, at once, whether there is anybody new."""
        deadline = time.monotonic() + seconds
        is_first, news = True, False
        while is_first or (not news and time.monotonic() < deadline):
            is_first = False
            for datagram in self._socket.receive(deadline - time.monotonic()):
                news |= self._note(datagram)
        return news

    def others(self) -> list[Announcement]:
        """Return who was heard lately."""
        since = time.monotonic() - _LIFETIME
        return [sighting.announcement for sighting in self._seen.values() if sighting.heard > since]

    def servers(self) -> list[Announcement]:
        """Return who of them runs a server."""
        return [other for other in self.others() if other.port]

    def forget(self, other: Announcement) -> None:
        """Do not count on a process until it is heard again."""
        self._seen.pop(other.name, None)

    def report(self) -> str:
        """Say what was seen, for those who wait in vain."""
        seen = ", ".join(sorted({sighting.announcement.process for sighting in self._seen.values()}))
        names = ", ".join(dict.fromkeys(interface.name for interface in self._socket.interfaces))
        parts = [f"heard by multicast on {names}: {seen or 'nobody else'}"]
        if not self._heard_itself:
            parts.append("not even this process itself, so multicast does not work here")
        if self._strange:
            parts.append(f"{self._strange} datagrams that are not of this job")
        return "; ".join(parts)

    def _text(self, interface: Interface, port: int) -> bytes:
        return replace(self.own, port=port, address=interface.address).to_bytes(self._key)

    def _note(self, datagram: bytes) -> bool:
        found = Announcement.from_bytes(datagram, self._key)
        if found is None:
            self._strange += 1
            return False
        if found.name == self.own.name:
            self._heard_itself = True
            return False
        before = self._seen.get(found.name)
        if found.machine == self.own.machine:
            found = replace(found, address=LOOPBACK)
        self._seen[found.name] = _Sighting(found, time.monotonic())
        return before is None or before.announcement.port != found.port


class _Search:
    """The way of one process into its group."""

    def __init__(self, settings: Settings, size: int, key: bytes, neighbourhood: Neighbourhood) -> None:
        self._settings = settings
        self._size = size
        self._key = key
        self._neighbourhood = neighbourhood
        self._own = neighbourhood.own
        self._deadline = time.monotonic() + settings.timeout
        self._problem = ""

    def run(self) -> Rendezvous:
        """Find the server, or be it, again and again until a group with this process is complete."""
        while True:
            server = self._find_server()
            try:
                return self._join(server) if server else self._serve()
            except StoreGone as error:
                self._problem = str(error)
            except StoreTimeout as error:
                raise RendezvousError(self._message(str(error))) from None
            if server:
                self._neighbourhood.forget(server)

    def _find_server(self) -> Announcement | None:
        """Return whose server to go to; None where this process shall run it."""
        settled = time.monotonic() + _SETTLE_SECONDS
        announced, pause, seconds = -math.inf, _FIRST_PAUSE, self._settings.timeout
        while True:
            now = time.monotonic()
            if now > self._deadline:
                raise RendezvousError(self._message(f"of {self._size} ranks, not all met within {seconds:g} s"))
            if servers := self._neighbourhood.servers():
                return min(servers, key=lambda other: other.precedence)
            first = min([self._own, *self._neighbourhood.others()], key=lambda other: other.precedence)
            if now >= settled and first is self._own:
                return None
            if now >= announced + pause:
                self._neighbourhood.announce()
                announced, pause = now, min(2 * pause, _LONGEST_PAUSE)
            self._neighbourhood.listen(min(pause, _FIRST_PAUSE))

    def _join(self, server: Announcement) -> Rendezvous:
        """Join the group at another process's server."""
        settings, secret = self._settings, self._secret_of(server)
        try:
            remaining = max(0.0, self._deadline - time.monotonic())
            client = StoreClient(
                server.address, server.port, secret, min(remaining, _CONNECT_SECONDS), settings.patience
            )
        except StoreError as error:
            raise StoreGone(f"{server.process} runs the store, but: {error}") from None
        place = Place(server.address, server.port, "", secret=secret)
        return join(client, settings, self._own.rank, self._size, place, self._deadline)

    def _serve(self) -> Rendezvous:
        """Join the group at a server of this process."""
        place = open_place(self._settings, "", self._secret_of(self._own))
        assert place.server
        with kept_open(place), _Beacon(self._neighbourhood, place.server):
            return meet(self._settings, self._own.rank, self._size, place, self._deadline)

    def _secret_of(self, server: Announcement) -> bytes:
        return hmac.digest(self._key, f"store of {server.name}".encode(), "sha256")

    def _message(self, text: str) -> str:
        parts = [text, self._problem, self._neighbourhood.report()]
        return f"{self._settings.init_method}: {'; '.join(part for part in parts if part)}"


class _Beacon:
    """While it is entered, announces the server of this process, and gives it up where there is one of a lower one."""

    def __init__(self, neighbourhood: Neighbourhood, server: StoreServer) -> None:
        self._neighbourhood = neighbourhood
        self._server = server
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rendezvous beacon", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *raised: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        announced = -_SERVER_PAUSE
        while not self._stopped.is_set():
            news = self._neighbourhood.listen(_STOP_SECONDS)
            if news or time.monotonic() >= announced + _SERVER_PAUSE:
                self._neighbourhood.announce(self._server.port)
                announced = time.monotonic()
            if any(other.precedence < self._neighbourhood.own.precedence for other in self._neighbourhood.servers()):
                self._server.dissolve("the ranks meet elsewhere")
                break
        self._neighbourhood.announce()  # whoever comes now need not try to connect
