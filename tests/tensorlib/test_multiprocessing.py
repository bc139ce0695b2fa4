"""Tensors between real processes: by both strategies, forked and spawned, ended normally and killed."""

from __future__ import annotations

import doctest
import gc
import multiprocessing as standard
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy
import pytest

import tensorlib
from tensorlib import multiprocessing, nn
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.multiprocessing import reductions, segments
from tests import fakecupy

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20  # after which a test gives up waiting
METHODS = ("fork", "spawn", "forkserver")


@pytest.fixture(params=["file_descriptor", "file_system"])
def strategy(request):
    multiprocessing.set_sharing_strategy(request.param)
    yield request.param
    multiprocessing.set_sharing_strategy("file_descriptor")
    gc.collect()
    assert named_by([os.getpid()]) == []


def named_by(pids):
    """Return the files in /dev/shm that processes made."""
    return [name for name in os.listdir("/dev/shm") if name.startswith(tuple(f"tensorlib-{pid}-" for pid in pids))]


def received(source):
    assert source.poll(SECONDS), "nothing came"
    return source.recv()


def sent(tensor):
    """Return a tensor as the receiver gets it, here in the same process."""
    return ForkingPickler.loads(ForkingPickler.dumps(tensor))


class Running:
    """A process and a pipe to it; it is killed if it does not end."""

    def __init__(self, method, target, *args):
        context = multiprocessing.get_context(method)
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=target, args=(other, *args))
        self.process.start()
        other.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.join(SECONDS)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        assert self.process.exitcode == 0


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


def test_devices_send_copies(monkeypatch):
    fakecupy.install(monkeypatch)
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


# -- what is left behind -------------------------------------------------------------------------------------------


def send_and_end(pipe):
    pipe.send(tensorlib.ones(2))


def test_the_sender_must_live_with_descriptors():
    with Running("fork", send_and_end) as other:
        other.process.join(SECONDS)
        with pytest.raises(ConnectionError, match=r"the process that sent it has ended.*file_system"):
            received(other.pipe)


def test_the_sender_may_end_with_names():
    multiprocessing.set_sharing_strategy("file_system")
    try:
        with Running("fork", send_and_end) as other:
            other.process.join(SECONDS)
            assert len(named_by([other.process.pid])) == 1
            got = received(other.pipe)
            assert got.tolist() == [1, 1]
            del got
            assert named_by([other.process.pid]) == []
    finally:
        multiprocessing.set_sharing_strategy("file_descriptor")


PROGRAM = """
import os, signal, sys, time
import tensorlib
import tensorlib.multiprocessing as mp

def work(pipe, mine):
    got, theirs = pipe.recv(), tensorlib.ones(1000).share_memory_()
    got += 1
    pipe.send(theirs)
    time.sleep(0.1 if sys.argv[3] == "normal" else 60)

if __name__ == "__main__":
    mp.set_sharing_strategy(sys.argv[1])
    context = mp.get_context(sys.argv[2])
    pipe, other = context.Pipe()
    queue = context.Queue()
    argument = tensorlib.zeros(1000).share_memory_()
    process = context.Process(target=work, args=(other, argument))
    process.start()
    whole = tensorlib.zeros(1000)
    pipe.send(whole)
    got = pipe.recv()
    assert whole[0] == 1 and got.is_shared()
    queue.put(tensorlib.ones(3))  # the queue sends it from a thread, at the latest at the end
    print(os.getpid(), process.pid, flush=True)
    if sys.argv[3] == "worker killed":
        os.kill(process.pid, signal.SIGKILL)
    if sys.argv[3] == "all killed":
        time.sleep(60)
    process.join()
    queue.get()
"""


