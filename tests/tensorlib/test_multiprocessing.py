"""Tensors between real processes: by both strategies, forked and spawned."""

from __future__ import annotations

import doctest
import gc
import multiprocessing as standard
import os
import sys
import threading
import time

import numpy
import pytest

import tensorlib
from tensorlib import multiprocessing, nn
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.multiprocessing import reductions, segments
from tests.tensorlib.processes import SECONDS, Running, named_by, received, sent

METHODS = ("fork", "spawn", "forkserver")


@pytest.fixture(params=["file_descriptor", "file_system"])
def strategy(request):
    multiprocessing.set_sharing_strategy(request.param)
    yield request.param
    multiprocessing.set_sharing_strategy("file_descriptor")
    gc.collect()
    assert named_by([os.getpid()]) == []


# -- handles, not copies -------------------------------------------------------------------------------------------


def write_and_answer(pipe, argument=None):
    whole, view, weight = received(pipe)
    view.fill_(7)
    pipe.send((whole.is_shared(), type(weight), weight.requires_grad, weight.grad is None))
    pipe.send(tensorlib.full((3,), 5.0))  # nobody here holds it any longer
    mine = received(pipe)
    mine += 1
    if argument is not None:
        argument += 1
    pipe.send("done")
    assert received(pipe) == "end"


@pytest.mark.parametrize("method", METHODS)
def test_both_see_what_the_other_writes(method, strategy):
    whole = tensorlib.zeros(2, 3)
    weight = nn.Parameter(tensorlib.ones(2))
    weight.grad = tensorlib.ones(2)
    argument = tensorlib.zeros(2).share_memory_()
    with Running(method, write_and_answer, argument) as other:
        other.pipe.send((whole, whole[1:, :2].T, weight))
        assert received(other.pipe) == (True, nn.Parameter, True, True)
        assert whole.is_shared()
        assert whole.tolist() == [[0, 0, 0], [7, 7, 0]]
        got = received(other.pipe)
        assert got.tolist() == [5, 5, 5]
        other.pipe.send(got)
        assert received(other.pipe) == "done"
        assert got.tolist() == [6, 6, 6]
        assert argument.tolist() == [1, 1]
        other.pipe.send("end")


def pass_on(source, target):
    target.send(received(source))
    assert received(source) == "end"


def test_shared_tensors_stay_shared_on_their_way_through_others(strategy):
    x = tensorlib.zeros(3)
    end, last = multiprocessing.Pipe()
    with Running("fork", pass_on, last) as first:
        first.pipe.send(x)
        back = received(end)
        assert back.data_ptr() == x.data_ptr()
        back[0] = 4
        assert x.tolist() == [4, 0, 0]
        first.pipe.send("end")


def answer_through_queue(queue, answers):
    tensor = queue.get(timeout=SECONDS)
    answers.put(tensor * 2)
    tensor.fill_(9)
    queue.task_done()
    assert queue.get(timeout=SECONDS) == "end"
    queue.task_done()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_queues(method, strategy):
    context = multiprocessing.get_context(method)
    queue, answers = context.JoinableQueue(), context.Queue()
    process = context.Process(target=answer_through_queue, args=(queue, answers))
    process.start()
    x = tensorlib.ones(2)
    queue.put(x)
    assert answers.get(timeout=SECONDS).tolist() == [2, 2]
    queue.put("end")
    queue.join()
    process.join(SECONDS)
    assert process.exitcode == 0
    assert x.tolist() == [9, 9]


def test_pools(strategy):
    with multiprocessing.Pool(2) as pool:
        doubled = pool.map_async(double, [tensorlib.full((2,), float(k)) for k in range(4)]).get(SECONDS)
        pool.close()
        pool.join()
    assert [each.tolist() for each in doubled] == [[0, 0], [2, 2], [4, 4], [6, 6]]


def double(tensor):
    return tensor * 2


TENSORS = {
    "0-d": lambda: tensorlib.tensor(3.0),
    "empty": lambda: tensorlib.zeros(0, 3),
    "part of an empty one": lambda: tensorlib.zeros(4)[4:],
    "transposed": lambda: tensorlib.arange(6).reshape(2, 3).T,
    "expanded": lambda: tensorlib.arange(3).reshape(3, 1).expand(3, 4),
    "part": lambda: tensorlib.arange(10.0)[3:8:2],
    "bool": lambda: tensorlib.tensor([True, False]),
    "bfloat16": lambda: tensorlib.tensor([1.5, -2.0], dtype=tensorlib.bfloat16),
    "complex": lambda: tensorlib.tensor([1 + 2j]),
    "of NumPy, backwards": lambda: tensorlib.from_numpy(numpy.arange(5.0)[::-1]),
    "of NumPy, column by column": lambda: tensorlib.from_numpy(numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3))),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_every_kind_of_tensor_arrives(kind, strategy):
    x = TENSORS[kind]()
    before = x.tolist(), x.shape, x.stride(), x.dtype
    y = sent(x)
    assert x.is_shared()
    assert y.is_shared()
    assert y.data_ptr() == x.data_ptr()
    assert (x.tolist(), x.shape, x.stride(), x.dtype) == (y.tolist(), y.shape, y.stride(), y.dtype) == before


def test_what_tensors_carry(strategy):
    x = nn.Buffer(tensorlib.zeros(2), persistent=False)
    y = sent(x)
    assert type(y) is nn.Buffer
    assert y.persistent is False
    leaf = sent(tensorlib.zeros(2, requires_grad=True))
    assert leaf.requires_grad
    assert leaf.is_leaf


