"""A process's connection to the store: requests from any thread, and events that the server sends by itself."""

from __future__ import annotations

import contextlib
import itertools
import math
import threading
import time
from collections.abc import Callable, Sequence

import zmq

from dist.errors import DistError, PeerError, StoreError, StoreGone, StoreTimeout
from dist.store.base import Store, Timeout, as_bytes, as_integer, as_seconds, checked_key
from dist.store.listener import wait_for_listener
from dist.store.request import EVENT, GONE, OK, PEER_FAILED, TIMEOUT
from dist.store.socket_thread import MESSAGE_BYTES, SocketThread, endpoint, logger, resolve, use_curve, use_heartbeats
from dist.timeouts import DEFAULT_TIMEOUT

STATUS_SECONDS = 0.5
# The server answers at once, and ends a wait in time: a later answer will not come any more.
ANSWER_SECONDS = 10.0
# After it has met what is no store, ZeroMQ does not try again; where it does, it has begun to by then.
TRY_AGAIN_SECONDS = 0.1
_NOTHING = "nothing listens there"
_SILENCE = "something listens there, but it does not answer"
_STRANGER = "something listens there, but it does not know this job's secret"

# Kind and arguments of an event: "failed" (rank or NO_RANK, what), "left" (rank, how), "announced" (rank, kind,
# payload) from the server; "gone" or "stopped" (what happened) once the connection has ended, by the server or by this
# process.
EventHandler = Callable[[str, list[bytes]], None]
ERRORS: dict[bytes, type[DistError]] = {TIMEOUT: StoreTimeout, GONE: StoreGone, PEER_FAILED: PeerError}


class _Pending:
    """A request without an answer so far."""

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.frames: list[bytes] = []

    def settle(self, frames: list[bytes]) -> None:
        self.frames = frames
        self.answered.set()


