"""Every collective on every kind of array, what is checked before anything is sent, and order."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

import dist
from dist.arguments import DTYPES
from dist.errors import DistError, TransportTimeout
from dist.process_group import ProcessGroup
from dist.transport.inproc import make_inproc_world

SIZES = [1, 2, 3, 5]
ARRAYS: dict[str, Callable[[], np.ndarray[Any, Any]]] = {
    "vector": lambda: np.zeros(7),
    "0-d": lambda: np.zeros(()),
    "empty": lambda: np.zeros((2, 0)),
    "column-major": lambda: np.zeros((3, 4), order="F"),
    "every third": lambda: np.zeros(9)[::3],
    "every second row, backwards": lambda: np.zeros((6, 4))[::2, ::-1],
}


class Tensor:
    """What tensorlib's tensors look like from here."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        self.version = 0

    def detach(self) -> Tensor:
        return Tensor(self.array)

    def numpy(self) -> np.ndarray[Any, Any]:
        return self.array

    def _bump_version(self) -> None:
        self.version += 1


def alone() -> ProcessGroup:
    return ProcessGroup(make_inproc_world(1)[0])


def rank_array(kind: str, rank: int) -> np.ndarray[Any, Any]:
    array = ARRAYS[kind]()
    array[...] = np.arange(array.size).reshape(array.shape) + 100 * rank
    return array


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("size", SIZES)
def test_collectives_give_the_values_they_promise(size: int, kind: str) -> None:
    def work() -> None:
        rank, root = dist.get_rank(), size - 1
        all_ranks = [rank_array(kind, other) for other in range(size)]

        x = rank_array(kind, rank)
        dist.all_reduce(x)
        np.testing.assert_array_equal(x, sum(all_ranks))

        x = rank_array(kind, rank)
        dist.reduce(x, root)
        np.testing.assert_array_equal(x, sum(all_ranks) if rank == root else all_ranks[rank])

        x = rank_array(kind, rank)
        dist.broadcast(x, root)
        np.testing.assert_array_equal(x, all_ranks[root])

        outputs = [ARRAYS[kind]() for _ in range(size)]
        dist.all_gather(outputs, rank_array(kind, rank))
        np.testing.assert_array_equal(outputs, all_ranks)

        outputs = [ARRAYS[kind]() for _ in range(size)]
        dist.gather(rank_array(kind, rank), outputs if rank == root else None, dst=root)
        np.testing.assert_array_equal(outputs, all_ranks if rank == root else np.zeros_like(all_ranks))

        x = ARRAYS[kind]()
        dist.scatter(x, all_ranks if rank == root else None, src=root)
        np.testing.assert_array_equal(x, all_ranks[rank])

        dist.barrier()

    dist.simulate(size, work)


@pytest.mark.parametrize("dtype", DTYPES.values())
def test_every_dtype_is_reduced_and_moved(dtype: str) -> None:
    def work() -> None:
        mine = np.array([0, 1, dist.get_rank()]).astype(dtype)
        theirs = [np.array([0, 1, rank]).astype(dtype) for rank in range(3)]
        x = mine.copy()
        dist.all_reduce(x)
        np.testing.assert_array_equal(x, theirs[0] + theirs[1] + theirs[2])
        assert x.dtype == dtype
        outputs = [np.empty_like(mine) for _ in range(3)]
        dist.all_gather(outputs, mine)
        np.testing.assert_array_equal(outputs, theirs)

    dist.simulate(3, work)


