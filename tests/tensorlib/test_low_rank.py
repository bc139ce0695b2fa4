"""Decompositions by random projections, and what they and histograms in several dimensions refuse."""

from __future__ import annotations

import numpy
import pytest

import tensorlib
from tensorlib.errors import ArgumentError, ShapeError
from tests.tensorlib.op_table.sample import normal

X = tensorlib.ones(3, 2)


@pytest.mark.parametrize("shape", [(9, 6), (6, 9), (2, 6, 9)])
def test_svd_of_low_rank(shape):
    left, right = normal(*shape[:-1], 3), normal(*shape[:-2], 3, shape[-1], seed=1)
    U, S, V = tensorlib.svd_lowrank(tensorlib.tensor(left @ right), q=4)
    assert U.shape == (*shape[:-1], 4)
    numpy.testing.assert_allclose((U * S[..., None, :] @ V.mT).numpy(), left @ right, 1e-9, 1e-12)
    expected = numpy.linalg.svd(left @ right, compute_uv=False)[..., :3]
    numpy.testing.assert_allclose(S.numpy()[..., :3], expected, 1e-9)


def test_subtracts_a_matrix():
    x = tensorlib.tensor(normal(5, 4))
    S = tensorlib.svd_lowrank(x, 4, M=x[:1])[1]
    numpy.testing.assert_allclose(S.numpy(), numpy.linalg.svd((x - x[:1]).numpy(), compute_uv=False), 1e-9, 1e-12)


def test_gradients():
    x = tensorlib.tensor(normal(5, 3), requires_grad=True)
    tensorlib.svd_lowrank(x, q=3)[1].sum().backward()
    found, x.grad = x.grad, None
    tensorlib.linalg.svdvals(x).sum().backward()
    numpy.testing.assert_allclose(found.numpy(), x.grad.numpy(), 1e-8, 1e-8)


def test_principal_components():
    x = normal(8, 5)
    U, S, V = tensorlib.pca_lowrank(tensorlib.tensor(x))
    assert (U.shape, S.shape, V.shape) == ((8, 5), (5,), (5, 5))
    expected = numpy.linalg.svd(x - x.mean(0), compute_uv=False)
    numpy.testing.assert_allclose(S.numpy(), expected, 1e-9)
    S = tensorlib.pca_lowrank(tensorlib.tensor(x), q=5, center=False)[1]
    numpy.testing.assert_allclose(S.numpy(), numpy.linalg.svd(x, compute_uv=False), 1e-9)


@pytest.mark.parametrize(
    ("name", "args", "error", "text"),
    [
        ("svd_lowrank", (X[0],), ShapeError, r"svd_lowrank: needs a matrix or a batch of them, not shape \(2,\)"),
        ("svd_lowrank", (X, -1), ArgumentError, "svd_lowrank: q and niter must not be negative, but are -1 and 2"),
        ("svd_lowrank", ("x",), TypeError, "svd_lowrank: needs a Tensor, not str"),
        ("pca_lowrank", (X, 3), ArgumentError, r"pca_lowrank: q is 3, but must be from 0 to 2 for shape \(3, 2\)"),
        ("pca_lowrank", (X[0],), ShapeError, "pca_lowrank: needs a matrix"),
        ("histogramdd", (X[0], 2), ShapeError, r"histogramdd: needs points of shape .*\(2,\)"),
        ("histogramdd", (X, [2]), ArgumentError, "histogramdd: needs bins, .*for each of 2 dimensions"),
        ("histogramdd", (X.long(), 2), TypeError, "histogramdd: needs a floating point tensor, not int64"),
        ("empty_permuted", ((2, 3), (0, 0)), ArgumentError, r"empty_permuted: the layout \(0, 0\) must name each of 2"),
        ("empty_permuted", ((2, -3), (0, 1)), ArgumentError, "make no tensor"),
        ("nuclear_norm", (X[0],), ShapeError, "needs a matrix or a batch of them"),
        ("frobenius_norm", (X, 2), IndexError, "norm: dimension 2 is out of range"),
    ],
)
def test_wrong_arguments(name, args, error, text):
    with pytest.raises(error, match=text):
        getattr(tensorlib, name)(*args)


def test_weights_and_ranges_of_histograms():
    with pytest.raises(ShapeError, match=r"histogramdd: weights of shape \(2,\) for points of \(3,\)"):
        tensorlib.histogramdd(X, 2, weight=tensorlib.ones(2))
    with pytest.raises(ArgumentError, match="histogramdd: needs bins, and two ends of a range"):
        tensorlib.histogramdd(X, 2, range=[0.0, 1.0])


def test_order_in_memory():
    made = tensorlib.empty_permuted((2, 3, 4), (2, 0, 1), dtype="float64")
    assert made.stride() == (3, 1, 6)
    assert made.dtype is tensorlib.float64
