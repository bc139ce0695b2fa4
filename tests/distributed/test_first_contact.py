"""What goes wrong before ranks have met: something else answers at the store's address, or a rank never comes."""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from dist.errors import RendezvousError, StoreError, StoreGone
from dist.rendezvous import rendezvous
from dist.store import StoreClient, StoreServer
from tests.distributed.control_plane import SECRET, Rank, free_port, nothing_left


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


def echo(connection: socket.socket) -> None:
    """As where a port of those that connections start from has no listener yet: the system may connect it to itself."""
    connection.settimeout(5)
    while data := connection.recv(4096):
        connection.sendall(data)


def answer_http(connection: socket.socket) -> None:
    connection.recv(10)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)


def hang_up(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("behave", [echo, answer_http, hang_up])
def test_a_store_is_found_where_something_else_answered_first(behave: Callable[[socket.socket], None]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    servers = []

    def something_else() -> None:
        listener.accept()[0].close()  # who came only to see whether somebody listens
        connection, _ = listener.accept()
        listener.close()
        with connection, contextlib.suppress(OSError):
            behave(connection)
        servers.append(StoreServer(port=port))

    thread = threading.Thread(target=something_else)
    thread.start()
    started = time.monotonic()
    client = StoreClient("127.0.0.1", port, timeout=20)
    assert time.monotonic() - started < 10
    thread.join()
    client.set("key", b"value")
    client.close()
    servers[0].close()


def test_what_says_nothing_is_not_called_another_jobs_store() -> None:
    message = r"within 0\.3 s: something listens there, but it does not answer$"
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(StoreError, match=message):
        StoreClient("127.0.0.1", listener.getsockname()[1], timeout=0.3)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_connections_to_themselves_are_no_store_and_leave_the_port_free(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    attempts = threading.Semaphore(0)

    def connect_to_itself(self: socket.socket, address: tuple[str, int]) -> None:
        """Start from the very port, as happens by chance."""
        with contextlib.suppress(OSError):  # once somebody listens there
            self.bind(address)
        _socket.socket.connect(self, address)
        attempts.release()

    port = free_port()
    found: list[StoreClient] = []
    thread = threading.Thread(target=lambda: found.append(StoreClient(host, port, timeout=20)))
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_to_itself)
        thread.start()
        assert all(attempts.acquire(timeout=10) for _ in range(3))
    server = StoreServer(host, port)
    thread.join()
    found[0].set("key", b"value")
    found[0].close()
    server.close()


def test_a_rank_0_that_is_stopped_while_others_wait_ends_their_waiting_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORLIB_JOB_SECRET", SECRET.hex())
    port = free_port()
    program = "from dist.rendezvous import rendezvous; rendezvous(timeout=60)"
    first = Rank(0, 3, port, program)
    StoreClient("127.0.0.1", port, SECRET, timeout=20).close()  # now it serves
    stop = threading.Timer(0.5, os.kill, (first.pid, signal.SIGSTOP))
    stop.start()
    started = time.monotonic()
    try:
        with pytest.raises(
            RendezvousError, match=r"found no rank 0: .* something listens there, but it does not answer$"
        ):
            rendezvous(f"tcp://127.0.0.1:{port}", 1, 3, timeout=2, patience=0.5)
        assert time.monotonic() - started < 6
    finally:
        stop.join()
        first.end()


class CountingClient(StoreClient):
    """Counts how often its thread looks what is due."""

    ticks = 0

    def on_tick(self) -> float:
        self.ticks += 1
        return super().on_tick()


def test_a_client_whose_store_is_gone_rests() -> None:
    server = StoreServer()
    client = CountingClient("127.0.0.1", server.port)
    server.close()
    with pytest.raises(StoreGone):
        client.get("key")
    time.sleep(0.6)  # until the next report on what this process does would be due
    before = client.ticks
    time.sleep(0.3)
    assert client.ticks - before < 5
    client.close()


def test_who_came_and_was_lost_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    server = StoreServer()
    for name, value in {"ADDR": "127.0.0.1", "PORT": str(server.port)}.items():
        monkeypatch.setenv(f"MASTER_{name}", value)
    monkeypatch.setenv("TENSORLIB_STORE", "external")
    lost = StoreClient("127.0.0.1", server.port)
    said = {"group": "", "rank": 1, "size": 3, "host": "h", "pid": 7, "timeout": 60.0}
    lost._post([b"join", b"join", json.dumps(said).encode()])
    lost.add("joined", 1)  # requests are served in their order
    lost.close()
    with pytest.raises(RendezvousError) as caught:
        rendezvous("env://", 0, 3, timeout=1.5)
    message = str(caught.value)
    assert "of 3 ranks, ranks 1, 2 did not arrive" in message
    assert message.endswith("; rank 1 (host h, pid 7) came and was lost")
    server.close()
