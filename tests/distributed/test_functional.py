"""Differentiable collectives: values against plain formulas, gradients against differences and against adjoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import dist
import tensorlib
from dist import functional
from dist.errors import DistError
from tensorlib import Tensor
from tensorlib.autograd import grad

RANKS = 3
STEP = 1e-6
Call = Callable[[Sequence[Tensor]], Any]


def rank() -> int:
    return dist.get_rank()


def ones(*shape: int) -> Tensor:
    return tensorlib.ones(shape, dtype=tensorlib.float64)


# name -> the shapes of a rank's inputs, and a call that gives a tensor or several
CALLS: dict[str, tuple[Callable[[int], list[tuple[int, ...]]], Call]] = {
    "all_reduce": (lambda r: [(2, 2)], lambda x: functional.all_reduce(x[0])),
    "all_reduce of 0-d": (lambda r: [()], lambda x: functional.all_reduce(x[0])),
    "all_reduce, mean": (lambda r: [(2,)], lambda x: functional.all_reduce(x[0], dist.ReduceOp.AVG)),
    "broadcast": (lambda r: [(3,)], lambda x: functional.broadcast(x[0], 1)),
    "reduce": (lambda r: [(3,)], lambda x: functional.reduce(x[0], 2)),
    "reduce, mean": (lambda r: [(3,)], lambda x: functional.reduce(x[0], 0, dist.ReduceOp.AVG)),
    "all_gather": (lambda r: [(2, 1)], lambda x: functional.all_gather(x[0])),
    "gather": (lambda r: [(2,)], lambda x: functional.gather(x[0], 1)),
    "scatter": (lambda r: [(2,), (1,), (0,)], lambda x: functional.scatter(x, 1)),
    "reduce_scatter": (
        lambda r: [(2,), (1,), (3,)],
        lambda x: functional.reduce_scatter(ones((2, 1, 3)[rank()]), x),
    ),
    "reduce_scatter, mean": (
        lambda r: [(2,)] * 3,
        lambda x: functional.reduce_scatter(ones(2), x, dist.ReduceOp.AVG),
    ),
    "all_to_all": (
        lambda r: [(r,), (2,), (1, 1)],
        lambda x: functional.all_to_all([ones(*[(s,), (2,), (1, 1)][rank()]) for s in range(3)], x),
    ),
    "all_to_all_single": (lambda r: [(6, 2)], lambda x: functional.all_to_all_single(ones(6, 2), x[0])),
    "all_to_all_single, split": (
        lambda r: [(3, 2)],
        lambda x: functional.all_to_all_single(ones(3 * rank(), 2), x[0], [rank()] * 3, [0, 1, 2]),
    ),
    "of a part of a transposed tensor": (
        lambda r: [(3, 4)],
        lambda x: functional.all_gather(functional.all_reduce(x[0].t()[1:])),
    ),
}


def inputs_of(name: str, of_rank: int) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(of_rank)
    return [np.asarray(random.normal(size=shape)) for shape in CALLS[name][0](of_rank)]


def as_list(results: Any) -> list[Tensor]:
    return list(results) if isinstance(results, tuple) else [results]


def weighted(results: Any) -> Tensor:
    """The loss of this rank: its results with weights that differ by rank and place."""
    random = np.random.default_rng(100 + rank())
    terms = [(y * tensorlib.tensor(random.normal(size=tuple(y.shape)))).sum() for y in as_list(results)]
    return sum(terms[1:], terms[0])


def loss_of_all(name: str, inputs: Sequence[np.ndarray[Any, Any]]) -> float:
    loss = np.array(weighted(CALLS[name][1]([tensorlib.tensor(x) for x in inputs])).item())
    dist.all_reduce(loss)
    return float(loss)


@pytest.mark.parametrize("name", CALLS)
def test_gradients_are_those_of_the_loss_of_all_ranks(name: str) -> None:
    def work() -> None:
        inputs = inputs_of(name, rank())
        tensors = [tensorlib.tensor(x, requires_grad=True) for x in inputs]
        weighted(CALLS[name][1](tensors)).backward()
        for changed in range(RANKS):
            for k, x in enumerate(inputs_of(name, changed)):
                for place in np.ndindex(x.shape):
                    losses = []
                    for step in (STEP, -STEP):
                        moved = [each.copy() for each in inputs]
                        if rank() == changed:
                            moved[k][place] += step
                        losses.append(loss_of_all(name, moved))
                    if rank() == changed:
                        found = tensors[k].grad
                        assert found is not None
                        slope = (losses[0] - losses[1]) / (2 * STEP)
                        np.testing.assert_allclose(found.numpy()[place], slope, atol=1e-7)

    dist.simulate(RANKS, work)


def test_values() -> None:
    def work() -> None:
        r = rank()
        x = tensorlib.tensor([1.0 + r, 10.0])
        assert functional.all_reduce(x).tolist() == [6.0, 30.0]
        assert functional.all_reduce(x, dist.ReduceOp.AVG).tolist() == [2.0, 10.0]
        assert functional.broadcast(x, 2).tolist() == [3.0, 10.0]
        assert functional.reduce(x, 1).tolist() == ([6.0, 30.0] if r == 1 else [0.0, 0.0])
        rows = [[1.0, 10.0], [2.0, 10.0], [3.0, 10.0]]
        assert [row.tolist() for row in functional.all_gather(x)] == rows
        assert [row.tolist() for row in functional.gather(x, 2)] == (rows if r == 2 else [[0.0, 0.0]] * 3)
        assert functional.scatter([x, x + 1, x + 2], 0).tolist() == [1.0 + r, 10.0 + r]
        assert functional.reduce_scatter(x, [x, x + 1, x + 2]).tolist() == [6.0 + 3 * r, 30.0 + 3 * r]
        assert [y.tolist() for y in functional.all_to_all([x] * 3, [x, x + 1, x + 2])] == [
            [1.0 + sender + r, 10.0 + r] for sender in range(3)
        ]
        y = functional.all_to_all_single(tensorlib.empty(3), tensorlib.arange(3.0) + 10 * r)
        assert y.tolist() == [r, r + 10.0, r + 20.0]
        assert x.tolist() == [1.0 + r, 10.0]

    dist.simulate(RANKS, work)


def test_second_gradients() -> None:
    def work() -> None:
        x = tensorlib.tensor([2.0 + rank()], requires_grad=True)
        total = functional.all_reduce(x)
        (first,) = grad((total**3).sum(), x, create_graph=True)  # of 3 (x0 + x1) ** 3 there are two, one per rank
        assert first.tolist() == [2 * 3 * 25.0]
        (second,) = grad(first.sum(), x)
        assert second.tolist() == [2 * 2 * 6 * 5.0]

    dist.simulate(2, work)


def test_a_model_split_over_ranks_learns_what_a_whole_one_would() -> None:
    random = np.random.default_rng(0)
    weights, x = random.normal(size=(4, 6)), random.normal(size=(3, 6))
    whole = tensorlib.tensor(weights, requires_grad=True)
    (tensorlib.tensor(x) @ whole.t()).tanh().sum().backward()
    assert whole.grad is not None
    expected = whole.grad.numpy()

    def work() -> None:
        columns = slice(3 * rank(), 3 * rank() + 3)
        mine = tensorlib.tensor(weights[:, columns], requires_grad=True)
        y = functional.all_reduce(tensorlib.tensor(x[:, columns]) @ mine.t())
        (y.tanh().sum() / 2).backward()  # every rank has the whole loss: together they have it twice
        assert mine.grad is not None
        np.testing.assert_allclose(mine.grad.numpy(), expected[:, columns], atol=1e-12)

    dist.simulate(2, work)


def test_groups() -> None:
    def work() -> None:
        groups = [dist.new_group([0, 2]), dist.new_group([1])]
        x = tensorlib.tensor([1.0 + rank()], requires_grad=True)
        y = functional.broadcast(x, (2, 1)[rank() % 2], groups[rank() % 2])
        y.backward()
        assert x.grad is not None
        assert (y.tolist(), x.grad.tolist()) == ([[3.0], [2.0], [3.0]][rank()], [[0.0], [1.0], [2.0]][rank()])

    dist.simulate(3, work)


@pytest.mark.parametrize("name", ["all_reduce", "reduce", "reduce_scatter"])
def test_only_linear_operators_have_a_gradient(name: str) -> None:
    def work() -> None:
        x = ones(2)
        arguments = {"all_reduce": (x,), "reduce": (x, 0), "reduce_scatter": (x, [x])}[name]
        with pytest.raises(ValueError, match=rf"functional.{name}: op is ReduceOp.MAX: need ReduceOp.SUM or ReduceOp."):
            getattr(functional, name)(*arguments, op=dist.ReduceOp.MAX)

    dist.simulate(1, work)


def test_without_a_world_the_error_says_what_to_do() -> None:
    with pytest.raises(DistError, match=r"functional.all_reduce: there is no process group"):
        functional.all_reduce(ones(1))
