"""The array-level building blocks against plain loops that say what they mean."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

from tensorlib.kernels import compiled, loss, optim, pooling
from tensorlib.kernels import convolution as conv

Array = Any
ROOT = Path(__file__).resolve().parents[2]
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


def test_gradients_of_the_losses_are_differences() -> None:
    x, target, g = numbers(5, 4), np.array([0, 3, 1, 2, 2]), numbers(5)
    direction, h = numbers(4, 5).T, 1e-6
    gx = loss.cross_entropy_backward(np, g, loss.cross_entropy(np, x, target)[1], target)
    ahead, behind = (g @ loss.cross_entropy(np, x + step * direction, target)[0] for step in (h, -h))
    np.testing.assert_allclose((gx * direction).sum(), (ahead - behind) / (2 * h), rtol=1e-6)
    g = numbers(4, 5).T
    gx = loss.log_softmax_backward(np, g, loss.log_softmax(np, x, 1), 1)
    ahead, behind = ((g * loss.log_softmax(np, x + step * direction, 1)).sum() for step in (h, -h))
    np.testing.assert_allclose((gx * direction).sum(), (ahead - behind) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(("momentum", "dampening", "weight_decay"), [(0, 0, 0), (0.9, 0, 0), (0.9, 0.5, 0.1)])
def test_sgd_follows_its_formula(momentum: float, dampening: float, weight_decay: float, nesterov: bool) -> None:
    param, buffer = numbers(3, 4), np.zeros((3, 4)) if momentum else None
    expected, mean = param.copy(), np.zeros((3, 4))
    for step in range(4):
        grad = np.random.default_rng(step).standard_normal((3, 4))
        before = grad.copy()
        optim.sgd_step(
            np, param, grad, buffer, lr=0.1, momentum=momentum, dampening=dampening, weight_decay=weight_decay,
            nesterov=nesterov, first=step == 0,
        )  # fmt: skip
        np.testing.assert_array_equal(grad, before)
        decayed = grad + weight_decay * expected
        mean = decayed if step == 0 else momentum * mean + (1 - dampening) * decayed
        direction = decayed + momentum * mean if nesterov else mean
        expected = expected - 0.1 * (direction if momentum else decayed)
        np.testing.assert_allclose(param, expected, rtol=1e-12)


@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0.0, False), (0.1, False), (0.1, True)])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam_follows_its_formula(weight_decay: float, decoupled: bool, amsgrad: bool) -> None:
    param = numbers(3, 4)
    state = [np.zeros((3, 4)) for _ in range(2 + amsgrad)]
    expected, mean, square, largest = param.copy(), 0.0, 0.0, np.zeros((3, 4))
    for step in range(1, 5):
        grad = np.random.default_rng(step).standard_normal((3, 4)) / step**3
        optim.adam_step(
            np, param, grad, *state, step=step, lr=0.1, betas=(0.8, 0.9), weight_decay=weight_decay, decoupled=decoupled
        )
        decayed = grad if decoupled else grad + weight_decay * expected
        mean, square = 0.8 * mean + 0.2 * decayed, 0.9 * square + 0.1 * decayed**2
        largest = np.maximum(largest, square)
        denominator = np.sqrt((largest if amsgrad else square) / (1 - 0.9**step)) + 1e-8
        shrunk = expected * (1 - 0.1 * weight_decay) if decoupled else expected
        expected = shrunk - 0.1 * mean / (1 - 0.8**step) / denominator
        np.testing.assert_allclose(param, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_adam_gives_the_bits_of_the_numpy_form(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = compiled.ENOUGH_ELEMENTS + 3
    grads = np.random.default_rng(0).standard_normal((3, size)).astype(dtype)
    states = [[np.ones(size, dtype), np.zeros(size, dtype), np.zeros(size, dtype)] for _ in range(2)]
    for step, grad in enumerate(grads, 1):
        optim.adam_step(np, states[0][0], grad, *states[0][1:], step=step)
    assert compiled.CompiledLoop.loaded
    monkeypatch.setattr(compiled.CompiledLoop, "suits", lambda *arrays: False)
    for step, grad in enumerate(grads, 1):
        optim.adam_step(np, states[1][0], grad, *states[1][1:], step=step)
    np.testing.assert_array_equal(states[0], states[1])


def test_small_odd_or_mixed_arrays_take_the_numpy_form(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = compiled.CompiledLoop(lambda: None, "void()")
    large = np.zeros((compiled.ENOUGH_ELEMENTS // 256, 256))
    monkeypatch.setattr(compiled.CompiledLoop, "loaded", False)
    assert loop.suits(large, large)
    assert not loop.suits(large[:1], large[:1])
    assert not loop.suits(large.T, large.T)
    assert not loop.suits(large, large.astype("float32"))
    assert not loop.suits(large.astype("float16"), large.astype("float16"))
    assert not loop.suits(large, np.broadcast_to(0.0, large.shape))
    monkeypatch.setattr(compiled.CompiledLoop, "loaded", True)
    assert loop.suits(large[:1], large[:1])


COMPILE = """
import numpy
from tensorlib.kernels import compiled, optim

arrays = [numpy.ones(1 << 17, "float32") for _ in range(4)]
optim.adam_step(numpy, *arrays, step=1)
print(compiled.CompiledLoop.loaded, float(arrays[0].sum(dtype="float64")))
"""


def start_compiling(cache: str) -> subprocess.Popen[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    return subprocess.Popen(
        [sys.executable, "-c", COMPILE],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_ranks_may_fill_the_cache_at_the_same_moment(tmp_path: Path) -> None:
    first = [start_compiling(str(tmp_path)) for _ in range(3)]
    outputs = [process.communicate(timeout=50) for process in first]
    outputs.append(start_compiling(str(tmp_path)).communicate(timeout=50))
    assert len(list(tmp_path.rglob("*.nbc"))) == 2, "one file per type"
    assert {output[0].split()[0] for output in outputs} == {"True"}, outputs
    assert len(set(outputs)) == 1


def test_a_loop_is_compiled_where_no_cache_can_be_written() -> None:
    """Numba refuses to cache a function that no file holds, with the same error as for read-only directories."""
    names: dict[str, Any] = {}
    exec("def double(x):\n    for i in range(x.size):\n        x[i] *= 2", names)
    x = np.ones(3)
    compiled.CompiledLoop(names["double"], "void({0}[::1])")(x)
    assert x.tolist() == [2, 2, 2]


def test_freed_memory_can_be_kept() -> None:
    code = """
import resource, numpy
from tensorlib.kernels.memory import keep_freed_memory
print(keep_freed_memory())
for repeat in range(3):
    arrays = [numpy.ones(1 << 20) for _ in range(4)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    del arrays
print(before); arrays = [numpy.ones(1 << 20) for _ in range(4)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    made, before, after = done.stdout.split()
    if made == "False":
        pytest.skip("this C library has no mallopt")
    assert int(after) - int(before) < 100, "32 MiB are 8,192 pages"
