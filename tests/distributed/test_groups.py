"""Groups, ranks by their number within a group, barriers that name who is missing, backends of one's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dist
import tensorlib
from dist.errors import DistError, PeerError, TransportTimeout
from dist.store import Store
from dist.testing import run_ranks
from dist.transport.inproc import InprocTransport, make_inproc_world


def rank_sum(group: Any) -> int:
    x = np.array([dist.get_rank()])
    dist.all_reduce(x, group=group)
    return int(x[0])


def test_subgroups_of_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")

    def work() -> None:
        rank = dist.get_rank()
        mine, groups = dist.new_subgroups()
        assert [dist.get_process_group_ranks(group) for group in groups] == [[0, 1, 2], [3, 4, 5]]
        assert mine is groups[rank // 3]
        assert rank_sum(mine) == [3, 12][rank // 3]
        alone, three = dist.new_subgroups(1, groups[0])
        assert len(three) == 3
        assert alone is (three[rank] if rank < 3 else None)
        with pytest.raises(ValueError, match="new_subgroups: group_size is 2: need a divisor of 3"):
            dist.new_subgroups(2, groups[0])

    dist.simulate(6, work)


def test_subgroups_by_enumeration() -> None:
    def work() -> None:
        mine, groups = dist.new_subgroups_by_enumeration([[3, 0], [1]], timeout=30)
        assert len(groups) == 2
        if dist.get_rank() == 2:
            assert mine is None
        else:
            assert rank_sum(mine) == (1 if dist.get_rank() == 1 else 3)
        with pytest.raises(
            ValueError, match=r"new_subgroups_by_enumeration: .* is \[\[0\], \[0\]\]: need each rank on"
        ):
            dist.new_subgroups_by_enumeration([[0], [0]])

    dist.simulate(4, work)


def test_a_group_is_split_by_its_members_alone() -> None:
    def work() -> None:
        rank = dist.get_rank()
        parent = dist.new_group([1, 2, 4], timeout=7)
        if parent.rank >= 0:
            half = dist.split_group(parent, [[2, 0]])
            assert (half is None) == (rank == 2)
            if half is not None:
                assert dist.get_process_group_ranks(half) == [1, 4]
                assert half.timeout == 7
                assert rank_sum(half) == 5
                dist.destroy_process_group(half)
        else:
            with pytest.raises(ValueError, match=r"split_group: rank \d is not in group world/1 of \[1, 2, 4\]"):
                dist.split_group(parent, [[0]])
        assert rank_sum(dist.split_group(split_ranks=[[0, 1], [2, 3, 4]], timeout=20)) == (1 if rank < 2 else 9)
        for wrong in (None, [], [0], [[]], [[0], []], [[0], [0]], [[5]], [[-1]], np.arange(2), np.empty((1, 0), int)):
            with pytest.raises(ValueError, match=r"split_group: split_ranks is .*: need lists of ranks from 0 to 4,"):
                dist.split_group(None, wrong)
        with pytest.raises(TypeError, match=r"split_group: a rank of split_ranks is 0.5: need an integer"):
            dist.split_group(None, [[0.5]])
        assert (dist.split_group(None, np.array([[0, 1]])) is None) == (rank > 1)

    dist.simulate(5, work)


def test_who_is_no_member_of_a_group() -> None:
    def work() -> None:
        group, others = dist.new_group([0]), dist.GroupMember.NON_GROUP_MEMBER
        assert (group == others) == (others == group) == (dist.get_rank() == 1)
        assert (group != others) == (dist.get_rank() == 0)
        assert dist.GroupMember.WORLD is dist.group.WORLD
        assert others not in (dist.group.WORLD, None, 1, SimpleNamespace(rank=-1))
        assert others == others
        assert str(others) == "NON_GROUP_MEMBER"

    dist.simulate(2, work)


def test_ranks_of_a_group() -> None:
    def work() -> None:
        group = dist.new_group([3, 1], backend="inproc")
        assert dist.get_process_group_ranks(group) == [1, 3]
        assert dist.get_process_group_ranks() == [0, 1, 2, 3]
        assert [dist.get_global_rank(group, k) for k in (0, 1)] == [1, 3]
        assert [dist.get_group_rank(group, k) for k in (1, 3)] == [0, 1]
        with pytest.raises(ValueError, match="get_global_rank: group_rank is 2: need 0 to 1"):
            dist.get_global_rank(group, 2)
        with pytest.raises(ValueError, match=r"get_group_rank: rank 0 is not in group world/1 of \[1, 3\]"):
            dist.get_group_rank(group, 0)
        with pytest.raises(ValueError, match="new_group: backend is 'nccl': need 'inproc', that of the world, or None"):
            dist.new_group([0], backend="nccl")

    dist.simulate(4, work)


def test_roots_and_peers_by_their_rank_within_a_group() -> None:
    def work() -> None:
        rank = dist.get_rank()
        group = dist.new_group([1, 2, 3])
        if rank == 0:
            return
        x = np.array([rank])
        dist.broadcast(x, group_src=2, group=group)
        assert x[0] == 3
        dist.reduce(x, group_dst=0, group=group)
        assert x[0] == (9 if rank == 1 else 3)
        rows = [np.zeros(1, int) for _ in range(3)]
        dist.gather(np.array([rank]), rows if rank == 2 else None, group_dst=1, group=group)
        assert rank != 2 or [int(row[0]) for row in rows] == [1, 2, 3]
        dist.scatter(x, rows if rank == 2 else None, group_src=1, group=group)
        assert x[0] == rank
        if rank == 1:
            dist.send(x, group_dst=2, group=group)
        if rank == 3:
            assert dist.recv(x, group_src=0, group=group) == 1

    dist.simulate(4, work)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: dist.broadcast(np.ones(1)),
            "broadcast: src is missing: need a global rank, or group_src, a rank of th",
        ),
        (lambda: dist.reduce(np.ones(1), 0, group_dst=0), "reduce: both dst and group_dst are given: need one of them"),
        (lambda: dist.isend(np.ones(1), group_dst=1), "isend: group_dst is 1: need 0 to 0"),
        (lambda: dist.send(np.ones(1)), "send: dst is missing"),
        (lambda: dist.batch_isend_irecv([]), r"batch_isend_irecv: p2p_op_list is \[\]: need a list of dist.P2POp"),
        (lambda: dist.P2POp(dist.send, np.ones(1), 0), "P2POp: op is <function send .*: need dist.isend or dist.irecv"),
        (lambda: dist.P2POp(dist.isend, np.ones(1)), "P2POp: peer is missing"),
        (lambda: dist.P2POp(dist.irecv, np.ones(1), 1), "P2POp: peer=1 is not in group world"),
        (lambda: dist.P2POp(dist.irecv, np.broadcast_to(1.0, 2), 0), "P2POp: tensor is read-only"),
    ],
)
def test_wrong_ranks_and_messages(call: Callable[[], object], message: str) -> None:
    def work() -> None:
        with pytest.raises(ValueError, match=message):
            call()
        dist.barrier()

    dist.simulate(1, work)


def test_monitored_barrier_names_who_did_not_come() -> None:
    errors: dict[int, PeerError] = {}
    end = threading.Barrier(4)

    def work(all_of_them: bool, absent: tuple[int, ...]) -> None:
        rank = dist.get_rank()
        dist.monitored_barrier()
        if rank not in absent:
            try:
                dist.monitored_barrier(timeout=0.2, wait_all_ranks=all_of_them)
            except PeerError as error:
                errors[rank] = error
        end.wait(30)

    for all_of_them, absent, names in ((False, (2, 3), "rank 2"), (True, (2, 3), "ranks 2, 3"), (True, (1,), "rank 1")):
        errors.clear()
        dist.simulate(4, work, all_of_them, absent)
        assert errors.keys() == {0, 1, 2, 3} - set(absent)
        for error in errors.values():
            assert str(error) == f"monitored_barrier: {names} did not come within 0.2 s"
            assert error.rank == absent[0]


def test_monitored_barrier_where_the_first_rank_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.process_group.barriers._FOR_THE_WORD", 0.1)

    end = threading.Barrier(3)

    def work() -> None:
        if dist.get_rank() > 0:
            with pytest.raises(PeerError, match=r"monitored_barrier: rank 0 did not come within 0.1 s"):
                dist.monitored_barrier(timeout=0.1)
        end.wait(30)

    dist.simulate(3, work)


def test_a_barrier_may_have_a_timeout_of_its_own() -> None:
    end = threading.Barrier(2)

    def work() -> None:
        dist.barrier(timeout=30)
        if dist.get_rank() == 0:
            with pytest.raises(TransportTimeout, match=r"barrier\(\) #2 at .*: not done after 0.1 s"):
                dist.barrier(timeout=0.1)
        end.wait(30)

    dist.simulate(2, work)


def test_overlapping_groups_in_threads_while_asynchronous_calls_run() -> None:
    def work() -> None:
        rank = dist.get_rank()
        groups = {ranks: dist.new_group(ranks) for ranks in ((0, 1), (1, 2), (0, 2), (0, 1, 2))}
        mine = {ranks: group for ranks, group in groups.items() if rank in ranks}
        failures: list[BaseException] = []

        def use(ranks: tuple[int, ...], group: Any) -> None:
            try:
                arrays = [np.full(200, rank + i) for i in range(20)]
                for work in [dist.all_reduce(x, group=group, async_op=True) for x in arrays]:
                    assert work is not None
                    work.wait(30)
                assert [int(x[0]) for x in arrays] == [sum(ranks) + len(ranks) * i for i in range(20)]
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=use, args=item) for item in mine.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []

    dist.simulate(3, work)


def collect_and_fail(x: Any) -> None:
    with dist.coalescing() as together:
        together.all_reduce(x)
        together.all_reduce(x / (1 // 0))


def test_a_block_that_raises_coalesces_nothing() -> None:
    def work() -> None:
        x = np.ones(2)
        with pytest.raises(ZeroDivisionError):
            collect_and_fail(x)
        assert x.tolist() == [1.0, 1.0]
        with dist.coalescing() as together:
            together.broadcast(x, 0)
        together.wait()

    dist.simulate(2, work)


def test_number_on_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert dist.get_node_local_rank() == 3
    monkeypatch.delenv("LOCAL_RANK")
    assert dist.get_node_local_rank(fallback_rank=5) == 5
    with pytest.raises(DistError, match="get_node_local_rank: LOCAL_RANK is not set: start with tlrun"):
        dist.get_node_local_rank()


def connect_alone(store: Store, rank: int, size: int, timeout: float) -> InprocTransport:
    store.set(f"came/{rank}", b"here")
    assert (size, store.get("came/0", timeout)) == (1, b"here")
    return make_inproc_world(1)[0]


def use_a_backend_of_ones_own() -> str:
    dist.register_backend("alone", connect_alone)
    assert dist.is_backend_available("Alone")
    assert dist.Backend("Alone") == "alone"
    dist.init_process_group("alone")
    dist.all_reduce(np.ones(1))
    name = dist.get_backend()
    dist.destroy_process_group()
    return name


def test_a_backend_of_ones_own() -> None:
    (outcome,) = run_ranks(1, use_a_backend_of_ones_own)
    assert outcome.value == "alone", str(outcome)
    assert dist.is_gloo_available()
    assert not dist.is_backend_available("alone")
    with pytest.raises(ValueError, match="register_backend: there is a backend 'tcp' already"):
        dist.register_backend("tcp", connect_alone)


def test_backends_by_name() -> None:
    assert [dist.Backend.GLOO, dist.Backend.MPI, dist.Backend.NCCL] == ["gloo", "mpi", "nccl"]
    assert [dist.Backend(name) for name in ("Gloo", "NCCL", "shm")] == ["gloo", "nccl", "shm"]
    assert all(dist.is_backend_available(name) for name in (dist.Backend.GLOO, dist.Backend.SHM, dist.Backend.TCP))
    with pytest.raises(ValueError, match="Backend: name is 'alone': need one of gloo, mpi, nccl, shm, tcp"):
        dist.Backend("alone")
    assert dist.get_default_backend_for_device("cpu") == "gloo"
    assert dist.get_default_backend_for_device(tensorlib.device("cuda:0")) == "nccl"
    with pytest.raises(ValueError, match="get_default_backend_for_device: device is 'mps': need one of cpu, cuda"):
        dist.get_default_backend_for_device("mps")
