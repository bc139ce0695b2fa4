"""Schedules of learning rates, here and in PyTorch: the same rates and momenta over 30 epochs, and the same state."""

from __future__ import annotations

import warnings

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

EPOCHS = 30
CASES = [
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 0.9**epoch, lambda epoch: 1 / (1 + epoch)]}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.9 + 0.001 * epoch}),
    ("StepLR", {"step_size": 4, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 3, 10, 25], "gamma": 0.3}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 6}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.9, "end_factor": 0.1, "total_iters": 12}),
    ("ExponentialLR", {"gamma": 0.87}),
    ("PolynomialLR", {"total_iters": 17, "power": 2.5}),
    ("CosineAnnealingLR", {"T_max": 10}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "eta_min": 0.02}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.5, "step_size_up": 4}),
    (
        "CyclicLR",
        {"base_lr": [0.01, 0.1], "max_lr": 0.5, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"},
    ),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.5, "step_size_up": 6, "mode": "exp_range", "gamma": 0.95}),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 1, "step_size_up": 5, "scale_fn": lambda x: 1 / x, "cycle_momentum": False},
    ),
    ("OneCycleLR", {"max_lr": 0.7, "total_steps": 31}),
    ("OneCycleLR", {"max_lr": [0.7, 0.3], "epochs": 5, "steps_per_epoch": 8, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.7, "total_steps": 40, "three_phase": True, "div_factor": 5, "cycle_momentum": False}),
]
NAMES = [f"{name} {sorted(options)}" for name, options in CASES]
KINDS = {"SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.01}}


@pytest.fixture(autouse=True)
def _quiet():
    """PyTorch warns of steps in an unusual order."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="torch")
        warnings.filterwarnings("ignore", ".*scheduler.*")
        warnings.filterwarnings("ignore", ".*epoch parameter.*")
        yield


def optimizer_of(library, kind="SGD"):
    first, second = (library.nn.Parameter(library.zeros(1)) for _ in range(2))
    return getattr(library.optim, kind)([{"params": [first]}, {"params": [second], "lr": 0.4}], **KINDS[kind])


def options_of(optimizer):
    """Rates and momenta as they are set now."""
    return [[group["lr"], group.get("momentum", group.get("betas", (0.0,))[0])] for group in optimizer.param_groups]


def run(library, make, kind="SGD", epochs=EPOCHS):
    optimizer = optimizer_of(library, kind)
    scheduler = make(library.optim.lr_scheduler, optimizer)
    record = [options_of(optimizer)]
    for _ in range(epochs):
        optimizer.step()
        scheduler.step()
        record.append(options_of(optimizer))
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
    return numpy.array(record), scheduler


def compare(make, kind="SGD", epochs=EPOCHS):
    ours, our_scheduler = run(tensorlib, make, kind, epochs)
    theirs, their_scheduler = run(torch, make, kind, epochs)
    numpy.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    return our_scheduler, their_scheduler


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_rates(name, options, kind):
    ours, theirs = compare(lambda library, optimizer: getattr(library, name)(optimizer, **options), kind)
    reference = theirs.state_dict()
    for key in (
        "last_epoch",
        "base_lrs",
        "_last_lr",
        "_step_count",
        "gamma",
        "milestones",
        "T_cur",
        "T_i",
        "total_size",
    ):
        if key in reference and (key, name) != ("_step_count", "CosineAnnealingWarmRestarts"):  # PyTorch does not count
            numpy.testing.assert_allclose(as_numbers(ours.state_dict()[key]), as_numbers(reference[key]), rtol=1e-12)


def as_numbers(value):
    return sorted(value.elements()) if hasattr(value, "elements") else value


# Of restarts PyTorch forgets how many there were.
@pytest.mark.parametrize(("name", "options"), [case for case in CASES if case[0] != "CosineAnnealingWarmRestarts"])
def test_going_on_from_an_epoch(name, options):
    """A schedule made with `last_epoch` changes the rates that it finds as PyTorch's does."""

    def make(library, optimizer):
        for group in optimizer.param_groups:
            group.update(initial_lr=group["lr"], max_lr=0.7, min_lr=1e-3, base_momentum=0.85, max_momentum=0.95)
        return getattr(library, name)(optimizer, **options, last_epoch=5)

    compare(make, epochs=8)


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_a_given_epoch(name, options):
    rates = []
    for library in (tensorlib, torch):
        optimizer = optimizer_of(library)
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **options)
        for epoch in (5, 2, 11):
            scheduler.step(epoch)
            rates.append(options_of(optimizer))
    numpy.testing.assert_allclose(rates[:3], rates[3:], rtol=1e-12)


