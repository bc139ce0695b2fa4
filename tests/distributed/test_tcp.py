"""TCP among real processes that are killed, and with strangers on the line."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from dist.errors import PeerLost, TransportError, TransportTimeout
from dist.transport import handshake
from dist.transport.bootstrap import Bootstrap
from dist.transport.framing import DATA, HEADER_BYTES, pack_header, unpack_header
from dist.transport.handshake import Address
from dist.transport.tcp import TcpTransport, connect_tcp
from tests.distributed.stores import FileStore, MemoryStore

MEGABYTE = 1 << 20
Main = Callable[[TcpTransport, Connection], None]


def run_rank(main: Main, rank: int, size: int, folder: Path, pipe: Connection) -> None:
    transport = connect_tcp(Bootstrap(rank, size, FileStore(folder), b"secret", timeout=20.0))
    main(transport, pipe)
    transport.close()


@contextlib.contextmanager
def processes(main: Main, size: int, folder: Path) -> Iterator[list[tuple[multiprocessing.Process, Connection]]]:
    """Run `main(transport, pipe)` in a process per rank."""
    context = multiprocessing.get_context("spawn")
    ranks = []
    for rank in range(size):
        ours, theirs = context.Pipe()
        process = context.Process(target=run_rank, args=(main, rank, size, folder, theirs))
        process.start()
        theirs.close()
        ranks.append((process, ours))
    try:
        yield ranks
    finally:
        for process, pipe in ranks:
            process.join(20)
            process.kill()
            process.join()
            process.close()
            pipe.close()


def receive(pipe: Connection) -> object:
    assert pipe.poll(30), "a rank said nothing for 30 s"
    return pipe.recv()


def exchange_with_all(transport: TcpTransport, pipe: Connection) -> None:
    for size in (0, 5, 100_000, 3 * MEGABYTE):
        message = bytes([transport.rank]) * size
        buffers = [bytearray(size) for _ in range(transport.size)]
        works = [transport.isend(memoryview(message), peer) for peer in range(transport.size)]
        works += [transport.irecv(memoryview(buffer), peer) for peer, buffer in enumerate(buffers)]
        for work in works:
            work.wait(20)
        assert buffers == [bytes([peer]) * size for peer in range(transport.size)]
    pipe.send("done")


def test_four_processes_exchange_messages(tmp_path: Path) -> None:
    with processes(exchange_with_all, 4, tmp_path) as ranks:
        assert [receive(pipe) for _, pipe in ranks] == ["done"] * 4


def block(transport: TcpTransport, pipe: Connection) -> None:
    """Wait for something that does not happen: 0 for 1, 1 for 3, and 2 for 3 to take a large message."""
    pipe.send("connected")
    transfers = {
        0: lambda: transport.irecv(memoryview(bytearray(4)), 1),
        1: lambda: transport.irecv(memoryview(bytearray(4)), 3),
        2: lambda: transport.isend(memoryview(bytes(64 * MEGABYTE)), 3),
        3: lambda: transport.irecv(memoryview(bytearray(4)), 0),
    }
    with pytest.raises(PeerLost) as caught:
        transfers[transport.rank]().wait(20)
    pipe.send((time.monotonic(), caught.value.rank, str(caught.value)))


def test_killed_rank_is_named_by_all_who_wait(tmp_path: Path) -> None:
    with processes(block, 4, tmp_path) as ranks:
        assert [receive(pipe) for _, pipe in ranks] == ["connected"] * 4
        time.sleep(0.3)
        victim = ranks[3][0].pid
        assert victim is not None
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        for _, pipe in ranks[:3]:
            heard, rank, message = receive(pipe)  # type: ignore[misc]
            assert heard - killed < 2.0
            assert (rank, message) == (3, "rank 3: connection lost")


def connect_pair(secrets: tuple[bytes, bytes], timeout: float) -> list[TcpTransport | Exception]:
    """Connect two ranks, each with its own idea of the secret; return their transports or errors."""
    store = MemoryStore()
    with ThreadPoolExecutor(2) as pool:
        ranks = [
            pool.submit(connect_tcp, Bootstrap(rank, 2, store, secrets[rank], timeout=timeout)) for rank in range(2)
        ]
        return [rank.exception() or rank.result() for rank in ranks]  # type: ignore[misc]


def test_rank_with_another_secret_is_refused_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "dist.transport"):
        accepting, connecting = connect_pair((b"secret", b"other"), timeout=1.5)
    assert isinstance(accepting, TransportTimeout)
    assert "no connection with rank 1 after 1.5 s" in str(accepting)
    assert isinstance(connecting, TransportError)
    assert connecting.rank == 0
    assert "does not know the job's secret" in caplog.text


def test_a_connection_that_breaks_as_it_is_complete_names_the_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_broken(sock: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr(handshake, "_tune", has_broken)
    _, connecting = connect_pair((b"secret", b"secret"), timeout=0.5)
    assert isinstance(connecting, TransportError)
    assert connecting.rank == 0
    assert "rank 1: connect to rank 0 at 127.0.0.1:" in str(connecting)


def test_strangers_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    with ThreadPoolExecutor(1) as pool, caplog.at_level(logging.WARNING, "dist.transport"):
        first = pool.submit(connect_tcp, Bootstrap(0, 2, store, b"secret", timeout=10.0))
        address = Address.decode(store.get("tcp/0", 5.0))
        place = (address.host, address.port)
        store.set("tcp/1", Address("127.0.0.1", 1, b"").encode())
        silent, rude, brief = (socket.create_connection(place) for _ in range(3))
        with silent, rude, brief:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(200))
            brief.shutdown(socket.SHUT_WR)  # closed with the challenge unread, it would be reset
            assert was_hung_up_on(rude)
            second = connect_tcp(Bootstrap(1, 2, FixedStore(address), b"secret", timeout=5.0))
        transports = [first.result(10), second]
    check_pair(*transports)
    assert "it does not know the job's secret" in caplog.text
    assert "it hung up" in caplog.text


def was_hung_up_on(sock: socket.socket) -> bool:
    sock.settimeout(5)
    try:
        while sock.recv(1000):
            pass
    except ConnectionResetError:  # what was sent had not all been read
        pass
    return True


class FixedStore(MemoryStore):
    """Knows where rank 0 listens, and keeps what rank 1 says to itself."""

    def __init__(self, address: Address) -> None:
        super().__init__()
        self.set("tcp/0", address.encode())


def check_pair(first: TcpTransport, second: TcpTransport) -> None:
    buffer = bytearray(5)
    work = first.irecv(memoryview(buffer), 1)
    second.isend(memoryview(b"hello"), 0).wait(5)
    work.wait(5)
    assert buffer == b"hello"
    second.close()
    first.close()


def test_no_rank_connects_to_one_that_is_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    store = FixedStore(Address("127.0.0.1", free, b""))
    with pytest.raises(TransportError, match="connect to rank 0 at 127") as caught:
        connect_tcp(Bootstrap(1, 2, store, b"secret", timeout=5.0))
    assert caught.value.rank == 0


async def connect_in_a_loop(rank: int, store: MemoryStore) -> TcpTransport:
    return connect_tcp(Bootstrap(rank, 2, store, b"secret", timeout=10.0))


def test_ranks_connect_where_an_event_loop_runs_already() -> None:
    """As in a notebook."""
    store = MemoryStore()
    with ThreadPoolExecutor(2) as pool:
        ranks = [pool.submit(asyncio.run, connect_in_a_loop(rank, store)) for rank in range(2)]
        check_pair(*(rank.result(20) for rank in ranks))


async def interrupt_itself() -> None:
    store = FixedStore(Address("127.0.0.1", 1, b""))
    store.set("tcp/1", Address("127.0.0.1", 1, b"").encode())
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    connect_tcp(Bootstrap(0, 2, store, b"secret", timeout=30.0))


def test_connecting_in_an_event_loop_can_be_interrupted() -> None:
    started, previous = time.monotonic(), signal.getsignal(signal.SIGALRM)
    try:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(interrupt_itself())
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - started < 5


def test_rank_that_does_not_say_where_it_listens_is_named() -> None:
    with pytest.raises(TransportTimeout, match=r"^rank 0: rank 1 did not say in time where it listens$") as caught:
        connect_tcp(Bootstrap(0, 2, MemoryStore(), b"secret", timeout=0.1))
    assert caught.value.rank == 1


def test_rank_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="rank 2 is not a rank"):
        connect_tcp(Bootstrap(2, 2, MemoryStore(), b"secret"))


@contextlib.contextmanager
def transport_with_raw_peer() -> Iterator[tuple[TcpTransport, socket.socket]]:
    """Yield rank 0 of two, and the other end of its connection."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(5)
    transport = TcpTransport(0, {1: ours})
    with theirs:
        try:
            yield transport, theirs
        finally:
            transport.close()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n" + bytes(100), "magic b'GET '"),
        (pack_header(DATA, source=0, length=4) + b"abcd", "a message of rank 0 came over the connection of rank 1"),
        (pack_header(DATA, source=1, length=4) + b"ab", "connection lost"),
        (pack_header(DATA, source=1, length=4)[:17], "connection lost"),
        (b"", "connection lost"),
    ],
    ids=["garbage", "other rank", "half a message", "half a header", "nothing"],
)
def test_broken_stream_is_a_lost_peer(data: bytes, complaint: str) -> None:
    with transport_with_raw_peer() as (transport, peer):
        buffer = bytearray(4)
        work = transport.irecv(memoryview(buffer), 1)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(PeerLost, match=complaint) as caught:
            work.wait(5)
        assert caught.value.rank == 1


