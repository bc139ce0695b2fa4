"""Modules: registering, walking, changing all at once, printing, copying."""

from __future__ import annotations

import copy
import pickle

import numpy
import pytest

import tensorlib
from tensorlib import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.body = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
        self.scale = nn.Parameter(tensorlib.ones(1))
        self.register_buffer("steps", tensorlib.zeros(2))
        self.register_buffer("scratch", tensorlib.zeros(1), persistent=False)

    def forward(self, x):
        return self.body(self.first(x)) * self.scale


def names(pairs):
    return [name for name, _ in pairs]


class TestRegistering:
    def test_attributes_are_registered_by_their_kind(self):
        net = Net()
        expected = ["scale", "first.weight", "first.bias", "body.1.weight", "body.1.bias"]
        assert names(net.named_parameters()) == expected
        assert names(net.named_buffers()) == ["steps", "scratch"]
        assert names(net.named_children()) == ["first", "body"]
        assert names(net.named_modules()) == ["", "first", "body", "body.0", "body.1"]
        assert names(net.named_modules(prefix="net")) == ["net", "net.first", "net.body", "net.body.0", "net.body.1"]

    def test_a_plain_tensor_is_not_registered(self):
        net = nn.Module()
        net.hidden = tensorlib.zeros(2)
        assert list(net.parameters()) == []
        assert list(net.buffers()) == []
        assert net.hidden.shape == (2,)

    def test_a_buffer_is_registered(self):
        net = nn.Module()
        net.kept = nn.Buffer(tensorlib.zeros(2))
        net.forgotten = nn.Buffer(tensorlib.ones(2), persistent=False)
        assert names(net.named_buffers()) == ["kept", "forgotten"]
        assert list(net.state_dict()) == ["kept"]

    def test_shared_members_are_met_once(self):
        net = nn.Module()
        net.one = nn.Linear(2, 2)
        net.two = net.one
        assert names(net.named_parameters()) == ["one.weight", "one.bias"]
        assert len(list(net.modules())) == 2
        assert len(list(net.named_parameters(remove_duplicate=False))) == 4

    def test_an_attribute_changes_its_kind(self):
        net = nn.Module()
        net.x = 3
        net.x = nn.Parameter(tensorlib.ones(1))
        assert names(net.named_parameters()) == ["x"]
        net.x = nn.ReLU()
        assert names(net.named_parameters()) == []
        assert names(net.named_children()) == ["x"]
        net.x = None
        assert net.x is None
        del net.x
        assert not hasattr(net, "x")

    def test_a_buffer_takes_a_new_tensor(self):
        net = Net()
        net.steps = tensorlib.ones(2)
        assert list(net.state_dict()["steps"].tolist()) == [1.0, 1.0]

    def test_an_absent_parameter_reserves_its_name(self):
        net = nn.Module()
        net.register_parameter("bias", None)
        assert net.bias is None
        assert list(net.parameters()) == []
        net.bias = nn.Parameter(tensorlib.ones(1))
        assert names(net.named_parameters()) == ["bias"]

    @pytest.mark.parametrize(
        ("action", "kind", "message"),
        [
            (lambda net: setattr(net, "first", 3), TypeError, r"Net.first is registered as a Module; int given"),
            (lambda net: setattr(net, "scale", tensorlib.ones(1)), TypeError, r"scale is registered as a Parameter"),
            (lambda net: net.register_parameter("p", tensorlib.ones(1)), TypeError, "must be a Parameter"),
            (lambda net: net.register_parameter("p.q", None), KeyError, "must not be empty or have a dot"),
            (lambda net: net.register_parameter("", None), KeyError, "must not be empty or have a dot"),
            (lambda net: net.register_parameter("forward", None), KeyError, "has an attribute 'forward' already"),
            (lambda net: net.register_buffer("b", 3), TypeError, "must be a Tensor"),
            (lambda net: net.add_module("m", 3), TypeError, "must be a Module"),
            (lambda net: net.missing, AttributeError, "'Net' object has no attribute 'missing'"),
            (lambda net: net.get_submodule("body.7"), AttributeError, r"Net.body has no submodule '7'"),
            (lambda net: net.get_parameter("first.steps"), AttributeError, "has no parameter 'steps'"),
            (lambda net: net.train("yes"), TypeError, "must be a bool"),
            (lambda net: net.to(tensorlib.int64), TypeError, "floating point"),
            (lambda net: nn.Module()(1), NotImplementedError, "define one"),
        ],
    )
    def test_wrong_use(self, action, kind, message):
        with pytest.raises(kind, match=message):
            action(Net())

    def test_a_result_is_no_parameter(self):
        made = nn.Parameter(tensorlib.ones(1))
        made._edge = (made * 2)._edge
        with pytest.raises(ValueError, match="must be a leaf"):
            nn.Module().register_parameter("p", made)

    @pytest.mark.parametrize("member", [nn.ReLU(), nn.Parameter(tensorlib.ones(1))])
    def test_a_forgotten_super_init(self, member):
        class Forgetful(nn.Module):
            def __init__(self):
                self.member = member

        with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\) in Forgetful.__init__"):
            Forgetful()

    def test_a_forgotten_super_init_shows_in_the_call_too(self):
        class Forgetful(nn.Module):
            def __init__(self):
                self.number = 3

        with pytest.raises(AttributeError, match=r"call super\(\).__init__\(\)"):
            Forgetful()(1)