@pytest.mark.parametrize("end", ["normal", "worker killed", "all killed"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("name", ["file_descriptor", "file_system"])
def test_nothing_is_left(name, method, end, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    main, pids = started(script, name, method, end)
    if end == "all killed":
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    _, errors = main.communicate(timeout=SECONDS)
    if end == "normal":
        assert (main.returncode, errors) == (0, "")
    deadline = time.monotonic() + SECONDS
    while (left := named_by(pids)) and time.monotonic() < deadline:
        time.sleep(0.02)  # the resource tracker ends a moment after the others
    assert left == []


def started(*command):
    """Start a program, and return it with the process ids that it prints."""
    program = subprocess.Popen(
        [sys.executable, *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return program, [int(pid) for pid in program.stdout.readline().split()]


MANY = """
import os, resource, sys
import tensorlib
import tensorlib.multiprocessing as mp

mp.set_sharing_strategy(sys.argv[1])
print(os.getpid(), flush=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
tensors = [tensorlib.ones(2).share_memory_() for _ in range(200)]
"""


@pytest.mark.parametrize("name", ["file_descriptor", "file_system"])
def test_names_need_no_descriptors(name, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MANY)
    program, pids = started(script, name)
    _, errors = program.communicate(timeout=SECONDS)
    if name == "file_system":
        assert (program.returncode, errors) == (0, "")
    else:
        assert "shared memory of 8 bytes: Too many open files; raise `ulimit -n`, or use set_sharing_strategy" in errors
    assert named_by(pids) == []


def allocate_named(size):
    multiprocessing.set_sharing_strategy("file_system")
    try:
        segments.allocate(size)
    finally:
        multiprocessing.set_sharing_strategy("file_descriptor")


def test_too_much_memory():
    room = os.statvfs("/dev/shm")
    with pytest.raises(OSError, match=r"shared memory of \d+ bytes: No space left on device"):
        allocate_named(room.f_blocks * room.f_frsize + 1)
    assert named_by([os.getpid()]) == []


def test_only_the_memory_that_there_is_counts(strategy):
    x = tensorlib.zeros(1).expand(2**44)
    assert sent(x).shape == (2**44,)


# -- strategies and names ------------------------------------------------------------------------------------------


def test_strategies():
    assert multiprocessing.get_all_sharing_strategies() == {"file_descriptor", "file_system"}
    assert multiprocessing.get_sharing_strategy() == "file_descriptor"
    with pytest.raises(ArgumentError, match="set_sharing_strategy: 'pigeons' is not known; needs one of"):
        multiprocessing.set_sharing_strategy("pigeons")


LATE = """
import psutil
import tensorlib
import tensorlib.multiprocessing as mp

def work():
    mp.set_sharing_strategy("file_system")

if __name__ == "__main__":
    tensorlib.zeros(2).share_memory_()
    for parent_chooses in (False, True):
        if parent_chooses:
            mp.set_sharing_strategy("file_system")
        process = mp.get_context("fork").Process(target=work)
        process.start()
        process.join()
        print(process.exitcode, len(psutil.Process().children()))
    process = mp.get_context("spawn").Process(target=work)
    process.start()
    process.join()
    print(process.exitcode)
"""


def test_names_are_chosen_before_processes_are_forked(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(LATE)
    command, environment = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=True)
    assert done.stdout.split("\n") == ["1 0", "0 1", "0", ""]  # with file descriptors there is no further process
    assert (
        "ArgumentError: set_sharing_strategy: 'file_system' must be chosen before processes are forked" in done.stderr
    )


def test_everything_of_the_standard_library_is_there():
    for name in standard.__all__:
        assert getattr(multiprocessing, name) is getattr(standard, name)
        assert name in multiprocessing.__all__
    assert multiprocessing.connection.wait is standard.connection.wait
    assert multiprocessing.queues.SimpleQueue is standard.queues.SimpleQueue
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = multiprocessing.nothing_of_this_name


# -- spawn ---------------------------------------------------------------------------------------------------------


def add_index(index, tensor):
    tensor[index] += index


def fail(index, size):
    if index == 1:
        raise ValueError("x" * size)
    time.sleep(60)


def end_by(index, signal_number):
    if index == 1:
        os.kill(os.getpid(), signal_number)
    time.sleep(60)


def leave(index):
    sys.exit(3 if index == 0 else 0)


def interrupted(index):
    raise KeyboardInterrupt


def test_spawn():
    x = tensorlib.ones(3)
    assert multiprocessing.spawn(add_index, (x,), nprocs=3) is None
    assert x.tolist() == [1, 2, 3]


def test_spawn_without_waiting():
    x = tensorlib.ones(2)
    context = multiprocessing.spawn(add_index, (x,), nprocs=2, join=False, daemon=True)
    assert len(context.pids()) == 2
    assert all(process.daemon for process in context.processes)
    deadline = time.monotonic() + SECONDS
    while not context.join(timeout=1):
        assert time.monotonic() < deadline
    assert context.join()
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("size", [3, 1_000_000])  # a pipe holds less than the second
def test_spawn_shows_the_traceback(size):
    started_at = time.monotonic()
    with pytest.raises(multiprocessing.ProcessRaisedException) as caught:
        multiprocessing.start_processes(fail, (size,), nprocs=2, start_method="fork")
    text = str(caught.value)
    assert text.startswith("process 1 raised an exception:")
    assert "Traceback" in text
    assert "in fail" in text
    assert "ValueError: " + "x" * size in text
    assert caught.value.error_index == 1
    assert isinstance(caught.value, multiprocessing.ProcessException)
    assert time.monotonic() - started_at < SECONDS  # the other was ended


def test_spawn_names_the_signal():
    with pytest.raises(multiprocessing.ProcessExitedException, match="process 1 was ended by SIGKILL") as caught:
        multiprocessing.start_processes(end_by, (signal.SIGKILL,), nprocs=2, start_method="fork")
    error = caught.value
    assert (error.error_index, error.exit_code, error.signal_name) == (1, -9, "SIGKILL")
    copied = ForkingPickler.loads(ForkingPickler.dumps(error))
    assert (str(copied), vars(copied)) == (str(error), vars(error))


def test_spawn_names_the_exit_code():
    with pytest.raises(multiprocessing.ProcessExitedException, match="process 0 ended with exit code 3") as caught:
        multiprocessing.start_processes(leave, nprocs=2, start_method="fork")
    assert caught.value.signal_name is None


def test_spawn_is_silent_when_interrupted():
    multiprocessing.start_processes(interrupted, nprocs=1, start_method="fork")


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