def test_messages_that_nobody_asks_for_stay_with_the_sender() -> None:
    with transport_with_raw_peer() as (transport, peer):
        peer.setblocking(False)
        message = pack_header(DATA, 1, tag=1, length=60_000) + bytes(60_000)
        sent, blocked_since = 0, time.monotonic()
        while time.monotonic() - blocked_since < 0.3:
            transport.irecv(memoryview(bytearray(1)), 0, tag=2).is_completed()  # makes progress on all connections
            with contextlib.suppress(BlockingIOError):
                sent += peer.send(message[sent % len(message) :])
                blocked_since = time.monotonic()
        assert MEGABYTE < sent < 8 * MEGABYTE
        buffer = bytearray(60_000)
        for _ in range(sent // len(message)):
            transport.irecv(memoryview(buffer), 1, tag=1).wait(5)


def test_messages_that_nobody_asks_for_are_kept_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.transport.connection.UNASKED_BYTES", MEGABYTE)
    with transport_with_raw_peer() as (transport, peer):
        waiting = transport.irecv(memoryview(bytearray(1)), 1, tag=2)
        for tag in range(3, 3 + 18):
            assert not waiting.is_completed()
            peer.sendall(pack_header(DATA, 1, tag=tag, length=60_000) + bytes(60_000))
        complaint = "rank 1 has sent 1080000 bytes that nobody asks for: need at most 1048576"
        with pytest.raises(TransportError, match=complaint) as caught:
            waiting.wait(5)
        assert not isinstance(caught.value, PeerLost)
        assert caught.value.rank == 1
        with pytest.raises(TransportError, match=complaint):
            transport.isend(memoryview(b"x"), 1).wait(5)


def test_a_message_too_many_that_came_before_anybody_waited_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.transport.connection.UNASKED_BYTES", MEGABYTE)
    with transport_with_raw_peer() as (transport, peer):
        peer.sendall(pack_header(DATA, 1, tag=3, length=2 * MEGABYTE))
        assert not transport.irecv(memoryview(bytearray(1)), 0, tag=1).is_completed()
        with pytest.raises(TransportError, match="rank 1 has sent 2097152 bytes that nobody asks for"):
            transport.irecv(memoryview(bytearray(1)), 1, tag=2).wait(5)


def test_who_waits_for_a_send_takes_what_nobody_asks_for_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.transport.connection.UNASKED_BYTES", 32 * MEGABYTE)
    with transport_with_raw_peer() as (transport, peer), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transport.isend(memoryview(bytes(64 * MEGABYTE)), 1).wait, 10)
        message = pack_header(DATA, 1, length=20 * MEGABYTE) + bytes(20 * MEGABYTE)
        peer.sendall(message)  # one for which there is room, one at the limit, and then no more
        peer.sendall(message)
        peer.settimeout(0.5)
        with pytest.raises(TimeoutError):
            peer.sendall(message)
        assert not waiting.done()
        for _ in range(2):
            transport.irecv(memoryview(bytearray(20 * MEGABYTE)), 1).wait(5)
        peer.settimeout(5)
        rest = HEADER_BYTES + 64 * MEGABYTE
        while rest:
            rest -= len(peer.recv(min(rest, MEGABYTE)))
        assert waiting.result() == 1


