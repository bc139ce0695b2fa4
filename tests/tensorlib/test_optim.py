"""Optimizers: steps by hand, groups, state that goes out and comes in."""

from __future__ import annotations

import copy
import math
import pickle

import numpy
import pytest

import tensorlib
from tensorlib import nn, optim
from tensorlib.errors import ArgumentError

MAKERS = {
    "SGD": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.01),
    "nesterov": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda params: optim.Adam(params, lr=0.1, weight_decay=0.01),
    "AMSGrad": lambda params: optim.Adam(params, lr=0.1, amsgrad=True),
    "AdamW": lambda params: optim.AdamW(params, lr=0.1),
}
each_optimizer = pytest.mark.parametrize("make", list(MAKERS.values()), ids=list(MAKERS))


def parameter(*values):
    return nn.Parameter(tensorlib.tensor(values or (1.0, -2.0)))


def square_loss(parameters):
    loss = sum((p * p).sum() for p in parameters)
    loss.backward()
    return loss


class TestSteps:
    @each_optimizer
    def test_a_square_is_minimised(self, make):
        given = [parameter(), parameter(3.0)]
        optimizer = make(given)
        for _ in range(200):
            optimizer.zero_grad()
            square_loss(given)
            optimizer.step()
        assert all(float(p.abs().max()) < 0.05 for p in given)

    def test_momentum_by_hand(self):
        p = parameter(1.0)
        optimizer = optim.SGD([p], lr=0.1, momentum=0.5, dampening=0.2, weight_decay=0.1)
        value, buffer = 1.0, None
        for gradient in (2.0, -1.0, 0.5):
            p.grad = tensorlib.tensor([gradient])
            optimizer.step()
            step = gradient + 0.1 * value
            buffer = step if buffer is None else 0.5 * buffer + 0.8 * step
            value -= 0.1 * buffer
            assert p.item() == pytest.approx(value, rel=1e-6)

    def test_adam_by_hand(self):
        p = parameter(1.0)
        optimizer = optim.Adam([p], lr=0.1, betas=(0.5, 0.75), eps=0.01)
        value = mean = square = 0.0
        value = 1.0
        for k, gradient in enumerate((2.0, -1.0, 0.5), 1):
            p.grad = tensorlib.tensor([gradient])
            optimizer.step()
            mean, square = 0.5 * mean + 0.5 * gradient, 0.75 * square + 0.25 * gradient**2
            value -= 0.1 * mean / (1 - 0.5**k) / (math.sqrt(square / (1 - 0.75**k)) + 0.01)
            assert p.item() == pytest.approx(value, rel=1e-5)

    def test_weight_decay_of_adamw_is_decoupled(self):
        p = parameter(1.0)
        optimizer = optim.AdamW([p], lr=0.1, weight_decay=0.5)
        p.grad = tensorlib.tensor([0.0])
        optimizer.step()
        assert p.item() == pytest.approx(0.95)

    @pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
    def test_maximize_goes_up(self, kind):
        p = parameter(1.0)
        optimizer = kind([p], lr=0.1, maximize=True)
        p.grad = tensorlib.tensor([1.0])
        optimizer.step()
        assert p.item() > 1.0
        assert p.grad.item() == 1.0

    def test_parameters_without_gradient_stay(self):
        still, moving = parameter(1.0), parameter(1.0)
        optimizer = optim.Adam([still, moving])
        moving.grad = tensorlib.tensor([1.0])
        optimizer.step()
        assert still.item() == 1.0
        assert list(optimizer.state) == [moving]

    def test_a_step_counts_as_a_modification(self):
        p = parameter(2.0)
        optimizer = optim.SGD([p], lr=0.1)
        loss = (p * p).sum()
        p.grad = tensorlib.tensor([1.0])
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified in place"):
            loss.backward()

    def test_closure(self):
        p = parameter(1.0)
        optimizer = optim.SGD([p], lr=0.25)

        def closure():
            optimizer.zero_grad()
            return square_loss([p])

        with tensorlib.no_grad():
            assert optimizer.step(closure).item() == 1.0
        assert p.item() == 0.5
        assert optimizer.step() is None

    def test_zero_grad(self):
        p = parameter(1.0)
        optimizer = optim.SGD([p], lr=0.25)
        square_loss([p])
        kept = p.grad
        optimizer.zero_grad(set_to_none=False)
        assert p.grad.tolist() == kept.tolist() == [0.0]
        optimizer.zero_grad()
        assert p.grad is None


