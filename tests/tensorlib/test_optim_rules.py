"""Optimizers beyond SGD and Adam: they minimise, go on from saved state, work on a device, and refuse wrong options."""

from __future__ import annotations

import copy

import numpy
import pytest

import tensorlib
from tensorlib import nn, optim
from tensorlib.optim.line_search import Point, StrongWolfe, cubic_minimum
from tests import fakecupy

MAKERS = {
    "Adadelta": lambda params: optim.Adadelta(params, lr=5.0, eps=1e-3),
    "Adagrad": lambda params: optim.Adagrad(params, lr=0.5),
    "Adamax": lambda params: optim.Adamax(params, lr=0.1),
    "NAdam": lambda params: optim.NAdam(params, lr=0.1),
    "RAdam": lambda params: optim.RAdam(params, lr=0.1, betas=(0.9, 0.9)),
    "ASGD": lambda params: optim.ASGD(params, lr=0.1, t0=5),
    "RMSprop": lambda params: optim.RMSprop(params, lr=0.01),
    "RMSprop centered": lambda params: optim.RMSprop(params, lr=0.003, momentum=0.5, centered=True),
    "Rprop": lambda params: optim.Rprop(params),
    "LBFGS": lambda params: optim.LBFGS(params, max_iter=3, line_search_fn="strong_wolfe"),
    "LBFGS without a search": lambda params: optim.LBFGS(params, lr=0.5, max_iter=3, history_size=2),
}
each_optimizer = pytest.mark.parametrize("make", list(MAKERS.values()), ids=list(MAKERS))


def parameters(device="cpu"):
    return [nn.Parameter(tensorlib.tensor(values, dtype=tensorlib.float64).to(device)) for values in ([1.0, -2.0], 3.0)]


def train(optimizer, given, steps):
    def closure():
        optimizer.zero_grad()
        loss = sum(((p - 0.5) ** 2).sum() + 0.1 * ((p - 0.5) ** 4).sum() for p in given)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)


@each_optimizer
def test_a_bowl_is_minimised(make):
    given = parameters()
    train(make(given), given, 300)
    assert all(float((p - 0.5).abs().max()) < 0.05 for p in given)


@each_optimizer
def test_goes_on_bit_for_bit(make):
    given = parameters()
    optimizer = make(given)
    train(optimizer, given, 3)
    others = [nn.Parameter(p.detach().clone()) for p in given]
    other = make(others)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(optimizer, given, 3)
    train(other, others, 3)
    for ours, theirs in zip(given, others, strict=True):
        numpy.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


@each_optimizer
def test_a_device_gives_the_same(make, monkeypatch):
    fakecupy.install(monkeypatch)
    here, there = parameters(), parameters("cuda")
    train(make(here), here, 3)
    train(make(there), there, 3)
    for ours, theirs in zip(here, there, strict=True):
        assert theirs.is_cuda
        numpy.testing.assert_allclose(theirs.detach().cpu().numpy(), ours.detach().numpy(), rtol=1e-12)


@each_optimizer
def test_a_step_counts_as_a_modification(make):
    given = parameters()
    optimizer = make(given)
    loss = (given[0] * given[0]).sum()
    train(optimizer, given, 1)
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_sums_of_adagrad_are_there_before_the_first_step():
    given = parameters()
    optimizer = optim.Adagrad(given[:1], initial_accumulator_value=2.0)
    assert optimizer.state_dict()["state"][0]["sum"].tolist() == [2.0, 2.0]
    optimizer.add_param_group({"params": given[1]})
    train(optimizer, given, 1)
    assert optimizer.state[given[1]]["sum"].item() > 2.0


def test_asgd_averages():
    p = nn.Parameter(tensorlib.tensor(0.0, dtype=tensorlib.float64))
    optimizer = optim.ASGD([p], lr=1.0, lambd=0.0, t0=0)
    positions = []
    for gradient in (1.0, -3.0, 2.0, 0.5):
        p.grad = tensorlib.tensor(gradient, dtype=tensorlib.float64)
        optimizer.step()
        positions.append(p.item())
    mean = positions[0]
    for count, position in zip((1, 2, 3), positions[1:], strict=True):
        mean += (position - mean) / count
    assert optimizer.state[p]["ax"].item() == pytest.approx(mean)