@pytest.mark.parametrize(
    ("op", "values", "expected"),
    [
        ("SUM", [1.0, 2.0, 4.0], 7.0),
        ("PRODUCT", [2.0, 3.0, 4.0], 24.0),
        ("MIN", [2.0, -3.0, 4.0], -3.0),
        ("MAX", [2.0, -3.0, 4.0], 4.0),
        ("MAX", [2.0, np.nan, 4.0], np.nan),
        ("AVG", [1.0, 2.0, 6.0], 3.0),
        ("SUM", [1e308, 1e308, 0.0], np.inf),
        ("BAND", [6, 3, 2], 2),
        ("BOR", [4, 1, 1], 5),
        ("BXOR", [6, 3, 0], 5),
        ("SUM", [True, False, False], True),
        ("PRODUCT", [True, False, True], False),
    ],
)
def test_reduce_ops(op: str, values: list[Any], expected: Any) -> None:
    def work() -> None:
        for root in (None, 1):
            x = np.array([values[dist.get_rank()]])
            if root is None:
                dist.all_reduce(x, getattr(dist.ReduceOp, op))
            else:
                dist.reduce(x, root, getattr(dist.ReduceOp, op))
            if root in (None, dist.get_rank()):
                np.testing.assert_array_equal(x, [expected])

    dist.simulate(3, work)


def test_reduction_is_in_rank_order_and_equal_on_all_ranks() -> None:
    values = [np.random.default_rng(rank).normal(size=20_000).astype(np.float32) for rank in range(5)]
    expected = (((values[0] + values[1]) + values[2]) + values[3]) + values[4]

    def work() -> None:
        x = values[dist.get_rank()].copy()
        dist.all_reduce(x)
        assert x.tobytes() == expected.tobytes()

    dist.simulate(5, work)


def test_tensors_are_written_in_place_and_their_version_moves() -> None:
    def work() -> None:
        rank = dist.get_rank()
        x = Tensor(np.full(2, rank + 1.0))
        dist.all_reduce(x)
        assert x.array.tolist() == [3.0, 3.0]
        assert x.version == 1
        dist.broadcast(x, 0)
        assert x.version == (1 if rank == 0 else 2)
        if rank == 0:
            dist.send(x, 1)
        else:
            dist.recv(x, 0)
        assert x.version == (1 if rank == 0 else 3)

    dist.simulate(2, work)


def test_groups_number_their_members_and_speak_of_global_ranks() -> None:
    def work() -> None:
        rank = dist.get_rank()
        odd, even, all_of_them = dist.new_group([3, 1]), dist.new_group([0, 2]), dist.new_group()
        mine, other = (odd, even) if rank % 2 else (even, odd)
        assert dist.get_rank(mine) == rank // 2
        assert dist.get_world_size(mine) == 2
        assert dist.get_rank(other) == dist.get_world_size(other) == -1
        assert dist.get_world_size(all_of_them) == 4

        x = np.array([10.0**rank])
        dist.all_reduce(x, group=mine)
        assert x[0] == (1010 if rank % 2 else 101)
        dist.broadcast(x, src=3 if rank % 2 else 2, group=mine)
        outputs = [np.zeros(1), np.zeros(1)]
        dist.all_gather(outputs, np.array([float(rank)]), group=mine)
        assert outputs == [rank % 2, rank % 2 + 2]
        with pytest.raises(ValueError, match=rf"all_reduce: rank {rank} is not in group world/\d of ranks"):
            dist.all_reduce(x, group=other)
        with pytest.raises(ValueError, match=r"broadcast: src=\d is not in group world/\d: need one of \d, \d"):
            dist.broadcast(x, src=1 - rank % 2, group=mine)

    dist.simulate(4, work)


def test_asynchronous_collectives_run_in_call_order() -> None:
    def work() -> None:
        rank = dist.get_rank()
        arrays = [np.full(1000, float(i + rank)) for i in range(20)]
        works = [dist.all_reduce(x, async_op=True) for x in arrays]
        # A synchronous call must not overtake: it sees what those before it made.
        dist.broadcast(arrays[19], 0)
        assert all(work is not None and work.is_completed() for work in works)
        assert all(work is not None and work.wait() for work in works)
        assert [x[0] for x in arrays] == [2.0 * i + 1 for i in range(20)]
        works = [dist.broadcast(arrays[0], 1, async_op=True), dist.barrier(async_op=True)]
        for work in reversed(works):
            assert work is not None
            work.wait(timedelta(seconds=20))
        assert dist.all_reduce(arrays[0]) is None

    dist.simulate(2, work)


