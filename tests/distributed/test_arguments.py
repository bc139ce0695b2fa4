"""What may be passed to collectives, and the one error that anything else gives before anything is sent."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import dist
import tensorlib
from dist.arguments import Buffer, check_apart, keep_apart
from dist.process_group import ProcessGroup
from dist.reduction import OPERATIONS, FunctionOp
from dist.transport.inproc import make_inproc_world
from tests import fakecupy


def zeros(*shape: int) -> np.ndarray[Any, Any]:
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda g: g.reduce_scatter(zeros(2), [zeros(3)]),
            ValueError,
            r"reduce_scatter: input_list\[0\] holds 3 elements of float64: need 2 of float64, as output has",
        ),
        (
            lambda g: g.reduce_scatter(zeros(2), zeros(2)),
            TypeError,
            "reduce_scatter: input_list is a ndarray: need a l",
        ),
        (lambda g: g.reduce_scatter(zeros(2), [zeros(2)] * 2), ValueError, "input_list holds 2 tensors: need 1, one p"),
        (
            lambda g: g.reduce_scatter_tensor(zeros(2), zeros(3)),
            ValueError,
            "input holds 3 elements .* need 2 of float",
        ),
        (
            lambda g: g.all_gather_into_tensor(zeros(2), np.zeros(2, int)),
            ValueError,
            "all_gather_into_tensor: output_tensor holds 2 elements of float64: need 2 of int64, as input_tensor has",
        ),
        (
            lambda g: g.all_to_all([zeros(2)], [zeros(3)]),
            ValueError,
            r"all_to_all: output_tensor_list\[0\] holds 2 .*: need 3 of float64, as input_tensor_list\[0\] has",
        ),
        (lambda g: g.all_to_all([], [zeros(1)]), ValueError, "output_tensor_list holds 0 tensors: need 1"),
        (
            lambda g: g.all_to_all_single(zeros(2), np.zeros(2, int)),
            ValueError,
            "output is float64: need int64, as inp",
        ),
        (
            lambda g: g.all_to_all_single(zeros(2), zeros(2), [1]),
            ValueError,
            r"output_split_sizes is \[1\]: need 1 numbers of rows, 2 in all",
        ),
        (
            lambda g: g.all_to_all_single(zeros(2), zeros(2), None, [3, -1]),
            ValueError,
            r"input_split_sizes is \[3, -1\]",
        ),
        (lambda g: g.all_to_all_single(zeros(2), zeros(2), [2.0]), TypeError, "an entry of output_split_sizes is 2.0"),
        (lambda g: g.all_to_all_single(zeros(2), zeros(3)), ValueError, "rank 0 sends itself 3 elements and expects 2"),
        (lambda g: g.all_reduce_coalesced([]), ValueError, "all_reduce_coalesced: tensors is empty: need at least one"),
        (lambda g: g.all_reduce_coalesced(zeros(2)), TypeError, "all_reduce_coalesced: tensors is a ndarray: need a l"),
        (
            lambda g: g.all_reduce_coalesced([zeros(1), np.zeros(1, int)], dist.ReduceOp.AVG),
            TypeError,
            "ReduceOp.AVG: dtype int64: need floats",
        ),
        (
            lambda g: g.all_gather_coalesced([[zeros(1)]], [zeros(1), zeros(2)]),
            ValueError,
            "all_gather_coalesced: output_tensor_lists needs 1 lists of 2 tensors each",
        ),
        (
            lambda g: g.all_gather_coalesced([[zeros(1)]], [zeros(2)]),
            ValueError,
            r"output_tensor_lists\[0\]\[0\] holds 1 elements of float64: need 2 of float64, as input_tensor_list\[0\]",
        ),
        (lambda g: g.monitored_barrier(timeout=0), ValueError, "monitored_barrier: timeout is 0: need a positive"),
        (lambda g: g.reduce_scatter(zeros(1), [zeros(1)], max), None, ""),
    ],
)
def test_wrong_arguments_give_one_clear_error_and_do_no_harm(
    call: Callable[[ProcessGroup], object], error: type[Exception] | None, message: str
) -> None:
    group = ProcessGroup(make_inproc_world(1)[0])
    if error is None:
        call(group)
    else:
        with pytest.raises(error, match=message):
            call(group)
        assert group.record.calls() == []
    group.barrier()


def test_results_must_not_share_memory() -> None:
    def work() -> None:
        x = zeros(4)
        message = r"all_gather: tensor_list\[0\] and tensor_list\[1\] share memory: need memory for each"
        for overlapping in ([x, x], [x[:3], x[1:]], [x[1:], x[:3]], [x[::2], x[2::-2]]):
            with pytest.raises(ValueError, match=message):
                dist.all_gather(overlapping, np.zeros_like(overlapping[0]))
        with pytest.raises(ValueError, match=r"all_reduce_coalesced: tensors.* share memory"):
            dist.all_reduce_coalesced([x, x[:1]])
        with pytest.raises(ValueError, match=r"all_to_all: output_tensor_list.* share memory"):
            dist.all_to_all([x, x], [zeros(4), zeros(4)])

    dist.simulate(2, work)


def test_results_may_lie_between_each_other() -> None:
    def work() -> None:
        matrix, rank = zeros(4, 2), dist.get_rank()
        dist.all_gather(list(matrix.T), np.full(4, rank + 1.0))
        assert matrix.tolist() == [[1.0, 2.0]] * 4
        halves = zeros(4)
        dist.all_to_all([halves[::2], halves[1::2]], [np.full(2, rank + 1.0), np.full(2, rank + 5.0)])
        assert halves.tolist() == [[1.0, 2.0], [5.0, 6.0]][rank] * 2
        dist.all_gather([halves[:0], halves[:0]], zeros(0))

    dist.simulate(2, work)


@pytest.mark.parametrize("count", [3, 30])
def test_memory_that_is_shared_is_found_among_few_and_many(count: int) -> None:
    matrix = zeros(count, count)
    for arrays in (list(matrix), list(matrix.T), [matrix[k, k:] for k in range(count)], [matrix[0, :0]] * count):
        check_apart("all_gather", "rows", [Buffer("all_gather", array) for array in arrays])
        for i, j in ((0, count - 1), (count // 2, count // 2 - 1)):
            changed = list(arrays)
            changed[i] = matrix[j : j + 1, j : j + 1]
            if arrays[j].size:
                message = rf"rows\[{min(i, j)}\] and rows\[{max(i, j)}\] share memory"
                with pytest.raises(ValueError, match=message):
                    check_apart("all_gather", "rows", [Buffer("all_gather", array) for array in changed])


@pytest.mark.parametrize("count", [2, 20])
def test_inputs_that_are_outputs_are_copied(count: int) -> None:
    matrix = np.arange(float(count * count)).reshape(count, count)
    inputs, outputs = ([Buffer("all_to_all", row) for row in rows] for rows in (matrix, matrix[::-1]))
    others = [Buffer("all_to_all", row) for row in matrix.copy()]
    keep_apart(inputs, outputs)
    keep_apart(others, outputs)
    assert [buffer.flat.tolist() for buffer in inputs] == matrix.tolist()
    assert not any(np.shares_memory(buffer.flat, matrix) for buffer in inputs)
    assert all(buffer.flat.base is not None for buffer in others)


@pytest.mark.parametrize(("dtype", "large"), [(np.float16, 2048.0), (ml_dtypes.bfloat16, 256.0)])
def test_floats_of_16_bits_are_rounded_once(dtype: Any, large: float) -> None:
    values = [np.full(3, value).astype(dtype) for value in (large, 0.75, 0.75, 0.75)]
    once = np.float32(large + 3 * 0.75).astype(dtype)
    each_time = values[0]
    for value in values[1:]:
        each_time = each_time + value
    assert once != each_time[0]

    def work() -> None:
        x = values[dist.get_rank()].copy()
        dist.all_reduce(x)
        assert x.dtype == dtype
        assert x.tolist() == [once] * 3

    dist.simulate(4, work)


def test_leaves_that_require_gradients_are_written_and_stay_leaves() -> None:
    def work() -> None:
        x = tensorlib.ones(2, 3, requires_grad=True)
        version = x._version
        dist.all_reduce(x)
        dist.all_reduce_coalesced([x.t()[1:], tensorlib.ones(2, dtype=tensorlib.bfloat16)])
        assert x.tolist() == [[2.0, 4.0, 4.0]] * 2
        assert x.is_leaf
        assert x.requires_grad
        assert x._version > version

    dist.simulate(2, work)


def test_tensors_on_a_device_go_through_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    fakecupy.install(monkeypatch)

    def work() -> None:
        rank = dist.get_rank()
        x = tensorlib.ones(2, 2, device="cuda") * (rank + 1)
        y = x.t()[1:]  # not contiguous
        version = x._version
        dist.all_reduce(y)
        assert x.tolist() == [[rank + 1.0, 3.0]] * 2
        assert x._version > version
        outputs = [tensorlib.zeros(2, device="cuda") for _ in range(2)]
        dist.all_gather(outputs, x[0])
        assert [output.tolist() for output in outputs] == [[1.0, 3.0], [2.0, 3.0]]
        work = dist.broadcast(x, 1, async_op=True)
        assert work is not None
        assert [each.tolist() for each in work.result()] == [[[2.0, 3.0]] * 2]
        if rank == 0:
            dist.send(x, 1)
        else:
            dist.recv(x.t(), 0)
            assert x.tolist() == [[2.0, 2.0], [3.0, 3.0]]

    dist.simulate(2, work)


def test_arrays_of_a_device_go_through_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    fakecupy.install(monkeypatch)

    def work() -> None:
        x = fakecupy.cupy.asarray(np.arange(6.0).reshape(2, 3))
        dist.all_reduce(x)
        dist.all_reduce(x[:, 1:])
        assert x.tolist() == [[0.0, 4.0, 8.0], [6.0, 16.0, 20.0]]
        dist.broadcast(x, 0)  # rank 0's is only read

    dist.simulate(2, work)


def test_what_only_looks_like_a_tensor_is_refused() -> None:
    class Lookalike:
        def detach(self) -> Lookalike:
            return self

        cpu = copy_ = numpy = detach

    with pytest.raises(TypeError, match="send: tensor is a Lookalike: need a NumPy array or a tensor"):
        Buffer("send", Lookalike())


def test_operators_are_the_same_objects_after_a_journey() -> None:
    for op in OPERATIONS:
        assert pickle.loads(pickle.dumps(op)) is op
        assert copy.deepcopy(op) is op
        assert repr(op) == f"ReduceOp.{op.name}"
    assert pickle.loads(pickle.dumps(FunctionOp(highest))).name == f"{__name__}.highest"
    assert FunctionOp(np.maximum).name.endswith("maximum")


def highest(left: Any, right: Any) -> Any:
    return np.where(abs(left) >= abs(right), left, right)


def test_a_function_of_the_users_reduces_in_rank_order() -> None:
    def work() -> None:
        rank = dist.get_rank()
        x = np.array([rank - 1, 1 - rank, 5], np.float16)
        dist.all_reduce(x, highest)
        assert x.tolist() == [-1.0, 1.0, 5.0]
        dist.reduce(x, 2, lambda left, right: left - right)
        assert x.tolist() == ([1.0, -1.0, -5.0] if rank == 2 else [-1.0, 1.0, 5.0])
        assert "highest" in dist.get_flight_record().splitlines()[0]

    dist.simulate(3, work)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda left, right: left[:1], ValueError, r"<lambda>: returned shape \(1,\) for two of \(2,\): need \(2,\)"),
        (lambda left, right: left + 1j, TypeError, "Cannot cast"),
        (lambda left, right: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_a_function_that_fails_ends_the_call_on_all_ranks(
    function: Callable[..., Any], error: type[Exception], message: str
) -> None:
    raised = []

    def work() -> None:
        try:
            dist.all_reduce(zeros(2), function)
        except Exception as failure:
            raised.append(failure)
            raise

    with pytest.raises(error, match=message):
        dist.simulate(3, work)
    assert len(raised) == 3


def test_a_matrix_is_reduced_in_place() -> None:
    def work() -> None:
        for matrix in (np.ones((3, 2)).view(np.matrix), np.ones((2, 3)).view(np.matrix).T):
            dist.all_reduce(matrix)
            assert matrix.tolist() == [[2.0, 2.0]] * 3

    dist.simulate(2, work)


def test_an_array_with_a_mask_is_refused() -> None:
    with pytest.raises(TypeError, match="all_reduce: tensor is a MaskedArray: need a NumPy array or a tensor"):
        Buffer("all_reduce", np.ma.ones(3))
