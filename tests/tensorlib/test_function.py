"""Operations that users write: `Function`."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy
import pytest

from tensorlib import Tensor
from tensorlib.autograd import Function, grad
from tensorlib.autograd.function import once_differentiable
from tensorlib.errors import GraphError


def leaf(*values: float) -> Tensor:
    return Tensor(numpy.array(values), requires_grad=True)


class Scale(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, offset: Tensor | None = None) -> Tensor:
        ctx.factor = factor
        assert ctx.needs_input_grad[1] is False
        return x * factor if offset is None else x * factor + offset

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g * ctx.factor, None, None


class Square(Function):
    """Saves its result's factors so that it can be differentiated twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x * x
        ctx.save_for_backward(x, None, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        x, nothing, y = ctx.saved_tensors
        assert nothing is None
        assert y.requires_grad == g.requires_grad or y.requires_grad
        return g * 2 * x


def test_arguments_of_any_kind() -> None:
    x = leaf(1.0, 2.0)
    Scale.apply(x, 3.0).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 3.0]


def test_double_backward_through_saved_inputs() -> None:
    x = leaf(3.0)
    (first,) = grad(Square.apply(x).sum(), x, create_graph=True)
    assert first is not None
    (second,) = grad(first.sum(), x)
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([6.0], [2.0])


def test_several_results_of_which_one_is_used() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
            return a * 2 + b * 3

    x = leaf(1.0)
    _, thrice = Both.apply(x)
    thrice.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0]


def test_gradients_that_do_not_come_may_be_none() -> None:
    class Both(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Tensor | None, b: Tensor | None) -> Any:
            assert a is None
            return b

    x = leaf(1.0)
    Both.apply(x)[1].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0]


def test_results_marked_as_not_differentiable() -> None:
    class Sign(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            y, mask = x * 2, x * 0
            ctx.mark_non_differentiable(mask)
            return y, mask

        @staticmethod
        def backward(ctx: Any, g: Tensor, unused: Tensor) -> Tensor:
            return g * 2

    y, mask = Sign.apply(leaf(1.0))
    assert (y.requires_grad, mask.requires_grad) == (True, False)


def test_wrong_backward_is_named() -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            return x * y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g

    with pytest.raises(GraphError, match=r"Wrong.backward: returned 1 gradients, forward took 2 arguments"):
        Wrong.apply(leaf(1.0), leaf(2.0)).sum().backward()


def test_saved_tensor_modified_in_place() -> None:
    x = leaf(1.0)
    h = x * 1
    y = Square.apply(h).sum()
    h.add_(1)
    with pytest.raises(GraphError, match="modified in place"):
        y.backward()


def test_once_differentiable() -> None:
    class Once(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x = leaf(3.0)
    (first,) = grad(Once.apply(x).sum(), x, create_graph=True)
    assert first is not None
    assert first.tolist() == [6.0]
    with pytest.raises(GraphError, match="cannot be differentiated again"):
        grad(first.sum(), x)


def test_no_cycle_holds_the_graph() -> None:
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y = Square.apply(x)
        alive = weakref.ref(y)
        del y
        assert alive() is None
    finally:
        gc.enable()


class InPlace(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.mul_(3)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        return g * 3


def test_modifying_a_view_reaches_its_base() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    part = InPlace.apply(y[:1])
    assert y.tolist() == [3, 2]
    (y.sum() + part.sum() * 10).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [33, 1]
    with pytest.raises(GraphError, match="InPlace: a leaf that requires a gradient"):
        InPlace.apply(leaf(1.0))


def test_results_that_are_no_tensors_are_passed_on() -> None:
    class Counted(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            return x.numel(), x * 2, "unit"

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            assert [g is None for g in grads] == [True, False, True]
            return grads[1] * 2

    x = leaf(1.0, 2.0)
    count, doubled, unit = Counted.apply(x)
    assert (count, unit) == (2, "unit")
    doubled.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]


def test_one_gradient_for_two_arguments_is_two() -> None:
    class Sum(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g, g

    x, y, start = leaf(1.0), leaf(2.0), Tensor(numpy.ones(1))
    Sum.apply(x, y).backward(start)
    assert x.grad is not None
    assert y.grad is not None
    x.grad.mul_(5)
    assert y.grad.tolist() == start.tolist() == [1]


def test_backward_frees_what_was_saved_unless_told_otherwise() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(3.0)
    middle = x * 1
    alive = weakref.ref(middle)
    result = Square.apply(middle)
    del middle
    result.backward(retain_graph=True)
    assert alive() is not None
    result.backward()
    assert alive() is None
    assert x.grad is not None
    assert x.grad.tolist() == [12]
    with pytest.raises(GraphError, match="backward through Square a second time: its saved values are freed"):
        result.backward()


def test_a_function_that_saves_no_tensors_can_be_used_again() -> None:
    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.factor = 2
            return x * ctx.factor

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g * ctx.factor

    x = leaf(3.0)
    result = Twice.apply(x)
    result.backward()
    result.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4]