def test_coalesced_calls_are_one_work() -> None:
    def work() -> None:
        rank = dist.get_rank()
        tensors = [np.full(3, rank), np.full(2, rank + 0.5), np.full(1, 10 * rank)]
        if rank == 1:
            time.sleep(0.3)
        work = dist.all_reduce_coalesced(tensors, async_op=True)
        assert work is not None
        if rank == 0:
            assert not work.is_completed()
            with pytest.raises(TransportTimeout, match=r"all_reduce_coalesced\(3\+1 x int64, SUM\) .* not done after"):
                work.wait(0.05)
        assert work.wait(timedelta(seconds=30))
        assert work.is_completed()
        assert [x is y for x, y in zip(work.result(), tensors, strict=True)] == [True] * 3
        assert [x.tolist() for x in tensors] == [[1] * 3, [2.0] * 2, [10]]
        assert dist.broadcast_coalesced(tensors, 0) is None

    dist.simulate(2, work)


def test_a_wait_of_ones_own_timeout_can_be_repeated() -> None:
    def work() -> None:
        if dist.get_rank() == 1:
            time.sleep(0.3)
        x, y = np.ones(2), np.empty(3)
        collective = dist.all_reduce(x, async_op=True)
        message = dist.irecv(y, 1) if dist.get_rank() == 0 else dist.isend(np.arange(3.0), 0)
        assert collective is not None
        if dist.get_rank() == 0:
            with pytest.raises(
                TransportTimeout, match=r"all_reduce\(2 x float64, SUM\) #1 at .*: not done after 0.05 s"
            ):
                collective.wait(0.05)
            with pytest.raises(TransportTimeout, match=r"irecv\(3 x float64, from 1\) at .*: not done after 0.05 s"):
                message.wait(0.05)
            assert not message.is_completed()
        collective.wait()
        message.wait()
        assert x.tolist() == [2.0, 2.0]
        assert dist.get_rank() == 1 or y.tolist() == [0, 1, 2]

    dist.simulate(2, work)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.all_reduce([1.0]), TypeError, "all_reduce: tensor is a list: need a NumPy array or a tensor"),
        (
            lambda g: g.all_reduce(np.array([None])),
            TypeError,
            "all_reduce: tensor has dtype object: need one of float16",
        ),
        (lambda g: g.broadcast(np.array(["a"]), 0), TypeError, "broadcast: tensor has dtype <U1: need one of"),
        (lambda g: g.all_reduce(np.zeros(1, ">f8")), TypeError, "all_reduce: tensor has dtype >f8"),
        (lambda g: g.all_reduce(np.zeros(1, "M8[s]")), TypeError, r"all_reduce: tensor has dtype datetime64\[s\]"),
        (lambda g: g.all_reduce(np.broadcast_to(1.0, 3)), ValueError, "all_reduce: tensor is read-only"),
        (
            lambda g: g.all_reduce(np.ones(1), "sum"),
            TypeError,
            "all_reduce: op is 'sum': need a member of dist.ReduceOp",
        ),
        (lambda g: g.all_reduce(np.ones(1, int), dist.ReduceOp.AVG), TypeError, "AVG: dtype int64: need floats"),
        (lambda g: g.reduce(np.ones(1), 0, dist.ReduceOp.BXOR), TypeError, "BXOR: dtype float64: need integers"),
        (lambda g: g.all_reduce(np.ones(1, complex), dist.ReduceOp.MAX), TypeError, "MAX: dtype complex128: need real"),
        (lambda g: g.broadcast(np.ones(1), 1), ValueError, "broadcast: src=1 is not in group world: need one of 0"),
        (lambda g: g.broadcast(np.ones(1), 0.0), TypeError, "broadcast: src is 0.0: need an integer"),
        (lambda g: g.reduce(np.ones(1), -1), ValueError, "reduce: dst=-1 is not in group world"),
        (
            lambda g: g.all_gather(np.ones(1), np.ones(1)),
            TypeError,
            "all_gather: tensor_list is a ndarray: need a list of 1",
        ),
        (lambda g: g.all_gather([], np.ones(1)), ValueError, "all_gather: tensor_list holds 0 tensors: need 1"),
        (
            lambda g: g.all_gather([np.ones(2)], np.ones(1)),
            ValueError,
            r"tensor_list\[0\] holds 2 elements .* need 1 of",
        ),
        (
            lambda g: g.all_gather([np.ones(1, "f4")], np.ones(1)),
            ValueError,
            r"tensor_list\[0\] holds 1 elements of float32",
        ),
        (
            lambda g: g.gather(np.ones(1)),
            ValueError,
            "gather: gather_list is missing: rank 0 needs one tensor per rank",
        ),
        (lambda g: g.scatter(np.ones(1)), ValueError, "scatter: scatter_list is missing"),
        (lambda g: g.send(np.ones(1), 0), ValueError, "send: dst=0 is this rank itself"),
        (lambda g: g.irecv(np.ones(1), 3), ValueError, "irecv: src=3 is not in group world"),
        (lambda g: g.recv(np.ones(1), tag=-1), ValueError, "recv: tag is -1: need 0 to 4294967295"),
        (lambda g: g.new_group([]), ValueError, "new_group: ranks is empty"),
        (lambda g: g.new_group([0, 0]), ValueError, r"new_group: ranks \[0, 0\] names a rank twice"),
        (lambda g: g.new_group([0, 4]), ValueError, r"new_group: ranks \[4\] do not exist: need ranks from 0 to 0"),
        (lambda g: g.new_group(["0"]), TypeError, "new_group: a rank is '0': need an integer"),
        (lambda g: g.new_group(timeout=0), ValueError, "timeout is 0: need a positive, finite number"),
        (lambda g: g.new_group(timeout=float("inf")), ValueError, "timeout is inf: need a positive, finite number"),
        (lambda g: g.new_group(timeout="9"), TypeError, "timeout is a str: need seconds or a timedelta"),
    ],
)
def test_wrong_arguments_give_one_clear_error_and_do_no_harm(
    call: Callable[[ProcessGroup], object], error: type[Exception], message: str
) -> None:
    group = alone()
    with pytest.raises(error, match=message):
        call(group)
    group.all_reduce(np.ones(1))
    assert str(group.record).count("\n") == 0


def test_only_the_root_passes_a_list() -> None:
    def work() -> None:
        if dist.get_rank() == 1:
            with pytest.raises(ValueError, match="scatter_list is given on rank 1: only rank 0 passes it"):
                dist.scatter(np.ones(1), [np.ones(1), np.ones(1)], src=0)

    dist.simulate(2, work)


def test_a_closed_group_says_so() -> None:
    group = alone()
    group.all_reduce(np.ones(1), async_op=True)
    group.close()
    group.close()
    with pytest.raises(DistError, match="barrier: group world was destroyed"):
        group.barrier()


def test_statistics_count_calls_bytes_and_waiting() -> None:
    def work() -> dist.Statistics:
        dist.all_reduce(np.ones(10))
        dist.isend(np.ones(1), 1 - dist.get_rank())
        dist.recv(np.ones(1))
        if dist.get_rank() == 1:
            time.sleep(0.3)
        dist.barrier()
        return dist.get_statistics()

    first, second = dist.simulate(2, work)
    assert (first.calls, first.bytes) == (4, 80 + 8 + 8)
    assert 0.2 < first.seconds < 5.0
    assert second.seconds < first.seconds
