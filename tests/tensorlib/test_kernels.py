"""The array-level building blocks against plain loops that say what they mean."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tensorlib.kernels import convolution as conv

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
    """<g, conv(x, w)> is linear in x and in w: its gradients are found by putting in unit arrays."""
    monkeypatch.setattr(conv, "BLOCK_BYTES", block_bytes)
    channels, filters, size, kernel, *geometry, groups = case
    x, weight = numbers(3, channels, *size), numbers(filters, channels // groups, *kernel)
    g = numbers(*conv.convolution(np, x, weight, None, *geometry, groups).shape)
    gx = conv.convolution_grad_input(np, g, weight, size, *geometry, groups)
    gw = conv.convolution_grad_weight(np, g, x, kernel, *geometry, groups)
    assert gx.shape == x.shape
    assert gw.shape == weight.shape
    for _ in range(3):
        dx, dw = (
            np.random.default_rng(1).standard_normal(x.shape),
            np.random.default_rng(2).standard_normal(weight.shape),
        )
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
