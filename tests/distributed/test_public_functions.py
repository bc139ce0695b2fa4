"""The public functions between processes, and how a world begins and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import dist
from dist.errors import DistError, RendezvousError
from dist.testing import run_ranks, run_world
from tests.distributed.control_plane import free_port

ROOT = Path(__file__).resolve().parents[2]


def every_function() -> None:
    rank, size = dist.get_rank(), dist.get_world_size()
    assert dist.is_available()
    assert dist.is_initialized()
    assert dist.get_backend() == "gloo"
    assert dist.group.WORLD is not None
    assert dist.get_world_size(dist.group.WORLD) == size == 3

    for elements in (1, 1000, 300_000):
        x = np.arange(elements) + float(rank)
        dist.all_reduce(x, op=dist.reduce_op.SUM, group=dist.group.WORLD)
        np.testing.assert_array_equal(x, 3.0 * np.arange(elements) + 3)
        dist.reduce(x, dst=2, op=dist.ReduceOp.MAX)
        if rank == 1:
            x[:] = -1
        dist.broadcast(tensor=x, src=1)
        assert x[0] == x[-1] == -1

    gathered = [np.zeros(2), np.zeros(2), np.zeros(2)]
    dist.all_gather(gathered, np.full(2, float(rank)))
    assert [list(row) for row in gathered] == [[0, 0], [1, 1], [2, 2]]
    dist.gather(np.full(2, float(-rank)), dst=1, gather_list=gathered if rank == 1 else None)
    assert rank != 1 or [list(row) for row in gathered] == [[0, 0], [-1, -1], [-2, -2]]
    dist.scatter(x[:2], src=2, scatter_list=[np.full(2, 5.0 + i) for i in range(3)] if rank == 2 else None)
    assert list(x[:2]) == [5.0 + rank] * 2
    dist.barrier()

    request = dist.isend(tensor=np.array([rank]), dst=(rank + 1) % 3)
    box = np.empty(1, np.int64)
    assert dist.recv(tensor=box, src=(rank - 1) % 3) == box[0] == (rank - 1) % 3
    request.wait()
    dist.barrier()  # else the next message could be one for the receive above
    receiving = dist.irecv(box)
    dist.send(np.array([rank + 10]), (rank - 1) % 3)
    receiving.wait(timedelta(seconds=20))
    assert box[0] == (rank + 1) % 3 + 10
    assert dist.get_statistics().calls > 12


def test_every_function_between_processes() -> None:
    run_world(3, every_function)


def come_and_go() -> list[int]:
    descriptors = []
    for _ in range(3):
        dist.init_process_group(timeout=timedelta(seconds=30), world_size=None, rank=None)
        x = np.ones(2)
        work = dist.all_reduce(x, async_op=True)
        assert work is not None
        work.wait()
        group = dist.new_group([0, 1])
        dist.all_reduce(x, group=group)
        assert x.tolist() == [4.0, 4.0]
        with pytest.raises(DistError, match="init_process_group: there is a process group already"):
            dist.init_process_group()
        world = dist.group.WORLD
        dist.destroy_process_group()
        assert threading.enumerate() == [threading.current_thread()]
        for stale in (world, group):
            with pytest.raises(DistError, match=r"barrier: group world.* was destroyed"):
                dist.barrier(group=stale)
        descriptors.append(psutil.Process().num_fds())
    return descriptors


def test_a_world_can_be_left_and_entered_again_and_keeps_nothing() -> None:
    for outcome in run_ranks(2, come_and_go):
        assert not outcome.failed, str(outcome)
        assert outcome.value[1] == outcome.value[2]


@pytest.mark.parametrize(
    "call",
    [
        dist.get_rank,
        dist.get_world_size,
        dist.get_backend,
        dist.get_statistics,
        dist.get_flight_record,
        dist.new_group,
        dist.barrier,
        dist.destroy_process_group,
        lambda: dist.all_reduce(np.ones(1)),
        lambda: dist.broadcast(np.ones(1), 0),
        lambda: dist.send(np.ones(1), 0),
        lambda: dist.all_gather_object([None], 0),
    ],
)
def test_before_the_beginning_one_error_says_what_to_do(call: Callable[[], object]) -> None:
    assert dist.group.WORLD is None
    assert not dist.is_initialized()
    with pytest.raises(DistError, match=r"there is no process group: call dist\.init_process_group\(\) first.*tlrun"):
        call()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backend": "x25"}, ValueError, "init_process_group: backend 'x25' is not available: need one of"),
        ({"timeout": 0}, ValueError, "init_process_group: timeout is 0: need a positive"),
        ({"timeout": None}, TypeError, "init_process_group: timeout is a NoneType"),
        (
            {"init_method": "tcp://127.0.0.1:1", "rank": 2, "world_size": 2},
            RendezvousError,
            r"rank must be in 0 \.\. 1",
        ),
        ({"init_method": "carrier pigeon"}, RendezvousError, "init_method must begin with"),
        ({"rank": "0", "world_size": 1}, TypeError, "init_process_group: rank is '0': need an integer"),
        ({"world_size": timedelta(minutes=1)}, TypeError, "init_process_group: world_size is .*: need an integer"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    before = set(threading.enumerate())
    with pytest.raises(error, match=message):
        dist.init_process_group(**arguments)
    assert not dist.is_initialized()
    assert set(threading.enumerate()) == before


def test_a_wrong_group_is_refused() -> None:
    def work() -> None:
        with pytest.raises(TypeError, match=r"barrier: group is a list: need what dist\.new_group\(\) returned"):
            dist.barrier(group=[0])  # type: ignore[arg-type]

    dist.simulate(1, work)


def test_a_world_of_one_by_address(unused_port: int) -> None:
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{unused_port}", rank=0, world_size=1)
    try:
        x = np.ones(3)
        dist.all_reduce(x)
        dist.barrier()
        assert x.tolist() == [1.0, 1.0, 1.0]
        assert dist.get_backend() == "gloo"
    finally:
        dist.destroy_process_group()


@pytest.fixture
def unused_port() -> int:
    return free_port()


def finish_at_different_times() -> None:
    dist.init_process_group()
    dist.barrier()
    time.sleep(0.3 * dist.get_rank())


def test_ranks_that_finish_without_destroying_are_not_blamed() -> None:
    outcomes = run_ranks(3, finish_at_different_times)
    assert [outcome.code for outcome in outcomes] == [0, 0, 0]


def fork_a_child() -> None:
    x = np.ones(1)
    dist.all_reduce(x)
    child = os.fork()
    if child == 0:
        sys.exit(3 if dist.is_initialized() else 0)
    assert os.waitpid(child, 0)[1] == 0
    dist.all_reduce(x)
    assert x[0] == 4.0


def test_a_forked_child_does_not_end_its_parents_world() -> None:
    run_world(2, fork_a_child)


def test_one_group_can_be_destroyed() -> None:
    def work() -> None:
        group = dist.new_group()
        dist.barrier(group=group, async_op=True)
        dist.destroy_process_group(group)
        with pytest.raises(DistError, match="barrier: group world/1 was destroyed"):
            dist.barrier(group=group)
        with pytest.raises(ValueError, match="destroy_process_group: group world/1 does not belong to this world"):
            dist.destroy_process_group(group)
        dist.barrier()

    dist.simulate(2, work)


def read_modules(code: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "."}, capture_output=True, check=True)
    return set(done.stdout.decode().split())


def test_the_package_loads_nothing_heavy_until_it_is_used() -> None:
    assert {"numpy", "zmq", "tensorlib"}.isdisjoint(read_modules("import dist"))
    assert {"numpy", "tensorlib"}.isdisjoint(read_modules("import dist.store"))
    assert "numpy" in read_modules("import dist; dist.ReduceOp.SUM")


def test_all_names_exist() -> None:
    assert [name for name in dist.__all__ if not hasattr(dist, name)] == []
    assert dist.reduce_op is dist.ReduceOp
    with pytest.raises(AttributeError, match="module 'dist' has no attribute 'allreduce'"):
        dist.allreduce  # noqa: B018


def test_errors_and_defaults_under_the_names_of_pytorch() -> None:
    failures = (dist.CollectiveMismatch, dist.PeerError, dist.PeerLost, dist.TransportTimeout, dist.Deadlock)
    assert all(issubclass(error, dist.DistBackendError) for error in failures)
    assert not issubclass(dist.StoreError, dist.DistBackendError)
    assert (dist.DistStoreError, dist.DistNetworkError) == (dist.StoreError, dist.TransportError)
    assert dist.default_pg_timeout == timedelta(minutes=5)
    assert dist.supports_complex(dist.ReduceOp.SUM)
    assert not dist.supports_complex(dist.ReduceOp.BXOR)


def test_names_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="Backend: name is 1: need a string"):
        dist.Backend(1)  # type: ignore[arg-type]
    assert not dist.is_backend_available(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"supports_complex: reduceOp is 'x': need a member of dist.ReduceOp"):
        dist.supports_complex("x")  # type: ignore[arg-type]
