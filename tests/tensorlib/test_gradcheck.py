from __future__ import annotations

import numpy
import pytest

from tensorlib import Tensor
from tensorlib.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from tensorlib.autograd.op import OPS, op
from tests.tensorlib.op_table.sample import normal


@pytest.fixture
def bad_cube():
    """An operation whose second pullback row is right for its first gradient only."""

    @op(promotion="common", method=False)
    def bad_cube(xp, x):
        return x * x * x, (x, x.copy())

    bad_cube.grads(lambda xp, g, x, constant: g * 3 * x * constant)
    yield bad_cube
    del OPS["bad_cube"]


@pytest.fixture
def bad_square():
    @op(promotion="common", method=False)
    def bad_square(xp, x):
        return x * x, (x,)

    bad_square.grads(lambda xp, g, x: g * 3 * x)
    yield bad_square
    del OPS["bad_square"]


def leaf(*shape):
    return Tensor(normal(*shape), requires_grad=True)


def test_accepts_right_gradients():
    assert gradcheck(lambda x, y: (x * y, x + y), (leaf(2, 3), leaf(3)))
    assert gradgradcheck(lambda x, y: (x * y, x + y), (leaf(2, 3), leaf(3)))


def test_wrong_gradient_is_named(bad_square):
    x = Tensor(numpy.array([1.0, 2.0]), requires_grad=True)
    message = r"output 0\[0\] by input 1\[0\]: backward computes 3, differences give 2.*2 of 4 differ"
    with pytest.raises(GradcheckError, match=message):
        gradcheck(lambda k, x: bad_square(x) * k, (1, x))
    assert not gradcheck(bad_square, x, raise_exception=False)


def test_wrong_second_gradient_is_found(bad_cube):
    assert gradcheck(bad_cube, leaf(3))
    with pytest.raises(GradcheckError, match="gradcheck: gradient of output 0"):
        gradgradcheck(bad_cube, leaf(3))
    assert not gradgradcheck(bad_cube, leaf(3), raise_exception=False)


def test_output_without_gradient_must_be_constant():
    with pytest.raises(GradcheckError, match="backward computes 0"):
        gradcheck(lambda x: x.detach() * 2, leaf())
    assert gradcheck(lambda x: x.detach() * 0, leaf())


def test_inputs_are_as_before():
    x = leaf(2, 3)
    before = x._array.copy()
    gradcheck(lambda x: x * x, x)
    assert (x._array == before).all()
    assert x.grad is None


def test_an_input_must_require_a_gradient():
    with pytest.raises(ValueError, match="gradcheck: none of the 1 inputs requires a gradient"):
        gradcheck(lambda x: x, Tensor(normal(3)))


def test_float32_is_warned_about():
    x = Tensor(normal(3).astype("f4"), requires_grad=True)
    with pytest.warns(UserWarning, match="input 0 is tensorlib.float32"):
        gradcheck(lambda x: x + x, x, eps=1e-2, atol=1e-2)


def test_given_start_gradients():
    assert gradgradcheck(lambda x: x * x, leaf(3), Tensor(normal(3, seed=1)))


def test_views_of_one_tensor_are_told_apart_in_second_gradients():
    assert gradgradcheck(lambda x: x[0] * x[1], leaf(3))
    assert gradgradcheck(lambda x: (x.T @ x)[:2] * x.unbind()[1], leaf(3, 3))