class TestLBFGS:
    def test_a_quadratic_takes_few_evaluations(self):
        given = parameters()
        optimizer = optim.LBFGS(given, line_search_fn="strong_wolfe")
        train(optimizer, given, 1)
        assert all(float((p - 0.5).abs().max()) < 1e-4 for p in given)
        assert optimizer.state[given[0]]["func_evals"] < 15

    def test_stops_where_the_gradient_is_zero(self):
        p = nn.Parameter(tensorlib.tensor([0.5]))
        optimizer = optim.LBFGS([p])
        train(optimizer, [p], 1)
        assert p.item() == 0.5
        assert optimizer.state[p]["func_evals"] == 1

    def test_state_of_other_parameters(self):
        given = parameters()
        optimizer = optim.LBFGS(given)
        train(optimizer, given, 1)
        others = [nn.Parameter(tensorlib.zeros(4)), nn.Parameter(tensorlib.zeros(1))]
        with pytest.raises(ValueError, match=r"LBFGS\.load_state_dict: 'd' has 3 elements, the parameters 5"):
            optim.LBFGS(others).load_state_dict(optimizer.state_dict())

    def test_search_narrows_down(self):
        """A loss that falls, rises and falls again: the first step is far too long."""

        def evaluate(step):
            return Point(step, float(numpy.cos(step) - 0.01 * step), None, float(-numpy.sin(step) - 0.01))

        start = evaluate(0.5)
        search = StrongWolfe(lambda step: evaluate(0.5 + step), start, shortest=1e-9, max_iterations=25)
        found = search.from_step(5.0)
        assert found.loss < start.loss
        assert abs(found.slope) <= 0.9 * abs(start.slope)
        assert 1 < search.evaluations < 8

    def test_a_cubic_without_minimum(self):
        falling = Point(0.0, 0.0, None, -1.0), Point(1.0, -2.0, None, -1.0)
        assert cubic_minimum(*falling, (2.0, 4.0)) == 3.0
        straight = Point(0.0, 0.0, None, -1.0), Point(1.0, -1.0, None, -1.0)
        assert cubic_minimum(*straight) == 0.5


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        (lambda given: optim.Adadelta(given, rho=1.5), ValueError, "Adadelta: rho must be between 0 and 1, 1.5 given"),
        (lambda given: optim.Adadelta(given, eps=-1), ValueError, "Adadelta: eps must not be negative, -1 given"),
        (lambda given: optim.Adagrad(given, lr_decay=-1), ValueError, "Adagrad: lr_decay must not be negative"),
        (lambda given: optim.Adamax(given, betas=(1.0, 0.9)), ValueError, r"below 1, \(1.0, 0.9\) given"),
        (lambda given: optim.NAdam(given, momentum_decay=-1), ValueError, "NAdam: momentum_decay must not be"),
        (lambda given: optim.RAdam(given, betas=(0.9, -0.1)), ValueError, "RAdam: betas must be from 0"),
        (lambda given: optim.ASGD(given, weight_decay=-1), ValueError, "ASGD: weight_decay must not be negative"),
        (lambda given: optim.RMSprop(given, momentum=-1), ValueError, "RMSprop: momentum must not be negative"),
        (lambda given: optim.Rprop(given, etas=(1.1, 1.2)), ValueError, "Rprop: etas must be below and above 1"),
        (lambda given: optim.LBFGS([{"params": p} for p in given]), ValueError, "LBFGS: takes one group of parameters"),
        (lambda given: optim.LBFGS(given, line_search_fn="x"), RuntimeError, "must be 'strong_wolfe' or None, not 'x'"),
        (lambda given: optim.LBFGS(given).step(), TypeError, r"LBFGS\.step: needs a closure"),
    ],
)
def test_wrong_use(action, kind, message):
    with pytest.raises(kind, match=message):
        action(parameters())
