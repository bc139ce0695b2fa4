"""The graph and the engine: what goes where, when, and what is kept alive."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.autograd import grad
from tensorlib.autograd.op import saved_values_read
from tensorlib.errors import GraphError, ShapeError


def leaf(*values: float) -> Tensor:
    return Tensor(numpy.array(values), requires_grad=True)


def test_worked_example_of_the_manual() -> None:
    x = Tensor(numpy.ones((2, 2)), requires_grad=True)
    y = x + 2
    out = (y * y * 3).sum() * 0.25
    out.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[4.5, 4.5], [4.5, 4.5]]


def test_gradients_add_up_until_they_are_taken_away() -> None:
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0, 6.0]
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_gradients_of_two_leaves_never_share_memory() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert not numpy.shares_memory(x.grad.numpy(), y.grad.numpy())
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0]


def test_a_gradient_given_to_backward_is_not_kept_as_the_gradient() -> None:
    x, given = leaf(1.0, 2.0), Tensor(numpy.ones(2))
    x.backward(given)
    assert x.grad is not None
    x.grad.mul_(5)
    assert given.tolist() == [1.0, 1.0]


def test_broadcast_operands_get_gradients_of_their_own_shape() -> None:
    x = Tensor(numpy.ones((3, 1)), requires_grad=True)
    y = Tensor(numpy.ones(4), requires_grad=True)
    scalar = Tensor(numpy.array(2.0), requires_grad=True)
    (x * y * scalar).sum().backward()
    assert [tuple(t.grad.shape) for t in (x, y, scalar) if t.grad is not None] == [(3, 1), (4,), ()]
    assert scalar.grad is not None
    assert scalar.grad.item() == 12.0


def test_mixed_types_get_gradients_of_their_own_type() -> None:
    x = Tensor(numpy.ones(2, "f4"), requires_grad=True)
    y = Tensor(numpy.ones(2, "f8"), requires_grad=True)
    (x * y).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert (x.grad.dtype, y.grad.dtype) == (tensorlib.float32, tensorlib.float64)


def test_second_backward_needs_retain_graph() -> None:
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(GraphError, match=r"a second time.*retain_graph=True"):
        y.backward()


WHAT_SAVES_NO_ARRAYS = {
    "sum": lambda x: x + x,
    "difference with a number": lambda x: 1 - x,
    "reduction": lambda x: x.sum(0),
    "mean": lambda x: x.mean(),
    "index": lambda x: x[0, 1:],
    "view": lambda x: x.view(6).reshape(3, 2).t(),
    "expand": lambda x: x[None].expand(4, 2, 3),
    "cat": lambda x: tensorlib.cat([x, x]),
    "split": lambda x: x.split(1)[0],
    "cast": lambda x: x.double(),
    "in place": lambda x: x.clone().add_(1),
}


@pytest.mark.parametrize("function", WHAT_SAVES_NO_ARRAYS.values(), ids=WHAT_SAVES_NO_ARRAYS)
def test_a_graph_that_saved_no_arrays_can_be_used_again(function: Callable[[Tensor], Tensor]) -> None:
    x = tensorlib.ones(2, 3, requires_grad=True)
    result = function(x).sum()
    result.backward()
    assert x.grad is not None
    once = x.grad.clone()
    result.backward()
    assert x.grad.tolist() == (once * 2).tolist()
    (again,) = tensorlib.autograd.grad(result, x)
    assert again.tolist() == once.tolist()


WHAT_SAVES_ARRAYS = {
    "an input": lambda x: x * x,
    "the result": lambda x: x.exp(),
    "an index": lambda x: x[tensorlib.tensor([0, 1])],
    "a condition": lambda x: tensorlib.where(x > 0, x, x),
    "a mask": lambda x: tensorlib.nn.functional.dropout(x, 0.5),
    "several results": lambda x: x.max(0).values,
}


@pytest.mark.parametrize("function", WHAT_SAVES_ARRAYS.values(), ids=WHAT_SAVES_ARRAYS)
def test_a_graph_that_saved_arrays_is_freed(function: Callable[[Tensor], Tensor]) -> None:
    result = function(tensorlib.ones(2, 3, requires_grad=True)).sum()
    result.backward()
    with pytest.raises(GraphError, match="a second time"):
        result.backward()


def test_backward_needs_a_gradient_for_more_than_one_element() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"shape \(2,\) needs a gradient"):
        (x * 2).backward()
    with pytest.raises(ShapeError, match=r"gradient of shape \(3,\) given for a tensor of shape \(2,\)"):
        (x * 2).backward(Tensor(numpy.ones(3)))
    with pytest.raises(GraphError, match="does not require a gradient"):
        Tensor(numpy.ones(1)).backward()


def test_grad_leaves_every_grad_alone_and_differentiates_results() -> None:
    x = leaf(3.0)
    h = x * x
    y = (h * h).sum()
    by_h, by_x = grad(y, [h, x])
    assert by_h is not None
    assert by_x is not None
    assert (by_h.tolist(), by_x.tolist(), x.grad) == ([18.0], [108.0], None)


def test_grad_by_a_result_leaves_the_graph_behind_it_usable() -> None:
    x = leaf(3.0)
    h = x * x
    grad((h * h).sum(), h)
    h.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [6.0]


def test_grad_of_an_unused_input() -> None:
    x, unused = leaf(1.0), leaf(1.0)
    with pytest.raises(GraphError, match="input 1 was not used"):
        grad((x * 2).sum(), [x, unused])
    assert grad((x * 2).sum(), [x, unused], allow_unused=True)[1] is None
    zeros = grad((x * 2).sum(), [x, unused], materialize_grads=True)[1]
    assert zeros is not None
    assert zeros.tolist() == [0.0]


def test_third_derivative() -> None:
    x = leaf(2.0)
    y = (x * x * x * x).sum()
    (first,) = grad(y, x, create_graph=True)
    assert first is not None
    (second,) = grad(first.sum(), x, create_graph=True)
    assert second is not None
    (third,) = grad(second.sum(), x)
    assert third is not None
    assert (first.tolist(), second.tolist(), third.tolist()) == ([32.0], [48.0], [48.0])


def test_backward_with_inputs_touches_only_those() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad is not None
    assert (x.grad.tolist(), y.grad) == ([2.0], None)


def test_no_grad_records_nothing_in_this_thread_only() -> None:
    x = leaf(1.0)
    seen: list[bool] = []
    with tensorlib.no_grad():
        thread = threading.Thread(target=lambda: seen.append((x * 2).requires_grad))
        thread.start()
        thread.join()
        assert not (x * 2).requires_grad
        with tensorlib.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad
    assert seen == [True]


def test_no_grad_ends_also_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), tensorlib.no_grad():
        raise ZeroDivisionError
    assert tensorlib.is_grad_enabled()


def test_requires_grad_only_of_leaves_with_floats() -> None:
    with pytest.raises(TypeError, match=r"not tensorlib\.int64"):
        Tensor(numpy.ones(2, "i8"), requires_grad=True)
    with pytest.raises(GraphError, match="only leaves"):
        (leaf(1.0) * 2).requires_grad_(False)


# -- hooks


def test_hook_sees_the_whole_gradient_once_and_may_replace_it() -> None:
    x = leaf(1.0)
    seen: list[list[float]] = []

    def double(g: Tensor) -> Tensor:
        seen.append(g.tolist())
        return g * 2

    handle = x.register_hook(double)
    (x * 2 + x * 3).sum().backward()
    assert x.grad is not None
    assert (seen, x.grad.tolist()) == ([[5.0]], [10.0])
    handle.remove()
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_leaf_is_finished_before_backward_ends() -> None:
    """The last layer's gradient is ready while earlier layers are still to come: all-reduce may start."""
    early, late = leaf(1.0), leaf(1.0)
    order: list[str] = []
    early.register_post_accumulate_grad_hook(lambda t: order.append("early"))
    late.register_post_accumulate_grad_hook(lambda t: order.append("late"))
    h = early * 2
    h.register_hook(lambda g: order.append("between"))
    (h * late).sum().backward()
    assert order == ["late", "between", "early"]


