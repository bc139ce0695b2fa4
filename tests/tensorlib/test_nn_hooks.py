"""Hooks of modules: before and after forward, and with gradients."""

from __future__ import annotations

import pytest

import tensorlib
from tensorlib import nn


class Double(nn.Module):
    def forward(self, x, bias=0.0):
        return x * 2 + bias


def ones():
    return tensorlib.ones(2, requires_grad=True)


class TestForward:
    def test_before(self):
        module = Double()
        seen = []
        with module.register_forward_pre_hook(lambda m, args: seen.append((m, args))):
            x = ones()
            module(x)
            assert seen == [(module, (x,))]
        module(x)
        assert len(seen) == 1

    def test_arguments_are_replaced(self):
        module = Double()
        module.register_forward_pre_hook(lambda m, args: args[0] * 10)
        module.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
        assert module(ones()).tolist() == [22.0, 22.0]

    def test_keyword_arguments(self):
        module = Double()
        module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"bias": 1.0}), with_kwargs=True)
        seen = []
        module.register_forward_hook(lambda m, args, kwargs, output: seen.append(kwargs), with_kwargs=True)
        assert module(ones()).tolist() == [3.0, 3.0]
        assert seen == [{"bias": 1.0}]

    def test_order_and_replaced_output(self):
        module = Double()
        seen = []
        module.register_forward_hook(lambda m, args, output: seen.append("second"))
        module.register_forward_hook(lambda m, args, output: seen.append("first"), prepend=True)
        handle = module.register_forward_hook(lambda m, args, output: output + 1)
        assert module(ones()).tolist() == [3.0, 3.0]
        assert seen == ["first", "second"]
        handle.remove()
        handle.remove()
        assert module(ones()).tolist() == [2.0, 2.0]

    def test_always_called(self):
        module = Double()
        seen = []
        module.register_forward_hook(lambda m, args, output: seen.append(output), always_call=True)
        module.register_forward_hook(lambda m, args, output: seen.append("not on errors"))
        with pytest.raises(TypeError):
            module("text", bias=None)
        assert seen == [None]

    def test_forward_itself_calls_none(self):
        module = Double()
        module.register_forward_hook(lambda m, args, output: output + 1)
        assert module.forward(ones()).tolist() == [2.0, 2.0]


class TestGradients:
    def test_both_sides_are_seen(self):
        module = Double()
        seen = []
        module.register_full_backward_pre_hook(lambda m, grad_output: seen.append(grad_output))
        module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
        x = ones()
        (module(x) * 3).sum().backward()
        (given,), ((grad_input,), (grad_output,)) = seen
        assert given.tolist() == grad_output.tolist() == [3.0, 3.0]
        assert grad_input.tolist() == x.grad.tolist() == [6.0, 6.0]

    def test_gradients_are_replaced(self):
        module = Double()
        module.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 10,))
        handle = module.register_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] + 1,))
        x = ones()
        module(x).sum().backward()
        assert x.grad.tolist() == [21.0, 21.0]
        handle.remove()
        module(x).sum().backward()
        assert x.grad.tolist() == [41.0, 41.0]

    def test_an_input_without_gradient(self):
        module = nn.Linear(2, 1)
        seen = []
        module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
        module(tensorlib.ones(1, 2)).sum().backward()
        (((none,), (grad_output,)),) = seen
        assert none is None
        assert grad_output.tolist() == [[1.0]]
        assert module.weight.grad.tolist() == [[1.0, 1.0]]

    def test_several_inputs_and_outputs(self):
        class Swap(nn.Module):
            def forward(self, x, y, number):
                return {"y": y * number, "rest": [x, "text"]}

        module = Swap()
        seen = []
        module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append((grad_input, grad_output)))
        x, y = ones(), tensorlib.ones(2)
        out = module(x, y, 5)
        assert out["rest"][1] == "text"
        (out["y"].sum() + out["rest"][0].sum()).backward()
        assert x.grad.tolist() == [1.0, 1.0]
        ((grad_input, _),) = seen
        assert [None if g is None else g.tolist() for g in grad_input] == [[1.0, 1.0], None]

    def test_second_gradients_pass_through(self):
        class Cube(nn.Module):
            def forward(self, x):
                return x * x * x

        module = Cube()
        seen = []
        module.register_full_backward_hook(lambda m, grad_input, grad_output: seen.append(grad_input[0]))
        x = tensorlib.tensor(2.0, requires_grad=True)
        (first,) = tensorlib.autograd.grad(module(x), x, create_graph=True)
        (second,) = tensorlib.autograd.grad(first, x)
        assert (first.item(), second.item()) == (12.0, 12.0)
        assert seen[0].item() == 12.0

    def test_every_backward_calls_once(self):
        module = Double()
        calls = []
        module.register_full_backward_hook(lambda m, grad_input, grad_output: calls.append(grad_input[0].tolist()))
        x = ones()
        y = module(x)
        y.sum().backward(retain_graph=True)
        (y * 2).sum().backward()
        assert calls == [[2.0, 2.0], [4.0, 4.0]]

    def test_nothing_happens_without_recording(self):
        module = Double()
        module.register_full_backward_hook(lambda m, grad_input, grad_output: None)
        with tensorlib.no_grad():
            assert not module(ones()).requires_grad
