"""Loading by worker processes: real ones, that raise, hang, die, or lose their parent."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest

import tensorlib
from tensorlib.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info
from tensorlib.utils.data.pool import WorkerTimeout

ROOT = Path(__file__).resolve().parents[2]


class Squares(Dataset):
    def __getitem__(self, index):
        return index**2

    def __len__(self):
        return 10


class Acting(Squares):
    """Does something at sample 5."""

    def __init__(self, act):
        self.act = act

    def __getitem__(self, index):
        if index == 5:
            self.act()
        return index**2


class Shares(IterableDataset):
    """Divides its numbers among the workers."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(info.id, 7, info.num_workers))


class Unpicklable(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class Pids(Squares):
    def __getitem__(self, index):
        return os.getpid()


class Draws(Squares):
    def __getitem__(self, index):
        return [random.random(), float(numpy.random.rand()), tensorlib.rand(1).item(), get_worker_info().seed]


def values(loader):
    return [batch.tolist() for batch in loader]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pids, seconds=5.0):
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.01)


def raise_value_error():
    raise ValueError("sample 5 is bad")


class TestBatches:
    @pytest.mark.parametrize("options", [{}, {"prefetch_factor": 1}, {"multiprocessing_context": "spawn"}])
    def test_order_is_as_without_workers(self, options):
        assert values(DataLoader(Squares(), 3, num_workers=2, **options)) == values(DataLoader(Squares(), 3))

    def test_shuffling_is_as_without_workers(self):
        orders = []
        for workers in (0, 2):
            tensorlib.manual_seed(1)
            orders.append(values(DataLoader(Squares(), 3, shuffle=True, num_workers=workers)))
        assert orders[0] == orders[1]

    def test_large_tensors_come_whole_and_writable(self):
        data = tensorlib.randn(6, 300, 200)
        for k, (batch,) in enumerate(DataLoader(TensorDataset(data), 2, num_workers=2)):
            numpy.testing.assert_array_equal(batch.numpy(), data.numpy()[2 * k : 2 * k + 2])
            batch += 1

    def test_more_workers_than_batches(self):
        assert values(DataLoader(Squares(), 10, num_workers=3)) == [[k**2 for k in range(10)]]

    def test_single_samples_and_nothing(self):
        assert list(DataLoader(Squares(), batch_size=None, num_workers=2)) == [k**2 for k in range(10)]
        assert list(DataLoader(TensorDataset(tensorlib.ones(0)), num_workers=2)) == []

    def test_iterable_data_sets_divide_the_work(self):
        batches = values(DataLoader(Shares(), 2, num_workers=2))
        assert batches == [[0, 2], [1, 3], [4, 6], [5]]

    def test_each_worker_has_its_seed(self):
        tensorlib.manual_seed(0)
        (first, second) = (batch for batch in DataLoader(Draws(), batch_size=None, sampler=[0, 1], num_workers=2))
        assert second[3] == first[3] + 1
        assert all(a != b for a, b in zip(first, second, strict=True))
        tensorlib.manual_seed(0)
        again = list(DataLoader(Draws(), batch_size=None, sampler=[0, 1], num_workers=2))
        assert again == [first, second]

    def test_init_function(self, tmp_path):
        loader = DataLoader(Squares(), 5, num_workers=2, worker_init_fn=lambda k: (tmp_path / str(k)).touch())
        assert len(values(loader)) == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


