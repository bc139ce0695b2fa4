"""The store: keys and values, waiting, strangers at the port, and what is left afterwards."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import zmq
from zmq.utils.monitor import parse_monitor_message

from dist.errors import StoreError, StoreGone, StoreTimeout
from dist.store import PrefixStore, Store, StoreClient, StoreServer
from dist.store.socket_thread import SocketThread, use_curve
from tests.distributed.control_plane import ROOT, in_threads, nothing_left

SECRET = b"the secret of this job"


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture
def server() -> Iterator[StoreServer]:
    server = StoreServer(secret=SECRET)
    yield server
    server.close()


@pytest.fixture
def client(server: StoreServer) -> Iterator[StoreClient]:
    client = StoreClient("127.0.0.1", server.port, SECRET, timeout=10)
    yield client
    client.close()


def test_both_are_stores(client: StoreClient) -> None:
    assert isinstance(client, Store)
    assert isinstance(PrefixStore("a", client), Store)


@pytest.mark.parametrize("prefix", ["", "part"])
def test_operations(client: StoreClient, prefix: str) -> None:
    store: Store = PrefixStore(prefix, client) if prefix else client
    store.set("key", b"\x00 any bytes \xff")
    assert store.get("key") == b"\x00 any bytes \xff"
    store.set("key", b"")
    assert store.get("key") == b""
    assert [store.add("count", 5), store.add("count", -7)] == [5, -2]
    assert store.get("count") == b"-2"
    assert [store.delete("key"), store.delete("key")] == [True, False]
    with pytest.raises(StoreTimeout):
        store.get("key", timeout=0)


def test_compare_set_writes_only_over_what_is_expected(client: StoreClient) -> None:
    assert client.compare_set("key", b"something", b"new") == b"something"
    assert client.compare_set("key", b"", b"first") == b"first"
    assert client.compare_set("key", b"", b"second") == b"first"
    assert client.compare_set("key", b"first", b"second") == b"second"


def test_prefixes_do_not_meet(client: StoreClient) -> None:
    PrefixStore("a", client).set("key", b"1")
    with pytest.raises(StoreTimeout, match="'b/key'"):
        PrefixStore("b", client).get("key", timeout=0.05)


def test_large_value(client: StoreClient) -> None:
    value = os.urandom(5_000_000)
    client.set("key", value)
    assert client.get("key") == value


def test_add_refuses_what_is_not_a_number(client: StoreClient) -> None:
    client.set("key", b"word")
    with pytest.raises(StoreError, match="'key' is not an integer"):
        client.add("key", 1)


def test_many_threads_of_one_client_wait_at_once(client: StoreClient) -> None:
    def call(index: int) -> bytes:
        if index < 8:
            return client.get(f"key {index}", timeout=10)
        time.sleep(0.1)
        for key in reversed(range(8)):
            client.set(f"key {key}", b"%d" % key)
        return b""

    assert in_threads(9, call) == [b"%d" % index for index in range(8)] + [b""]


def test_waiting_is_served_at_once(server: StoreServer, client: StoreClient) -> None:
    other = StoreClient("127.0.0.1", server.port, SECRET, timeout=10)
    try:
        set_at = []
        timer = threading.Timer(0.2, lambda: (set_at.append(time.monotonic()), other.set("late", b"1")))
        timer.start()
        client.wait(["late"], timeout=10)
        assert time.monotonic() - set_at[0] < 0.2
        timer.join()
    finally:
        other.close()


def test_timeout_names_the_missing_keys(client: StoreClient) -> None:
    client.set("there", b"1")
    started = time.monotonic()
    with pytest.raises(StoreTimeout, match=r"^wait: nobody set 'here', 'nowhere' within 0.2 s$"):
        client.wait(["nowhere", "there", "here"], timeout=0.2)
    assert 0.2 <= time.monotonic() - started < 2


def test_add_is_atomic_across_processes(server: StoreServer, client: StoreClient) -> None:
    code = f"""
from dist.store import StoreClient
client = StoreClient("127.0.0.1", {server.port}, {SECRET!r}, timeout=20)
for _ in range(50):
    client.add("count", 1)
