"""Walking the graph of gradients: its nodes, their hooks, and what tensors tell of their place in it."""

from __future__ import annotations

import pytest

import tensorlib
from tensorlib.autograd import Function, functional, grad, gradcheck, gradgradcheck
from tensorlib.errors import ArgumentError, GraphError, ShapeError


def leaf(*values):
    return tensorlib.tensor(values, requires_grad=True)


def test_nodes_lead_to_the_leaves():
    x = leaf(1.0, 2.0)
    node = (x.exp() * 2).grad_fn
    (exponential, place), *_ = node.next_functions
    assert (node.name(), exponential.name(), place) == ("MulBackward0", "ExpBackward0", 0)
    accumulator = exponential.next_functions[0][0]
    assert accumulator.name() == "AccumulateGrad"
    assert accumulator.variable is x
    node.metadata["note"] = 1
    assert node.metadata == {"note": 1}


def test_what_tensors_tell():
    x = leaf(1.0, 2.0, 3.0)
    assert (x._version, x.output_nr, x._base, x._is_view(), x.nbytes) == (0, 0, None, False, 12)
    copy = x.clone()
    part = copy[:2]
    part.mul_(2)
    assert (copy._version, part._version, part.nbytes) == (1, 1, 8)
    assert part._base is copy
    assert part._is_view()
    _, second = copy.split(2)
    assert second.output_nr == 1


@pytest.mark.parametrize("create_graph", [False, True])
def test_hooks_of_nodes(create_graph):
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []
    before = y.grad_fn.register_prehook(lambda gradients: (gradients[0] * 2,))
    after = y.grad_fn.register_hook(lambda inputs, results: seen.append((inputs, results)))
    y.sum().backward(create_graph=create_graph)
    (inputs, results) = seen[0]
    assert inputs[0].tolist() == [6, 6]
    assert inputs[1] is None
    assert results[0].tolist() == [2, 2]
    assert x.grad.tolist() == [6, 6]
    before.remove()
    after.remove()
    assert grad((x * 3).sum(), x)[0].tolist() == [3, 3]
    assert len(seen) == 1


def test_hooks_of_nodes_replace_gradients():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.grad_fn.register_hook(lambda inputs, results: (inputs[0] * 0 + 7,))
    y.sum().backward()
    assert x.grad.tolist() == [7, 7]


def test_hooks_of_nodes_with_several_results():
    x = leaf(3.0, 1.0, 2.0)
    values, _ = x.sort()
    seen = []
    values.grad_fn.register_prehook(lambda gradients: seen.append(len(gradients)))
    values.grad_fn.register_hook(lambda inputs, results: (inputs[0] * 10,))
    values[0].backward()
    assert seen == [2]
    assert x.grad.tolist() == [0, 10, 0]


def test_hooks_of_leaves_nodes():
    x = leaf(1.0)
    seen = []
    x.expand(2).grad_fn.next_functions[0][0].register_hook(lambda inputs, results: seen.append((inputs, results)))
    (x * 2).backward()
    assert seen[0][0] == ()
    assert seen[0][1][0].tolist() == [2]
    assert x.grad.tolist() == [2]


def test_retained_gradients_are_those_after_all_hooks():
    y = leaf(1.0) * 2
    y.retain_grad()
    y.register_hook(lambda gradient: gradient * 10)
    y.backward()
    assert y.grad.tolist() == [10]
    with pytest.raises(GraphError, match="retain_grad: the tensor does not require a gradient"):
        tensorlib.ones(1).retain_grad()


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        ("text", TypeError, "hook: must return a Tensor or None, not str"),
        (tensorlib.ones(3), ShapeError, r"hook: returned a gradient of shape \(3,\) for one of shape \(2,\)"),
    ],
)
def test_what_hooks_may_return(returned, error, message):
    x = leaf(1.0, 2.0)
    x.register_hook(lambda gradient: returned)
    with pytest.raises(error, match=message):
        x.sum().backward()
    y = leaf(1.0, 2.0) * 2
    y.grad_fn.register_prehook(lambda gradients: (*gradients, None))
    with pytest.raises(ShapeError, match="hook: returned 2 gradients, needed are 1"):
        y.sum().backward()


