"""The backend `nccl` on a stand-in for CuPy and NCCL, and on a device where there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from dist.backends import available, find
from dist.errors import CollectiveMismatch, DistError, PeerError
from dist.nccl.collectives import NcclCollectives
from dist.objects import all_gather_object
from dist.process_group import ProcessGroup
from dist.reduction import OPERATIONS, ReduceOp
from dist.transport.inproc import make_inproc_world
from tests import fakenccl

SECONDS = 20.0
CUPY, NCCL = fakenccl.make_module()


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", CUPY)
    monkeypatch.setattr("dist.failures._WITHIN", 0.1)  # nobody watches these ranks, who could say more
    fakenccl.CLIQUES.clear()


def on_device(values: Any, dtype: Any = np.float32) -> Any:
    return fakenccl.ndarray(np.array(values, dtype), number=1)


def on_ranks(size: int, function: Callable[[ProcessGroup], Any]) -> list[Any]:
    """Run a function on ranks that are threads; return what it returned, or raised, on each."""
    groups = [
        ProcessGroup(transport, timeout=SECONDS, make_collectives=lambda: NcclCollectives(CUPY))
        for transport in make_inproc_world(size)
    ]

    def run(group: ProcessGroup) -> Any:
        try:
            return function(group)
        except (DistError, TypeError, ValueError) as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        found = list(pool.map(run, groups))
    for group in groups:
        group.close()
    return found


def values(rank: int, dtype: Any, count: int = 6) -> Any:
    return np.random.default_rng(rank).integers(0, 4, count).astype(dtype)


def operators(dtype: Any) -> list[ReduceOp]:
    found = []
    for op in OPERATIONS:
        try:
            op.check(np.dtype(dtype))
        except TypeError:
            continue
        found.append(op)
    return found


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.complex64, np.bool_, np.int16, np.uint64]
)
def test_reductions(dtype: Any) -> None:
    def reduce(group: ProcessGroup) -> None:
        for op in operators(dtype):
            parts = [values(rank, dtype) for rank in range(3)]
            expected = np.empty_like(parts[0])
            op.reduce([part.copy() for part in parts], expected)
            x = on_device(parts[group.rank], dtype)
            group.all_reduce(x, op)
            assert np.array_equal(x.get(), expected)
            x = on_device(parts[group.rank], dtype)
            group.reduce(x, 1, op)
            assert np.array_equal(x.get(), expected if group.rank == 1 else parts[group.rank])
            y = on_device([0, 0], dtype)
            group.reduce_scatter_tensor(y, on_device(parts[group.rank], dtype), op)
            assert np.array_equal(y.get(), expected[2 * group.rank : 2 * group.rank + 2])

    assert on_ranks(3, reduce) == [None] * 3
    assert not fakenccl.CLIQUES  # communicators are released


def test_a_function_of_the_users() -> None:
    def larger(group: ProcessGroup) -> Any:
        x = on_device([group.rank, -group.rank])
        group.all_reduce(x, lambda left, right: np.maximum(left, right))
        return x.get().tolist()

    assert on_ranks(3, larger) == [[2.0, 0.0]] * 3


def test_copies() -> None:
    def move(group: ProcessGroup) -> list[Any]:
        rank, size = group.rank, group.size
        x = on_device([rank, rank + 10])
        group.broadcast(x, 2)
        rows = [on_device([0] * (k + 1)) for k in range(size)]
        group.all_gather(rows, on_device([rank] * (rank + 1)))
        gathered = [on_device([0, 0]) for _ in range(size)]
        group.gather(on_device([rank, rank]), gathered if rank == 1 else None, 1)
        y = on_device([0])
        group.scatter(y, [on_device([5 * k]) for k in range(size)] if rank == 0 else None, 0)
        received = [on_device([0]) for _ in range(size)]
        group.all_to_all(received, [on_device([10 * rank + k]) for k in range(size)])
        group.barrier()
        arrays = [x, *rows, *gathered, y, *received]
        return [array.get().tolist() for array in arrays]

    for rank, found in enumerate(on_ranks(3, move)):
        gathered = [[0, 0], [1, 1], [2, 2]] if rank == 1 else [[0, 0]] * 3
        received = [[10 * sender + rank] for sender in range(3)]
        assert found == [[2, 12], [0], [1, 1], [2, 2, 2], *gathered, [5 * rank], *received]


def test_gaps_asynchronous_and_coalesced_calls() -> None:
    def reduce(group: ProcessGroup) -> list[Any]:
        columns = on_device(np.ones((3, 4)))
        group.all_reduce(columns[:, ::2])
        work = group.all_reduce(late := on_device([1.0, 2.0]), async_op=True)
        assert work is not None
        work.wait()
        few = [on_device([1.0]), on_device([2, 3], np.int32)]
        group.all_reduce_coalesced(few)
        return [columns.get().tolist(), late.get().tolist(), *[array.get().tolist() for array in few]]

    assert on_ranks(2, reduce) == [[[[2, 1, 2, 1]] * 3, [2, 4], [2], [4, 6]]] * 2


def test_objects_and_messages() -> None:
    def exchange(group: ProcessGroup) -> list[Any]:
        found = [None] * group.size
        all_gather_object(group, found, {"rank": group.rank})
        x = on_device([group.rank])
        if group.rank == 0:
            group.send(x, 1)
        else:
            group.recv(x, 0)
        return [found, x.get().tolist()]

    assert on_ranks(2, exchange) == [[[{"rank": 0}, {"rank": 1}], [0.0]]] * 2


def test_tensors_in_host_memory_are_refused() -> None:
    found = on_ranks(1, lambda group: group.all_reduce(np.ones(2)))
    assert str(found[0]) == (
        "all_reduce: tensor is in host memory, a ndarray: need one on a CUDA device, because the backend is nccl"
    )
    found = on_ranks(1, lambda group: group.broadcast(on_device("x", "U1"), 0))
    assert str(found[0]).startswith("broadcast: tensor has dtype <U1: need one of float16")


def test_outputs_that_share_memory_are_refused() -> None:
    def gather(group: ProcessGroup) -> None:
        whole = on_device(np.zeros((2, 3)))
        group.all_gather([whole[:, 0], whole[:, 1]], on_device([1, 2]))  # columns do not
        group.all_gather([whole[0], whole[0]], on_device([1, 2, 3]))

    messages = {str(error) for error in on_ranks(2, gather)}
    assert messages == {"all_gather: tensor_list[0] and tensor_list[1] share memory: need memory for each"}


def test_a_rank_stays_on_one_device() -> None:
    def move(group: ProcessGroup) -> None:
        group.all_reduce(on_device([1.0]))
        group.all_reduce(fakenccl.ndarray(np.ones(1), number=0))

    found = on_ranks(1, move)
    assert str(found[0]) == "nccl: a tensor is on device 0: need device 1, as in the first call"


def test_tensors_of_other_libraries() -> None:
    array = on_device([1.0, 2.0])
    tensor = SimpleNamespace(is_cuda=True, detach=lambda: array)
    other = SimpleNamespace(__cuda_array_interface__={}, array=array)

    def add(group: ProcessGroup) -> None:
        group.all_reduce(tensor)
        group.all_reduce(other)

    assert on_ranks(2, lambda group: add(group) if group.rank == 0 else add_plain(group)) == [None] * 2
    assert array.get().tolist() == [4.0, 8.0]


def add_plain(group: ProcessGroup) -> None:
    x = on_device([1.0, 2.0])
    for _ in range(2):
        group.all_reduce(x)


def test_different_calls() -> None:
    def differ(group: ProcessGroup) -> None:
        x = on_device([1.0, 2.0])
        if group.rank == 0:
            group.all_reduce(x)
        else:
            group.all_reduce(x, ReduceOp.PRODUCT)

    assert all(isinstance(error, CollectiveMismatch | PeerError) for error in on_ranks(2, differ))


def test_lengths_that_do_not_fit() -> None:
    def gather(group: ProcessGroup) -> None:
        rows = [on_device([0.0]), on_device([0.0])]
        group.gather(on_device([1.0] * (group.rank + 1)), rows if group.rank == 0 else None, 0)

    root, _ = on_ranks(2, gather)
    assert isinstance(root, CollectiveMismatch | PeerError)


def test_nccl_fails() -> None:
    def fail(group: ProcessGroup) -> None:
        x = on_device([1.0])
        group.all_reduce(x)
        group.barrier()
        for clique in fakenccl.CLIQUES.values():
            clique.aborted = True
        group.all_reduce(x)

    errors = on_ranks(2, fail)
    assert {type(error) for error in errors} == {PeerError}
    assert any("NCCL: NCCL_ERROR_UNHANDLED_CUDA_ERROR" in str(error) for error in errors)


def test_abort_ends_the_work_under_way() -> None:
    collectives = NcclCollectives(CUPY)
    (transport,) = make_inproc_world(1)
    group = ProcessGroup(transport, timeout=SECONDS, make_collectives=lambda: collectives)
    group.all_reduce(on_device([1.0]))
    collectives.abort("rank 3 is gone")
    with pytest.raises(PeerError, match=r"^rank 3 is gone$"):
        group.all_reduce(on_device([1.0]))


def test_identities_of_older_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    make = fakenccl.NcclCommunicator
    seen = []

    def older(size: int, identity: Any, rank: int) -> Any:
        if not isinstance(identity, tuple):
            raise TypeError("Argument 'commId' has incorrect type")
        seen.append(identity)
        return make(size, bytes(number % 256 for number in identity), rank)

    monkeypatch.setattr(NCCL, "NcclCommunicator", older)
    monkeypatch.setattr(NCCL, "get_unique_id", lambda: tuple([-1, 5] + [0] * 126))
    assert on_ranks(1, lambda group: group.all_reduce(on_device([1.0]))) == [None]
    assert seen == [(-1, 5, *[0] * 126)]


def test_without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find("nccl").make_collectives().buffer_type
    monkeypatch.setattr(NCCL, "available", False)
    with pytest.raises(ImportError, match=r"^backend nccl needs CuPy with NCCL: this CuPy was built without it$"):
        find("nccl")
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"^backend nccl needs CuPy with NCCL: pip install"):
        find("nccl")


def test_backends_whose_packages_are_missing_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dist.backends.find_spec", lambda name: None)
    assert available() == ["gloo", "shm", "tcp"]
    monkeypatch.setattr("dist.backends.find_spec", lambda name: name == "mpi4py")
    assert "mpi" in available()
