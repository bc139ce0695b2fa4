"""Initial values: bounds, spreads, structure, and the seed."""

from __future__ import annotations

import math

import numpy
import pytest

import tensorlib
from tensorlib import nn
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.nn import init


def empty(*shape):
    return tensorlib.empty(*shape)


@pytest.fixture(autouse=True)
def _seed():
    tensorlib.manual_seed(0)


def assert_uniform(tensor, bound):
    values = tensor.detach().numpy()
    assert numpy.abs(values).max() <= bound
    assert numpy.abs(values).max() > 0.98 * bound
    assert abs(values.std() - bound / math.sqrt(3)) < 0.05 * bound
    assert abs(values.mean()) < 0.05 * bound


def assert_normal(tensor, deviation):
    values = tensor.detach().numpy().ravel() / deviation
    assert abs(values.std() - 1) < 0.05
    assert abs(values.mean()) < 0.05
    assert 0.03 < (numpy.abs(values) > 2).mean() < 0.06


@pytest.mark.parametrize(
    ("fill", "bound"),
    [
        (init.xavier_uniform_, math.sqrt(6 / (50 * 6 + 40 * 6))),
        (lambda t: init.xavier_uniform_(t, gain=2.0), 2 * math.sqrt(6 / (50 * 6 + 40 * 6))),
        (init.kaiming_uniform_, math.sqrt(6 / (50 * 6))),
        (lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="relu"), math.sqrt(6 / (40 * 6))),
        (lambda t: init.uniform_(t, -0.25, 0.25), 0.25),
    ],
)
def test_uniform(fill, bound):
    assert_uniform(fill(empty(40, 50, 2, 3)), bound)


@pytest.mark.parametrize(
    ("fill", "deviation"),
    [
        (init.xavier_normal_, math.sqrt(2 / (50 * 6 + 40 * 6))),
        (init.kaiming_normal_, math.sqrt(2 / (50 * 6))),
        (lambda t: init.kaiming_normal_(t, a=1.0), math.sqrt(1 / (50 * 6))),
        (lambda t: init.normal_(t, std=3.0), 3.0),
    ],
)
def test_normal(fill, deviation):
    assert_normal(fill(empty(40, 50, 2, 3)), deviation)


@pytest.mark.parametrize(
    ("layer", "bound"),
    [(nn.Linear(64, 50), 1 / 8), (nn.Conv2d(8, 60, 4, groups=2), 1 / 8), (nn.Conv1d(4, 99, 16), 1 / 8)],
)
def test_layers_start_as_in_pytorch(layer, bound):
    assert_uniform(layer.weight, bound)
    assert numpy.abs(layer.bias.detach().numpy()).max() <= bound
    assert numpy.abs(layer.bias.detach().numpy()).max() > 0.8 * bound


def test_embedding_starts_normal():
    assert_normal(nn.Embedding(100, 30).weight, 1.0)


def test_constants():
    assert init.constant_(empty(2), 0.5).tolist() == [0.5, 0.5]
    assert init.ones_(empty(1)).item() == 1
    assert init.zeros_(empty(1)).item() == 0
    assert init.eye_(empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_dirac_keeps_channels():
    weight = init.dirac_(empty(4, 2, 3, 3), groups=2)
    x = tensorlib.randn(1, 4, 5, 5)
    y = nn.functional.conv2d(x, weight, padding=1, groups=2)
    numpy.testing.assert_allclose(y.numpy(), x.numpy(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal(shape):
    matrix = init.orthogonal_(empty(*shape), gain=2.0).numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    numpy.testing.assert_allclose(product, 4 * numpy.eye(len(product)), atol=1e-5)


def test_truncated_normal():
    values = init.trunc_normal_(empty(5000), mean=1.0, std=2.0, a=0.0, b=3.0).numpy()
    assert 0.0 <= values.min() < 0.1
    assert 2.9 < values.max() <= 3.0
    assert (
        abs(values.mean() - 1.46) < 0.05
    )  # of the cut distribution: 1 + 2 * (phi(-.5) - phi(1)) / (Phi(1) - Phi(-.5))


def test_sparse():
    weight = init.sparse_(empty(10, 4), sparsity=0.3)
    assert (weight == 0).sum(0).tolist() == [3, 3, 3, 3]


def test_gains():
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("selu") == 0.75
    assert init.calculate_gain("conv_transpose2d") == 1.0


def test_parameters_are_filled_without_history():
    parameter = nn.Parameter(tensorlib.zeros(3, 3))
    assert init.xavier_uniform_(parameter) is parameter
    assert parameter.is_leaf
    assert parameter.requires_grad


def test_a_generator_repeats():
    first = init.normal_(empty(5), generator=tensorlib.Generator().manual_seed(1)).tolist()
    assert init.normal_(empty(5), generator=tensorlib.Generator().manual_seed(1)).tolist() == first


def test_older_names():
    for name in ("uniform", "normal", "constant", "eye", "dirac", "orthogonal", "sparse"):
        assert getattr(init, name) is getattr(init, f"{name}_")
    assert init.xavier_uniform is init.xavier_uniform_
    assert init.kaiming_normal is init.kaiming_normal_


@pytest.mark.parametrize(
    ("action", "kind", "message"),
    [
        (lambda: init.xavier_uniform_(empty(3)), ShapeError, "xavier_uniform_: needs a weight of two or more"),
        (lambda: init.kaiming_normal_(empty(3, 3), mode="fan"), ArgumentError, "'fan_in' or 'fan_out', not 'fan'"),
        (lambda: init.calculate_gain("cube"), ArgumentError, "no gain is known for 'cube'"),
        (lambda: init.eye_(empty(3)), ShapeError, "needs a matrix"),
        (lambda: init.dirac_(empty(3, 3)), ShapeError, "dirac_"),
        (lambda: init.orthogonal_(empty(3)), ShapeError, "two or more dimensions"),
        (lambda: init.sparse_(empty(3), 0.1), ShapeError, "needs a matrix"),
    ],
)
def test_wrong_use(action, kind, message):
    with pytest.raises(kind, match=message):
        action()
