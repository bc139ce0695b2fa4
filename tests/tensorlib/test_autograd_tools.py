"""What surrounds differentiation: derivatives of functions, anomalies, modes, and PyTorch 0.3's ways."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy
import pytest

import tensorlib
from tensorlib.autograd import Function, Variable, functional, gradcheck
from tensorlib.errors import ArgumentError, GraphError, ShapeError
from tests.tensorlib.op_table.sample import normal


def leaf(*shape, seed=0):
    return tensorlib.tensor(normal(*shape, seed=seed), requires_grad=True)


# -- derivatives of functions ------------------------------------------------------------------------------------------


def product(x, y):
    return x * y.sin(), (x * x).sum()


def test_jacobians_of_several_inputs_and_results():
    x, y = leaf(3), leaf(3, seed=1)
    (xx, xy), (sx, sy) = functional.jacobian(product, (x, y))
    numpy.testing.assert_allclose(xx.numpy(), numpy.diag(numpy.sin(y.detach().numpy())))
    numpy.testing.assert_allclose(xy.numpy(), numpy.diag((x * y.cos()).detach().numpy()))
    numpy.testing.assert_allclose(sx.numpy(), 2 * x.detach().numpy())
    assert sy.tolist() == [0, 0, 0]
    assert not xx.requires_grad
    assert x.grad is None


def test_jacobian_of_shapes():
    found = functional.jacobian(lambda x: x.sum(0), leaf(2, 3))
    assert found.shape == (3, 2, 3)
    assert functional.jacobian(lambda x: x[:0], leaf(2)).shape == (0, 2)


def test_products_agree_with_jacobians():
    x, v = leaf(3), tensorlib.tensor(normal(3, seed=2))
    function = lambda x: (x * x.sin()).cumsum(0)  # noqa: E731
    whole = functional.jacobian(function, x)
    value, forward = functional.jvp(function, x, v)
    _, backward = functional.vjp(function, x, v)
    numpy.testing.assert_allclose(value.numpy(), function(x).detach().numpy())
    numpy.testing.assert_allclose(forward.numpy(), (whole @ v).numpy())
    numpy.testing.assert_allclose(backward.numpy(), (v @ whole).numpy())
    second = functional.hessian(lambda x: function(x).sum(), x)
    for product_of in (functional.vhp, functional.hvp):
        numpy.testing.assert_allclose(product_of(lambda x: function(x).sum(), x, v)[1].numpy(), (second @ v).numpy())


def test_hessian_of_several_inputs():
    (xx, xy), (yx, yy) = functional.hessian(lambda x, y: (x * x * y).sum(), (leaf(2), leaf(2, seed=1)))
    assert yy.tolist() == [[0, 0], [0, 0]]
    numpy.testing.assert_allclose(xy.numpy(), yx.numpy().T)
    numpy.testing.assert_allclose(xx.numpy(), numpy.diag(2 * normal(2, seed=1)))


def test_derivatives_that_can_be_differentiated():
    x = leaf(2)
    assert gradcheck(lambda x: functional.jacobian(lambda x: x**3, x, create_graph=True), x)
    assert gradcheck(lambda x: functional.jvp(lambda x: x**3, x, tensorlib.ones(2).double(), create_graph=True)[1], x)
    assert gradcheck(lambda x: functional.vjp(lambda x: x**3, x, tensorlib.ones(2).double(), create_graph=True)[1], x)


def test_what_derivatives_refuse():
    x = leaf(2)
    with pytest.raises(GraphError, match="jacobian: strict=True, but a result does not depend on the inputs"):
        functional.jacobian(lambda x: tensorlib.ones(1), x, strict=True)
    with pytest.raises(GraphError, match="jacobian: strict=True, but a result does not depend on one of the inputs"):
        functional.jacobian(lambda x, y: x, (x, x), strict=True)
    with pytest.raises(GraphError, match="vjp: v may be left out for a single element only"):
        functional.vjp(lambda x: x, x)
    with pytest.raises(ShapeError, match=r"jvp: v has shapes \[\(3,\)\], needed are \[\(2,\)\]"):
        functional.jvp(lambda x: x, x, tensorlib.ones(3))
    with pytest.raises(GraphError, match="hessian: the function must return one element"):
        functional.hessian(lambda x: x, x)
    with pytest.raises(TypeError, match="vjp: inputs must be tensors, not int"):
        functional.vjp(lambda x: x, 3)


# -- anomalies ---------------------------------------------------------------------------------------------------------


def test_the_forward_line_of_a_gradient_that_is_nan_is_shown():
    x = tensorlib.zeros(1, requires_grad=True)
    with tensorlib.autograd.detect_anomaly():
        assert tensorlib.is_anomaly_enabled()
        y = (x * x).sqrt()  # the culprit
        with pytest.raises(GraphError) as caught:
            (y * 0).backward()
    message = str(caught.value)
    assert message.startswith("SqrtBackward0: the gradient of its input 0 is nan; its forward was called here:")
    assert "y = (x * x).sqrt()  # the culprit" in message
    assert "test_autograd_tools.py" in message
    assert not tensorlib.is_anomaly_enabled()
    y = (x * x).sqrt()
    (y * 0).backward()
    assert x.grad.isnan().all()


def test_the_forward_line_of_a_backward_that_fails_is_shown():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("no")

    with tensorlib.autograd.set_detect_anomaly(True, check_nan=False):
        assert not tensorlib.is_anomaly_check_nan_enabled()
        y = Bad.apply(leaf(1))  # here
        with pytest.raises(ValueError, match="no") as caught:
            y.backward()
    assert "y = Bad.apply(leaf(1))  # here" in "".join(caught.value.__notes__)


# -- modes -------------------------------------------------------------------------------------------------------------


def test_inference_mode():
    x = leaf(1)

    @tensorlib.inference_mode()
    def decorated():
        with tensorlib.enable_grad():
            return x * 2, tensorlib.is_inference_mode_enabled()

    result, inside = decorated()
    assert inside
    assert not result.requires_grad
    assert tensorlib.inference_mode(lambda: (x * 2).requires_grad)() is False
    with tensorlib.inference_mode(False):
        assert (x * 2).requires_grad
    assert not tensorlib.is_inference_mode_enabled()
    assert (x * 2).requires_grad


MAKE_INFERENCE_TENSORS = {
    "creation": lambda: tensorlib.ones(3),
    "constructor": lambda: tensorlib.Tensor(3).zero_(),
    "one operand": lambda: tensorlib.ones(3).exp(),
    "two operands": lambda: tensorlib.ones(3) * tensorlib.ones(3),
    "a number": lambda: 2 * tensorlib.ones(3),
    "reduction": lambda: tensorlib.ones(3, 3).sum(0),
    "several results": lambda: tensorlib.ones(3, 3).max(0).values,
    "view": lambda: tensorlib.ones(2, 3)[0],
    "of what requires a gradient": lambda: leaf(3) * 2,
}


@pytest.mark.parametrize("make", MAKE_INFERENCE_TENSORS.values(), ids=MAKE_INFERENCE_TENSORS)
def test_tensors_made_in_inference_mode(make):
    with tensorlib.inference_mode():
        made = make()
        made.add_(1)
        assert made.is_inference()
    kept = made.tolist()
    x = leaf(3)
    assert tensorlib.is_inference(made[1:])
    assert made.detach().is_inference()
    assert not made.clone().is_inference()
    assert not (made * 2).is_inference()
    assert (x + made).requires_grad  # which saves nothing
    refused = {
        "cannot be saved for backward": lambda: x * made.double(),
        "requires_grad_": lambda: made.requires_grad_(),
        "add_": lambda: made.add_(1),
        "setitem": lambda: made.__setitem__(0, 5.0),
        "zero_": lambda: made[1:].zero_(),
        "out": lambda: tensorlib.add(made, made, out=made),
        "_version": lambda: made._version,
    }
    if made.dtype is not tensorlib.float64:  # which double() leaves as it is
        del refused["cannot be saved for backward"]
        with pytest.raises(GraphError, match="cannot be saved for backward"):
            made * tensorlib.ones(3, requires_grad=True)
    for message, use in refused.items():
        with pytest.raises(GraphError, match=message):
            use()
    with tensorlib.no_grad(), pytest.raises(GraphError, match="mul_"):
        made.mul_(2)
    assert made.tolist() == kept
    (x * made.clone()).sum().backward()
    assert x.grad.tolist() == kept


def test_ordinary_tensors_in_inference_mode():
    x = tensorlib.ones(3)
    with tensorlib.inference_mode():
        x.add_(1)
        x[1:].mul_(2)
        assert not x[1:].is_inference()
        with tensorlib.inference_mode(False):
            assert not tensorlib.is_inference_mode_enabled()
            assert tensorlib.is_grad_enabled()
            assert not tensorlib.ones(1).is_inference()
        assert tensorlib.is_inference_mode_enabled()
        assert tensorlib.ones(1, requires_grad=True).is_inference()
    assert x._version == 2
    assert x.tolist() == [2.0, 4.0, 4.0]


def test_functions_cannot_save_what_was_made_in_inference_mode():
    class Double(Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(factor)
            return x * factor

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.saved_tensors[0], None

    with tensorlib.inference_mode():
        factor = tensorlib.full((1,), 2.0)
    with tensorlib.no_grad():
        assert Double.apply(leaf(1) * 0 + 1, factor).tolist() == [2.0]
    with pytest.raises(GraphError, match="cannot be saved"):
        Double.apply(leaf(1), factor)


# -- PyTorch 0.3 -------------------------------------------------------------------------------------------------------


def test_volatile_spreads_and_keeps_nothing():
    weight = leaf(3)
    x = Variable(tensorlib.tensor(normal(3)), volatile=True)
    seen = []

    def run():
        found = (x * weight, weight * x, (x + 1).sin() @ weight, tensorlib.cat([weight, x]), x.exp().split(1)[0])
        seen.extend([(result.volatile, result.requires_grad, result.grad_fn, result.is_leaf) for result in found])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [(True, False, None, True)] * 5
    assert not (weight * 2).volatile
    result = x * weight
    result.volatile = False
    assert (result * weight).requires_grad


def test_variables_are_tensors():
    x = tensorlib.ones(2)
    y = Variable(x, requires_grad=True)
    assert isinstance(y, Variable)
    assert isinstance(y, tensorlib.Tensor)
    assert y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert y.grad.data.tolist() == [1, 1]
    with pytest.raises(ArgumentError, match="Variable: a volatile tensor requires no gradient"):
        Variable(x, requires_grad=True, volatile=True)
    with pytest.raises(TypeError, match="Variable: needs a Tensor, not list"):
        Variable([1.0])


def test_instances_of_functions():
    class Scaled(Function):
        def __init__(self, scale):
            self.scale = scale

        def forward(self, x, y):
            self.save_for_backward(x, y)
            return x * y * self.scale

        def backward(self, g):
            _, y = self.saved_tensors
            assert self.needs_input_grad == (True, False)
            assert self.requires_grad
            assert self.next_functions[0][0].target() is leaves[0]
            return g * y * self.scale, None

    x, y = leaves = leaf(2), tensorlib.tensor(normal(2, seed=1))
    function = Scaled(3)
    result = function(x, y)
    result.sum().backward()
    numpy.testing.assert_allclose(x.grad.numpy(), 3 * y.numpy())
    with pytest.raises(AttributeError, match="Scaled: saved_tensors is there only while forward or backward runs"):
        function.saved_tensors  # noqa: B018
    gone = weakref.ref(function)
    gc.disable()
    try:
        del function, result
        assert gone() is None
    finally:
        gc.enable()
