"""Modules that hold modules or parameters."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import tensorlib
from tensorlib import nn


def layers(count=3):
    return [nn.Linear(k + 1, k + 2) for k in range(count)]


class TestSequential:
    def test_runs_in_order(self):
        assert nn.Sequential(*layers())(tensorlib.ones(5, 1)).shape == (5, 4)
        x = tensorlib.ones(1)
        assert nn.Sequential()(x) is x

    def test_names_are_kept(self):
        model = nn.Sequential(OrderedDict(conv=nn.ReLU(), last=nn.Flatten()))
        assert list(dict(model.named_children())) == ["conv", "last"]
        assert model[-1] is model.last
        assert list(dict(model[:1].named_children())) == ["conv"]

    def test_is_a_list_of_modules(self):
        a, b, c = layers()
        model = nn.Sequential(a, b).append(c)
        assert list(model) == [a, b, c]
        assert len(model) == 3
        assert list(model[1:]) == [b, c]
        assert model.pop(0) is a
        assert list(dict(model.named_children())) == ["0", "1"]
        model.insert(0, a)
        model[0] = c
        assert list(model + nn.Sequential(a)) == [c, b, c, a]
        del model[0]
        assert list(model) == [b, c]
        assert list(dict(model.named_children())) == ["0", "1"]
        del model[:]
        assert len(model.extend([a, b])) == 2

    def test_wrong_use(self):
        model = nn.Sequential(*layers())
        with pytest.raises(IndexError, match="index 3 is out of range for 3 modules"):
            model[3]
        with pytest.raises(IndexError, match="out of range"):
            model.insert(5, nn.ReLU())
        with pytest.raises(TypeError, match="must be a Module"):
            nn.Sequential(3)
        with pytest.raises(TypeError):
            model + 3


class TestModuleList:
    def test_is_a_list_of_modules(self):
        a, b, c = layers()
        held = nn.ModuleList([a])
        held += [b]
        held.append(c)
        assert list(held) == [a, b, c]
        assert list(held[::2]) == [a, c]
        assert list(held + [a]) == [a, b, c, a]
        held[1] = a
        del held[0]
        assert list(held) == [a, c]
        assert len(list(held.parameters())) == 4
        with pytest.raises(NotImplementedError):
            held(1)

    def test_repeated_members_are_printed_once(self):
        assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Flatten()])) == (
            "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Flatten(start_dim=1, end_dim=-1)\n)"
        )
        assert repr(nn.ModuleList()) == "ModuleList()"


def test_module_dict():
    a, b, _ = layers()
    held = nn.ModuleDict({"a": a})
    held["b"] = b
    assert list(held) == list(held.keys()) == ["a", "b"]
    assert list(held.values()) == [a, b]
    assert dict(held.items()) == {"a": a, "b": b}
    assert "a" in held
    assert held.pop("a") is a
    assert len(held) == 1
    with pytest.raises(KeyError, match="no module 'a'"):
        held["a"]
    held.update([("c", a)])
    del held["b"]
    assert list(held) == ["c"]
    held.clear()
    assert list(held.parameters()) == []


def test_parameter_list():
    held = nn.ParameterList([nn.Parameter(tensorlib.ones(2)), tensorlib.ones(3)])
    held.append(nn.Parameter(tensorlib.ones(4)))
    held += [tensorlib.ones(5)]
    assert [tuple(p.shape) for p in held] == [(2,), (3,), (4,), (5,)]
    assert all(isinstance(p, nn.Parameter) for p in held)
    assert held[-1].shape == (5,)
    assert len(held[1:3]) == 2
    held[0] = tensorlib.zeros(1)
    assert [name for name, _ in held.named_parameters()] == ["0", "1", "2", "3"]
    assert repr(held[:1]) == "ParameterList(  (0): Parameter containing: [tensorlib.float32 of size 1])"
    with pytest.raises(IndexError, match="out of range for 4 parameters"):
        held[4]
    with pytest.raises(TypeError, match="needs tensors"):
        held.append(3)
