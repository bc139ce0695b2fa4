"""Optimizers, here and in PyTorch: the same parameters after several steps, and the same structure of state."""

from __future__ import annotations

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.02}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1, "momentum_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": (0.7, 0.999), "eps": 1e-3, "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"betas": (0.7, 0.9), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 2, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.7, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"centered": True, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2), "maximize": True}),
]
SHAPES = [(3, 4), (5,), (), (400, 200)]


def run(library, name, options, dtype, steps=9):
    random = numpy.random.default_rng(0)
    kind = getattr(library, dtype)

    def made(shape):
        return library.tensor(random.standard_normal(shape), dtype=kind)

    parameters = [library.nn.Parameter(made(shape)) for shape in SHAPES]
    groups = [{"params": parameters[:2]}, {"params": parameters[2:], "lr": 0.05}]
    optimizer = getattr(library.optim, name)(groups, **options)
    for step in range(steps):
        for k, (parameter, shape) in enumerate(zip(parameters, SHAPES, strict=True)):
            gradient = made(shape)
            parameter.grad = None if k == 1 and step == 2 else gradient
        optimizer.step()
    return parameters, optimizer


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{name} {options}" for name, options in CASES])
def test_steps_and_state(name, options, dtype):
    ours, our_optimizer = run(tensorlib, name, options, dtype)
    theirs, their_optimizer = run(torch, name, options, dtype)
    close = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    for our, their in zip(ours, theirs, strict=True):
        numpy.testing.assert_allclose(our.detach().numpy(), their.detach().numpy(), **close)
    state, reference = our_optimizer.state_dict(), their_optimizer.state_dict()
    assert state.keys() == reference.keys()
    assert list(state["state"]) == list(reference["state"])
    for number, remembered in state["state"].items():
        assert list(remembered) == list(reference["state"][number])
        for key, value in remembered.items():
            numpy.testing.assert_allclose(value.numpy(), reference["state"][number][key].numpy(), **close)
    for ours, theirs in zip(state["param_groups"], reference["param_groups"], strict=True):
        assert ours.items() <= theirs.items()


def rosenbrock(library, options, steps=4):
    """Minimise a curved valley in three dimensions, with parameters of two shapes, one of them unused."""
    x, y, unused = (
        library.nn.Parameter(library.tensor(values, dtype=library.float64)) for values in ([-1.2, 1.0], 0.7, [5.0])
    )
    optimizer = library.optim.LBFGS([x, y, unused], **options)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2 + (y - x[1]) ** 2
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return losses, [float(v) for v in (*x, y, unused)], optimizer.state_dict()


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1},
        {"lr": 0.1, "max_iter": 5, "history_size": 2},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "lr": 0.3, "max_iter": 3, "history_size": 1},
        {"line_search_fn": "strong_wolfe", "lr": 40.0, "max_iter": 4, "max_eval": 9},
        {"line_search_fn": "strong_wolfe", "lr": 1e-3, "max_eval": 3},
    ],
    ids=str,
)
def test_lbfgs(options):
    ours, our_values, our_state = rosenbrock(tensorlib, options)
    theirs, their_values, their_state = rosenbrock(torch, options)
    assert len(ours) == len(theirs)  # as many evaluations
    numpy.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-18)
    numpy.testing.assert_allclose(our_values, their_values, rtol=1e-9)
    state, reference = our_state["state"][0], their_state["state"][0]
    assert set(state) == set(reference) - {"al"}  # scratch
    for key in ("func_evals", "n_iter"):
        assert state[key] == reference[key]
    for key in ("d", "t", "H_diag", "prev_flat_grad", "prev_loss", "ro"):
        numpy.testing.assert_allclose(state[key], reference[key], rtol=1e-5, atol=1e-8)
    assert our_state["param_groups"] == [their_state["param_groups"][0] | {}]


def test_state_of_pytorch_is_taken():
    theirs, their_optimizer = run(torch, "Adam", {}, "float64", steps=3)
    ours, our_optimizer = run(tensorlib, "Adam", {"lr": 0.5}, "float64", steps=1)
    state = their_optimizer.state_dict()
    state["state"] = {
        number: {key: tensorlib.tensor(value.numpy()) for key, value in remembered.items()}
        for number, remembered in state["state"].items()
    }
    our_optimizer.load_state_dict(state)
    for our, their in zip(ours, theirs, strict=True):
        our.data = tensorlib.tensor(their.detach().numpy())
        gradient = numpy.full(their.shape, 0.5)
        our.grad, their.grad = tensorlib.tensor(gradient), torch.tensor(gradient)
    our_optimizer.step()
    their_optimizer.step()
    for our, their in zip(ours, theirs, strict=True):
        numpy.testing.assert_allclose(our.detach().numpy(), their.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_training_gives_the_same_curve(name, dtype):
    random = numpy.random.default_rng(0)
    images, labels = random.standard_normal((32, 1, 6, 6)), random.integers(0, 3, 32)
    start = None
    curves = []
    for library in (torch, tensorlib):
        nn = library.nn
        torch.manual_seed(0)
        model = nn.Sequential(
            *(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))
        ).to(getattr(library, dtype))
        if start is None:
            start = {key: value.numpy().copy() for key, value in model.state_dict().items()}
        model.load_state_dict({key: library.tensor(value) for key, value in start.items()})
        optimizer = getattr(library.optim, name)(model.parameters(), lr=0.01)
        x, y = library.tensor(images, dtype=getattr(library, dtype)), library.tensor(labels)
        losses = []
        for _ in range(8):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        curves.append(losses)
    assert curves[0][-1] < curves[0][0]
    numpy.testing.assert_allclose(curves[1], curves[0], rtol={"float32": 1e-4, "float64": 1e-9}[dtype])