class TestGroups:
    def test_options_of_their_own(self):
        first, second, third = parameter(1.0), parameter(1.0), parameter(1.0)
        optimizer = optim.SGD([{"params": [first]}, {"params": second, "lr": 0.5}], lr=0.1)
        optimizer.add_param_group({"params": third, "lr": 0.0, "momentum": 0.9})
        for p in (first, second, third):
            p.grad = tensorlib.tensor([1.0])
        optimizer.step()
        assert [p.item() for p in (first, second, third)] == pytest.approx([0.9, 0.5, 1.0])
        assert [group["momentum"] for group in optimizer.param_groups] == [0, 0, 0.9]

    def test_printing(self):
        text = repr(optim.SGD([parameter()], lr=0.1))
        assert text.splitlines()[:4] == ["SGD (", "Parameter Group 0", "    dampening: 0.0", "    lr: 0.1"]

    @pytest.mark.parametrize(
        ("action", "kind", "message"),
        [
            (lambda: optim.SGD([], lr=0.1), ValueError, "SGD: got no parameters"),
            (
                lambda: optim.SGD(parameter(), lr=0.1),
                TypeError,
                "must be an iterable of parameters or of groups, not Para",
            ),
            (lambda: optim.SGD([3], lr=0.1), TypeError, "must be tensors, not int"),
            (lambda: optim.SGD([parameter() * 2], lr=0.1), ValueError, r"shape \(2,\) is no leaf"),
            (lambda: optim.SGD([parameter()], lr=-1), ValueError, "SGD: lr must not be negative, -1 given"),
            (lambda: optim.SGD([parameter()], nesterov=True), ValueError, "nesterov needs momentum > 0"),
            (lambda: optim.Adam([parameter()], betas=(0.9, 1.0)), ValueError, r"below 1, \(0.9, 1.0\) given"),
            (lambda: optim.AdamW([parameter()], eps=-1.0), ValueError, "AdamW: eps must not be negative"),
            (lambda: optim.SGD([{"lr": 0.1}], lr=0.1), ValueError, "needs 'params', given are"),
            (lambda: optim.SGD([{"params": []}, [1]], lr=0.1), TypeError, "must be a dictionary, not list"),
            (lambda: optim.Optimizer([parameter()], {}).step(), NotImplementedError, "define one"),
        ],
    )
    def test_wrong_use(self, action, kind, message):
        with pytest.raises(kind, match=message):
            action()

    def test_a_parameter_twice(self):
        p = parameter()
        with pytest.raises(ValueError, match="is given twice"):
            optim.SGD([p, p], lr=0.1)
        optimizer = optim.SGD([p], lr=0.1)
        with pytest.raises(ValueError, match="is given twice"):
            optimizer.add_param_group({"params": [p]})

    def test_a_required_option(self):
        class Demanding(optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, {"rate": optim.optimizer.required})

        with pytest.raises(ValueError, match="needs the option 'rate'"):
            Demanding([parameter()])
        assert Demanding([{"params": parameter(), "rate": 1}]).param_groups[0]["rate"] == 1


def trained(make, steps=3):
    given = [parameter(), parameter(3.0)]
    optimizer = make(given)
    for _ in range(steps):
        optimizer.zero_grad()
        square_loss(given)
        optimizer.step()
    return given, optimizer


class TestState:
    def test_structure(self):
        _, optimizer = trained(MAKERS["AMSGrad"])
        state = optimizer.state_dict()
        assert list(state) == ["state", "param_groups"]
        assert list(state["state"]) == [0, 1]
        assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
        assert state["state"][0]["step"].item() == 3.0
        assert state["param_groups"][0]["params"] == [0, 1]
        assert optim.SGD([parameter()], lr=1.0).state_dict()["state"] == {}

    @each_optimizer
    @pytest.mark.parametrize("carry", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state))])
    def test_goes_on_bit_for_bit(self, make, carry):
        given, optimizer = trained(make)
        others = [nn.Parameter(p.detach().clone()) for p in given]
        other = make(others)
        other.param_groups[0]["lr"] = 77.0
        other.load_state_dict(carry(optimizer.state_dict()))
        for parameters, each in ((given, optimizer), (others, other)):
            for _ in range(3):
                each.zero_grad()
                square_loss(parameters)
                each.step()
        for ours, theirs in zip(given, others, strict=True):
            numpy.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())

    def test_is_copied_in_the_type_of_the_parameter(self):
        _, optimizer = trained(MAKERS["Adam"])
        others = [nn.Parameter(tensorlib.zeros(n, dtype=tensorlib.float64)) for n in (2, 1)]
        other = MAKERS["Adam"](others)
        state = optimizer.state_dict()
        state["state"][0]["step"] = 3  # as older files have it
        other.load_state_dict(state)
        loaded = other.state[others[0]]
        assert loaded["exp_avg"].dtype == tensorlib.float64
        assert loaded["step"].item() == 3.0
        loaded["exp_avg"].zero_()
        assert float(state["state"][0]["exp_avg"].abs().max()) > 0

    def test_what_does_not_fit(self):
        given, optimizer = trained(MAKERS["Adam"])
        state = optimizer.state_dict()
        for target, message in [
            (optim.Adam(given[:1]), "Adam.load_state_dict: group 0 has 2 parameters, needed are 1"),
            (optim.Adam([{"params": given[:1]}, {"params": given[1:]}]), "1 parameter groups given, needed are 2"),
            (optim.Adam([given[1], given[0]]), r"'exp_avg' of parameter 0 has shape \(2,\), the parameter has \(1,\)"),
        ]:
            with pytest.raises(ArgumentError, match=message):
                target.load_state_dict(state)
            assert not target.state
        with pytest.raises(ArgumentError, match="needs a dictionary with 'state' and 'param_groups'"):
            optimizer.load_state_dict({})
        state["state"][9] = {}
        with pytest.raises(ArgumentError, match="state of parameter 9, which is in no group"):
            optimizer.load_state_dict(state)

    def test_saved_to_a_file(self, tmp_path):
        _, optimizer = trained(MAKERS["Adam"])
        tensorlib.save(optimizer.state_dict(), tmp_path / "state")
        others = [parameter(), parameter(1.0)]
        other = MAKERS["Adam"](others)
        other.load_state_dict(tensorlib.load(tmp_path / "state"))
        assert other.state[others[1]]["step"].item() == 3.0
