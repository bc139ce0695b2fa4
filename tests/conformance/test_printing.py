"""Tensors as text: as PyTorch prints them."""

from __future__ import annotations

import numpy
import pytest

import tensorlib

torch = pytest.importorskip("torch")

generator = numpy.random.default_rng(0)
ARRAYS = [
    numpy.float32(3.5),
    numpy.array(True),
    numpy.array(7),
    numpy.arange(5),
    numpy.array([-1, 20, 300]),
    numpy.array([True, False]),
    numpy.zeros(3, "f4"),
    numpy.array([1.0, 2.5, -3.25], "f4"),
    numpy.array([1.0, 1000.0], "f4"),
    numpy.array([1.0, 10000.0], "f4"),
    numpy.array([1e-5, 1.0], "f4"),
    numpy.array([0.5, 1e9], "f4"),
    numpy.array([1e9], "f4"),
    numpy.array([numpy.nan, 1.0, numpy.inf], "f4"),
    numpy.array([numpy.nan, 1.5, -numpy.inf], "f4"),
    numpy.array([numpy.nan, numpy.inf], "f4"),
    numpy.array([0.1, 0.2], "f8"),
    numpy.array([0.1, 0.2], "f2"),
    numpy.array([1, 2], "u1"),
    numpy.array([1, 2], "i4"),
    numpy.array([1 + 2j, -0.5j], "c8"),
    numpy.array([1 + 2j], "c16"),
    numpy.zeros(0, "f4"),
    numpy.zeros(0, "i8"),
    numpy.zeros((0, 3), "f4"),
    numpy.zeros((2, 0), "f8"),
    generator.normal(size=(2, 3)).astype("f4"),
    generator.normal(size=(2, 3, 4)).astype("f4"),
    generator.normal(size=(2, 1, 2, 2)).astype("f4"),
    generator.normal(size=30).astype("f4"),
    generator.normal(size=(2, 30)),
    generator.normal(size=2000).astype("f4"),
    generator.normal(size=(40, 40)).astype("f4"),
    generator.integers(0, 1000, (20, 10, 10)),
    numpy.arange(1001),
    numpy.arange(6).reshape(1, 6, 1),
]


@pytest.mark.parametrize(
    "array", ARRAYS, ids=lambda array: f"{array.dtype}-{array.shape}-{array.size and array.flat[0]}"
)
def test_as_pytorch(array):
    array = numpy.asarray(array)
    assert repr(tensorlib.tensor(array)) == repr(torch.from_numpy(array.copy())).replace("torch.", "tensorlib.")


def test_gradient_suffixes():
    for module in (tensorlib, torch):
        x = module.ones(2, requires_grad=True)
        assert repr(x) == "tensor([1., 1.], requires_grad=True)"
        assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
        long = repr(module.ones(15, dtype=module.float64, requires_grad=True))
        assert long.endswith(f",\n       dtype={module.__name__}.float64, requires_grad=True)")


OPTIONS = [
    {"precision": 2},
    {"threshold": 5},
    {"edgeitems": 1, "threshold": 5},
    {"linewidth": 40},
    {"sci_mode": True},
    {"sci_mode": False},
    {"profile": "short"},
    {"profile": "full"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options):
    try:
        tensorlib.set_printoptions(**options)
        torch.set_printoptions(**options)
        for array in ARRAYS:
            array = numpy.asarray(array)
            if array.size <= 1000:
                theirs = repr(torch.from_numpy(array.copy())).replace("torch.", "tensorlib.")
                assert repr(tensorlib.tensor(array)) == theirs
    finally:
        for module in (tensorlib, torch):
            module.set_printoptions(profile="default")


RESULTS = {
    "select": lambda t, x: x[0],
    "slice": lambda t, x: x[:, 1:],
    "unsqueeze": lambda t, x: x[..., None],
    "index": lambda t, x: x[:, [0]],
    "view": lambda t, x: x.view(4),
    "reshape": lambda t, x: x.reshape(4),
    "sum": lambda t, x: x.sum(),
    "sum along": lambda t, x: x.sum(0),
    "mean": lambda t, x: x.mean(),
    "mean along": lambda t, x: x.mean(0),
    "prod": lambda t, x: x.prod(),
    "max": lambda t, x: x.max(),
    "max along": lambda t, x: x.max(0)[0],
    "amin": lambda t, x: x.amin(1),
    "mm": lambda t, x: x @ x,
    "mv": lambda t, x: x @ x[0].detach(),
    "dot": lambda t, x: x[0].dot(x[1]),
    "bmm": lambda t, x: x[None].bmm(x[None]),
    "linear": lambda t, x: t.nn.functional.linear(x, x, x[0]),
    "cross entropy": lambda t, x: t.nn.functional.cross_entropy(x, t.tensor([0, 1])),
    "mse": lambda t, x: t.nn.functional.mse_loss(x, x.detach() + 1),
    "norm": lambda t, x: x.norm(),
    "clamp": lambda t, x: x.clamp(0, 1),
    "double": lambda t, x: x.double(),
    "copy": lambda t, x: x.clone(),
    "softmax": lambda t, x: x.softmax(1),
}


@pytest.mark.parametrize("name", RESULTS)
def test_names_of_nodes(name):
    ours = RESULTS[name](tensorlib, tensorlib.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True))
    theirs = RESULTS[name](torch, torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True))
    assert repr(ours) == repr(theirs).replace("torch.", "tensorlib.")


def test_names_of_what_was_written_into():
    for library in (tensorlib, torch):
        x = library.zeros(3)
        x[:2] = library.ones(2, requires_grad=True)
        assert repr(x) == "tensor([1., 1., 0.], grad_fn=<CopySlices>)"
