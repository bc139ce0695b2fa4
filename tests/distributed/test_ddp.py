"""`DistributedDataParallel`: averages, overlap, and what goes wrong. Threads for breadth, processes for truth."""

from __future__ import annotations

import os
import signal
import time
from typing import Any, NamedTuple

import numpy as np
import pytest

import dist
import tensorlib
from dist.errors import DistError, PeerError
from dist.parallel import DistributedDataParallel
from dist.testing import run_ranks, run_world
from tensorlib import Tensor, nn
from tests import fakecupy


class Net(nn.Module):
    """Three factors and an offset, of two types; `skip` leaves one out of the forward."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.first = nn.Parameter(Tensor(np.full(3, 1.0 * scale)))
        self.second = nn.Parameter(Tensor(np.full((2, 3), 2.0 * scale)))
        self.offset = nn.Parameter(Tensor(np.full(3, 0.5, "f4")))
        self.register_buffer("count", Tensor(np.zeros(1)))

    def forward(self, x: Tensor, skip: bool = False) -> Tensor:
        y = x * self.first + self.offset
        return (y if skip else y * self.second).sum()


def inputs(rank: int, step: int = 0) -> Tensor:
    return Tensor(np.random.default_rng(10 * step + rank).standard_normal((2, 3)))


def gradients(module: nn.Module) -> list[Any]:
    return [None if p.grad is None else p.grad.numpy().copy() for p in module.parameters()]


def average_by_hand(size: int) -> list[Any]:
    each = []
    for rank in range(size):
        net = Net()
        net(inputs(rank)).backward()
        each.append(gradients(net))
    return [sum(arrays[1:], arrays[0]) / size for arrays in zip(*each, strict=True)]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("megabytes", [25, 1e-5])
def test_gradients_are_the_average_over_the_ranks(size: int, megabytes: float) -> None:
    def work() -> list[Any]:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net(), bucket_cap_mb=megabytes)
        model(inputs(rank)).backward()
        return gradients(model)

    results = dist.simulate(size, work)
    for found in results:
        for ours, expected in zip(found, average_by_hand(size), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-6)
        assert [a.tobytes() for a in found] == [a.tobytes() for a in results[0]]


def test_sparse_gradients_are_averaged_as_strided_ones() -> None:
    def work() -> list[Any]:
        model = DistributedDataParallel(nn.Embedding(3, 2, sparse=True))
        model(tensorlib.tensor([dist.get_rank(), 2])).sum().backward()
        (weight,) = model.parameters()
        assert weight.grad is not None
        return [weight.grad.is_sparse, weight.grad.tolist()]

    assert dist.simulate(2, work) == [[False, [[0.5, 0.5], [0.5, 0.5], [1.0, 1.0]]]] * 2


def test_rank_0_gives_parameters_and_buffers_to_all() -> None:
    def work() -> tuple[list[float], float]:
        rank = dist.get_rank()
        net = Net(scale=rank + 1.0)
        net.count.fill_(float(rank + 7))
        model = DistributedDataParallel(net)
        started = net.first.tolist()
        net.count.fill_(float(rank + 20))
        model(inputs(rank))
        return started, net.count.item()

    assert dist.simulate(3, work) == [([1.0, 1.0, 1.0], 20.0)] * 3


def test_buckets_start_while_backward_runs() -> None:
    """The last layer's all-reduce is on its way before the first layer's gradient is computed."""

    def work() -> list[int]:
        rank = dist.get_rank()
        net = Net()
        model = DistributedDataParallel(net, bucket_cap_mb=1e-5)
        started: list[int] = []
        h = inputs(rank) * net.first
        h.register_hook(lambda g: started.append(sum(b.work is not None for b in model.reducer.buckets)))
        model.reducer.prepare()
        (h * net.second + net.offset).sum().backward()
        return started

    assert dist.simulate(2, work) == [[2], [2]]


def test_no_sync_adds_up_locally_and_averages_the_sum() -> None:
    def work() -> list[Any]:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net())
        with model.no_sync():
            model(inputs(rank, 0)).backward()
            local = gradients(model)
        model(inputs(rank, 1)).backward()
        return [local, gradients(model)]

    def local(rank: int, steps: tuple[int, ...]) -> list[Any]:
        net = Net()
        for step in steps:
            net(inputs(rank, step)).backward()
        return gradients(net)

    results = dist.simulate(2, work)
    for rank, (alone, _) in enumerate(results):
        for ours, expected in zip(alone, local(rank, (0,)), strict=True):
            np.testing.assert_array_equal(ours, expected)
    both = [local(rank, (0, 1)) for rank in range(2)]
    for ours, a, b in zip(results[0][1], *both, strict=True):
        np.testing.assert_allclose(ours, (a + b) / 2, rtol=1e-6)


def test_gradients_that_are_kept_accumulate() -> None:
    def work() -> list[Any]:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net())
        for _ in range(2):
            model(inputs(rank)).backward()
        return gradients(model)

    for ours, expected in zip(dist.simulate(2, work)[1], average_by_hand(2), strict=True):
        np.testing.assert_allclose(ours, 2 * expected, rtol=1e-6)


def test_unused_parameters_are_named() -> None:
    def work() -> None:
        rank = dist.get_rank()
        DistributedDataParallel(Net())(inputs(rank), skip=True).backward()

    with pytest.raises(Exception, match=r"no gradient came to 1 parameters: second\. .*find_unused_parameters=True"):
        dist.simulate(2, work)


def test_parameters_unused_on_some_ranks_count_as_zero_there() -> None:
    def work() -> list[Any]:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net(), find_unused_parameters=True)
        model(inputs(rank), skip=rank == 1).backward()
        return gradients(model)

    net = Net()
    net(inputs(0)).backward()
    assert net.second.grad is not None
    for found in dist.simulate(2, work):
        np.testing.assert_allclose(found[1], net.second.grad.numpy() / 2)


def test_parameters_unused_everywhere_keep_no_gradient() -> None:
    def work() -> bool:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net(), find_unused_parameters=True)
        model(inputs(rank), skip=True).backward()
        return model.module.second.grad is None

    assert dist.simulate(2, work) == [True, True]


def test_models_that_differ_are_named_on_all_ranks() -> None:
    def work() -> str:
        rank = dist.get_rank()
        net = Net()
        if rank == 1:
            net.second = nn.Parameter(Tensor(np.zeros(4)))
        try:
            DistributedDataParallel(net)
        except DistError as error:
            return str(error)
        return ""

    same, other = dist.simulate(2, work)
    assert "model of another rank differs" in same
    assert "'second', [4]" in other
    assert "'second', [2, 3]" in other


def test_a_model_without_parameters_is_refused() -> None:
    with pytest.raises(Exception, match="no parameter of the module requires a gradient"):
        dist.simulate(1, lambda: DistributedDataParallel(nn.Module()))


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> str:
    fakecupy.install(monkeypatch)
    return "cuda:0"


@pytest.mark.parametrize("megabytes", [25, 1e-5])
def test_a_model_on_a_device_is_trained_there(cuda: str, megabytes: float) -> None:
    def work() -> list[Any]:
        net = Net(1.0 + dist.get_rank()).to(cuda)
        model = DistributedDataParallel(net, device_ids=[0], output_device=0, bucket_cap_mb=megabytes)
        for _ in range(2):
            model.zero_grad()
            model(inputs(dist.get_rank())).backward()
        assert {str(p.grad.device) for p in model.parameters() if p.grad is not None} == {cuda}
        model.zero_grad(set_to_none=False)
        model(x=inputs(dist.get_rank())).backward()
        return gradients(model.cpu())

    for found in dist.simulate(2, work):
        for array, expected in zip(found, average_by_hand(2), strict=True):
            np.testing.assert_allclose(array, expected, rtol=1e-6)


def test_parts_of_a_model_may_be_on_different_devices(cuda: str) -> None:
    class Halves(Net):
        def forward(self, x: Tensor, skip: bool = False) -> Tensor:
            return ((x.to(cuda) * self.first).cpu() * self.second + self.offset).sum()

    def work() -> list[Any]:
        net = Halves()
        net.first.data = net.first.detach().to(cuda)
        model = DistributedDataParallel(net)
        model(inputs(dist.get_rank())).backward()
        assert [p.grad is not None and p.grad.device == p.device for p in net.parameters()] == [True] * 3
        return gradients(model.cpu())

    first, second = dist.simulate(2, work)
    for array, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(array, other)


class Batch(dict[str, Any]):
    """A dict that a module asks for attributes."""

    def __getattr__(self, name: str) -> Any:
        return self[name]


class Pair(NamedTuple):
    x: Tensor
    label: str


class Places(Net):
    """Keeps where its inputs were when it saw them."""

    def forward(self, *inputs: Any) -> Any:
        batch, pair, (x, _), sparse = inputs
        self.seen = [str(t.device) for t in (batch.x, pair.x, x, sparse)]
        self.kinds = [type(batch), type(pair), pair.label]


@pytest.mark.parametrize("device", [0, "cuda", "cuda:0"])
def test_inputs_are_brought_to_the_device_in_whatever_holds_them(cuda: str, device: Any) -> None:
    def work() -> list[Any]:
        x = tensorlib.ones(2)
        batch, net = Batch(x=x), Places().to(cuda)
        DistributedDataParallel(net, device_ids=[device])(batch, Pair(x, "a"), [x, 3], tensorlib.eye(2).to_sparse())
        assert str(batch.x.device) == "cpu"
        return [net.seen, net.kinds]

    assert dist.simulate(1, work) == [[[cuda] * 4, [Batch, Pair, "a"]]]


def test_gradients_of_one_bucket_are_modified_one_by_one() -> None:
    def work() -> Any:
        net = Net()
        DistributedDataParallel(net)(inputs(0)).backward()
        q = tensorlib.ones(3, dtype=tensorlib.float64, requires_grad=True)
        assert net.first.grad is not None
        assert net.second.grad is not None
        loss = (net.first.grad * q).sum()
        net.second.grad.mul_(2)
        loss.backward()
        return q.grad is not None and q.grad.tolist() == net.first.grad.tolist()

    assert dist.simulate(2, work) == [True, True]


def test_devices_are_named_in_a_list() -> None:
    def work() -> None:
        with pytest.raises(TypeError, match="device_ids is 0: need a list of one device, or None"):
            DistributedDataParallel(Net(), device_ids=0)  # type: ignore[arg-type]

    dist.simulate(1, work)


@pytest.mark.parametrize("options", [{"device_ids": [0]}, {"output_device": "cuda:1"}, {"device_ids": ["cpu", 0]}])
def test_a_device_that_the_model_is_not_on_is_refused(cuda: str, options: dict[str, Any]) -> None:
    def work() -> None:
        with pytest.raises(ValueError, match="the module is on cpu: need None, or the one device that all of it is on"):
            DistributedDataParallel(Net(), **options)

    dist.simulate(1, work)


def test_without_a_process_group_the_error_says_what_to_do() -> None:
    with pytest.raises(DistError, match="init_process_group"):
        DistributedDataParallel(Net())


def test_an_error_in_forward_does_not_spoil_the_next_step() -> None:
    def work() -> list[Any]:
        rank = dist.get_rank()
        model = DistributedDataParallel(Net(), bucket_cap_mb=1e-5)
        h = model(inputs(rank, 1))

        def stumble(g: Tensor) -> None:
            raise ZeroDivisionError

        handle = model.module.first.register_hook(stumble)
        with pytest.raises(ZeroDivisionError):
            h.backward()
        handle.remove()
        for parameter in model.parameters():
            parameter.grad = None
        model(inputs(rank)).backward()
        return gradients(model)

    for ours, expected in zip(dist.simulate(2, work)[0], average_by_hand(2), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)


def train(steps: int) -> tuple[bytes, list[float]]:
    """A few steps of gradient descent by hand, in a process of its own."""
    rank = dist.get_rank()
    tensorlib.manual_seed(0)
    model = DistributedDataParallel(Net(), bucket_cap_mb=1e-5)
    losses = []
    for step in range(steps):
        for parameter in model.parameters():
            parameter.grad = None
        loss = model(inputs(rank, step))
        loss.backward()
        losses.append(loss.item())
        with tensorlib.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(parameter.grad * 0.01)
    return b"".join(p.detach().numpy().tobytes() for p in model.parameters()), losses


def test_processes_hold_the_same_bits_after_training() -> None:
    results = run_world(3, train, 20)
    assert len({bits for bits, _ in results}) == 1
    assert len({tuple(losses) for _, losses in results}) == 3


def die_in_backward() -> str:
    dist.init_process_group()
    rank = dist.get_rank()
    model = DistributedDataParallel(Net())
    h = model(inputs(rank))
    if rank == 1:
        model.module.second.register_hook(lambda g: os.kill(os.getpid(), signal.SIGKILL))
    started = time.monotonic()
    try:
        h.backward()
    except PeerError as error:
        return f"{time.monotonic() - started < 5} {error}"
    return "not noticed"


def test_a_rank_killed_in_backward_is_named_by_the_others() -> None:
    outcomes = run_ranks(3, die_in_backward)
    assert outcomes[1].code == -signal.SIGKILL
    for rank in (0, 2):
        assert str(outcomes[rank].value).startswith("True rank 1"), outcomes[rank]
