"""Backward itself: what pullbacks may be and return, who holds gradients, threads, hooks, and what is saved."""

from __future__ import annotations

import functools
import threading

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd.op import OPS, op
from tensorlib.errors import GraphError


@pytest.fixture
def new_op():
    """Return `op`, whose operations leave the table after the test."""
    before = dict(OPS)
    yield op
    OPS.clear()
    OPS.update(before)


def leaf(*values):
    return tensorlib.tensor(values, requires_grad=True)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_pullback_may_return_none(new_op, create_graph):
    @new_op()
    def first_of(xp, x, other):
        return x * 1.0, ()

    first_of.grads(lambda xp, g: g, lambda xp, g: None)
    x, other = leaf(1.0), leaf(2.0)
    first_of(x, other).backward(create_graph=create_graph)
    assert x.grad.tolist() == [1]
    assert other.grad is None
    behind = leaf(3.0)
    first_of(x, behind * 2).backward(create_graph=create_graph)
    assert behind.grad is None


def times(xp, g, x, other, which):
    return g * (other if which == 0 else x)


class TimesOther:
    def __call__(self, xp, g, x, other):
        return g * other


@pytest.mark.parametrize(
    "pullbacks",
    [
        (functools.partial(times, which=0), functools.partial(times, which=1)),
        (TimesOther(), lambda xp, g, x, other: g * x),
        (lambda xp, g, *saved: g * saved[1], lambda xp, g, x, other: g * x),
    ],
    ids=["partial", "object", "variable arguments"],
)
@pytest.mark.parametrize("promotion", [None, "common"])
def test_pullbacks_of_any_kind(new_op, pullbacks, promotion):
    @new_op(promotion=promotion)
    def product(xp, x, other):
        return x * other, (x, other)

    product.grads(*pullbacks)
    for needs_gradient in ((True, True), (True, False), (False, True)):
        x, other = [
            tensorlib.tensor([value], requires_grad=need)
            for value, need in zip((2.0, 5.0), needs_gradient, strict=True)
        ]
        product(x, other).backward()
        assert x.grad is None or x.grad.tolist() == [5]
        assert other.grad is None or other.grad.tolist() == [2]


def test_quick_calls_compute_0d_results_once(new_op):
    calls = []

    @new_op(promotion="common")
    def counted(xp, x, other):
        calls.append(x)
        return x * other, (x, other)

    counted.grads(lambda xp, g, x, other: g * other, lambda xp, g, x, other: g * x)
    x, y = tensorlib.tensor(2.0, requires_grad=True), tensorlib.tensor(3.0)
    result = counted(x, y) + counted(x, 4.0)
    assert len(calls) == 2
    assert isinstance(result._array, numpy.ndarray)
    result.backward()
    assert x.grad.item() == 7


@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_are_nobody_elses(create_graph):
    x, w, start = leaf(1.0, 2.0), leaf(3.0, 4.0), tensorlib.ones(2)
    (x + w).backward(start, create_graph=create_graph)
    assert x.grad is not w.grad
    with tensorlib.no_grad():
        x.grad.mul_(5)
    assert w.grad.tolist() == start.tolist() == [1, 1]


def test_gradients_that_hooks_return_stay_theirs():
    x = leaf(1.0, 2.0)
    y = x + 0.0
    mine = tensorlib.tensor([3.0, 4.0])
    y.register_hook(lambda gradient: mine)
    for _ in range(2):
        y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [6, 8]
    assert mine.tolist() == [3, 4]


def test_gradients_of_0d_leaves_are_arrays():
    x = tensorlib.tensor(2.0, requires_grad=True)
    bias = tensorlib.zeros((), requires_grad=True)
    (x * x + (tensorlib.ones(3) + bias).sum() + (tensorlib.ones(3) * bias).sum()).backward()
    for gradient in (x.grad, bias.grad):
        assert isinstance(gradient._array, numpy.ndarray)
    gradient.zero_()


def test_threads_that_share_a_parameter_lose_nothing():
    x = tensorlib.zeros(20_000, requires_grad=True)

    def work():
        for _ in range(40):
            (x * 2).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert x.grad.min() == x.grad.max() == 320


