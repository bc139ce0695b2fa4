"""The server of a job's control plane: keys and values, and who belongs to which group."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

import zmq

from dist.errors import StoreError
from dist.store.request import EVENT, Request
from dist.store.roster import Roster
from dist.store.shared_port import SharedPort
from dist.store.socket_thread import MESSAGE_BYTES, SocketThread, endpoint, logger, resolve, use_curve, use_heartbeats
from dist.store.table import Table

PROBE_SECONDS = 0.5
# A closed connection is looked into after this long: ZeroMQ tells of the end before it lets go of the peer.
SOON_SECONDS = 0.02
# Strangers are logged this often at most, however often they try.
LOG_SECONDS = 10.0


class StoreServer:
    """Serves every client that knows the job's secret, from one thread, until `close`.

    Connections are encrypted with keys derived from the secret. Bytes of strangers (port scans, other protocols,
    clients of another job) do not get past the handshake: they are dropped, which is logged, and nothing changes.

    Args:
        host: the name or address to listen at; "*" means all interfaces.
        port: 0 takes a free port, see `port`.
        secret: what clients must know.
        world_size: if given, the number of processes in the job: larger groups are refused.
        patience: seconds without a sign of life after which a client is given up.
        serves_one_group: once a group is complete, send away whoever else wants to join one.
        shares_port: let servers of jobs with other secrets listen at the same port: a client whose connection came to
            the wrong one is not let in there, and connects again until it meets its own.

    Raises:
        StoreError: the address cannot be listened at.

    Example:
        >>> from dist.store import StoreClient
        >>> server = StoreServer(secret=b"of this job")
        >>> client = StoreClient("127.0.0.1", server.port, b"of this job")
        >>> client.add("batches", 3)
        3
        >>> client.close()
        >>> server.close()
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        secret: bytes = b"",
        world_size: int | None = None,
        patience: float = 3.0,
        serves_one_group: bool = False,
        shares_port: bool = False,
    ) -> None:
        self.host = host
        self._sharing = SharedPort(host, port, secret) if shares_port else None
        self._thread = SocketThread("store server", zmq.ROUTER)
        try:
            use_heartbeats(self._thread.socket, patience)
            self.port = self._listen(host, port, secret)
        except BaseException:
            self.close()
            raise
        self._table = Table()
        self._roster = Roster(self._send, self._table.forget, world_size, patience, serves_one_group)
        self._operations = self._name_operations()
        self._peers: set[bytes] = set()
        self._closed_connections = 0
        self._silent = 0  # clients that know the secret, and have said nothing so far
        self._strangers = 0
        self._next_probe, self._next_log = math.inf, 0.0
        self._idle = threading.Event()
        self._thread.start(self)

    def report(self, rank: int, message: str) -> None:
        """Tell all ranks, also those that join later, that `rank` failed.

        Args:
            rank: counted as the job counts.
            message: what happened, as it stands behind "rank 2 (host h, pid 71)": "was killed by SIGKILL".
        """
        self._thread.post(lambda: self._roster.report(rank, message, only_if_expected=False))

    def finished(self, rank: int, message: str = "exited with code 0") -> None:
        """Tell that `rank` ended in order: a failure only for those that still expect something of it."""
        self._thread.post(lambda: self._roster.report(rank, message, only_if_expected=True))

    def will_not_come(self, rank: int, message: str) -> None:
        """Tell those that wait for `rank` to come that it has ended; groups that are complete find out by themselves.

        Arguments are those of `report`.
        """
        self._thread.post(lambda: self._roster.will_not_come(rank, message))

    def dissolve(self, reason: str) -> None:
        """Send away all who wait for a group to be complete, which raises `StoreGone` there, unless one has been."""
        self._thread.post(lambda: self._roster.dissolve(reason))

    def give_up(self, message: str) -> None:
        """Make all ranks raise `PeerError(message)`, those that wait for others to come included."""
        self._thread.post(lambda: self._roster.give_up(message))

    def wait_until_left(self, timeout: float) -> bool:
        """Block until all members of groups are gone and all refusals were read; False if not in `timeout` seconds."""
        self._idle.clear()
        return not self._thread.post(lambda: None) or self._idle.wait(timeout)

    def close(self) -> None:
        """Stop to listen, end the thread, drop all clients. Idempotent."""
        self._thread.close()
        if self._sharing:
            self._sharing.close()

    def _listen(self, host: str, port: int, secret: bytes) -> int:
        socket = self._thread.socket
        use_curve(socket, secret, is_server=True)
        socket.router_mandatory = 1
        socket.maxmsgsize = MESSAGE_BYTES
        socket.ipv6 = host == "*" or ":" in resolve(host)
        if self._sharing:
            port = self._sharing.port
            socket.setsockopt(zmq.USE_FD, self._sharing.detach())
        try:
            socket.bind(endpoint("*" if host == "*" else resolve(host), port))
        except zmq.ZMQError as error:
            raise StoreError(f"cannot listen at {host}:{port}: {error}") from None
        return int(socket.get_string(zmq.LAST_ENDPOINT).rsplit(":", 1)[1])

    def _name_operations(self) -> dict[bytes, Callable[[Request], None]]:
        table, roster = self._table, self._roster
        return {
            b"hello": Request.answer,
            b"set": table.set,
            b"get": table.get,
            b"add": table.add,
            b"wait": table.wait,
            b"delete": table.delete,
            b"compare_set": table.compare_set,
            b"check": table.check,
            b"list_keys": table.list_keys,
            b"join": roster.join,
            b"leave": roster.leave,
            b"fail": roster.fail,
            b"announce": roster.announce,
            b"status": roster.status,
            b"calls": roster.calls,
        }

    def on_message(self, frames: list[bytes]) -> None:
        """Serve a client's request; what cannot be read is dropped and logged."""
        if frames[0] not in self._peers:
            self._peers.add(frames[0])
            self._silent -= 1
        if len(frames) < 3:
            # At a shared port, these may be clients of the other jobs there.
            level = logging.INFO if self._sharing else logging.WARNING
            logger.log(level, "store at port %d: dropped a malformed message of %d frames", self.port, len(frames))
            return
        peer, number, operation, *arguments = frames
        request = Request(self._send, peer, number, arguments)
        try:
            self._operations[operation](request)
        except (ValueError, LookupError, TypeError) as error:
            # At a shared port, these may be clients of the other jobs there.
            level = logging.INFO if self._sharing else logging.WARNING
            logger.log(level, "store at port %d: dropped a malformed request %r: %r", self.port, operation[:40], error)
            request.fail(f"malformed request: {error!r}")

    def on_connection(self, event: int) -> None:
        """Look soon for the client whose connection has ended."""
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._silent += 1
        elif event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:  # hung up, as a rank does that is killed on its way in
            self._closed_connections -= 1
        elif event == zmq.EVENT_DISCONNECTED:
            self._closed_connections += 1
            self._next_probe = time.monotonic() + SOON_SECONDS

    def on_tick(self) -> float:
        """Find lost clients, and act on what is overdue."""
        now = time.monotonic()
        if now >= self._next_probe or (self._peers and self._next_probe == math.inf):
            self._probe(now)
        due = min(self._table.expire(now), self._roster.check(now), self._next_probe - now)
        if self._roster.is_empty():
            self._idle.set()
        return min(due, 3600.0)

    def _probe(self, now: float) -> None:
        """Send every client a sign of life: only that shows which of them a closed connection belonged to."""
        lost = [peer for peer in self._peers if not self._send(peer, [EVENT, b"probe"])]
        self._peers.difference_update(lost)
        for peer in lost:
            self._roster.lost(peer)
        others = self._closed_connections - len(lost)  # over time: a client may be lost before or after it closes
        silent = min(max(0, others), max(0, self._silent))
        self._silent -= silent
        suspected, self._strangers = self._strangers, self._strangers + others - silent
        self._closed_connections = 0
        if suspected > 0 and self._strangers > 0:
            self._log_strangers(now)
        self._next_probe = now + PROBE_SECONDS if self._peers else math.inf
        if self._strangers > max(0, suspected):  # look once more before anybody is accused
            self._next_probe = now + SOON_SECONDS

    def _log_strangers(self, now: float) -> None:
        if now >= self._next_log:
            count, self._strangers = self._strangers, 0
            self._next_log = now + LOG_SECONDS
            # At a shared port, these may be clients of the other jobs there.
            level = logging.INFO if self._sharing else logging.WARNING
            logger.log(level, "store at port %d: dropped %d connection(s) without the job's secret", self.port, count)

    def _send(self, peer: bytes, frames: list[bytes]) -> bool:
        try:
            self._thread.socket.send_multipart([peer, *frames], zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True
