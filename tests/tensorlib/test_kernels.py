"""The array-level building blocks against plain loops that say what they mean."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import special

from tensorlib.kernels import convolution as conv
from tensorlib.kernels import linear, loss, pooling

Array = Any
CONVOLUTIONS = [
    # channels, filters, size, kernel, stride, padding, dilation, groups
    (1, 2, (6, 5), (3, 3), (1, 1), (0, 0), (1, 1), 1),
    (3, 4, (7, 6), (3, 2), (2, 1), (1, 2), (1, 1), 1),
    (4, 6, (9, 8), (3, 3), (1, 2), (2, 1), (2, 3), 2),
    (3, 3, (5, 5), (2, 2), (2, 3), (0, 0), (1, 1), 3),
    (2, 4, (5, 4), (1, 1), (1, 1), (0, 0), (1, 1), 1),
    (2, 2, (5, 4), (1, 1), (2, 3), (1, 1), (1, 1), 2),
    (2, 3, (9,), (4,), (2,), (3,), (2,), 1),
    (2, 4, (4, 5, 3), (2, 3, 1), (1, 2, 1), (1, 0, 1), (1, 1, 1), 2),
]


def numbers(*shape: int, dtype: str = "float64") -> Array:
    """Numbers that are the same in every run."""
    return np.random.default_rng(sum(shape) + len(shape)).standard_normal(shape).astype(dtype)


def naive_convolution(x: Array, weight: Array, stride: Any, padding: Any, dilation: Any, groups: int) -> Array:
    """One dot product per output cell."""
    kernel = weight.shape[2:]
    out = conv.output_size(x.shape[2:], kernel, stride, padding, dilation)
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    y = np.zeros((len(x), len(weight), *out), x.dtype)
    channels, filters = weight.shape[1], len(weight) // groups
    for image, k, position in itertools.product(range(len(x)), range(len(weight)), np.ndindex(out)):
        first = k // filters * channels
        window = tuple(
            slice(at * s, at * s + d * (n - 1) + 1, d)
            for at, s, d, n in zip(position, stride, dilation, kernel, strict=True)
        )
        y[(image, k, *position)] = (padded[(image, slice(first, first + channels), *window)] * weight[k]).sum()
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_matches_the_loop(case: Any, dtype: str) -> None:
    channels, filters, size, kernel, *geometry, groups = case
    x, weight = numbers(3, channels, *size, dtype=dtype), numbers(filters, channels // groups, *kernel, dtype=dtype)
    bias = numbers(filters, dtype=dtype)
    y = conv.convolution(np, x, weight, bias, *geometry, groups)
    expected = naive_convolution(x, weight, *geometry, groups)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y, expected + bias.reshape(-1, *(1,) * len(size)), rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(conv.convolution(np, x, weight, None, *geometry, groups).shape, expected.shape)


@pytest.mark.parametrize("block_bytes", [1, 2 << 20])
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_gradients_are_the_adjoints(case: Any, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """<g, conv(x, w)> is linear in x and in w: a change of either changes it by the product with its gradient."""
    monkeypatch.setattr(conv, "BLOCK_BYTES", block_bytes)
    channels, filters, size, kernel, *geometry, groups = case
    x, weight = numbers(3, channels, *size), numbers(filters, channels // groups, *kernel)
    g = numbers(*conv.convolution(np, x, weight, None, *geometry, groups).shape)
    gx = conv.convolution_grad_input(np, g, weight, size, *geometry, groups)
    gw = conv.convolution_grad_weight(np, g, x, kernel, *geometry, groups)
    assert gx.shape == x.shape
    assert gw.shape == weight.shape
    dx, dw = np.random.default_rng(1).standard_normal(x.shape), np.random.default_rng(2).standard_normal(weight.shape)
    by_x = (g * naive_convolution(dx, weight, *geometry, groups)).sum()
    by_w = (g * naive_convolution(x, dw, *geometry, groups)).sum()
    np.testing.assert_allclose((gx * dx).sum(), by_x, rtol=1e-10)
    np.testing.assert_allclose((gw * dw).sum(), by_w, rtol=1e-10)


def test_fold_is_the_adjoint_of_unfold() -> None:
    geometry = ((2, 1), (1, 2), (1, 2))
    x = numbers(2, 3, 6, 7)
    columns = conv.unfold(np, x, (3, 2), *geometry)
    other = numbers(*columns.shape)
    np.testing.assert_allclose((columns * other).sum(), (x * conv.fold(np, other, (6, 7), *geometry)).sum(), rtol=1e-12)


def test_convolution_of_an_empty_batch() -> None:
    weight, geometry = numbers(4, 2, 3, 3), ((1, 1), (0, 0), (1, 1), 1)
    x = numbers(0, 2, 5, 5)
    y = conv.convolution(np, x, weight, None, *geometry)
    assert y.shape == (0, 4, 3, 3)
    assert conv.convolution_grad_input(np, y, weight, (5, 5), *geometry).shape == x.shape
    np.testing.assert_array_equal(conv.convolution_grad_weight(np, y, x, (3, 3), *geometry), np.zeros_like(weight))


def test_convolution_reads_any_memory_layout() -> None:
    weight, geometry = numbers(4, 2, 3, 3), ((1, 1), (1, 1), (1, 1), 1)
    x = numbers(5, 6, 2, 3).transpose(3, 2, 0, 1)
    g = numbers(5, 6, 4, 3).transpose(3, 2, 0, 1)
    same, copy = np.ascontiguousarray(x), np.ascontiguousarray(g)
    np.testing.assert_allclose(
        conv.convolution(np, x, weight, None, *geometry),
        conv.convolution(np, same, weight, None, *geometry),
        rtol=1e-10,
    )
    np.testing.assert_allclose(
        conv.convolution_grad_weight(np, g, x, (3, 3), *geometry),
        conv.convolution_grad_weight(np, copy, same, (3, 3), *geometry),
        rtol=1e-10,
    )


def test_a_bad_cell_stays_in_its_windows() -> None:
    x, weight = numbers(2, 1, 5, 5), numbers(2, 1, 3, 3)
    x[1, 0, 1, 0] = np.nan
    geometry = ((1, 1), (0, 0), (1, 1), 1)
    y = conv.convolution(np, x, weight, None, *geometry)
    assert np.argwhere(np.isnan(y[:, 0])).tolist() == [[1, 0, 0], [1, 1, 0]]
    gw = conv.convolution_grad_weight(np, np.ones_like(y), x, (3, 3), *geometry)
    assert np.argwhere(np.isnan(gw[0, 0])).tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("x", "weight", "options", "words"),
    [
        ((1, 2, 5, 5), (4, 2, 3), {}, "same number of axes"),
        ((1, 3, 5, 5), (4, 2, 3, 3), {}, "channels"),
        ((1, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}, "multiple of groups"),
        ((1, 2, 5, 5), (4, 2, 3, 3), {"stride": (0, 1)}, "positive"),
        ((1, 2, 5, 5), (4, 2, 3, 3), {"padding": (-1, 0)}, "not negative"),
        ((1, 2, 5, 5), (4, 2, 7, 3), {}, "does not fit"),
    ],
)
def test_convolution_says_what_does_not_agree(x: Any, weight: Any, options: dict[str, Any], words: str) -> None:
    geometry = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1} | options
    with pytest.raises(ValueError, match=words):
        conv.check_convolution(x, weight, **geometry)


POOLS = [
    # size, kernel, stride, padding, dilation, ceil_mode
    ((6, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((7, 5), (3, 2), (1, 2), (1, 0), (1, 1), False),
    ((7, 8), (3, 3), (2, 3), (1, 1), (2, 1), True),
    ((5, 5), (2, 2), (2, 2), (1, 1), (1, 1), True),
    ((11,), (4,), (3,), (2,), (2,), False),
    ((4, 3, 5), (2, 1, 2), (2, 2, 1), (1, 0, 1), (1, 1, 1), False),
]


def naive_max_pool(x: Array, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    """Look at every cell of every window, as PyTorch's documentation describes it."""
    size = x.shape[2:]
    out = pooling.pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    y, indices = np.empty((*x.shape[:2], *out), x.dtype), np.empty((*x.shape[:2], *out), np.int64)
    for place in np.ndindex(y.shape):
        best, best_at = -np.inf, None
        for cell in np.ndindex(kernel):
            at = tuple(
                o * s - p + c * d for o, s, p, c, d in zip(place[2:], stride, padding, cell, dilation, strict=True)
            )
            if all(0 <= a < n for a, n in zip(at, size, strict=True)):
                value = x[(*place[:2], *at)]
                if best_at is None or value > best or np.isnan(value):
                    best, best_at = value, at
        y[place], indices[place] = best, np.ravel_multi_index(best_at, size)
    return y, indices


