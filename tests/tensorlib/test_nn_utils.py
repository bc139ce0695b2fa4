"""Bounds on gradients, parameters as a vector, and where modules for several processes are found."""

from __future__ import annotations

import math

import numpy
import pytest

import tensorlib
from tensorlib import nn
from tensorlib.errors import ArgumentError, ShapeError


def parameters():
    first, second, third = (nn.Parameter(tensorlib.zeros(*shape)) for shape in ((2,), (1, 2), (3,)))
    first.grad = tensorlib.tensor([3.0, 0.0])
    second.grad = tensorlib.tensor([[0.0, -4.0]])
    return [first, second, third]


def gradients(given):
    return [p.grad.tolist() for p in given if p.grad is not None]


class TestNorm:
    def test_is_over_all(self):
        given = parameters()
        assert nn.utils.clip_grad_norm_(given, 1.0).item() == 5.0
        numpy.testing.assert_allclose(
            numpy.concatenate([numpy.ravel(g) for g in gradients(given)]), [0.6, 0, 0, -0.8], rtol=1e-5
        )

    def test_small_ones_are_left_alone(self):
        given = parameters()
        assert nn.utils.clip_grad_norm(iter(given), 10.0, norm_type="inf").item() == 4.0
        assert gradients(given) == [[3.0, 0.0], [[0.0, -4.0]]]
        assert nn.utils.clip_grad_norm_(given, 100.0, norm_type=1).item() == 7.0

    def test_one_tensor_or_no_gradient(self):
        assert nn.utils.clip_grad_norm_(parameters()[0], 1.0).item() == 3.0
        assert nn.utils.clip_grad_norm_([nn.Parameter(tensorlib.zeros(1))], 1.0).item() == 0.0

    def test_not_finite(self):
        given = parameters()
        given[0].grad = tensorlib.tensor([math.inf, 0.0])
        with pytest.raises(ArgumentError, match="norm is inf"):
            nn.utils.clip_grad_norm_(given, 1.0, error_if_nonfinite=True)


def test_values_are_clipped():
    given = parameters()
    nn.utils.clip_grad_value_(given, 3.5)
    assert gradients(given) == [[3.0, 0.0], [[0.0, -3.5]]]


def test_vector():
    given = list(nn.Linear(3, 2).parameters())
    vector = nn.utils.parameters_to_vector(given)
    assert vector.shape == (8,)
    assert vector.requires_grad
    nn.utils.vector_to_parameters(tensorlib.arange(8.0), given)
    assert given[1].tolist() == [6.0, 7.0]
    with pytest.raises(ShapeError, match="7 elements, the parameters 8"):
        nn.utils.vector_to_parameters(tensorlib.ones(7), given)
    with pytest.raises(TypeError, match="needs a Tensor"):
        nn.utils.vector_to_parameters([1.0], given)


def test_unknown_names_of_lazy_modules():
    with pytest.raises(AttributeError, match="no attribute 'Replicate'"):
        nn.parallel.Replicate  # noqa: B018 - the look-up is what is tested
