"""In-place operations on what has a history."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib import Tensor
from tensorlib.errors import GraphError, ShapeError


def leaf(*values: float) -> Tensor:
    return Tensor(numpy.array(values), requires_grad=True)


def test_modifying_what_a_gradient_needs_is_an_error_that_names_the_operation() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    y = (h * h).sum()
    h.add_(1)
    with pytest.raises(GraphError, match=r"mul: .*modified in place.*\(2,\)"):
        y.backward()


def test_modifying_what_no_gradient_needs_is_allowed() -> None:
    x = leaf(1.0, 2.0)
    h = x * 2
    y = (h + 1).sum()
    h.add_(1)
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2.0, 2.0]


def test_in_place_result_has_the_history_of_the_value() -> None:
    x = leaf(1.0, 2.0)
    h = x * x
    h.mul_(5)
    h.add_(x)
    h.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [11.0, 21.0]


def test_modifying_a_view_is_seen_by_base_and_other_views() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    base = x * 1
    rows, flat = base.reshape(2, 2), base.reshape(4)
    rows.mul_(3)
    assert base.tolist() == flat.tolist() == [3.0, 6.0, 9.0, 12.0]
    (flat * flat).sum().backward(retain_graph=True)
    assert x.grad is not None
    assert x.grad.tolist() == [18.0, 36.0, 54.0, 72.0]
    x.grad = None
    base.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0, 3.0]


def test_modifying_a_view_trips_what_needs_the_base() -> None:
    x = leaf(1.0, 2.0)
    base = x * 1
    y = (base * base).sum()
    base.reshape(2, 1).mul_(2)
    with pytest.raises(GraphError, match="modified in place"):
        y.backward()


def test_a_tensor_without_gradient_gets_one_from_what_is_written_into_a_view_of_it() -> None:
    x = leaf(5.0, 6.0)
    buffer = Tensor(numpy.ones(2))
    view = buffer.reshape(2, 1)
    view.add_(x.reshape(2, 1))
    buffer.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0]


def test_leaves_cannot_be_modified_while_recording() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"add_: a leaf.*no_grad"):
        x.add_(1)
    with pytest.raises(GraphError, match="view of it"):
        x.reshape(2, 1).add_(1)
    assert x.tolist() == [1.0, 2.0]
    with tensorlib.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 3.0]
    assert x.is_leaf


def test_in_place_keeps_shape_and_type() -> None:
    x = Tensor(numpy.ones(2))
    with pytest.raises(ShapeError, match=r"add_: the result has shape \(3, 2\), but the tensor \(2,\)"):
        x.add_(Tensor(numpy.ones((3, 2))))
    with pytest.raises(TypeError, match=r"mul_: a result of type tensorlib.float32 cannot be stored"):
        Tensor(numpy.ones(2, "i8")).mul_(1.5)
