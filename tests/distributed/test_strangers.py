"""Port scans, other protocols and clients of other jobs on every port that a job listens at change nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import psutil

import dist
from dist.errors import StoreError
from dist.rendezvous import rendezvous
from dist.store import StoreClient
from dist.testing import run_world
from dist.transport.bootstrap import Bootstrap
from dist.transport.framing import ABORT, DATA, pack_header
from dist.transport.handshake import Address
from dist.transport.tcp import TcpTransport, connect_tcp
from tests.distributed.control_plane import free_port, in_threads, nothing_left
from tests.distributed.test_store import STRANGERS
from tests.distributed.test_tcp import MemoryStore

TLS_HELLO = bytes.fromhex("160301006c010000680303") + bytes(100)
GARBAGE = [*STRANGERS, TLS_HELLO, pack_header(ABORT, 1), pack_header(DATA, 1, length=8), os.urandom(100_000)]


def knock(port: int) -> socket.socket:
    """Try everything at a port; return a connection that stays open and silent."""
    for garbage in GARBAGE:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5.0) as stranger:
            stranger.sendall(garbage)
    for _ in range(10):  # as a port scan does
        socket.create_connection(("127.0.0.1", port), 5.0).close()
    return socket.create_connection(("127.0.0.1", port), 5.0)


def listening_ports() -> set[int]:
    """Return the ports at which the processes of this world listen, the store's included."""
    ports = {int(os.environ["MASTER_PORT"])}
    for process in psutil.Process(os.getppid()).children():
        ports |= {at.laddr.port for at in process.net_connections("inet") if at.status == psutil.CONN_LISTEN}
    return ports


@contextmanager
def under_attack(ports: set[int]) -> Iterator[list[int]]:
    """Have strangers at the ports all the time; yields a list that grows by one with each round."""
    rounds: list[int] = []
    over = threading.Event()

    def attack() -> None:
        with ExitStack() as silent:
            while not over.is_set():
                for port in ports:
                    with contextlib.suppress(OSError):
                        silent.enter_context(knock(port))
                    with contextlib.suppress(StoreError):
                        StoreClient("127.0.0.1", port, b"of another job", timeout=0.1).close()
                rounds.append(len(rounds))

    thread = threading.Thread(target=attack)
    thread.start()
    try:
        yield rounds
    finally:
        over.set()
        thread.join(20)


def work() -> list[float]:
    """Use all that listens: messages, and the control plane by a group that is made and objects that are told."""
    rank, size = dist.get_rank(), dist.get_world_size()
    x = np.full(1000, rank + 1.0)
    dist.all_reduce(x)
    dist.isend(x, (rank + 1) % size)
    received = np.empty_like(x)
    dist.recv(received, (rank - 1) % size)
    dist.barrier()
    return [float(x[0]), float(received[-1])]


def work_under_attack(rounds_wanted: int) -> int:
    enough = np.zeros(1)
    with under_attack(listening_ports() if dist.get_rank() == 0 else set()) as rounds:
        while not enough[0]:
            assert work() == [6.0, 6.0]
            enough[0] = dist.get_rank() == 0 and len(rounds) >= rounds_wanted
            dist.broadcast(enough, 0)
    assert work() == [6.0, 6.0]
    return len(rounds)


def test_a_job_under_attack_works_as_ever() -> None:
    rounds = run_world(3, work_under_attack, 5)
    assert rounds[0] >= 5


def test_ranks_meet_under_attack() -> None:
    port = free_port()

    def meet(rank: int) -> int:
        time.sleep(0.3 * (rank + 1))
        meeting = rendezvous(f"tcp://127.0.0.1:{port}", rank, 3, timeout=30)
        found = meeting.store.add("met", 1)
        meeting.store.wait(["all met"], 30) if found < 3 else meeting.store.set("all met", b"")
        meeting.close()
        return found

    with nothing_left(), under_attack({port}):
        assert sorted(in_threads(3, meet)) == [1, 2, 3]


def test_ranks_connect_under_attack() -> None:
    """Strangers that say nothing hold no rank up, however many there are."""
    store = MemoryStore()
    with ThreadPoolExecutor(3) as pool, ExitStack() as silent:
        ranks = [pool.submit(connect_tcp, Bootstrap(rank, 3, store, b"secret", timeout=20.0)) for rank in (0, 1)]
        ports = [Address.decode(store.get(f"tcp/{rank}", 5.0)).port for rank in (0, 1)]
        for port in ports * 20:
            silent.enter_context(knock(port))
        ranks.append(pool.submit(connect_tcp, Bootstrap(2, 3, store, b"secret", timeout=20.0)))
        transports = [rank.result(25) for rank in ranks]
    for transport in transports:
        check_messages(transport, transports)
    for transport in transports:
        transport.close()


def check_messages(receiver: TcpTransport, transports: list[TcpTransport]) -> None:
    for sender in transports:
        buffer = bytearray(5)
        work = receiver.irecv(memoryview(buffer), sender.rank)
        sender.isend(memoryview(b"hello"), receiver.rank).wait(5)
        assert work.wait(5) == sender.rank
        assert buffer == b"hello"
