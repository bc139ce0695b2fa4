"""Checkpoints: gradients that compute the forward again."""

from __future__ import annotations

import contextlib
import gc
import weakref

import numpy
import pytest

import tensorlib
from tensorlib.autograd import gradgradcheck
from tensorlib.errors import ArgumentError, GraphError
from tensorlib.utils.checkpoint import checkpoint, checkpoint_sequential
from tests.tensorlib.op_table.sample import normal


def leaf(*shape, seed=0):
    return tensorlib.tensor(normal(*shape, seed=seed), requires_grad=True)


def test_checkpoints_give_the_same_gradients():
    weight = leaf(3, 3, seed=1)
    calls = []

    def layer(x, scale, y):
        calls.append(None)
        return (x @ weight).tanh() * scale + y, x.sum()

    results = []
    for wrap in (lambda f, *a: f(*a), checkpoint):
        x, y = leaf(2, 3), leaf(2, 3, seed=4)
        first, second = wrap(layer, x, 2.0, y)
        (first.sin().sum() * second).backward()
        results.append([x.grad.numpy(), y.grad.numpy(), weight.grad.numpy()])
        weight.grad = None
    for ours, theirs in zip(*results, strict=True):
        numpy.testing.assert_array_equal(ours, theirs)
    assert len(calls) == 3


def test_checkpoints_keep_nothing_between():
    kept = []

    def layer(x):
        inner = x.exp()
        kept.append(weakref.ref(inner))
        return inner.log()

    x = leaf(2)
    y = checkpoint(layer, x)
    assert kept[0]() is None
    (gradient,) = tensorlib.autograd.grad(y.sum(), x)
    numpy.testing.assert_allclose(gradient.numpy(), 1)
    assert gradgradcheck(lambda x: checkpoint(lambda x: x.exp() * x, x), x)


def test_checkpoints_draw_the_same_random_numbers():
    x = tensorlib.ones(1000, requires_grad=True)
    y = checkpoint(tensorlib.nn.functional.dropout, x, 0.5)
    tensorlib.rand(3)
    y.sum().backward()
    assert tensorlib.equal(x.grad, y.detach())


def test_checkpoints_without_gradients():
    with tensorlib.no_grad():
        assert checkpoint(lambda x: x * 2, leaf(1)).grad_fn is None
    assert not checkpoint(lambda x: x * 2, tensorlib.ones(1)).requires_grad
    assert checkpoint(lambda x: (x, 3), leaf(1))[1] == 3


def test_checkpoints_of_sequences():
    layers = [tensorlib.nn.Linear(3, 3) for _ in range(5)]
    model = tensorlib.nn.Sequential(*layers)
    x = tensorlib.tensor(normal(2, 3), dtype=tensorlib.float32, requires_grad=True)
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    checkpoint_sequential(model, 2, x).sum().backward()
    for ours, theirs in zip([p.grad for p in model.parameters()], expected, strict=True):
        numpy.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
    with pytest.raises(ArgumentError, match="checkpoint_sequential: 6 segments do not fit 5 functions"):
        checkpoint_sequential(model, 6, x)


@pytest.mark.parametrize(
    "layer",
    [
        lambda wrap, x, h: wrap(lambda: h.exp()),
        lambda wrap, x, h: wrap(lambda a, b=None: (a * b).exp(), x, b=h),
        lambda wrap, x, h: wrap(lambda d: d["a"].exp() * d["b"], {"a": h, "b": 2}),
        lambda wrap, x, h: wrap(lambda a: {"o": [a * h]}, x)["o"][0],
        lambda wrap, x, h: wrap(lambda a: wrap(lambda b: b.exp() * h, a * a).sin(), x),
        lambda wrap, x, h: wrap(lambda a: wrap(lambda b: wrap(lambda c: (c * c).tanh(), b * a).sin(), a * a).cos(), x),
        lambda wrap, x, h: wrap(lambda a: a.sort()[0].exp() * h, x),
        lambda wrap, x, h: wrap(lambda a: (a * 2).mul_(h).exp(), x),
        lambda wrap, x, h: wrap(lambda a: a, h),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_checkpoints_of_what_came_before(layer, create_graph):
    found = []
    for wrap in (checkpoint, lambda f, *args, **kwargs: f(*args, **kwargs)):
        x = leaf(3)
        h = x * x
        total = layer(wrap, x, h).sum() + h.sin().sum()
        (first,) = tensorlib.autograd.grad(total, x, create_graph=create_graph)
        found.append([first] if not create_graph else [first, *tensorlib.autograd.grad((first * first).sum(), x)])
    for ours, theirs in zip(*found, strict=True):
        numpy.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy())


def test_checkpoints_let_go_without_the_collector():
    x = leaf(3)
    y = checkpoint(lambda x: x.exp() * x, x)
    node = weakref.ref(y.grad_fn)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    numpy.testing.assert_allclose(x.grad.numpy(), 2 * ((1 + normal(3)) * numpy.exp(normal(3))))
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


def test_checkpoints_that_do_something_else():
    calls = []

    def layer(x):
        calls.append(None)
        return x.exp() if len(calls) == 1 else x.exp().sin()

    with pytest.raises(GraphError, match=r"checkpoint: the function did \[\('exp', \(2,\)\)\] the first time, but"):
        checkpoint(layer, leaf(2)).sum().backward()
    x = leaf(2) * 1
    y = checkpoint(lambda x: x.exp(), x)
    x.mul_(2)
    with pytest.raises(GraphError, match="checkpoint: an argument was modified in place"):
        y.sum().backward()
    with pytest.raises(ArgumentError, match="checkpoint: determinism_check is 'maybe'"):
        checkpoint(lambda x: x, x, determinism_check="maybe")


def test_contexts_of_checkpoints():
    seen = []

    @contextlib.contextmanager
    def noted(name):
        seen.append(name)
        yield

    y = checkpoint(lambda x: x.exp(), leaf(2), context_fn=lambda: (noted("first"), noted("second")))
    assert seen == ["first"]
    y.sum().backward()
    assert seen == ["first", "second"]
