"""The names and the order of arguments, here and in PyTorch's documentation."""

from __future__ import annotations

import inspect
import re

import numpy
import pytest

import tensorlib
from tensorlib.attach import FUNCTIONS
from tensorlib.autograd.op import OPS
from tensorlib.autograd.signature import INPUT_ALIASES, OPTION_ALIASES

torch = pytest.importorskip("torch")

EXPORTED = {
    name: value for name, value in vars(tensorlib).items() if inspect.isfunction(value) and not name.startswith("_")
}
FUNCTIONS_HERE = {**EXPORTED, **FUNCTIONS, **OPS}
IN_PYTORCH_ONLY = {"layout", "pin_memory", "memory_format", "inplace"}  # inplace: of the functions in nn.functional
OTHERS = {
    "convolution": "PyTorch's is internal, and takes what nn.functional prepares",
    "load": "no other pickle module, no keywords for it",
    "save": "no other pickle module",
    "true_divide": "PyTorch's documentation names other arguments than it takes",
    "unfold": "PyTorch has only the method",
    "repeat_interleave": "output_size is for devices only",
    "l1_loss": "weight is not there yet",
    "mse_loss": "weight is not there yet",
    "searchsorted": "PyTorch's documentation names another argument than it takes",
    "std": "the older flag unbiased has its place before keepdim, as in PyTorch's other signature",
    "var": "the older flag unbiased has its place before keepdim, as in PyTorch's other signature",
}


def documented(name):
    """Return the names of the arguments in the signature that PyTorch's documentation begins with, if it does."""
    function = getattr(torch, name, None) or getattr(torch.nn.functional, name, None)
    found = re.match(r"\s*\w+\((.*)\)\s*->", (getattr(function, "__doc__", None) or "").split("\n\n")[0].strip())
    if found is None:
        return None
    text = found[1]
    while re.search(r"[\[(][^\[\]()]*[\])]", text):  # types and tuples have commas of their own
        text = re.sub(r"[\[(][^\[\]()]*[\])]", "", text)
    names = [re.split(r"[:=]", part)[0].strip().lstrip("*\\") for part in text.split(",")]
    return [name for name in names if name and name not in IN_PYTORCH_ONLY | {"out", "self"}]


DOCUMENTED = {name: documented(name) for name in FUNCTIONS_HERE if documented(name)}


def spellings(name):
    """Return a parameter's names."""
    aliases = [alias for alias, own in OPTION_ALIASES.items() if own == name]
    return {name, INPUT_ALIASES.get(name, name), *aliases}


def test_most_functions_are_compared():
    assert len(DOCUMENTED) > 150


@pytest.mark.parametrize("name", sorted(DOCUMENTED.keys() - OTHERS.keys()))
def test_arguments(name):
    function = FUNCTIONS_HERE[name]
    ours = list(inspect.signature(function).parameters)
    places = []
    for wanted in DOCUMENTED[name]:
        place = next((k for k, own in enumerate(ours) if wanted in spellings(own)), None)
        assert place is not None, f"{name}: no argument {wanted!r} among {ours}"
        places.append(place)
    by_position = [k for k, wanted in zip(places, DOCUMENTED[name], strict=True) if wanted not in keyword_only(name)]
    assert by_position == sorted(by_position), f"{name}: the order is {DOCUMENTED[name]} in PyTorch, {ours} here"


