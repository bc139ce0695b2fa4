"""Worlds that one process enters and leaves many times, with the same arguments and with fewer ranks."""

from __future__ import annotations

import json
import os
import queue
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import dist
from dist.rendezvous import rendezvous
from dist.store import StoreClient, StoreServer
from dist.testing.world import run_ranks
from tests.distributed.control_plane import free_port, in_threads

SIZES = (3, 3, 2, 1, 1)


def enter_and_leave(init_method: str, port: int) -> tuple[list[float], list[int]]:
    """Be in worlds of `SIZES`; return what was added up in each, and the open descriptors after each."""
    rank = int(os.environ["RANK"])
    if port:
        # As if no launcher had started this process.
        del os.environ["TENSORLIB_STORE"], os.environ["TENSORLIB_JOB_SECRET"]
        os.environ["MASTER_PORT"] = str(port)
    sums, descriptors = [], []
    for size in SIZES:
        if rank < size:
            dist.init_process_group(init_method=init_method, world_size=size, rank=rank, timeout=30)
            x = np.full(2, rank + 1.0)
            dist.all_reduce(x)
            sums.append(float(x[0]))
            dist.destroy_process_group()
            assert threading.enumerate() == [threading.current_thread()]
            descriptors.append(psutil.Process().num_fds())
    return sums, descriptors


@pytest.mark.parametrize("scheme", ["launcher", "env", "tcp", "multicast", "file"])
def test_worlds_one_after_the_other(scheme: str, tmp_path: Path) -> None:
    port = free_port()
    urls = {
        "tcp": f"tcp://127.0.0.1:{port}",
        "multicast": f"tcp://239.255.77.2:{port}",
        "file": f"file://{tmp_path}/meet",
    }
    outcomes = run_ranks(3, enter_and_leave, urls.get(scheme, "env://"), 0 if scheme == "launcher" else port)
    for rank, outcome in enumerate(outcomes):
        assert not outcome.failed, str(outcome)
        sums, descriptors = outcome.value
        assert sums == [size * (size + 1) / 2 for size in SIZES if rank < size]
        assert descriptors[1:] == descriptors[:-1]
    assert os.listdir(tmp_path) == []


def enter_by_store(port: int) -> list[tuple[int, float]]:
    """Be in worlds of 3, 3 and 2 ranks that meet in one store; return the rank and what was added up in each."""
    number, found = int(os.environ.pop("RANK")), []
    store = dist.TCPStore("127.0.0.1", port, 3, is_master=number == 0, timeout=30)
    for size, rank in ((3, number), (3, -1), (2, number)):
        if rank < size:
            dist.init_process_group(store=dist.PrefixStore("worlds", store), world_size=size, rank=rank, timeout=30)
            x = np.ones(2)
            dist.all_reduce(x)
            found.append((dist.get_rank(), float(x[0])))
            dist.destroy_process_group()
    store.add("done", 1)
    while number == 0 and store.add("done", 0) < 3:
        time.sleep(0.01)
    store.close()
    return found


def test_worlds_that_meet_in_a_store_of_the_programs() -> None:
    outcomes = run_ranks(3, enter_by_store, free_port())
    assert not any(outcome.failed for outcome in outcomes), "\n".join(map(str, outcomes))
    first, second = ([outcome.value[world] for outcome in outcomes] for world in range(2))
    assert first == [(0, 3.0), (1, 3.0), (2, 3.0)]
    assert sorted(second) == [(0, 3.0), (1, 3.0), (2, 3.0)]
    assert [outcome.value[2:] for outcome in outcomes] == [[(0, 2.0)], [(1, 2.0)], []]


def test_ranks_missing_in_a_store_are_named_and_can_come_the_next_time() -> None:
    store = dist.HashStore()

    def meet(rank: int, seconds: float) -> Any:
        met = rendezvous(store, rank, 3, timeout=seconds)
        met.store.set(str(rank), b"")
        met.store.wait(["0", "1", "2"])
        met.close()
        return met.rank

    for error in in_threads(2, lambda index: meet([0, 2][index], 0.4)):
        assert isinstance(error, dist.RendezvousError)
        assert re.match(r"HashStore: of 3 ranks, ranks? .*1.* did not arrive within 0\.4 s; here are rank", str(error))
    for _ in range(3):
        assert in_threads(3, lambda rank: meet(rank, 30)) == [0, 1, 2]
    assert store.num_keys() == 3


def test_what_is_no_store() -> None:
    with pytest.raises(TypeError, match=r"^init_process_group: \{\} is no store: need one such as dist\.TCPStore"):
        dist.init_process_group(store={}, world_size=1, rank=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="init_method 'env://' and a store: need one of them"):
        dist.init_process_group(init_method="env://", store=dist.HashStore())


def test_a_part_of_a_launchers_job_is_told_of_its_own_processes_alone() -> None:
    server = StoreServer(world_size=3)
    server.report(0, "was killed by SIGKILL")
    clients = [StoreClient("127.0.0.1", server.port, timeout=20) for _ in range(2)]
    events: queue.Queue[tuple[str, list[bytes]]] = queue.Queue()

    def join(rank: int) -> None:
        asked = {"group": "", "rank": rank, "size": 2, "job_rank": rank + 1, "host": "h", "pid": 7, "timeout": 20}
        clients[rank].request("join", json.dumps(asked).encode(), timeout=30)
        if rank == 0:
            clients[rank].on_event(lambda *event: events.put(event))

    assert in_threads(2, join) == [None, None]
    server.report(1, "exited with code 3")
    assert events.get(timeout=20) == ("failed", [b"0", b"rank 0 (host h, pid 7) exited with code 3"])
    for client in clients:
        client.close()
    server.close()
    assert events.empty()
