"""Worlds that one process enters and leaves many times, with the same arguments and with fewer ranks."""

from __future__ import annotations

import json
import os
import queue
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest

import dist
from dist.store import StoreClient, StoreServer
from dist.testing.world import run_ranks
from tests.distributed.control_plane import free_port, in_threads

SIZES = (3, 3, 3, 2, 2, 1, 1)


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