def test_retain_grad_keeps_the_gradient_of_a_result() -> None:
    x = leaf(1.0)
    h = x * 2
    h.retain_grad()
    (h * 3).sum().backward()
    assert h.grad is not None
    assert h.grad.tolist() == [3.0]


# -- memory


def test_a_graph_of_a_million_nodes() -> None:
    x = leaf(1.0)
    h = x
    for _ in range(1_000_000):
        h = h + x
    h.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1_000_001.0]
    del h


def test_dropping_a_deep_graph_needs_no_recursion() -> None:
    x = leaf(1.0)
    h = x
    for _ in range(150_000):
        h = h * 1.0
    del h


def test_results_are_freed_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        h = x * x
        view = h.reshape(2, 1)
        view.mul_(2)
        alive = [weakref.ref(t) for t in (h, view)]
        y = (view * h.reshape(2, 1)).sum()
        y.backward()
        del h, view, y
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()


def test_a_node_keeps_only_what_its_pullbacks_name() -> None:
    x, plain = leaf(1.0, 2.0), Tensor(numpy.ones(2))
    h = x * 3.0
    array = weakref.ref(h._array)
    y = (h + 1) * plain  # neither needs the value of h, since plain needs no gradient
    del h
    assert array() is None
    y.sum().backward()


def test_what_saved_values_a_pullback_reads_is_seen_from_its_code() -> None:
    assert saved_values_read(lambda xp, g, x, y: g * y, 2) == {1}
    assert saved_values_read(lambda xp, g, x, y: g * (x + y), 2) == {0, 1}
    assert saved_values_read(lambda xp, g, x, y: [k * x for k in g], 2) == {0}
    assert saved_values_read(lambda xp, g: g, 2) == frozenset()
    assert saved_values_read(lambda xp, g, *saved: g, 2) is None


def test_two_threads_run_backward_at_once() -> None:
    x = leaf(*numpy.arange(1.0, 9.0))
    results: list[list[float]] = []

    def work() -> None:
        for _ in range(50):
            y = (x * x).sum()
            (g,) = grad(y, x)
            assert g is not None
            results.append(g.tolist())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [[2.0 * k for k in range(1, 9)]] * 200