"""
    # The client is not closed there: a process that forgets to must end cleanly all the same.
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    started = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate(timeout=40)[1] for process in started] == [b""] * 3
    assert [process.returncode for process in started] == [0] * 3
    assert client.add("count", 0) == 150


def test_three_jobs_at_once_do_not_meet() -> None:
    servers = [StoreServer(secret=b"job %d" % job) for job in range(3)]

    def job(index: int) -> bytes:
        client = StoreClient("127.0.0.1", servers[index].port, b"job %d" % index, timeout=10)
        client.set("who", b"%d" % index)
        time.sleep(0.1)
        value = client.get("who")
        client.close()
        return value

    assert in_threads(3, job) == [b"0", b"1", b"2"]
    for server in servers:
        server.close()


def test_wrong_secret_is_not_let_in(server: StoreServer, client: StoreClient) -> None:
    client.set("key", b"value")
    with pytest.raises(StoreError, match=r"no store of this job at .* does not know this job's secret"):
        StoreClient("127.0.0.1", server.port, b"another secret", timeout=0.4)
    assert client.get("key") == b"value"


def test_nothing_listens() -> None:
    with pytest.raises(StoreError, match=r"within 0\.2 s: nothing listens there"):
        StoreClient("127.0.0.1", 1, SECRET, timeout=0.2)


def test_unknown_host() -> None:
    with pytest.raises(StoreError, match=r"cannot find the address of host 'no\.such\.host\.invalid'"):
        StoreClient("no.such.host.invalid", 1, SECRET)


def test_port_in_use(server: StoreServer) -> None:
    with pytest.raises(StoreError, match=f"cannot listen at 127.0.0.1:{server.port}: Address already in use"):
        StoreServer(port=server.port)


def test_port_can_be_used_again(server: StoreServer, client: StoreClient) -> None:
    client.set("key", b"1")
    server.close()
    again = StoreServer(port=server.port)
    again.close()


STRANGERS = [
    b"\x00",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48) + b"\x04\x19\x05READY",
    b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(47) + b"\x06" + b"\xff" * 8 + b"\x05HELLO",
    bytes(range(256)) * 40,
]


@pytest.mark.parametrize("garbage", STRANGERS, ids=range(len(STRANGERS)))
def test_bytes_of_strangers_change_nothing(
    server: StoreServer, client: StoreClient, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    client.set("key", b"value")
    with caplog.at_level(logging.WARNING, "dist.store"):
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(garbage)
            time.sleep(0.05)
        deadline = time.monotonic() + 5
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.02)
    assert "dropped 1 connection(s) without the job's secret" in caplog.text
    assert client.get("key") == b"value"


def test_ranks_that_end_on_their_way_in_are_no_strangers(
    server: StoreServer, client: StoreClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.set("key", b"value")
    with caplog.at_level(logging.WARNING, "dist.store"):
        socket.create_connection(("127.0.0.1", server.port)).close()
        with zmq.Context() as context, context.socket(zmq.DEALER) as silent:
            use_curve(silent, SECRET, is_server=False)
            with silent.get_monitor_socket() as monitor:
                silent.connect(f"tcp://127.0.0.1:{server.port}")
                while parse_monitor_message(monitor.recv_multipart())["event"] != zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    continue
                silent.disable_monitor()
        time.sleep(0.2)
    assert caplog.text == ""


def test_unencrypted_client_is_not_let_in(server: StoreServer, client: StoreClient) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.connect(f"tcp://127.0.0.1:{server.port}")
        stranger.send_multipart([b"1", b"set", b"key", b"stolen"])
        assert stranger.poll(300) == 0
    assert client.compare_set("key", b"", b"") == b""


def test_malformed_requests_of_members_change_nothing(server: StoreServer, client: StoreClient) -> None:
    for operation, arguments in [("set", [b"key"]), ("nonsense", []), ("join", [b"{}"]), ("add", [b"key", b"x"])]:
        with pytest.raises(StoreError, match=f"^{operation}: malformed request"):
            client.request(operation, *arguments)
    with zmq.Context() as context, context.socket(zmq.DEALER) as raw:
        raw.linger = 0
        use_curve(raw, SECRET, is_server=False)
        raw.connect(f"tcp://127.0.0.1:{server.port}")
        raw.send_multipart([b"1", b"hello"])
        assert raw.recv_multipart() == [b"1", b"ok"]
        raw.send_multipart([b"too short"])
        raw.send_multipart([b"2", b"\xff\xfe", b"\x00"])
        assert raw.recv_multipart()[:2] == [b"2", b"error"]
    client.set("key", b"value")
    assert client.get("key") == b"value"


@pytest.mark.parametrize("side", ["server", "client"])
def test_who_waits_is_told_at_once_that_the_store_is_gone(server: StoreServer, client: StoreClient, side: str) -> None:
    closing = threading.Timer(0.2, server.close if side == "server" else client.close)
    closing.start()
    started = time.monotonic()
    with pytest.raises(StoreGone, match=f"127.0.0.1:{server.port}"):
        client.get("never", timeout=20)
    assert time.monotonic() - started < 2
    closing.join()
    with pytest.raises(StoreGone):
        client.set("key", b"1")


def test_the_thread_of_events_cannot_wait_for_itself(client: StoreClient) -> None:
    caught: list[StoreError] = []
    called = threading.Event()

    def handler(kind: str, arguments: list[bytes]) -> None:
        try:
            client.get("key")
        except StoreError as error:
            caught.append(error)
        called.set()

    client.on_event(handler)
    client.request("join", b'{"group": "g", "rank": 0, "size": 1, "host": "h", "pid": 1, "timeout": 1}')
    client.request("announce", b"kind", b"payload")
    assert called.wait(5)
    assert "cannot be asked from the thread" in str(caught[0])


def test_posting_never_waits_for_the_thread() -> None:
    thread = SocketThread("busy", zmq.DEALER)  # not started: it takes nothing
    posting = threading.Thread(target=lambda: [thread.post(lambda: None) for _ in range(5000)], daemon=True)
    posting.start()
    posting.join(10)
    assert not posting.is_alive()
    thread.close()


def test_closing_twice(server: StoreServer, client: StoreClient) -> None:
    for _ in range(2):
        client.close()
        server.close()


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, dist.store; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    assert {"numpy", "rich", "tensorlib", "numba"}.isdisjoint(done.stdout.split())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "*"])
def test_stores_of_several_jobs_at_one_port(host: str) -> None:
    jobs = [b"one", b"another", b"a third"]
    servers = [StoreServer(host, 0, jobs[0], shares_port=True)]
    servers += [StoreServer(host, servers[0].port, job, shares_port=True) for job in jobs[1:]]
    for shares_port in (True, False):
        with pytest.raises(StoreError, match=r"^cannot listen at .*: Address already in use"):
            StoreServer(host, servers[0].port, jobs[0], shares_port=shares_port)
    reached_at = "127.0.0.1" if host == "*" else host
    for job in jobs * 2:
        client = StoreClient(reached_at, servers[0].port, job, timeout=20)
        client.add(job.decode(), 1)
        assert client.list_keys() == [job.decode()]
        client.close()
    for server in servers:
        server.close()