def keyword_only(name):
    """Return what PyTorch takes by name only."""
    function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    signature = function.__doc__.strip().splitlines()[0]
    _, _, after = signature.partition("*,")
    return set(re.findall(r"\w+", after))


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.where(condition=m.tensor([True, False]), input=m.tensor([1, 2]), other=m.tensor([3, 4])),
        lambda m: m.max(input=m.tensor([[1.0, 2.0]]), axis=1, keepdims=True).values,
        lambda m: m.tensor([[1.0, 2.0]]).min(axis=1).indices,
        lambda m: m.unbind(m.tensor([[1.0, 2.0]]), axis=1)[1],
        lambda m: m.arange(4).split(split_size=2)[1],
        lambda m: m.zeros(3).scatter(0, m.tensor([1]), value=2.0),
        lambda m: m.swapaxes(m.ones(2, 3), axis0=0, axis1=1),
        lambda m: m.randint(high=1, size=(2,)),
        lambda m: m.randint_like(m.zeros(2, dtype=m.int64), high=1),
        lambda m: m.zeros(size=(2, 3)),
        lambda m: m.arange(end=3),
        lambda m: m.full((2,), 0.0),
        lambda m: m.full((2,), False),
        lambda m: m.zeros(2).new_full((2,), m.tensor(3)),
        lambda m: m.full_like(m.ones(2), m.tensor(0)),
        lambda m: m.where(m.tensor(True))[0],
        lambda m: m.tensor([1, 2], dtype=m.uint8).masked_fill(m.tensor([True, False]), -1),
        lambda m: m.tensor([3 + 4j]).norm(),
        lambda m: m.tensor([3 + 4j, 1]).var(),
        lambda m: m.tensor([3 + 4j, 0]).norm(0),
        lambda m: m.tensor([True]).sign(),
        lambda m: m.ones(2).eq_(m.tensor([1.0, 2.0])),
        lambda m: m.tensor([2, 0]).logical_not_(),
        lambda m: m.ones(2, 2).addmm_(m.ones(2, 3), m.ones(3, 2), alpha=2),
        lambda m: m.ones(2).addmv_(m.ones(2, 3), m.ones(3), beta=0),
        lambda m: m.relu_(m.tensor([-1.0, 1.0])),
        lambda m: m.nn.functional.pad(m.ones(3), (-1, 2)),
        lambda m: m.tensor([1.0, 2.0]).moveaxis(0, -1),
        lambda m: (m.ones(1, requires_grad=True) * 2).detach_(),
        lambda m: m.tensor(m.autograd.gradcheck(lambda x: x * x, m.ones(2, dtype=m.float64, requires_grad=True))),
        lambda m: m.tensor(m.device(type="cuda", index=1).index),
        lambda m: m.tensor(m.is_floating_point(m.zeros(1))),
        lambda m: m.tensor([1, 2], dtype=m.int64)[m.tensor(m.zeros(2, 3).shape[1:].numel() - 2)],
    ],
)
def test_calls_that_scripts_make(call):
    our, their = call(tensorlib), call(torch)
    assert our.dtype.name == str(their.dtype).removeprefix("torch.")
    assert tuple(our.shape) == tuple(their.shape)
    assert our.requires_grad == their.requires_grad
    numpy.testing.assert_allclose(our.numpy(), their.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m: m.cat([m.tensor(1.0)]), "cat: a 0-d tensor has no dimension to join along"),
        (lambda m: m.tensor([True]) - m.tensor([True]), "sub: needs numbers, not bool"),
        (lambda m: -m.tensor([True]), "neg: needs numbers, not bool"),
        (lambda m: m.zeros(0).norm(float("inf")), "norm: there are no elements to choose from"),
        (lambda m: m.nn.functional.pad(m.zeros(3), (-5, 4)), "constant_pad: pads .* cut more off shape"),
        (lambda m: m.zeros(2).to(devise="cpu"), "unexpected keyword argument 'devise'"),
        (lambda m: m.nn.Linear(1, 1).to(devise="cpu"), "unexpected keyword argument 'devise'"),
        (lambda m: m.zeros(2).max(dim=0, axis=0), "max: 'dim' and 'axis' are the same argument"),
        (lambda m: m.zeros(3).narrow(0, 0, 1).detach_(), "detach_: a view cannot be detached in place"),
        (lambda m: m.zeros(2).add_("a"), "add: other must be a Tensor"),
    ],
)
def test_calls_that_neither_takes(call, text):
    with pytest.raises((TypeError, RuntimeError, IndexError, ValueError)):
        call(torch)
    with pytest.raises((TypeError, RuntimeError), match=text):
        call(tensorlib)