class TestErrors:
    def test_an_exception_has_its_type_and_the_workers_traceback(self):
        with pytest.raises(ValueError, match="sample 5 is bad") as caught:
            values(DataLoader(Acting(raise_value_error), 2, num_workers=2))
        (note,) = caught.value.__notes__
        assert "Traceback of DataLoader worker 0:" in note
        assert "in raise_value_error" in note

    def test_an_exception_that_cannot_be_pickled(self):
        def act():
            raise Unpicklable("this", "that")

        with pytest.raises(RuntimeError, match="Unpicklable: this and that"):
            values(DataLoader(Acting(act), 2, num_workers=1))

    def test_a_batch_that_cannot_be_pickled(self):
        loader = DataLoader(Squares(), 2, num_workers=1, collate_fn=lambda samples: lambda: samples)
        with pytest.raises(Exception, match="pickle"):
            list(loader)

    def test_an_exception_at_the_start(self):
        def init(_worker):
            raise OSError("no such disk")

        with pytest.raises(OSError, match="no such disk"):
            values(DataLoader(Squares(), 2, num_workers=2, worker_init_fn=init))

    @pytest.mark.parametrize(
        ("act", "message"),
        [
            (lambda: os.kill(os.getpid(), signal.SIGKILL), r"worker 0 \(pid \d+\) was killed by SIGKILL"),
            (lambda: os._exit(3), r"worker 0 \(pid \d+\) exited with code 3"),
        ],
    )
    def test_a_death(self, act, message):
        with pytest.raises(RuntimeError, match=message):
            values(DataLoader(Acting(act), 2, num_workers=2))

    def test_a_timeout(self):
        started = time.monotonic()
        with pytest.raises(WorkerTimeout, match=r"no batch from worker 0 \(pid \d+\) for 0.3 s"):
            values(DataLoader(Acting(lambda: time.sleep(30)), 2, num_workers=1, timeout=0.3))
        assert time.monotonic() - started < 5


class TestLifetime:
    def test_workers_end_with_the_iteration(self):
        pids = {pid for batch in values(DataLoader(Pids(), 2, num_workers=2)) for pid in batch}
        assert len(pids) == 2
        assert os.getpid() not in pids
        wait_until_gone(pids)

    @pytest.mark.parametrize("taken", [0, 1])
    def test_workers_end_when_the_iteration_is_left(self, taken):
        loader = DataLoader(Pids(), 2, num_workers=2, persistent_workers=True)
        pids = {pid for batch in values(loader) for pid in batch}
        batches = iter(loader)
        for _ in range(taken):
            next(batches)
        assert all(map(is_alive, pids))
        del loader, batches
        gc.collect()
        wait_until_gone(pids)

    def test_persistent_workers_stay(self):
        loader = DataLoader(Pids(), 2, num_workers=2, persistent_workers=True)
        first, second = values(loader), values(loader)
        assert first == second
        left = iter(loader)
        assert next(left).tolist() == first[0]
        assert values(loader) == first
        with pytest.raises(RuntimeError, match="a new iteration ends the one before"):
            list(left)

    def test_persistent_workers_are_replaced_after_an_error(self):
        loader = DataLoader(Acting(lambda: os._exit(1)), 1, num_workers=1, persistent_workers=True)
        for _ in range(2):
            batches = iter(loader)
            assert [next(batches).item() for _ in range(5)] == [0, 1, 4, 9, 16]
            with pytest.raises(RuntimeError, match="exited with code 1"):
                next(batches)

    @pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_workers_do_not_outlive_a_killed_parent(self, end):
        script = (
            "import os, time\n"
            "from tensorlib.utils.data import DataLoader, Dataset\n"
            "class Slow(Dataset):\n"
            "    def __len__(self): return 100\n"
            "    def __getitem__(self, k):\n"
            "        if k > 2: time.sleep(60)\n"
            "        return os.getpid()\n"
            "for pid in DataLoader(Slow(), None, num_workers=2):\n"
            "    print(pid, flush=True)\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            pids = {int(parent.stdout.readline()) for _ in range(3)}
            assert len(pids) == 2
            parent.send_signal(end)
            parent.wait(timeout=10)
            wait_until_gone(pids)
        finally:
            parent.kill()
            parent.communicate(timeout=10)

    def test_nothing_is_left_open(self):
        values(DataLoader(Squares(), 3, num_workers=1))
        before = set(os.listdir("/proc/self/fd"))
        for _ in range(3):
            values(DataLoader(Squares(), 3, num_workers=2))
            with contextlib.suppress(ValueError):
                values(DataLoader(Acting(raise_value_error), 3, num_workers=2))
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) <= len(before)
