"""The state of modules: taking it out, putting it in, and what is said when it does not fit."""

from __future__ import annotations

import copy

import numpy
import pytest

import tensorlib
from tensorlib import nn
from tensorlib.errors import ArgumentError


def net(outputs=2):
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, outputs))
    made.register_buffer("scratch", tensorlib.zeros(1), persistent=False)
    return made


KEYS = [
    *("0.weight", "0.bias"),
    *("1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"),
    *("2.weight", "2.bias"),
]


class TestSaving:
    def test_names(self):
        assert list(net().state_dict()) == KEYS
        assert next(iter(net().state_dict(prefix="net."))) == "net.0.weight"

    def test_values_share_memory_and_have_no_history(self):
        module = net()
        weight = module.state_dict()["0.weight"]
        assert not weight.requires_grad
        with tensorlib.no_grad():
            module[0].weight.add_(1)
        assert tensorlib.equal(weight, module[0].weight)
        assert module.state_dict(keep_vars=True)["0.weight"] is module[0].weight

    def test_a_snapshot_stays(self):
        module = net()
        snapshot = copy.deepcopy(module.state_dict())
        before = snapshot["0.weight"].numpy().copy()
        with tensorlib.no_grad():
            module[0].weight.add_(1)
        numpy.testing.assert_array_equal(snapshot["0.weight"].numpy(), before)

    def test_hooks(self):
        module = net()
        seen = []
        module[0].register_state_dict_pre_hook(lambda m, prefix, keep_vars: seen.append((prefix, keep_vars)))
        module[0].register_state_dict_post_hook(lambda m, state, prefix, meta: state.__delitem__(prefix + "bias"))
        assert "0.bias" not in module.state_dict()
        assert seen == [("0.", False)]


class TestLoading:
    def test_values_are_copied(self):
        ours, other = net(), net()
        weight = ours[0].weight
        result = ours.load_state_dict(other.state_dict())
        assert repr(result) == "<All keys matched successfully>"
        assert ours[0].weight is weight
        assert all(tensorlib.equal(a, b) for a, b in zip(ours.parameters(), other.parameters(), strict=True))
        assert weight.requires_grad
        assert not numpy.shares_memory(weight.detach().numpy(), other[0].weight.detach().numpy())

    def test_types_are_those_of_the_module(self):
        ours = net().double()
        ours.load_state_dict(net().state_dict())
        assert ours[0].weight.dtype == tensorlib.float64

    def test_assigning_takes_the_tensors(self):
        ours, state = net(), copy.deepcopy(net().state_dict())
        ours.load_state_dict(state, assign=True)
        assert isinstance(ours[0].weight, nn.Parameter)
        assert numpy.shares_memory(ours[0].weight.detach().numpy(), state["0.weight"].numpy())
        assert ours[1].running_mean is state["1.running_mean"]

    def test_one_error_lists_all_the_first_difference_first(self):
        state = net(outputs=5).state_dict()
        del state["1.bias"]
        state["extra"] = tensorlib.ones(1)
        state["0.bias"] = 3
        ours = net()
        before = ours[0].weight.detach().numpy().copy()
        with pytest.raises(ArgumentError) as caught:
            ours.load_state_dict(state)
        assert str(caught.value) == (
            "load_state_dict: the state does not fit Sequential: '0.bias' is no Tensor but int, '1.bias' is missing, "
            "'2.weight' has shape (5, 4), needed is (2, 4), '2.bias' has shape (5,), needed is (2,), "
            "'extra' is unexpected"
        )
        assert isinstance(caught.value, RuntimeError)
        numpy.testing.assert_array_equal(ours[0].weight.detach().numpy(), before)

    def test_not_strict(self):
        ours, state = net(), net().state_dict()
        del state["0.bias"]
        state["extra"] = tensorlib.ones(1)
        missing, unexpected = ours.load_state_dict(state, strict=False)
        assert (missing, unexpected) == (["0.bias"], ["extra"])
        assert tensorlib.equal(ours[0].weight, state["0.weight"])
        state["0.weight"] = tensorlib.ones(1)
        with pytest.raises(ArgumentError, match=r"0\.weight"):
            ours.load_state_dict(state, strict=False)

    def test_no_mapping(self):
        with pytest.raises(TypeError, match="needs a dictionary of tensors, not list"):
            net().load_state_dict([1])

    def test_hooks_rename_and_forgive(self):
        def rename(module, state, prefix, meta, strict, missing, unexpected, errors):
            state[prefix + "weight"] = state.pop(prefix + "w")

        ours, state = net(), net().state_dict()
        given = state["0.w"] = state.pop("0.weight")
        ours[0].register_load_state_dict_pre_hook(rename)
        ours.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
        del state["2.bias"]
        ours.load_state_dict(state)
        assert "0.w" in state
        assert tensorlib.equal(ours[0].weight, given)

    def test_extra_state(self):
        class Counting(nn.Module):
            count = 0

            def get_extra_state(self):
                return {"count": self.count}

            def set_extra_state(self, state):
                self.count = state["count"]

        ours, other = nn.Sequential(Counting()), nn.Sequential(Counting())
        other[0].count = 7
        ours.load_state_dict(other.state_dict())
        assert ours[0].count == 7
        with pytest.raises(ArgumentError, match=r"'0\._extra_state' is missing"):
            ours.load_state_dict({})