def test_killed_peer_is_noticed_behind_a_message_that_nobody_asks_for() -> None:
    with transport_with_raw_peer() as (transport, peer):
        peer.sendall(pack_header(DATA, 1, tag=1, length=100_000) + bytes(1000))
        waiting = transport.irecv(memoryview(bytearray(1)), 0, tag=2)
        assert not waiting.is_completed()
        peer.close()
        with pytest.raises(PeerLost, match="rank 1: connection lost"):
            waiting.wait(5)


def test_close_says_goodbye() -> None:
    with transport_with_raw_peer() as (transport, peer):
        transport.isend(memoryview(b"abc"), 1, tag=7, fingerprint=9).wait(5)
        transport.close()
        data = b""
        while part := peer.recv(1000):
            data += part
        assert unpack_header(data[:HEADER_BYTES]) == (DATA, 0, 7, 9, 3)
        assert data[HEADER_BYTES:][3:] == pack_header(3, 0)


def test_a_rank_that_can_accept_nobody_says_why_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def accept(sock: socket.socket) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket.socket, "accept", accept)
    store, started = MemoryStore(), time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        ranks = [pool.submit(connect_tcp, Bootstrap(rank, 2, store, b"secret", timeout=20.0)) for rank in range(2)]
        with pytest.raises(TransportError, match=r"^rank 0: cannot accept connections: .*Too many open files"):
            ranks[0].result()
        with pytest.raises(TransportError):
            ranks[1].result()
    assert time.monotonic() - started < 15
