"""One thread that owns one ZeroMQ socket: the frame that the store's server and its clients share."""

from __future__ import annotations

import atexit
import contextlib
import hmac
import logging
import math
import os
import socket as sockets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

from dist.errors import StoreError
from dist.forks import abandon_in_children

logger = logging.getLogger("dist.store")

JOIN_SECONDS = 5.0
# The longest message that is accepted.
MESSAGE_BYTES = 2**30
# A silent connection is asked for a sign of life this often.
HEARTBEAT_SECONDS = 0.25
_OPENED = (zmq.EVENT_CONNECTED, zmq.EVENT_ACCEPTED, zmq.EVENT_LISTENING)
_ENDED = (zmq.EVENT_DISCONNECTED, zmq.EVENT_CLOSED)


class Handler(Protocol):
    """What the thread calls; all calls come from that thread."""

    def on_message(self, frames: list[bytes]) -> None:
        """A message has arrived."""
        ...

    def on_connection(self, event: int) -> None:
        """A connection changed; `event` is one of ZeroMQ's EVENT_ constants."""
        ...

    def on_tick(self) -> float:
        """Do what is due; return the seconds after which to be called again, at the latest."""
        ...


class SocketThread:
    """Polls one socket, its connection events and work posted by other threads, until `close`."""

    def __init__(self, name: str, socket_type: int) -> None:
        self._context = zmq.Context()
        self.socket: zmq.Socket[bytes] = self._context.socket(socket_type)
        self.socket.linger = 0
        # Memory stays bounded all the same: what is queued for a peer goes when its connection does.
        self.socket.sndhwm = self.socket.rcvhwm = 0
        self._monitor = self.socket.get_monitor_socket()
        self._inbox: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        self._wake: zmq.Socket[bytes] = self._context.socket(zmq.PAIR)
        self._inbox.rcvhwm = self._wake.sndhwm = 0  # who posts holds a lock, and must not wait
        self._inbox.bind("inproc://wake")
        self._wake.connect("inproc://wake")
        self._posted: deque[Callable[[], None]] = deque()
        self._descriptors: dict[int, int] = {}  # of connections, with their inodes
        self._lock = threading.Lock()
        self._running = True
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        abandon_in_children(self)

    def start(self, handler: Handler) -> None:
        """Begin to serve; `close` is called at exit if it was not before."""
        self._handler = handler
        atexit.register(self.close)
        self._thread.start()

    def post(self, task: Callable[[], None]) -> bool:
        """Have the thread run `task` soon; False if it was closed, or this process is a fork, which has no threads."""
        if os.getpid() != self._process:
            return False
        with self._lock:
            if not self._running:
                return False
            self._posted.append(task)
            self._wake.send(b"")
        return True

    def is_current(self) -> bool:
        """Tell whether the caller is the thread itself, which must not wait for its own work."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """End the thread and release its sockets. Idempotent."""
        atexit.unregister(self.close)
        if os.getpid() != self._process:
            return
        with self._lock:
            was_running, self._running = self._running, False
            if was_running:
                self._wake.send(b"")
        if self._thread.is_alive() and not self.is_current():
            self._thread.join(JOIN_SECONDS)
        elif was_running and not self._thread.ident:
            self._release()

    def abandon(self) -> None:
        """See `Inherited.abandon`; ZeroMQ itself keeps its connections open in a forked child."""
        for descriptor, inode in self._descriptors.items():
            with contextlib.suppress(OSError):
                if os.fstat(descriptor).st_ino == inode:  # else it was closed, and is something else by now
                    os.close(descriptor)

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            with self._lock:
                self._running = False
            self._release()

    def _serve(self) -> None:
        poller = zmq.Poller()
        for source in (self.socket, self._monitor, self._inbox):
            poller.register(source, zmq.POLLIN)
        next_tick = 0.0
        while self._running:
            ready = dict(poller.poll(math.ceil(max(0.0, next_tick - time.monotonic()) * 1000)))
            if self._inbox in ready:
                self._run_posted()
            if self.socket in ready:
                self._drain(self.socket, self._handler.on_message)
            if self._monitor in ready:
                self._drain(self._monitor, self._on_event)
            next_tick = time.monotonic() + self._handler.on_tick()

    def _run_posted(self) -> None:
        self._drain(self._inbox, lambda frames: None)
        while self._posted:
            self._posted.popleft()()

    def _on_event(self, frames: list[bytes]) -> None:
        message = parse_monitor_message(frames)
        event, descriptor = int(message["event"]), int(message["value"])
        if event in _OPENED:
            with contextlib.suppress(OSError):
                self._descriptors[descriptor] = os.fstat(descriptor).st_ino
        elif event in _ENDED:
            self._descriptors.pop(descriptor, None)
        self._handler.on_connection(event)

    @staticmethod
    def _drain(source: zmq.Socket[bytes], handle: Callable[[list[bytes]], None]) -> None:
        while True:
            try:
                frames = source.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            handle(frames)

    def _release(self) -> None:
        self.socket.disable_monitor()
        for source in (self._monitor, self.socket, self._inbox, self._wake):
            source.close(linger=0)
        self._context.term()


def use_heartbeats(socket: zmq.Socket[bytes], patience: float) -> None:
    """Close connections whose other side shows no sign of life for `patience` seconds.

    ZeroMQ's own threads ask and answer, so a main thread that holds Python's lock for long is not taken for dead. Both
    sides ask: the time to live that one side can set for the other ends with the first message after it.
    """
    socket.heartbeat_ivl = int(HEARTBEAT_SECONDS * 1000)
    socket.heartbeat_timeout = int(patience * 1000)


def use_curve(socket: zmq.Socket[bytes], secret: bytes, is_server: bool) -> None:
    """Encrypt the socket's connections and let only those in that know the job's secret.

    All keys are derived from the secret. The server's public key is never sent, and nobody can complete CurveZMQ's
    handshake without it, so it serves as the proof of knowing the secret (https://rfc.zeromq.org/spec/26/).
    """
    server_public, server_secret = _key_pair(secret, b"store server")
    if is_server:
        socket.curve_server = 1
        socket.curve_publickey, socket.curve_secretkey = server_public, server_secret
    else:
        socket.curve_serverkey = server_public
        socket.curve_publickey, socket.curve_secretkey = _key_pair(secret, b"store client")


def _key_pair(secret: bytes, role: bytes) -> tuple[bytes, bytes]:
    private = z85.encode(hmac.digest(secret, role, "sha256"))
    return zmq.curve_public(private), private


def resolve(host: str) -> str:
    """Turn a host's name into an address, IPv4 before IPv6, so that all ranks choose alike."""
    try:
        found = sockets.getaddrinfo(host, None, type=sockets.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StoreError(f"cannot find the address of host {host!r}: {error}") from None
    return str(min(found, key=lambda entry: entry[0] != sockets.AF_INET)[4][0])


def endpoint(address: str, port: int) -> str:
    """Write an address and port as ZeroMQ reads it."""
    return f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"
