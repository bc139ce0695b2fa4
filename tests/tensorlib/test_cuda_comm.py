"""Moving tensors between the CUDA devices of one process, on a stand-in with two devices and on a GPU."""

from __future__ import annotations

import pytest

import tensorlib
from tensorlib import cuda
from tensorlib.cuda import comm
from tensorlib.errors import ArgumentError, DimensionError, ShapeError
from tests.fakecuda import State


def test_broadcast(two_devices):
    x = tensorlib.arange(3.0, device="cuda:0")
    same, copied, another = comm.broadcast(x, [0, 1, 0])
    assert [each.get_device() for each in (same, copied, another)] == [0, 1, 0]
    assert copied.tolist() == another.tolist() == [0, 1, 2]
    assert same.data_ptr() == x.data_ptr() != another.data_ptr()
    assert not comm.broadcast(tensorlib.ones(2, requires_grad=True), ["cuda:1"])[0].requires_grad
    per_device = comm.broadcast_coalesced([x, x], [0, 1])
    assert [[each.get_device() for each in tensors] for tensors in per_device] == [[0, 0], [1, 1]]
    with pytest.raises(ArgumentError, match="the tensor is on cuda:0, the first device is cuda:1"):
        comm.broadcast(x, [1, 0])
    with pytest.raises(ArgumentError, match="broadcast: needs at least one device"):
        comm.broadcast(x, [])


def test_reduce_add(two_devices):
    inputs = [tensorlib.ones(2, device="cuda:0"), tensorlib.full((2,), 2.0, device="cuda:1")]
    total = comm.reduce_add(inputs)
    assert (total.tolist(), total.get_device()) == ([3, 3], 0)
    assert inputs[0].tolist() == [1, 1]
    assert comm.reduce_add(inputs, 1).get_device() == 1
    with cuda.device(1):
        assert comm.reduce_add(inputs).get_device() == 1
    first, second = comm.reduce_add_coalesced([[inputs[0]] * 2, [inputs[1]] * 2], 0)
    assert first.tolist() == second.tolist() == [3, 3]
    with pytest.raises(ShapeError, match=r"input 1 has shape \(3,\), the first \(2,\)"):
        comm.reduce_add([inputs[0], tensorlib.ones(3)])
    with pytest.raises(ArgumentError, match="reduce_add: needs at least one tensor"):
        comm.reduce_add([])


def test_scatter(two_devices):
    x = tensorlib.arange(10.0).reshape(5, 2)
    parts = comm.scatter(x, [0, 1])
    assert [(part.shape[0], part.get_device()) for part in parts] == [(3, 0), (2, 1)]
    parts = comm.scatter(x.cuda(), [0, 1], [1, 4])
    assert [(part.shape[0], part.get_device()) for part in parts] == [(1, 0), (4, 1)]
    assert parts[1].tolist() == x[1:].tolist()
    assert [part.shape[1] for part in comm.scatter(x, [0, 1], dim=1)] == [1, 1]
    assert len(comm.scatter(x[:1], [0, 1])) == 1
    queues = [cuda.Stream(0), None]
    assert [part.get_device() for part in comm.scatter(x, [0, 1], streams=queues)] == [0, 1]
    assert queues[0].cuda_stream in {entry[2] for entry in State.log if entry[0] == "record"}
    with pytest.raises(ArgumentError, match="scatter: 3 chunk sizes for 2 devices"):
        comm.scatter(x, [0, 1], [1, 2, 2])
    with pytest.raises(ShapeError, match=r"chunk sizes \[1, 2\] do not add up to 5, the length of dimension 0"):
        comm.scatter(x, [0, 1], [1, 2])
    with pytest.raises(DimensionError):
        comm.scatter(x, [0, 1], [1, 4], dim=2)
    with pytest.raises(ArgumentError, match="1 streams for 2 devices"):
        comm.scatter(x, [0, 1], streams=[None])


def test_gather(two_devices):
    parts = comm.scatter(tensorlib.arange(5), [0, 1])
    joined = comm.gather(parts)
    assert (joined.tolist(), joined.get_device()) == ([0, 1, 2, 3, 4], 0)
    assert comm.gather(parts, 0, 1).get_device() == 1
    assert not comm.gather(parts, destination=-1).is_cuda
    assert comm.gather([part.reshape(-1, 1)[:2] for part in parts], dim=1).shape == (2, 2)
    with pytest.raises(ArgumentError, match="gather: needs at least one tensor"):
        comm.gather([])
    with pytest.raises(TypeError, match="gather: needs a Tensor, not int"):
        comm.gather([3])


def test_on_one_device(cuda_device):
    x = tensorlib.arange(6.0)
    parts = comm.scatter(x, [0, 0], [2, 4])
    assert [part.get_device() for part in parts] == [0, 0]
    assert comm.gather(parts).tolist() == x.tolist()
    assert comm.gather(parts, destination=-1).tolist() == x.tolist()
    assert comm.reduce_add([parts[0], parts[0]]).tolist() == [0, 2]
    assert [each.tolist() for each in comm.broadcast(parts[0], [0, 0])] == [[0, 1], [0, 1]]
