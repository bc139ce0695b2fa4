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
]
SHAPES = [(3, 4), (5,), (), (400, 200)]


def run(library, name, options, dtype, steps=6):
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