class TestChangingAll:
    def test_training_mode(self):
        net = Net()
        assert net.eval() is net
        assert not any(module.training for module in net.modules())
        assert all(module.training for module in net.train().modules())

    def test_types(self):
        net = Net()
        weight = net.first.weight
        net.register_buffer("count", tensorlib.tensor(3))
        net(tensorlib.ones(1, 3)).sum().backward()
        assert net.double() is net
        assert net.first.weight is weight
        assert weight.dtype == weight.grad.dtype == net.steps.dtype == tensorlib.float64
        assert net.count.dtype == tensorlib.int64
        net(tensorlib.ones(1, 3, dtype=tensorlib.float64)).sum().backward()
        assert net.float().first.weight.dtype == tensorlib.float32
        assert net.half().first.weight.dtype == tensorlib.float16
        assert net.type(tensorlib.float64).count.dtype == tensorlib.float64
        assert net.cpu().to("cpu", tensorlib.float32).to(tensorlib.ones(1)).steps.dtype == tensorlib.float32

    def test_gradients(self):
        net = Net()
        net.requires_grad_(False)
        assert not net(tensorlib.ones(1, 3)).requires_grad
        net.requires_grad_()
        net(tensorlib.ones(1, 3)).sum().backward()
        net.zero_grad(set_to_none=False)
        assert all(float(p.grad.abs().sum()) == 0 for p in net.parameters())
        net.zero_grad()
        assert all(p.grad is None for p in net.parameters())

    def test_apply_takes_children_first(self):
        seen = []
        net = Net()
        assert net.apply(lambda module: seen.append(type(module).__name__)) is net
        assert seen == ["Linear", "ReLU", "Linear", "Sequential", "Net"]

    def test_finding_by_name(self):
        net = Net()
        assert net.get_submodule("body.1") is net.body[1]
        assert net.get_submodule("") is net
        assert net.get_parameter("body.1.bias") is net.body[1].bias
        assert net.get_buffer("steps") is net.steps
        assert {"first", "scale", "steps", "forward"} <= set(dir(net))


class TestPrinting:
    def test_tree(self):
        assert repr(Net()) == (
            "Net(\n"
            "  (first): Linear(in_features=3, out_features=4, bias=True)\n"
            "  (body): Sequential(\n"
            "    (0): ReLU()\n"
            "    (1): Linear(in_features=4, out_features=2, bias=True)\n"
            "  )\n"
            ")"
        )

    def test_extra_lines_stand_before_the_children(self):
        class Extra(nn.Module):
            def extra_repr(self):
                return "a=1\nb=2"

        extra = Extra()
        assert repr(extra) == "Extra(\n  a=1\n  b=2\n)"
        extra.child = nn.ReLU()
        assert repr(extra) == "Extra(\n  a=1\n  b=2\n  (child): ReLU()\n)"

    def test_parameter(self):
        text = repr(nn.Parameter(tensorlib.ones(2)))
        assert text == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


class TestParameter:
    def test_shares_memory(self):
        data = tensorlib.zeros(2)
        parameter = nn.Parameter(data)
        data.add_(1)
        assert parameter.tolist() == [1.0, 1.0]
        assert isinstance(parameter, tensorlib.Tensor)
        assert not isinstance(data, nn.Parameter)
        assert not isinstance(parameter * 2, nn.Parameter)

    def test_without_gradient(self):
        assert not nn.Parameter(tensorlib.ones(1), requires_grad=False).requires_grad
        assert nn.Parameter(tensorlib.tensor([1]), requires_grad=False).dtype == tensorlib.int64
        assert nn.Parameter().shape == (0,)

    def test_wrong_data(self):
        with pytest.raises(TypeError, match="data must be a Tensor, not list"):
            nn.Parameter([1.0])
        with pytest.raises(TypeError, match="floating point"):
            nn.Parameter(tensorlib.tensor([1]))

    @pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
    def test_duplicates_are_parameters(self, duplicate):
        parameter = nn.Parameter(tensorlib.tensor([1.0, 2.0]))
        other = duplicate(parameter)
        assert type(other) is nn.Parameter
        assert other.requires_grad
        with tensorlib.no_grad():
            other.add_(1)
        assert parameter.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_duplicates_of_a_module_are_independent(duplicate):
    net = Net()
    other = duplicate(net)
    x = tensorlib.randn(2, 3)
    numpy.testing.assert_array_equal(other(x).detach().numpy(), net(x).detach().numpy())
    with tensorlib.no_grad():
        other.first.weight.add_(1)
    assert not tensorlib.equal(other.first.weight, net.first.weight)
    assert other.body[1] is not net.body[1]