def test_starts_of_backward_that_are_refused():
    x = leaf(1.0, 2.0)
    with pytest.raises(ArgumentError, match="backward: inputs is empty"):
        x.sum().backward(inputs=[])
    z = tensorlib.tensor([1 + 2j], requires_grad=True)
    with pytest.raises(GraphError, match="backward: a complex result needs a gradient to start from"):
        (z * z).sum().backward()


def test_gradients_for_a_batch_of_gradients():
    x, unused = leaf(1.0, 2.0), leaf(1.0)
    starts = tensorlib.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    (found,) = grad(x**3, x, starts, is_grads_batched=True)
    assert found.tolist() == [[3, 0], [0, 12], [3, 12]]
    first, none = grad(x**3, [x, unused], starts, is_grads_batched=True, allow_unused=True, create_graph=True)
    assert none is None
    assert grad(first.sum(), x)[0].tolist() == [12, 24]
    with pytest.raises(ShapeError, match="is_grads_batched needs as many gradients for each output"):
        grad(x**3, x, is_grads_batched=True)


class Scaled(Function):
    @staticmethod
    def forward(x, factor):
        return x * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.factor = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def vjp(ctx, gradient):
        return gradient * ctx.factor, None


def test_functions_with_a_context_of_their_own():
    x = leaf(1.0, 2.0)
    y = Scaled.apply(x, 3)
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert y.grad_fn.name() == "ScaledBackward"


def test_gradients_of_pairs_that_were_broadcast():
    z = tensorlib.tensor([1 + 2j, 3j], requires_grad=True)
    tensorlib.view_as_real(z).sum().backward()
    assert z.grad.tolist() == [1 + 1j, 1 + 1j]
    tensorlib.view_as_real(z).t().contiguous().sum().backward()
    assert z.grad.tolist() == [2 + 2j, 2 + 2j]


def test_strict_derivatives():
    x = leaf(1.0, 2.0)
    message = "strict=True, but a derivative does not depend on the inputs"
    with pytest.raises(GraphError, match=f"jacobian: {message}"):
        functional.jacobian(lambda x: x * 2, x, strict=True, create_graph=True)
    with pytest.raises(GraphError, match=f"vhp: {message}"):
        functional.hvp(lambda x: x.sum(), x, tensorlib.ones(2), strict=True)
    for options in ({"vectorize": True}, {"strategy": "forward-mode"}):
        with pytest.raises(ArgumentError, match="jacobian: strict=True goes with neither"):
            functional.jacobian(lambda x: x * 2, x, strict=True, **options)
    with pytest.raises(ArgumentError, match="hessian: strategy 'sideways' is not known"):
        functional.hessian(lambda x: x.sum(), x, outer_jacobian_strategy="sideways")
    found = functional.jacobian(lambda x: x * x, x, vectorize=True, strategy="forward-mode")
    assert found.tolist() == [[2, 0], [0, 4]]


def test_second_gradients_of_pairs():
    z = tensorlib.tensor([1 + 2j, 3j], requires_grad=True)
    (first,) = grad((tensorlib.view_as_real(z) ** 3).sum(), z, create_graph=True)
    assert grad(first.real.sum(), z)[0].tolist() == [6, 0]


def test_retained_gradients_follow_modifications():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert (x.grad.tolist(), y.grad.tolist(), y.retains_grad) == ([6, 6], [1, 1], True)


def test_medians_share_the_gradient_among_equals():
    x = leaf(3.0, 2.0, 2.0, 5.0, 1.0)
    x.median().backward()
    assert x.grad.tolist() == [0, 0.5, 0.5, 0, 0]
    y = leaf(float("nan"), 1.0)
    y.median().backward()
    assert y.grad.tolist() == [1, 0]


def test_options_of_gradient_checks():
    x = tensorlib.tensor([1.0, 2.0], dtype=tensorlib.float64, requires_grad=True)
    assert gradcheck(lambda x: x * x, x, fast_mode=True, check_undefined_grad=False, nondet_tol=0.0)
    assert gradgradcheck(lambda x: x * x, x, gen_non_contig_grad_outputs=True)
    with pytest.raises(TypeError, match="gradcheck: unknown argument 'fast'"):
        gradcheck(lambda x: x * x, x, fast=True)