@pytest.mark.parametrize(("name", "options"), CASES, ids=NAMES)
def test_state_of_pytorch_is_taken(name, options):
    """Twelve epochs in PyTorch and then some here are as if all had been in PyTorch."""
    (theirs, their_scheduler), (start, _) = (
        run(torch, lambda library, optimizer: getattr(library, name)(optimizer, **options), epochs=count)
        for count in (12, 0)
    )
    optimizer = optimizer_of(tensorlib)
    scheduler = getattr(tensorlib.optim.lr_scheduler, name)(optimizer, **options)
    numpy.testing.assert_allclose([options_of(optimizer)], start, rtol=1e-12)
    scheduler.load_state_dict(their_scheduler.state_dict())
    for group, their_group in zip(optimizer.param_groups, their_scheduler.optimizer.param_groups, strict=True):
        group.update({key: value for key, value in their_group.items() if key != "params"})
    numpy.testing.assert_allclose([options_of(optimizer)], theirs[-1:], rtol=1e-12)
    for each in (scheduler, their_scheduler):
        for _ in range(5):
            each.step()
    numpy.testing.assert_allclose(options_of(optimizer), options_of(their_scheduler.optimizer), rtol=1e-12)


def sequence(library, optimizer):
    parts = [
        library.LinearLR(optimizer, 0.1, total_iters=4),
        library.CosineAnnealingLR(optimizer, 8),
        library.LambdaLR(optimizer, lambda epoch: 0.5**epoch),
        library.CosineAnnealingWarmRestarts(optimizer, 3),
        library.StepLR(optimizer, 2),
    ]
    return library.SequentialLR(optimizer, parts, milestones=[4, 10, 14, 22])


def chain(library, optimizer):
    parts = [
        library.ConstantLR(optimizer, 0.5, 4),
        library.ExponentialLR(optimizer, 0.9),
        library.MultiStepLR(optimizer, [7, 9]),
        library.PolynomialLR(optimizer, 40),
    ]
    return library.ChainedScheduler(parts)


@pytest.mark.parametrize("make", [sequence, chain])
def test_composites(make):
    ours, theirs = compare(make)
    state, reference = ours.state_dict(), theirs.state_dict()
    assert set(state) <= set(reference)
    assert len(state["_schedulers"]) == len(reference["_schedulers"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "patience": 2, "factor": 0.5},
        {"patience": 1, "cooldown": 3, "threshold": 0.01},
        {"patience": 0, "threshold_mode": "abs", "threshold": 0.05, "min_lr": [0.05, 0.1]},
        {"mode": "max", "patience": 1, "threshold_mode": "abs", "eps": 0.01},
    ],
    ids=str,
)
def test_plateau(options):
    metrics = numpy.random.default_rng(0).normal(0, 0.1, 90) + numpy.exp(-numpy.arange(90) / 10)
    records = []
    for library in (tensorlib, torch):
        optimizer = optimizer_of(library)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        record = []
        for metric in metrics:
            scheduler.step(library.tensor(metric))
            record.append([*scheduler.get_last_lr(), scheduler.num_bad_epochs, scheduler.cooldown_counter])
        records.append(record)
        state = scheduler.state_dict()
    numpy.testing.assert_allclose(records[0], records[1], rtol=1e-12)
    assert min(record[0] for record in records[0]) < 0.1
    ours = tensorlib.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(tensorlib), **options)
    assert set(state) <= set(ours.state_dict())