class StoreClient(Store):
    """The store at `host:port`, for any number of threads.

    A connection that was lost is not made again: everything raises from then on.

    Args:
        host: name or address of the server.
        port: its port.
        secret: the job's secret.
        timeout: seconds to get connected, and what `get` and `wait` take by default.
        patience: seconds without a sign of life after which the server is given up.

    Raises:
        StoreError: no server of this job could be reached in time; says what was met instead.
    """

    def __init__(
        self, host: str, port: int, secret: bytes = b"", timeout: float = DEFAULT_TIMEOUT, patience: float = 3.0
    ) -> None:
        self.address = f"{host}:{port}"
        self.status = ""
        self.timeout = timeout
        self._patience = patience
        self._pending: dict[bytes, _Pending] = {}
        self._numbers = itertools.count(1)
        self._gone = ""
        self._connected = threading.Event()
        self._met = _NOTHING
        self._try_again = math.inf
        self._handler: EventHandler | None = None
        self._backlog: list[tuple[str, list[bytes]]] = []
        self._pause_end, self._pause_seconds = -math.inf, 0.0
        self._next_status = 0.0
        address = resolve(host)
        self._endpoint = endpoint(address, port)
        deadline = time.monotonic() + timeout
        if not wait_for_listener(address, port, deadline):
            raise self._not_found()
        self._heard = self._last_awake = time.monotonic()
        self._thread = SocketThread("store client", zmq.DEALER)
        self._connect(secret, deadline)

    def set(self, key: str, value: str | bytes) -> None:
        """See `Store.set`."""
        self.request("set", _encoded(key), as_bytes(value))

    def get(self, key: str, timeout: Timeout = None) -> bytes:
        """See `Store.get`."""
        seconds = as_seconds(timeout, self.timeout)
        return self.request("get", b"%f" % seconds, _encoded(key), timeout=seconds + ANSWER_SECONDS)[0]

    def add(self, key: str, amount: int) -> int:
        """See `Store.add`."""
        return int(self.request("add", _encoded(key), b"%d" % as_integer(amount))[0])

    def wait(self, keys: Sequence[str], timeout: Timeout = None) -> None:
        """See `Store.wait`."""
        seconds = as_seconds(timeout, self.timeout)
        self.request("wait", b"%f" % seconds, *map(_encoded, keys), timeout=seconds + ANSWER_SECONDS)

    def delete(self, key: str) -> bool:
        """See `Store.delete`."""
        return self.request("delete", _encoded(key)) == [b"1"]

    def compare_set(self, key: str, expected: str | bytes, desired: str | bytes) -> bytes:
        """See `Store.compare_set`."""
        return self.request("compare_set", _encoded(key), as_bytes(expected), as_bytes(desired))[0]

    def check(self, keys: Sequence[str]) -> bool:
        """See `Store.check`."""
        return self.request("check", *map(_encoded, keys)) == [b"1"]

    def list_keys(self) -> list[str]:
        """See `Store.list_keys`."""
        return [key.decode() for key in self.request("list_keys")]

    def request(self, operation: str, *arguments: bytes, timeout: float = ANSWER_SECONDS) -> list[bytes]:
        """Ask the server and wait for the answer.

        Args:
            operation: the name that the server has for it.
            arguments: what goes with it.
            timeout: seconds to wait for the answer.

        Raises:
            StoreTimeout: what was waited for did not happen in time.
            StoreGone: there is no connection to the server any more.
            PeerError: another rank failed, and what was waited for cannot happen.
            StoreError: the server refused, or does not answer.
        """
        if self._thread.is_current():
            raise StoreError(f"{operation}: the store cannot be asked from the thread that delivers its events")
        size = sum(map(len, arguments))
        if size >= MESSAGE_BYTES:
            raise StoreError(f"{operation}: {size} bytes are too many, the store takes less than {MESSAGE_BYTES}")
        number, pending = b"%d" % next(self._numbers), _Pending()
        self._pending[number] = pending
        try:
            self._post([number, operation.encode(), *arguments])
            if not pending.answered.wait(timeout):
                raise StoreTimeout(f"{operation}: the store at {self.address} does not answer")
        finally:
            del self._pending[number]
        status, *values = pending.frames
        if status == OK:
            return values
        raise ERRORS.get(status, StoreError)(f"{operation}: {values[0].decode()}")

    def on_event(self, handler: EventHandler) -> None:
        """Have `handler` called, from the client's thread, with every event so far and from now on."""

        def attach() -> None:
            self._handler = handler
            backlog, self._backlog = self._backlog, []
            for kind, arguments in backlog:
                self._deliver(kind, arguments)

        self._thread.post(attach)

    def close(self) -> None:
        """End the connection and the thread; what waits raises `StoreGone`. Idempotent."""
        self._thread.close()
        self._fail_pending(f"the connection to the store at {self.address} was closed")

    def _connect(self, secret: bytes, deadline: float) -> None:
        socket = self._thread.socket
        use_curve(socket, secret, is_server=False)
        socket.ipv6 = "[" in self._endpoint
        use_heartbeats(socket, self._patience)
        socket.reconnect_ivl, socket.reconnect_ivl_max = 50, 1000
        socket.connect(self._endpoint)
        self._thread.start(self)
        try:
            if not self._connected.wait(max(0.0, deadline - time.monotonic())):
                raise self._not_found()
            self.request("hello")
        except BaseException:
            self.close()
            raise

    def _not_found(self) -> StoreError:
        return StoreError(f"no store of this job at {self.address} within {self.timeout:.3g} s: {self._met}")

    def _post(self, frames: list[bytes]) -> None:
        if not self._thread.post(lambda: self._send(frames)):
            raise StoreGone(f"the connection to the store at {self.address} was closed")

    def _send(self, frames: list[bytes]) -> None:
        pending = self._pending.get(frames[0])
        if not self._gone:
            self._thread.socket.send_multipart(frames)
        elif pending:
            pending.settle([GONE, self._gone.encode()])

    def on_message(self, frames: list[bytes]) -> None:
        """Give an answer to the thread that waits for it, an event to the handler."""
        self._heard = time.monotonic()
        number, *rest = frames
        pending = self._pending.get(number)
        if pending:
            pending.settle(rest)
        elif number == EVENT and rest[0] != b"probe":
            self._deliver(rest[0].decode(), rest[1:])

    def on_connection(self, event: int) -> None:
        """Note how far the connection came, and its end."""
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._connected.set()
        elif event == zmq.EVENT_CONNECT_RETRIED:
            self._try_again = math.inf
        elif event == zmq.EVENT_CONNECTED and self._met == _NOTHING:
            self._met = _SILENCE
        elif event == zmq.EVENT_DISCONNECTED and not self._connected.is_set():
            self._met, self._try_again = _STRANGER, time.monotonic() + TRY_AGAIN_SECONDS
        elif event == zmq.EVENT_DISCONNECTED and not self._gone:
            self._lose()

    def on_tick(self) -> float:
        """Tell the server what this process is doing."""
        now = self._note_pause()
        if not self._connected.is_set():
            if now >= self._try_again:
                self._connect_again()
            return min(STATUS_SECONDS, max(0.0, self._try_again - now))
        if now >= self._next_status:
            self._next_status = now + STATUS_SECONDS
            if not self._gone:
                self._thread.socket.send_multipart([EVENT, b"status", self.status.encode()])
        return max(0.0, self._next_status - now)

    def _connect_again(self) -> None:
        """Replace a connection that ZeroMQ has given up: a store may listen there by now, or soon."""
        self._try_again = math.inf
        with contextlib.suppress(zmq.ZMQError):  # it may have let go of it already
            self._thread.socket.disconnect(self._endpoint)
        self._thread.socket.connect(self._endpoint)

    def _note_pause(self) -> float:
        now = time.monotonic()
        if now - self._last_awake > self._patience:
            self._pause_end, self._pause_seconds = now, now - self._last_awake
        self._last_awake = now
        return now

    def _lose(self) -> None:
        now = self._note_pause()
        self._thread.socket.disconnect(self._endpoint)
        if now - self._pause_end < self._patience:
            self._gone = (
                f"this process was stopped for {self._pause_seconds:.0f} s, the store at {self.address} gave it up"
            )
            self._deliver("stopped", [self._gone.encode()])
        else:
            silent = now - self._heard
            how = "is gone" if silent < 0.9 * self._patience else f"is silent for {silent:.0f} s: stopped or cut off"
            self._gone = f"the store at {self.address} {how}"
            self._deliver("gone", [self._gone.encode()])
        self._fail_pending(self._gone)

    def _fail_pending(self, reason: str) -> None:
        for pending in list(self._pending.values()):
            if not pending.answered.is_set():
                pending.settle([GONE, reason.encode()])

    def _deliver(self, kind: str, arguments: list[bytes]) -> None:
        if not self._handler:
            self._backlog.append((kind, arguments))
            return
        try:
            self._handler(kind, arguments)
        except Exception:
            logger.exception("a callback failed on the event %r", kind)


def _encoded(key: str) -> bytes:
    return checked_key(key).encode()