@pytest.mark.parametrize("values", ["distinct", "ties", "nan", "minus infinity"])
@pytest.mark.parametrize("case", POOLS)
def test_max_pool_matches_the_loop(case: Any, values: str) -> None:
    size, *options = case
    x = numbers(2, 3, *size, dtype="float32")
    if values == "ties":
        x = x.round()
    elif values != "distinct":
        x[x > 0] = np.nan if values == "nan" else -np.inf
    y, indices = pooling.max_pool(np, x, *options)
    expected, expected_indices = naive_max_pool(x, *options)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(indices, expected_indices)
    assert (y.dtype, indices.dtype) == (np.float32, np.int64)


def test_max_pool_of_integers() -> None:
    x = np.array([[[-5, -7, -9, 3]]])
    y, indices = pooling.max_pool(np, x, (3,), (2,), (1,), (1,), False)
    assert y.tolist() == [[[-5, 3]]]
    assert indices.tolist() == [[[0, 3]]]


@pytest.mark.parametrize("case", POOLS)
def test_gradient_of_max_pool_goes_to_the_maxima(case: Any) -> None:
    size, *options = case
    y, indices = pooling.max_pool(np, numbers(2, 3, *size), *options)
    g = numbers(*y.shape)
    expected = np.zeros((2, 3, *size))
    for place in np.ndindex(g.shape):
        expected[(*place[:2], *np.unravel_index(indices[place], size))] += g[place]
    np.testing.assert_allclose(pooling.max_pool_backward(np, g, indices, size), expected, rtol=1e-12)