def test_changes_in_place_count_for_all_that_were_received(strategy):
    x = tensorlib.ones(2)
    y = sent(x)
    leaf = tensorlib.ones(2, requires_grad=True)
    product = leaf * x
    y.fill_(3)
    with pytest.raises(GraphError, match="modified"):
        product.sum().backward()


def test_results_with_history_are_refused():
    x = tensorlib.ones(2, requires_grad=True) * 2
    with pytest.raises(GraphError, match=r"only leaves can be sent.*detach\(\)"):
        sent(x)
    assert sent(x.detach()).tolist() == [2, 2]


def test_devices_send_copies(two_devices):
    x = tensorlib.ones(2, device="cuda")
    assert x.is_shared()
    assert x.share_memory_() is x
    y = sent(x)
    assert y.is_cuda
    y.fill_(3)
    assert x.tolist() == [1, 1]


# -- moving --------------------------------------------------------------------------------------------------------


def test_moving_takes_views_and_bases_along(strategy):
    x = tensorlib.zeros(2, 3)
    row, same, plain = x[1], x.detach(), x.data
    assert row.share_memory_() is row
    for each in (x, row, same, plain, x[0]):
        assert each.is_shared()
    row[0] = 5
    for each in (x, same, plain):
        assert each.tolist() == [[0, 0, 0], [5, 0, 0]]
    place = x.data_ptr()
    x.share_memory_()
    assert x.data_ptr() == place


def test_storages(strategy):
    x = tensorlib.zeros(2, 3)
    storage = x[1:].storage()
    assert not storage.is_shared()
    assert storage.share_memory_() is storage
    assert storage.is_shared()
    assert x.is_shared()
    storage[5] = 7
    assert x.tolist() == [[0, 0, 0], [0, 0, 7]]
    with pytest.raises(ArgumentError, match="shared, and cannot be resized"):
        storage.resize_(100)
    with pytest.raises(ArgumentError, match="shared, and cannot be resized"):
        x.resize_(100)


def test_sparse_tensors(strategy):
    x = tensorlib.sparse_coo_tensor([[0, 1]], [3.0, 4.0], (2,))
    y = sent(x)
    assert y.to_dense().tolist() == [3, 4]
    assert y._indices().is_shared()
    assert y._values().is_shared()


def test_tensors_that_share_nothing_are_not_searched_for(monkeypatch):
    monkeypatch.setattr(reductions, "_tensors_in", None)
    assert tensorlib.zeros(2).share_memory_().is_shared()
    assert nn.Linear(2, 3).share_memory().weight.is_shared()
    x = tensorlib.zeros(2)
    view = x[1:]
    with pytest.raises(TypeError):
        view.share_memory_()
    with pytest.raises(TypeError):
        x.share_memory_()


def test_threads_that_share_one_tensor(monkeypatch):
    made = []

    def allocate_slowly(size):
        time.sleep(0.05)
        made.append(segments.allocate(size))
        return made[-1]

    monkeypatch.setattr(reductions, "allocate", allocate_slowly)
    x = tensorlib.zeros(3)
    threads = [threading.Thread(target=x.share_memory_) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(made) == 1
    assert reductions.segment_of(x) is made[0]


def test_copies_are_not_shared(strategy):
    x = tensorlib.ones(2).share_memory_()
    assert x.is_shared()
    for copied in (x.clone(), x * 2, tensorlib.tensor(x.tolist())):
        assert not copied.is_shared()


def test_modules(strategy):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model(tensorlib.ones(4, 2)).sum().backward()
    assert model.share_memory() is model
    for parameter in model.parameters():
        assert parameter.is_shared()
        assert parameter.grad.is_shared()
    assert all(buffer.is_shared() for buffer in model.buffers())


def train(pipe, model):
    optimizer = tensorlib.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        ((model(tensorlib.ones(1, 2)) - 3) ** 2).sum().backward()
        optimizer.step()
    pipe.send("done")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_training_a_shared_model(method, strategy):
    model = nn.Linear(2, 1).share_memory()
    with Running(method, train, model) as first, Running(method, train, model) as second:
        assert received(first.pipe) == received(second.pipe) == "done"
    assert abs(model(tensorlib.ones(1, 2)).item() - 3) < 0.01


def test_only_the_memory_that_there_is_counts(strategy):
    x = tensorlib.zeros(1).expand(2**44)
    assert sent(x).shape == (2**44,)


# -- strategies and names ------------------------------------------------------------------------------------------


def test_strategies():
    assert multiprocessing.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    assert multiprocessing.get_sharing_strategy() == "file_descriptor"
    with pytest.raises(ArgumentError, match="set_sharing_strategy: 'pigeons' is not known; needs one of"):
        multiprocessing.set_sharing_strategy("pigeons")


def test_everything_of_the_standard_library_is_there():
    for name in standard.__all__:
        assert getattr(multiprocessing, name) is getattr(standard, name)
        assert name in multiprocessing.__all__
    assert multiprocessing.connection.wait is standard.connection.wait
    assert multiprocessing.queues.SimpleQueue is standard.queues.SimpleQueue
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = multiprocessing.nothing_of_this_name


@pytest.mark.parametrize("module", [segments, reductions, sys.modules["tensorlib.multiprocessing.spawning"]])
def test_examples_run(module):
    report = []
    for test in doctest.DocTestFinder().find(module, extraglobs={"tensorlib": tensorlib}):
        doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert not report, "".join(report)


def test_examples_of_methods_run():
    for function in (tensorlib.Tensor.share_memory_, tensorlib.Tensor.is_shared):
        test = doctest.DocTestParser().get_doctest(function.__doc__, {"tensorlib": tensorlib}, "method", None, None)
        assert test.examples
        report = []
        doctest.DocTestRunner(verbose=False).run(test, out=report.append)
        assert not report, "".join(report)