def test_retained_gradients():
    x = leaf(1.0, 2.0)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    y.sum().backward(retain_graph=True)
    assert y.grad.tolist() == [1, 1]
    y.grad.zero_()
    assert x.grad.tolist() == [3, 3]
    x.retain_grad()
    assert not x.retains_grad


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_on_several_results(create_graph):
    x = leaf(3.0, 1.0, 2.0)
    values, _ = x.sort()
    seen = []
    handle = values.register_hook(lambda gradient: seen.append(gradient.tolist()) or gradient * 10)
    values[0].backward(retain_graph=True, create_graph=create_graph)
    assert seen == [[1, 0, 0]]
    assert x.grad.tolist() == [0, 10, 0]
    handle.remove()
    first, second = x.split([1, 2])
    second.register_hook(lambda gradient: gradient * 100)
    (first.sum() + second.sum()).backward(create_graph=create_graph)
    assert x.grad.tolist() == [1, 110, 100]
    assert second.grad_fn.next_functions[0][0] is first.grad_fn.next_functions[0][0]
    assert [edge[1] for edge in (second * 1).grad_fn.next_functions[:1]] == [1]


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda x: x.sort(), "sort"),
        (lambda x: x.topk(2), "topk"),
        (lambda x: x.max(0), "max_along"),
        (lambda x: x.min(0, keepdim=True), "min_along"),
        (lambda x: x.median(0), "median_along"),
    ],
)
def test_indices_that_gradients_need_are_guarded(choose, message):
    x = leaf(3.0, 1.0, 2.0)
    values, indices = choose(x)
    indices.zero_()
    with pytest.raises(GraphError, match=f"{message}: a value that its gradient needs was modified in place"):
        values.sum().backward()


@pytest.mark.parametrize("loss", ["cross_entropy", "nll_loss"])
def test_classes_that_gradients_need_are_guarded(loss):
    scores, classes = tensorlib.ones(2, 3, requires_grad=True), tensorlib.tensor([0, 1])
    value = getattr(tensorlib, loss)(scores, classes)
    classes[0] = 2
    with pytest.raises(GraphError, match=r"modified in place: saved were tensors of shapes .*clone the tensor"):
        value.backward()


def test_results_given_as_out():
    x, out = tensorlib.tensor([[1.0, 2.0]]), tensorlib.zeros(1, 2)
    assert tensorlib.add(x, 1, out=out) is out
    assert out.tolist() == [[2, 3]]
    assert tensorlib.mm(x, x.t(), out=tensorlib.zeros(3)).tolist() == [[5]]
    values, indices = tensorlib.zeros(1), tensorlib.zeros(1, dtype=tensorlib.int64)
    result = tensorlib.max(x, 1, out=(values, indices))
    assert result.values is values
    assert result.indices is indices
    assert (values.tolist(), indices.tolist()) == ([2], [1])
    x.requires_grad_()
    assert tensorlib.add(x, 1, out=None).requires_grad
    with pytest.raises(GraphError, match=r"add: with out= nothing is recorded, but a tensor requires a gradient"):
        tensorlib.add(x, 1, out=out)
    with tensorlib.no_grad():
        tensorlib.add(x, 1, out=out)
    with pytest.raises(TypeError, match=r"add: a result of type tensorlib.float32 cannot be stored in out of type"):
        tensorlib.add(out, 1, out=indices)
    with pytest.raises(TypeError, match="add: out must be a Tensor, not ndarray"):
        tensorlib.add(out, 1, out=out.numpy())
    with pytest.raises(TypeError, match="max: out has 1 tensors, the results are 2"):
        tensorlib.max(out, 0, out=values)


def test_memory_that_repeats_itself_is_not_written():
    wide = Tensor(numpy.lib.stride_tricks.as_strided(numpy.zeros(1), (3,), (0,)))
    for tensor in (wide, tensorlib.zeros(1).expand(3)):
        with pytest.raises(RuntimeError, match=r"add_: the tensor's memory is read-only or shared by several elements"):
            tensor.add_(1)
    tensorlib.zeros(3).expand(1, 3).add_(1)
    tensorlib.zeros(0, 3).add_(1)


def test_integers_wrap_around_and_mix_in_place():
    x = tensorlib.tensor([1, 44], dtype=tensorlib.uint8)
    assert (x * -1).tolist() == [255, 212]
    assert (x + 300).tolist() == [45, 88]
    assert (x == 300).tolist() == [False, True]
    assert x.add_(tensorlib.tensor([2, 2])).tolist() == [3, 46]
    with pytest.raises(OverflowError, match=f"add: the number {2**70} does not fit in 64 bits"):
        x + 2**70
    with pytest.raises(TypeError, match=r"add_: a result of type tensorlib.float32 cannot be stored"):
        x.add_(0.5)