def test_max_pool_of_an_empty_batch() -> None:
    y, indices = pooling.max_pool(np, numbers(0, 3, 4, 4), (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert y.shape == indices.shape == (0, 3, 2, 2)
    assert pooling.max_pool_backward(np, y, indices, (4, 4)).shape == (0, 3, 4, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (((2,), (0,), (0,), (1,)), "positive"),
        (((2,), (1,), (-1,), (1,)), "not negative"),
        (((2,), (1,), (2,), (1,)), "half of kernel"),
        (((7,), (1,), (0,), (1,)), "does not fit"),
    ],
)
def test_max_pool_says_what_is_wrong(options: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pooling.pooled_size((5,), *options, False)


def test_cross_entropy_is_minus_the_logarithm_of_softmax() -> None:
    x, target = numbers(5, 4) * 30, np.array([0, 3, 1, 2, 2])
    expected = special.log_softmax(x, axis=1)
    losses, probabilities = loss.cross_entropy(np, x, target)
    np.testing.assert_allclose(loss.log_softmax(np, x, 1), expected, rtol=1e-12)
    np.testing.assert_allclose(losses, -expected[np.arange(5), target], rtol=1e-12)
    np.testing.assert_allclose(probabilities, special.softmax(x, axis=1), rtol=1e-12)


def test_gradient_of_the_cross_entropy_is_differences() -> None:
    x, target, g = numbers(5, 4), np.array([0, 3, 1, 2, 2]), numbers(5)
    direction, h = numbers(4, 5).T, 1e-6
    gx = loss.cross_entropy_backward(np, g, loss.cross_entropy(np, x, target)[1], target)
    ahead, behind = (g @ loss.cross_entropy(np, x + step * direction, target)[0] for step in (h, -h))
    np.testing.assert_allclose((gx * direction).sum(), (ahead - behind) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (0, 5), (1, 5), (3, 5), (9, 5), (2, 0, 5), (2, 4, 5)])
def test_linear_is_a_product_and_a_sum(shape: tuple[int, ...]) -> None:
    x, weight, bias = numbers(*shape), numbers(4, 5), numbers(4)
    y = linear.linear(np, x, weight, bias)
    assert y.shape == (*shape[:-1], 4)
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y, np.einsum("...n,mn->...m", x, weight) + bias, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(linear.linear(np, x, weight) + bias, y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [(), (4,), (3, 4)])
def test_linear_says_what_does_not_agree(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"need \(\.\.\., n\)"):
        linear.linear(np, numbers(*shape), numbers(4, 5))
