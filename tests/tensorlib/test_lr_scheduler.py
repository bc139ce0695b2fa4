"""Schedules of learning rates: by hand, with saved state, and used wrongly."""

from __future__ import annotations

import pickle
from functools import partial

import pytest

import tensorlib
from tensorlib import optim
from tensorlib.optim import lr_scheduler


def optimizer_of(groups=1, kind=optim.SGD, lr=1.0, **options):
    return kind([{"params": [tensorlib.nn.Parameter(tensorlib.zeros(1))]} for _ in range(groups)], lr=lr, **options)


def rates_of(scheduler, epochs):
    rates = []
    for _ in range(epochs):
        rates.append(scheduler.get_last_lr()[0])
        scheduler.step()
    return rates


class Decay:
    """A schedule that is an object with an attribute."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, epoch):
        return self.rate**epoch


MAKERS = {
    "lambda": lambda optimizer: lr_scheduler.LambdaLR(optimizer, Decay(0.5)),
    "multiplicative": lambda optimizer: lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.9),
    "step": lambda optimizer: lr_scheduler.StepLR(optimizer, 3),
    "milestones": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 5]),
    "constant": lambda optimizer: lr_scheduler.ConstantLR(optimizer),
    "linear": lambda optimizer: lr_scheduler.LinearLR(optimizer),
    "exponential": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.9),
    "polynomial": lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 9),
    "cosine": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 4),
    "restarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, 2),
    "cyclic": lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, 3),
    "cyclic by object": lambda optimizer: lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, 3, scale_fn=Decay(0.5)),
    "one cycle": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.5, 20),
    "sequence": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer, [MAKERS["linear"](optimizer), MAKERS["cosine"](optimizer)], [6]
    ),
    "chain": lambda optimizer: lr_scheduler.ChainedScheduler(
        [MAKERS["constant"](optimizer), MAKERS["step"](optimizer)]
    ),
}


@pytest.mark.parametrize("make", list(MAKERS.values()), ids=list(MAKERS))
def test_goes_on_from_saved_state(make):
    first = optimizer_of(2, momentum=0.9)
    scheduler = make(first)
    rates_of(scheduler, 4)
    saved = pickle.loads(pickle.dumps((scheduler.state_dict(), first.state_dict())))
    second = optimizer_of(2, momentum=0.9)
    other = make(second)
    other.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    assert other.last_epoch == 4 if hasattr(other, "last_epoch") else True
    assert rates_of(other, 6) == rates_of(scheduler, 6)
    assert second.param_groups[1]["momentum"] == first.param_groups[1]["momentum"]


def test_functions_that_are_objects_are_saved_by_their_attributes():
    saved = lr_scheduler.LambdaLR(optimizer_of(2), [Decay(0.5), lambda epoch: 1.0]).state_dict()
    assert saved["lr_lambdas"] == [{"rate": 0.5}, None]
    other = lr_scheduler.LambdaLR(optimizer_of(2), [Decay(0.1), lambda epoch: 2.0])
    other.load_state_dict(saved)
    other.step()
    assert other.get_last_lr() == [0.5, 2.0]


def test_sequences_within_a_sequence_are_as_one():
    def part(optimizer, gamma):
        return lr_scheduler.ExponentialLR(optimizer, gamma)

    first, second = optimizer_of(), optimizer_of()
    inner = lr_scheduler.SequentialLR(first, [part(first, 0.9), part(first, 0.5)], [3])
    nested = lr_scheduler.SequentialLR(first, [inner, part(first, 0.8)], [6])
    flat = lr_scheduler.SequentialLR(second, [part(second, gamma) for gamma in (0.9, 0.5, 0.8)], [3, 6])
    assert rates_of(nested, 10) == rates_of(flat, 10)


def test_a_factor_of_zero_is_left_again():
    scheduler = lr_scheduler.ConstantLR(optimizer_of(), factor=0.0, total_iters=2)
    assert rates_of(scheduler, 4) == [0.0, 0.0, 1.0, 1.0]


def test_changes_by_hand_are_kept():
    optimizer = optimizer_of()
    scheduler = lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    scheduler.step()
    optimizer.param_groups[0]["lr"] = 8.0
    scheduler.step()
    assert scheduler.get_last_lr() == [4.0]


def test_a_rate_that_is_a_tensor_stays_one():
    rate = tensorlib.tensor(1.0, dtype=tensorlib.float64)
    optimizer = optimizer_of(lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.5
    assert scheduler.base_lrs == [1.0]


def test_restarts_within_epochs():
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(), T_0=1, T_mult=2)
    scheduler.step(1.5)
    assert (scheduler.T_i, scheduler.T_cur, scheduler.last_epoch) == (2, 0.5, 1)
    scheduler.step(0.25)
    assert (scheduler.T_i, scheduler.T_cur) == (1, 0.25)
    scheduler.step()
    assert (scheduler.T_i, scheduler.T_cur) == (2, 0)


def test_going_on_needs_where_it_started():
    optimizer = optimizer_of()
    with pytest.raises(KeyError, match="StepLR: to go on from epoch 3, group 0 needs 'initial_lr'"):
        lr_scheduler.StepLR(optimizer, 2, last_epoch=3)
    optimizer.param_groups[0]["initial_lr"] = 1.0
    assert lr_scheduler.StepLR(optimizer, 3, last_epoch=3).last_epoch == 4


def test_adam_cycles_its_first_beta():
    optimizer = optimizer_of(kind=optim.Adam)
    scheduler = lr_scheduler.CyclicLR(optimizer, 0.0, 1.0, step_size_up=2)
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)
    scheduler.step()
    scheduler.step()
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.8, 0.999))


def test_plateau_prints_if_asked(capsys):
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer_of(), patience=0, verbose=True)
    for loss in (1.0, 2.0):
        scheduler.step(loss)
    assert capsys.readouterr().out == "Epoch 2: reducing learning rate of group 0 to 1.0000e-01.\n"


def test_plateau_with_a_group_added():
    optimizer = optimizer_of()
    several, one = (lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, min_lr=low) for low in ([0.5], 0.5))
    optimizer.add_param_group({"params": [tensorlib.nn.Parameter(tensorlib.zeros(1))], "lr": 0.6})
    for scheduler in (one, several):
        scheduler.step(1.0)
    one.step(2.0)
    assert one.get_last_lr() == [0.5, 0.5]
    with pytest.raises(ValueError, match="1 values of min_lr given, but 2 groups"):
        several.step(2.0)


plain = partial(optimizer_of, kind=optim.SGD)


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        (lambda: lr_scheduler.StepLR(3, 1), TypeError, "StepLR: needs an Optimizer, not int"),
        (lambda: lr_scheduler.StepLR(plain(), 0), ValueError, "step_size must be at least 1, 0 given"),
        (lambda: lr_scheduler.ConstantLR(plain(), 1.5), ValueError, "factor must be between 0 and 1, 1.5 given"),
        (lambda: lr_scheduler.LinearLR(plain(), 0.0), ValueError, "start_factor must be above 0 and up to 1"),
        (lambda: lr_scheduler.LinearLR(plain(), end_factor=2), ValueError, "end_factor must be between 0 and 1, 2"),
        (lambda: lr_scheduler.LambdaLR(plain(2), [abs]), ValueError, "1 values of lr_lambda given, but 2 groups"),
        (lambda: lr_scheduler.MultiplicativeLR(plain(), 3), TypeError, "lr_lambda must be a function, not int"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(plain(), 0), ValueError, "T_0 must be a positive integer, 0"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(plain(), 2, 1.5), ValueError, "T_mult must be a positive"),
        (lambda: lr_scheduler.CosineAnnealingWarmRestarts(plain(), 2).step(-1), ValueError, "must not be negative, -1"),
        (lambda: lr_scheduler.CyclicLR(plain(), 0, 1, mode="up"), ValueError, "must be one of triangular, .* not 'up'"),
        (
            lambda: lr_scheduler.CyclicLR(optim.Optimizer([tensorlib.nn.Parameter()], {"lr": 1.0}), 0, 1),
            ValueError,
            "CyclicLR: cycle_momentum needs an optimizer with momentum or betas, Optimizer has neither",
        ),
        (lambda: lr_scheduler.OneCycleLR(plain(), 1.0), ValueError, "needs total_steps, or epochs and steps_per_epoch"),
        (lambda: lr_scheduler.OneCycleLR(plain(), 1.0, 0), ValueError, "must be a positive integer, 0 given"),
        (
            lambda: lr_scheduler.OneCycleLR(plain(), 1.0, 5, pct_start=2),
            ValueError,
            "pct_start must be between 0 and 1",
        ),
        (
            lambda: lr_scheduler.OneCycleLR(plain(), 1.0, 5, anneal_strategy="exp"),
            ValueError,
            "must be 'cos' or 'linear', not 'exp'",
        ),
        (
            lambda: rates_of(lr_scheduler.OneCycleLR(plain(), 1.0, 3), 4),
            ValueError,
            "OneCycleLR: step 4 of 3: there are no more steps",
        ),
        (lambda: lr_scheduler.SequentialLR(plain(), [], []), ValueError, "SequentialLR: needs at least one scheduler"),
        (lambda: lr_scheduler.SequentialLR(plain(), [3], []), TypeError, "scheduler 0 is none, but int"),
        (
            lambda: lr_scheduler.SequentialLR(plain(), [MAKERS["step"](plain())], []),
            ValueError,
            r"scheduler 0 \(StepLR\) belongs to another optimizer",
        ),
        (
            lambda: lr_scheduler.ChainedScheduler([lr_scheduler.ReduceLROnPlateau(plain())]),
            ValueError,
            "scheduler 0 is ReduceLROnPlateau, whose step needs a metric",
        ),
        (lambda: lr_scheduler.ReduceLROnPlateau(plain(), factor=1.0), ValueError, "factor must be below 1, 1.0 given"),
        (lambda: lr_scheduler.ReduceLROnPlateau(plain(), "up"), ValueError, "mode must be 'min' or 'max', not 'up'"),
        (
            lambda: lr_scheduler.ReduceLROnPlateau(plain(), threshold_mode="x"),
            ValueError,
            "threshold_mode must be 'rel' or 'abs', not 'x'",
        ),
        (lambda: lr_scheduler.LRScheduler(plain()), NotImplementedError, "LRScheduler has no get_lr"),
        (lambda: MAKERS["step"](plain()).load_state_dict(3), TypeError, "StepLR.load_state_dict: needs a dictionary"),
    ],
)
def test_wrong_use(action, kind, message):
    with pytest.raises(kind, match=message):
        action()


def test_wrong_use_of_sequences():
    optimizer = optimizer_of()
    parts = [MAKERS["step"](optimizer), MAKERS["linear"](optimizer)]
    with pytest.raises(ValueError, match="2 milestones for 2 schedulers, needs one less"):
        lr_scheduler.SequentialLR(optimizer, parts, [1, 2])
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, [1])
    with pytest.raises(ValueError, match=r"SequentialLR\.step: takes no epoch"):
        scheduler.step(3)
    with pytest.raises(ValueError, match="state of 0 schedulers given, needed is that of 2"):
        scheduler.load_state_dict({})
